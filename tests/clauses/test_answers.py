"""Kinds about answers and callbacks, on traces of the invented transcoder that are written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pollproof.contract.conditions import compile_condition, moment_of
from pollproof.contract.model import Signature
from pollproof.contract.places import View
from pollproof.contract.signatures import signature_of
from pollproof.loading import load_contract
from pollproof.loading.convert import Converter
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from tests.servers import ROOT

REELCAST = load_contract(ROOT / "tests" / "apis" / "reelcast.toml")
OUTPUTS = [{"name": "a", "format": "mp4"}]
TASK = {"source": "https://files.example/a", "preset": "h264-720p", "outputs": OUTPUTS}
NAME = "tr_" + "a" * 20


class Transcoder:
    """A trace of one transcode, exchange by exchange."""

    def __init__(self) -> None:
        self.monitor = Monitor(Reader(REELCAST), clauses_of(REELCAST))
        self.exchange("POST", "/transcodes", TASK, state("queued"), 0.0, 202)

    @property
    def violated(self) -> set[str]:
        return {entry.clause.id.partition(".")[2] for entry in self.monitor.ledger.violated()}

    def exchange(self, method: str, path: str, body: Any, answer: Any, at: float, http: int = 200) -> None:
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {
            "x-request-id": str(len(self.monitor.trace)),
            "cache-control": "no-store",
            "retry-after": "3",
            "operation-location": location(),
        }
        kind = "application/problem+json" if http >= 400 else "application/json"
        response = Response(
            http, {**headers, "content-type": kind}, b"" if answer is None else json.dumps(answer).encode()
        )
        self.monitor.observe(Exchange(Request(method, path, {}, sent), response, at, at + 0.01))

    def poll(self, answer: Any, at: float) -> None:
        self.exchange("GET", f"/transcodes/{NAME}", None, answer, at)

    def cancel(self, answer: Any, at: float, http: int = 202) -> None:
        self.exchange("POST", f"/transcodes/{NAME}/cancel", None, answer, at, http)

    def delete(self, answer: Any, at: float, http: int) -> None:
        self.exchange("DELETE", f"/transcodes/{NAME}", None, answer, at, http)

    def call_back(self, data: Any, at: float) -> None:
        body = {"event": f"transcode.{data['status']}", "data": data}
        headers = {"reelcast-delivery": "1", "reelcast-signature": "t=1,v1=0"}
        request = Request("POST", "/@callback", headers, json.dumps(body).encode())
        self.monitor.observe(Exchange(request, Response(204, {}, b""), at, at + 0.01))


def location() -> str:
    return f"https://api.reelcast.example/v2/transcodes/{NAME}"


def state(status: str, **more: Any) -> dict[str, Any]:
    ended = status in ("succeeded", "failed", "cancelled")
    fields: dict[str, Any] = {"id": NAME, "status": status, "substatus": None, "preset": "h264-720p", "metadata": {}}
    fields |= {"progress": 1.0 if status == "succeeded" else 0.0, "created_at": "2026-01-01T00:00:00Z"}
    fields |= {"started_at": None if status == "queued" else "2026-01-01T00:00:01Z", "error": None}
    fields |= {"finished_at": "2026-01-01T00:00:09Z" if ended else None}
    fields |= {"expires_at": "2026-01-03T00:00:09Z" if ended else None, "output_count": 1}
    return {**fields, **more}


def test_a_substatus_that_goes_back_is_found() -> None:
    trace = Transcoder()
    for at, word in ((1, "downloading"), (2, "packaging"), (3, "packaging")):
        trace.poll(state("processing", substatus=word), at)
    assert trace.violated == set()
    trace.poll(state("processing", substatus="encoding"), 4)
    assert trace.violated == {"poll.substatus"}


def test_an_expiry_that_is_not_the_documented_time_after_the_end_is_found() -> None:
    trace = Transcoder()
    trace.poll(state("succeeded"), 10)
    assert trace.violated == set()
    trace = Transcoder()
    trace.poll(state("succeeded", expires_at="2026-01-02T00:00:09Z"), 10)
    assert trace.violated == {"poll.times"}


@pytest.mark.parametrize("callback_first", [True, False])
@pytest.mark.parametrize("preset", ["h264-720p", "av1-1080p"])
def test_a_callback_says_what_a_poll_says(preset: str, callback_first: bool) -> None:
    trace = Transcoder()
    said = state("succeeded", preset=preset)
    if callback_first:
        trace.call_back(said, 10)
        trace.poll(state("succeeded"), 11)
    else:
        trace.poll(state("processing", substatus="encoding"), 5)  # what a poll says before the end is another thing
        trace.poll(state("succeeded"), 10)
        trace.call_back(said, 11)
    found = trace.violated - {"webhook.signed", "webhook.event"}
    assert found == (set() if preset == "h264-720p" else {"webhook.agrees"})


def test_a_further_cancelling_is_judged_where_the_task_is_surely_being_cancelled() -> None:
    problem = {"type": "https://x/problems/already_finished", "title": "", "status": 409, "code": "already_finished"}
    trace = Transcoder()
    trace.cancel(state("cancelling"), 1)
    trace.cancel(problem, 1.5, 409)  # it may be cancelled by now
    assert trace.violated == set()
    trace = Transcoder()
    trace.cancel(state("cancelling"), 1)
    trace.poll(state("cancelling"), 1.5)
    trace.cancel(problem, 1.6, 409)
    assert trace.violated == {"cancel.again"}


NOT_FOUND = {"type": "https://x/problems/not_found", "title": "", "status": 404, "code": "not_found"}
NOT_FINISHED = {"type": "https://x/problems/not_finished", "title": "", "status": 409, "code": "not_finished"}


def test_a_deleted_task_is_not_there_any_more() -> None:
    trace = Transcoder()
    trace.poll(state("succeeded"), 10)
    trace.delete(None, 11, 204)
    trace.exchange("GET", f"/transcodes/{NAME}", None, NOT_FOUND, 12, 404)
    assert trace.violated == set()
    trace.poll(state("succeeded"), 13)
    assert trace.violated == {"delete.gone", "delete.not-found"}


def test_a_creation_is_not_refused_while_fewer_tasks_than_the_limit_are_unfinished() -> None:
    trace = Transcoder()
    problem = {"type": "https://x/problems/too_many_active", "title": "", "status": 409, "code": "too_many_active"}
    for number in range(2, 21):
        trace.exchange("POST", "/transcodes", TASK, state("queued", id=f"tr_{number:020}"), number, 202)
    before = set(trace.violated)
    trace.exchange("POST", "/transcodes", TASK, problem, 21, 409)
    assert trace.violated == before
    trace.poll(state("succeeded"), 22)
    trace.exchange("POST", "/transcodes", TASK, problem, 23, 409)
    assert trace.violated - before == {"create.active-served"}


def test_a_status_that_no_schema_and_no_contract_lists_is_found() -> None:
    broker = load_contract(ROOT / "tests" / "apis" / "broker.toml")
    for word, expected in (("in progress", set()), ("working", {"broker.poll.states"})):
        monitor = Monitor(Reader(broker), clauses_of(broker))
        body = json.dumps({"service_id": "a", "plan_id": "b"}).encode()
        create = Request("PUT", "/v2/service_instances/one?accepts_incomplete=true", {}, body)
        monitor.observe(Exchange(create, Response(202, {}, b'{"operation": "op"}'), 0.0, 0.1))
        answer = Response(200, {"retry-after": "2"}, json.dumps({"state": word}).encode())
        monitor.observe(Exchange(Request("GET", "/v2/service_instances/one/last_operation", {}, b""), answer, 1.0, 1.1))
        assert {entry.clause.id for entry in monitor.ledger.violated()} == expected


def test_a_repeated_creation_that_is_refused_is_found() -> None:
    broker = load_contract(ROOT / "tests" / "apis" / "broker.toml")
    body = json.dumps({"service_id": "a", "plan_id": "b"}).encode()
    other = json.dumps({"service_id": "a", "plan_id": "c"}).encode()
    for again, expected in ((body, {"broker.provision.idempotent"}), (other, set())):
        monitor = Monitor(Reader(broker), clauses_of(broker))
        for number, sent in enumerate((body, again)):
            create = Request("PUT", "/v2/service_instances/one?accepts_incomplete=true", {}, sent)
            refused = Response(409, {}, b'{"error": "Conflict", "description": "it is there"}')
            answer = refused if number else Response(202, {}, b'{"operation": "op"}')
            monitor.observe(Exchange(create, answer, float(number), number + 0.1))
        assert {entry.clause.id for entry in monitor.ledger.violated()} == expected


def test_a_refused_deletion_deletes_nothing() -> None:
    trace = Transcoder()
    trace.poll(state("queued"), 1)
    trace.delete(NOT_FINISHED, 1.1, 409)
    trace.poll(state("succeeded"), 10)
    assert trace.violated == set()
    trace = Transcoder()
    trace.poll(state("queued"), 1)
    trace.delete(None, 1.1, 204)
    assert trace.violated == {"delete.unfinished"}


def test_a_shape_of_accepted_answers_leaves_errors_alone() -> None:
    trace = Transcoder()
    trace.poll(state("succeeded"), 10)
    problem = {"type": "https://x/problems/gone", "title": "", "status": 410, "code": "gone"}
    trace.exchange("GET", f"/transcodes/{NAME}", None, problem, 999_999, 410)
    assert trace.violated == set()
    trace.poll({"id": NAME, "status": "succeeded"}, 11)
    assert "poll.shape" in trace.violated


@pytest.mark.parametrize(
    ("table", "right", "wrong"),
    [
        ({"at": "response#/b", "after": "response#/a"}, {"a": 5, "b": 5}, {"a": 5, "b": 4}),
        ({"at": "response#/b", "after": "response#/a", "by": 60}, {"a": 100, "b": 160.4}, {"a": 100, "b": 162}),
        ({"at": "response#/b", "after": "response#/a", "within": 60}, {"a": 100, "b": 130}, {"a": 100, "b": 163}),
        ({"at": "response#/b", "after": "response#/a", "within": 60}, {"a": 100, "b": 100}, {"a": 100, "b": 99}),
        (
            {"at": "response#/b", "after": "response#/a", "by": 3600},
            {"a": "2026-01-01T00:00:00Z", "b": "2026-01-01T02:00:00+01:00"},
            {"a": "2026-01-01T00:00:00Z", "b": "2026-01-01T02:00:00Z"},
        ),
        ({"at": "response#/b", "after": "response#/a", "by": 1}, {"b": 7}, {"a": 7}),
        ({"at": "response#/n/*/p", "above": 0}, {"n": [{"p": 1}, {"p": 2}]}, {"n": [{"p": 1}, {"p": 0}]}),
        ({"at": "response#/n/*/p", "above": 0}, {"n": []}, {"n": [{}]}),
        ({"at": "response#/n/*", "same_as": "response#/m/*/x"}, {"n": [1], "m": [{"x": 1}]}, {"n": [1], "m": []}),
    ],
)
def test_conditions_on_times_and_on_each_entry(table: dict[str, Any], right: Any, wrong: Any) -> None:
    test = compile_condition(Converter(lambda path, problem: AssertionError(problem)).condition(table, []))  # type: ignore[arg-type,return-value]
    assert test(View({}, right, {}, {}, {}, 200))
    assert not test(View({}, wrong, {}, {}, {}, 200))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0),
        (60, 60.0),
        (1_767_225_600_000, 1767225600.0),
    ],
)
def test_times_of_several_forms(text: Any, seconds: float) -> None:
    assert moment_of(text) == seconds
    assert moment_of("soon") is None
    assert moment_of(True) is None


def test_a_signature_with_a_time_of_its_own() -> None:
    signature = Signature("X-Signature", "secret", False, "t={timestamp},v1={hex}", "{timestamp}.{body}")
    made = signature_of(signature, "secret", b"{}", {"timestamp": "1767225600"})
    assert made.startswith("t=1767225600,v1=")
    assert signature_of(signature, "secret", b"{}", {"x-signature": made}) == made
    assert signature_of(signature, "secret", b"{}", {"x-signature": made.replace("t=1", "t=2")}) != made
    assert signature_of(signature, "other", b"{}", {"x-signature": made}) != made
