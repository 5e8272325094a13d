"""Logs as recordings: JSON Lines with the usual names or a mapping, spans of OpenTelemetry, times in any form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from tests.servers import pollproof
from tests.tapes import BEGAN, Said, created, lawful, polled

CAPSOLVER = load_contract("capsolver")
FAULTY = [*lawful(), polled(20, "processing")]
FOUND = {"poll.terminal", "client.final"}


def judged(*paths: Path) -> Checking:
    return check(CAPSOLVER, paths, named=frozenset(paths))


def violated(checking: Checking) -> set[str]:
    return {entry.clause.id.removeprefix("capsolver.") for entry in checking.ledger.violated()}


def moment(said: Said) -> float:
    return (BEGAN + timedelta(seconds=said.at)).timestamp()


def plain(said: Said) -> dict[str, Any]:
    return {
        "time": moment(said),
        "took_ms": said.took * 1000,
        "method": "POST",
        "url": said.base + said.path,
        "status": said.status,
        "request_body": json.dumps(said.asked),
        "response_body": said.told,
    }


def untold(said: Said) -> dict[str, Any]:
    """A line that does not say how long the exchange took."""
    return {name: value for name, value in plain(said).items() if name != "took_ms"}


def nested(said: Said) -> dict[str, Any]:
    return {
        "@timestamp": (BEGAN + timedelta(seconds=said.at)).isoformat(timespec="milliseconds"),
        "http": {
            "request": {"method": "POST", "body": {"content": json.dumps(said.asked)}},
            "response": {"status_code": said.status, "body": {"content": json.dumps(said.told)}},
        },
        "url": {"full": said.base + said.path},
    }


def span(said: Said) -> dict[str, Any]:
    values = {
        "http.request.method": {"stringValue": "POST"},
        "url.full": {"stringValue": said.base + said.path},
        "http.response.status_code": {"intValue": str(said.status)},
        "http.request.body": {"stringValue": json.dumps(said.asked)},
        "http.response.body": {"stringValue": json.dumps(said.told)},
        "http.response.header.content-type": {"arrayValue": {"values": [{"stringValue": "application/json"}]}},
    }
    began = int(moment(said) * 1000) * 10**6
    one = {
        "name": "POST",
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + int(said.took * 10**9)),
        "attributes": [{"key": key, "value": value} for key, value in values.items()],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [one, {"name": "no request", "attributes": []}]}]}]}


def write_lines(path: Path, records: list[Any]) -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("form", [plain, nested, span])
@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson.gz"])
def test_lines_with_the_usual_names_are_read(tmp_path: Path, form: Callable[[Said], Any], name: str) -> None:
    checking = judged(write_lines(tmp_path / name, [form(said) for said in FAULTY]))
    assert violated(checking) == FOUND
    assert checking.detail.tally.times == {"exact": 6}
    assert checking.ledger["capsolver.client.wait"].verdict is Verdict.HELD


def test_spans_in_one_document_are_read(tmp_path: Path) -> None:
    whole = {"resourceSpans": [each for said in FAULTY for each in span(said)["resourceSpans"]]}
    path = tmp_path / "t.json"
    for scopes in ("scopeSpans", "instrumentationLibrarySpans"):
        path.write_text(json.dumps(whole, indent=1).replace("scopeSpans", scopes), encoding="utf-8")
        assert violated(judged(path)) == FOUND


MAPPING = """
lines = "app.jsonl"
took_unit = "s"
[fields]
time = "when"
took = "seconds"
method = "verb"
url = ["to", "call.to"]
status = "code"
request_body = "call.sent"
response_body = "call.got"
"""


def test_a_mapping_names_the_fields(tmp_path: Path) -> None:
    records = [
        {
            "when": moment(said), "seconds": said.took, "verb": "post", "code": str(said.status),
            "call": {"to": said.base + said.path, "sent": said.asked, "got": json.dumps(said.told)},
        }
        for said in FAULTY
    ]  # fmt: skip
    lines = write_lines(tmp_path / "app.jsonl", records)
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    assert violated(judged(tmp_path / "map.toml")) == FOUND
    assert judged(lines).detail.tally.entries == 0  # its names are not the usual ones
    (tmp_path / "app.jsonl.toml").write_text(MAPPING.replace('lines = "app.jsonl"', ""), encoding="utf-8")
    assert violated(judged(lines)) == FOUND
    assert violated(judged(tmp_path / "app.jsonl.toml")) == FOUND


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[fields", "is not TOML"),
        ("lines = 7\n[fields]\n", "lines"),
        ("[other]\n", "other"),
        ("[fields]\nwhen = 'x'\n", "fields.when"),
        ("took_unit = 'h'\n[fields]\n", "took_unit"),
        ("lines = 'none.jsonl'\n[fields]\n", "lines"),
    ],
)
def test_a_mapping_that_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    (error,) = judged(path).detail.unread
    assert place in str(error)
    assert "\n" not in str(error)


TIMES: dict[str, Callable[[Said], Any]] = {
    "seconds": lambda said: moment(said),
    "milliseconds": lambda said: int(moment(said) * 1000),
    "microseconds": lambda said: int(moment(said) * 1000) * 1000,
    "nanoseconds in text": lambda said: str(int(moment(said) * 1000) * 10**6),
    "seconds in text": lambda said: f"{moment(said):.3f}",
    "ISO 8601": lambda said: (BEGAN + timedelta(seconds=said.at)).isoformat(timespec="milliseconds"),
    "of Python's logging": lambda said: (BEGAN + timedelta(seconds=said.at)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3],
}
COARSE: dict[str, Callable[[Said], Any]] = {
    "of HTTP": lambda said: format_datetime(BEGAN + timedelta(seconds=said.at), usegmt=True),
    "of nginx": lambda said: (BEGAN + timedelta(seconds=said.at)).strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "whole seconds": lambda said: int(moment(said)),
    "ISO 8601 in seconds": lambda said: (BEGAN + timedelta(seconds=said.at)).strftime("%Y-%m-%dT%H:%M:%SZ"),
}


@pytest.mark.parametrize("form", [*TIMES, *COARSE])
def test_times_in_any_usual_form(tmp_path: Path, form: str) -> None:
    written = {**TIMES, **COARSE}[form]
    checking = judged(write_lines(tmp_path / "t.jsonl", [{**plain(said), "time": written(said)} for said in FAULTY]))
    assert violated(checking) == FOUND
    assert checking.detail.tally.times == {"exact" if form in TIMES else "date": 6}
    hasty = [*FAULTY[:2], polled(4.0, "processing")]
    checking = judged(write_lines(tmp_path / "u.jsonl", [{**plain(said), "time": written(said)} for said in hasty]))
    assert violated(checking) == {"client.wait"}


@pytest.mark.parametrize("time", ["soon", "", -5, True, {}, 10**30, 7])
def test_a_time_that_cannot_be_used_costs_its_line_its_time(tmp_path: Path, time: Any) -> None:
    records = [plain(said) for said in FAULTY]
    records[2]["time"] = time
    checking = judged(write_lines(tmp_path / "t.jsonl", records))
    assert violated(checking) == FOUND
    assert sum(checking.detail.tally.untimed.values()) == 1


def lost(at: float) -> Said:
    told = {"errorId": 1, "errorCode": "ERROR_TASKID_INVALID", "errorDescription": "unknown"}
    return polled(at, "processing")._replace(told=told)


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        ([created(), polled(4, "processing"), polled(8, "idle")], {"poll.order"}),
        ([created(), polled(4, "idle"), polled(8, "processing")], set()),
        ([created(), polled(4, "processing"), polled(300, "idle")], set()),  # its lifetime may be over
        ([created(), polled(4, "processing"), polled(8, "processing"), lost(12)], {"poll.lifetime-served"}),
        ([created(), polled(4, "processing"), lost(240)], set()),  # that may have been answered at 300 s
        ([created(), polled(4, "processing"), lost(320)], {"client.lifetime"}),
        ([created(), polled(4, "processing"), polled(310, "ready")], {"poll.lifetime-ended", "client.lifetime"}),
        ([created(), polled(4, "processing"), polled(308, "ready")], set()),  # it may have been created at 4 s
        ([created(), polled(366, "ready")], {"poll.lifetime-ended", "client.lifetime"}),
        ([created(), polled(364, "ready")], set()),
        ([polled(4, "processing"), polled(8, "idle"), polled(310, "ready")], set()),  # who knows how old it is
    ],
)
def test_without_durations_what_surely_happened_is_judged(
    tmp_path: Path, conversation: list[Said], expected: set[str]
) -> None:
    checking = judged(write_lines(tmp_path / "t.jsonl", [untold(said) for said in conversation]))
    assert violated(checking) - {"poll.finishes"} == expected
    told = f"how long {len(conversation)} exchanges took is not recorded"
    assert any(told in note for note in checking.detail.notes())
    timed = judged(write_lines(tmp_path / "timed.jsonl", [plain(said) for said in conversation]))
    assert expected <= violated(timed)
    assert not any("took is not recorded" in note for note in timed.detail.notes())


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        # What was sent later and written first was answered while the other was on its way.
        ([created(), polled(4, "idle"), polled(10, "processing"), polled(9.5, "idle"), polled(14, "ready")], set()),
        (
            [created(), polled(4, "idle"), polled(9.5, "processing"), polled(10, "idle"), polled(14, "ready")],
            {"poll.order"},
        ),
        ([created(), polled(4, "idle"), polled(10, "idle"), polled(9.5, "processing"), polled(14, "ready")], set()),
        ([created(), polled(9.5, "processing"), polled(10, "processing"), polled(4, "ready")], set()),
    ],
)
def test_lines_that_were_written_at_the_end_overlap(
    tmp_path: Path, conversation: list[Said], expected: set[str]
) -> None:
    checking = judged(write_lines(tmp_path / "t.jsonl", [untold(said) for said in conversation]))
    assert violated(checking) - {"client.wait"} == expected


def test_lines_with_the_newest_first_are_judged_in_their_order(tmp_path: Path) -> None:
    conversation = [created(), polled(4, "processing"), polled(8, "idle"), polled(14, "ready")]
    checking = judged(write_lines(tmp_path / "t.jsonl", [untold(said) for said in reversed(conversation)]))
    assert violated(checking) == {"poll.order"}


def test_bodies_that_a_log_does_not_have_are_not_recorded(tmp_path: Path) -> None:
    records = [{key: value for key, value in plain(said).items() if key != "response_body"} for said in FAULTY]
    path = write_lines(tmp_path / "t.jsonl", records)
    assert violated(judged(path)) == set()
    done = pollproof("check", "capsolver", str(path))
    assert done.returncode == 3
    assert "6 of 6 response bodies were not recorded" in done.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b'{"url": \n', "line 1: is not JSON"),
        (b'{"a": 1}\n\xff\n', "line 2: is not JSON"),
        (b"[" * 100_000 + b"\n", "line 1: is not JSON"),
    ],
)
def test_lines_that_cannot_be_read_are_told_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    (error,) = judged(path).detail.unread
    assert says in str(error)


def test_flows_of_mitmproxy_are_read_by_its_library_or_named(tmp_path: Path) -> None:
    path = tmp_path / "t.flow"
    path.write_bytes(b"20:4:type;4:http;0:a;0:b;}")
    (error,) = judged(path).detail.unread
    assert "flows of mitmproxy" in str(error) or "cannot be read" in str(error)


def test_logs_are_lines_by_their_name_and_named_elsewhere(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.log", [plain(said) for said in FAULTY])
    assert violated(judged(path)) == FOUND
    (error,) = judged(path.rename(tmp_path / "t.json")).detail.unread
    assert "as in JSON Lines (.jsonl, .ndjson, .log)" in str(error)
