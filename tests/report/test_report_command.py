"""`pollproof report`, and what a run leaves behind that was killed: a report that says so, never half of one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pollproof.cli.main import cli
from pollproof.cli.reporting import Reports
from pollproof.runs.outcome import unfinished
from tests.lanes import only
from tests.reports import ROOT, gated, passed, valid, violated

BAD = ROOT / "cassettes" / "capsolver" / "bad" / "capsolver.poll.terminal.yaml"
FORMATS = ("json", "html", "markdown", "junit", "sarif")


def report(*words: object) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, words)])


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------ later


def test_a_report_is_rendered_later_in_every_format(tmp_path: Path) -> None:
    file = written(tmp_path / "run.json", violated())
    outputs = [(f"--{name}", tmp_path / f"out.{name}") for name in FORMATS[1:]]
    done = report(file, *[word for pair in outputs for word in pair])
    assert done.exit_code == 1, done.output
    assert "capsolver.poll.lifetime-ended MUST violated" in done.output
    for _, path in outputs:
        assert "capsolver.poll.lifetime-ended" in path.read_text(encoding="utf-8")


def test_several_reports_make_one_matrix(tmp_path: Path) -> None:
    files = [written(tmp_path / "one.json", violated()), written(tmp_path / "two.json", gated(["smoke"]))]
    done = report("-q", *files, "--html", tmp_path / "both.html", "--markdown", "-")
    assert done.exit_code == 1
    assert "| violated clause | level | " in done.output
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "the embedded reference provider</th>" in page
    assert "python client.py</th>" in page


@pytest.mark.parametrize(
    ("documents", "status"),
    [
        ([passed()], 0),
        ([passed(), violated()], 1),
        ([passed(), unfinished(passed())], 3),
        ([{**passed(), "outcome": "error", "error": "no response"}, passed()], 4),
    ],
    ids=["passed", "violated", "incomplete", "error"],
)
def test_the_exit_status_is_that_of_the_worst_report(tmp_path: Path, documents: list[Any], status: int) -> None:
    files = [written(tmp_path / f"{number}.json", document) for number, document in enumerate(documents)]
    assert report("-q", *files).exit_code == status


def test_an_incomplete_report_is_told(tmp_path: Path) -> None:
    done = report("-q", written(tmp_path / "run.json", unfinished(passed())))
    assert "run.json: Incomplete: the run was interrupted" in done.output


WHOLE = json.dumps(violated(), indent=2)
OTHER = {**passed(), "pollproof": "9.9", "clauses": [{**passed()["clauses"][0], "level": "MAY"}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; a run that was killed before it could write anything leaves that"),
        (WHOLE[: len(WHOLE) // 2], "is truncated: it ends in the middle of the report, at line "),
        (WHOLE[:-3], "is truncated"),
        ("{", "is truncated: it ends in the middle of the report, at line 1"),
        ("clauses: []", "is not JSON (line 1, column 1: "),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "is JSON, but not a report of pollproof"),
        ('{"drift": 1}', "is JSON, but not a report of pollproof"),
        ('{"pollproof": "0.1.0", "clauses": NaN}', "holds NaN"),
        (json.dumps({**passed(), "outcome": "fine"}), ": outcome: 'fine' is not one of"),
        (json.dumps(OTHER), "(it was written by version 9.9): clauses/0/level: 'MAY' is not one of"),
        ("\udcff", "is not UTF-8 (byte 0)"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_what_is_no_report_is_told_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = report(path)
    assert done.exit_code == 2
    assert f"{path}: " in done.output
    assert words in done.output
    assert "Traceback" not in done.output


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    file = written(tmp_path / "run.json", passed())
    for words, reason in [
        ((tmp_path / "none.json",), "cannot be read (No such file or directory)"),
        ((tmp_path,), "cannot be read (Is a directory)"),
        ((file, "--html", file), "would replace the report that it is made from"),
        ((file, "--html", tmp_path), "is a folder; --html takes a file"),
        ((file, "--html", tmp_path / "no" / "x.html"), "does not exist"),
        ((file, "--html", tmp_path / "x", "--sarif", tmp_path / "x"), "would both be written to"),
        ((file, "--html", "-", "--sarif", "-"), "would both be written to standard output"),
    ]:
        done = report(*words)
        assert done.exit_code == 2, words
        assert reason in done.output


# ------------------------------------------------------------------------------------------ killed

DRIVER = """
import os, signal, sys
from pollproof.cli.main import main
left = int(sys.argv.pop(1))
def deadly(action):
    def act(*words, **options):
        global left
        left -= 1
        if left == 0 and action.__name__ == "write":
            action(words[0], words[1][: len(words[1]) // 2], **options)
            os.kill(os.getpid(), signal.SIGKILL)
        done = action(*words, **options)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return act
os.write = deadly(os.write)
os.replace = deadly(os.replace)
main()
"""
"""Runs the command, and kills it at its n-th step: a file is half written (odd), or has just got its name (even)."""

MARKS = {"json": '"complete": false', "html": "Incomplete: ", "markdown": "Incomplete: ", "junit": "Incomplete: "}


@pytest.mark.parametrize("step", only([1, 2, 7, 8, 9, 10, 15], [1, 8, 15]))
def test_a_run_that_is_killed_leaves_reports_that_say_incomplete_or_are_its_last_word(
    tmp_path: Path, step: int
) -> None:
    files = {name: tmp_path / f"report.{name}" for name in MARKS}
    for path in files.values():
        path.write_text("the report of an older run", encoding="utf-8")
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    command = [sys.executable, "-c", DRIVER, str(step), "check", "capsolver", str(BAD), "-q", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    for name, text in texts.items():
        older = text == "the report of an older run"
        whole = text.rstrip().endswith(("}", "</html>", "</testsuites>", "</details>")) or name == "markdown"
        assert older or whole, f"half of a {name} report"
        if not older and step <= 8:
            assert MARKS[name] in text
    if step >= 2:
        document = valid(json.loads(texts["json"]))
        assert document["complete"] is (step >= 10)
    if step >= 8:
        assert not any(text == "the report of an older run" for text in texts.values())


def test_a_killed_run_of_verify_leaves_what_was_known_by_then(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    command = [sys.executable, "-u", "-m", "pollproof", "verify", "capsolver", "--profile", "deep", "--json", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        process.kill()
    document = valid(json.loads(path.read_text(encoding="utf-8")))
    assert (document["complete"], document["outcome"]) == (False, "inconclusive")
    assert {clause["verdict"] for clause in document["clauses"]} <= {"held", "unexercised"}


def test_reports_of_a_run_that_goes_on_are_renewed_seldom_and_never_go_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    asked: list[float] = []

    def so_far() -> Any:
        asked.append(now[0])
        now[0] += 0.5  # what it costs
        return violated()

    monkeypatch.setattr("pollproof.cli.reporting.time.monotonic", lambda: now[0])
    running = Reports({"json": str(tmp_path / "run.json"), "markdown": "-"}).unfinished(so_far)
    for _ in range(100):
        now[0] += 0.25
        running.refresh()
    assert asked == [100.0, 110.5, 121.0], "half a second of work in ten"
    assert capsys.readouterr().out == ""
    document = valid(json.loads((tmp_path / "run.json").read_text(encoding="utf-8")))
    assert (document["complete"], document["outcome"]) == (False, "violated"), "a violation stays one"
