"""Numbers from outside that no program can hold are one sentence: neither infinity nor a crash."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollproof.clock import VirtualClock
from pollproof.loading import ContractError, load_contract
from pollproof.recordings.json_entries import JsonEntries
from pollproof.recordings.yaml_entries import typed_scalar
from pollproof.reference.server import MAXIMUM_NOW, MAXIMUM_STEP, advance
from pollproof.report.reading import ReportError, read_report
from pollproof.runs.baselines import BaselineError
from pollproof.runs.baselines import parse_baseline as parse_baseline
from pollproof.trace.bodies import Unreadable, read_json

HUGE = ["1e400", "-1e400", "1.5E+309", "1" + "0" * 5000, "-" + "9" * 301, "1" + "0" * 400 + ".5"]
LARGE = ["1e308", "-1.7976931348623157e308", "1" + "0" * 299, "1e-400", "0.1", "-0"]


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("body", ['{"a": %s}', "%s", "[[%s]]", '  {"a": "' + "x" * 400 + '", "b": %s}'])
def test_a_number_beyond_all_is_one_sentence(number: str, body: str) -> None:
    value = read_json((body % number).encode())
    assert isinstance(value, Unreadable)
    assert "is beyond what can be read" in value.problem
    assert len(value.problem) < 150


@pytest.mark.parametrize("number", LARGE)
def test_a_number_that_can_be_held_is_read(number: str) -> None:
    value = read_json(f'{{"a": {number}}}'.encode())
    assert not isinstance(value, Unreadable)
    assert json.loads(json.dumps(value)) == value


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_what_is_read_is_finite_and_can_be_compared(text: str) -> None:
    value = read_json(f"[{text}]".encode())
    if not isinstance(value, Unreadable):
        assert math.isfinite(float(value[0]))
        assert f"{value[0]:g}"


@pytest.mark.parametrize("number", ["1e400", "inf", "nan", "1" + "0" * 5000])
def test_a_contract_with_such_a_number_is_refused(tmp_path: Path, number: str) -> None:
    from pollproof.bundled import folder

    text = (folder("contracts") / "decodo.toml").read_text()
    changed = re.sub(r"(?m)^(lifetime\w*\s*=\s*).*$", rf"\g<1>{number}", text, count=1)
    assert changed != text
    path = tmp_path / "decodo.toml"
    path.write_text(changed)
    with pytest.raises(ContractError, match="is not TOML"):
        load_contract(str(path))


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 5000])
def test_a_recording_with_such_a_number_is_read(tmp_path: Path, number: str) -> None:
    path = tmp_path / "x.har"
    path.write_text(f'{{"log": {{"entries": [{{"time": {number}, "size": 12, "wait": 1.5}}]}}}}')
    with open(path, "rb") as stream:
        (entry,) = list(JsonEntries(stream, "x.har"))
    assert not math.isfinite(entry.pop("time"))  # which is no time
    assert entry == {"size": 12, "wait": 1.5}
    assert typed_scalar(number) == number


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 5000])
def test_a_report_with_such_a_number_is_none(tmp_path: Path, number: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(f'{{"pollproof": "0.1.0", "clauses": {number}}}')
    with pytest.raises(ReportError, match="is beyond what can be read"):
        read_report(str(path))


def test_a_baseline_with_such_a_number_is_none() -> None:
    with pytest.raises(BaselineError):
        parse_baseline("a = 1" + "0" * 5000, "known.toml", {})


@pytest.mark.parametrize(
    "body",
    [
        b'{"seconds": 1e400}',
        b'{"seconds": 1' + b"0" * 5000 + b"}",
        b'{"seconds": -1}',
        b'{"seconds": true}',
        b'{"seconds": 2.6e11}',
        b'{"seconds": "1"}',
        b'{"second": 1}',
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b"",
    ],
)
def test_the_clock_hook_refuses_what_is_no_wait(body: bytes) -> None:
    clock = VirtualClock(5.0)
    answer = advance(clock, body)
    assert (answer.status, clock.now()) == (400, 5.0)
    assert "expected" in json.loads(answer.body)["error"]


def test_the_clock_hook_goes_no_further_than_its_clock_keeps_milliseconds() -> None:
    clock: Any = VirtualClock(MAXIMUM_NOW - MAXIMUM_STEP)
    body = b'{"seconds": %d}' % MAXIMUM_STEP
    assert advance(clock, body).status == 200
    assert advance(clock, body).status == 400
    clock.advance(0.001)
    assert clock.now() > MAXIMUM_NOW
