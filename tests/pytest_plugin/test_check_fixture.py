"""The fixture `pollproof_check` in somebody else's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tapes import cassette, har, lawful, polled, write

pytest_plugins = ["pytester"]

TESTS = """
def test_good(pollproof_check):
    report = pollproof_check("capsolver", "good.yaml", require=["capsolver.poll.status"])
    assert report["exchanges"] == 5

def test_bad(pollproof_check):
    pollproof_check("capsolver", "good.yaml", "bad.har")

def test_not_shown(pollproof_check):
    pollproof_check("capsolver", "good.yaml", require=["capsolver.poll.budget-ended"])

def test_nothing(pollproof_check):
    pollproof_check("capmonster", "good.yaml")

def test_broken(pollproof_check):
    pollproof_check("capsolver", "broken.har")
"""


RECORDING = """
import urllib.request

def test_record(pollproof_record, pollproof_check, pollproof_reference, tmp_path):
    base_url = pollproof_reference("capsolver")
    with pollproof_record("capsolver", tmp_path / "tape.yaml", base_url=base_url) as recorder:
        request = urllib.request.Request(base_url + "/createTask", BODY, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).read()
    assert recorder.written.exchanges == 1
    pollproof_check("capsolver", tmp_path / "tape.yaml")

BODY = b'''{"clientKey": "YOUR_API_KEY", "task": {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://e.org",
"websiteKey": "6Le-wvkSAAAA"}}'''
"""


def test_a_test_records_what_it_asks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RECORDING)
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_recordings_are_judged_in_a_test(pytester: pytest.Pytester) -> None:
    folder = Path(pytester.path)
    write(folder / "good.yaml", cassette(lawful()))
    write(folder / "bad.har", har([*lawful(), polled(20, "processing")]))
    (folder / "broken.har").write_text('{"log": {"entries": [')
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-p", "no:xdist")
    done.assert_outcomes(passed=1, failed=4)
    text = done.stdout.str()
    assert "capsolver.poll.terminal MUST violated" in text
    assert "reproduce pollproof check capsolver good.yaml bad.har -k capsolver.poll.terminal" in text
    assert "nothing recorded exercises capsolver.poll.budget-ended" in text
    assert "nothing recorded exercises every clause" in text
    assert "broken.har: character 22: the file ends in the middle; it was cut short" in text
