"""Kinds on traces written by hand: what each finds, and what it lets pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from tests.traces import HandWritten, error, ready, running

CAPSOLVER = load_contract("capsolver")
DECODO = load_contract("decodo")
CNODE = load_contract("cnode")
AUTHORIZED = {"authorization": "Basic YOUR_API_KEY", "content-type": "application/json"}


class Scraper:
    """A trace of Decodo, exchange by exchange."""

    def __init__(self) -> None:
        self.monitor = Monitor(Reader(DECODO), clauses_of(DECODO))

    @property
    def violated(self) -> set[str]:
        return {entry.clause.id.partition(".")[2] for entry in self.monitor.ledger.violated()}

    def verdict(self, name: str) -> Verdict:
        return self.monitor.ledger[f"decodo.{name}"].verdict

    def exchange(self, method: str, path: str, body: Any, answer: Any, at: float, http: int = 200) -> None:
        sent = b"" if body is None else json.dumps(body).encode()
        response = Response(http, {}, b"" if answer is None else json.dumps(answer).encode())
        self.monitor.observe(Exchange(Request(method, path, AUTHORIZED, sent), response, at, at + 0.01))

    def create(self, task: str, body: dict[str, Any], at: float = 0.0) -> None:
        self.exchange("POST", "/task", body, state(task, **body), at)

    def batch(self, body: dict[str, Any], entries: list[Any] | None, at: float, http: int = 200) -> None:
        answer = {"status": "failed", "message": ""} if entries is None else {"id": 1, "queries": entries}
        self.exchange("POST", "/task/batch", body, answer, at, http)

    def poll(self, task: str, answer: Any, at: float) -> None:
        self.exchange("GET", f"/task/{task}", None, answer, at)

    def callback(self, answer: Any, at: float) -> None:
        self.exchange("POST", "/@callback", answer, {}, at)


def state(task: str, status: str = "pending", **more: Any) -> dict[str, Any]:
    times = {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}
    return {"id": task, "status": status, **times, **more}


def members(first: int, urls: list[str], **more: Any) -> list[dict[str, Any]]:
    return [state(str(first + number), url=url, **more) for number, url in enumerate(urls)]


def test_three_batches_within_a_second_are_one_too_many_and_two_are_not() -> None:
    for times, violated in (((0.0, 0.3, 0.6), True), ((0.0, 0.6), False), ((0.0, 0.6, 1.1), False)):
        trace = Scraper()
        for number, at in enumerate(times):
            urls = [f"https://a.example/{number}"]
            trace.batch({"url": urls}, members(10**18 + 10 * number, urls), at)
        assert ("batch.rate" in trace.violated) is violated, times


def test_batches_after_the_pause_are_accepted_and_those_before_it_need_not_be() -> None:
    for times, violated in (((0.5,), False), ((1.02,), False), ((1.02, 2.5), True)):  # once, anybody may be busy
        trace = Scraper()
        trace.batch({"url": ["https://a.example/"]}, members(10**18, ["https://a.example/"]), 0.0)
        for at in times:
            trace.batch({"url": ["https://b.example/"]}, None, at, 429)
        assert ("batch.rate" in trace.violated) is violated
        assert trace.violated <= {"batch.rate", "client.batch-rate"}


def test_batches_refused_after_every_pause_show_a_longer_one_and_a_busy_provider_does_not() -> None:
    longer = ((0.0, 200), (1.25, 429), (3.0, 200), (4.25, 429), (6.0, 200), (7.25, 429))
    busy = ((0.0, 200), (1.25, 429), (3.0, 200), (4.25, 200), (6.0, 429), (8.0, 200), (9.25, 429), (11.0, 200))
    for batches, violated in ((longer, True), (longer[:-1], False), (busy, False)):
        trace = Scraper()
        for number, (at, http) in enumerate(batches):
            urls = [f"https://a.example/{number}"]
            trace.batch({"url": urls}, members(10**18 + 10 * number, urls) if http == 200 else None, at, http)
        assert ("batch.rate" in trace.violated) is violated, batches


def test_single_tasks_at_the_rate_of_batches_are_too_few_and_a_provider_that_is_busy_now_and_then_is_not() -> None:
    soon, later = 0.3, 1.3
    paced = [(200, later), (429, soon)] * 5
    busy = [(200, soon), (429, soon), (200, soon), (429, soon)] * 8
    for steps, verdict in ((paced, Verdict.VIOLATED), (paced[:-1], Verdict.UNEXERCISED), (busy, Verdict.HELD)):
        trace, at = Scraper(), 0.0
        for number, (http, pause) in enumerate(steps):
            at += pause
            body = {"url": f"https://a.example/{number}"}
            answer = state(str(10**18 + number), **body) if http == 200 else {"message": "slower"}
            trace.exchange("POST", "/task", body, answer, at, http)
        assert trace.verdict("task.unpaced") is verdict


def test_the_order_of_a_batch_is_a_rule_of_its_own() -> None:
    urls = ["https://a.example/", "https://b.example/"]
    trace = Scraper()
    trace.batch({"url": urls}, members(10**18, urls[::-1]), 0.0)
    assert trace.violated == {"batch.order"}
    assert trace.verdict("batch.entries") is Verdict.HELD
    trace = Scraper()
    trace.batch({"url": urls}, members(10**18, [urls[0], urls[0]]), 0.0)
    assert trace.violated == {"batch.entries"}


def test_null_for_a_sent_value_is_a_violation_and_an_added_default_is_not() -> None:
    asked = {"url": "https://a.example/", "target": "universal"}
    for answer, violated in (
        ({"url": "https://a.example/", "target": "universal"}, set()),
        ({"url": "https://a.example/"}, set()),  # a status answer may leave a parameter out
        ({"url": "https://a.example/", "target": None}, {"task.parameters"}),
        ({"url": "https://b.example/"}, {"task.parameters"}),
        ({}, {"status.present"}),
    ):
        trace = Scraper()
        trace.create("1", asked)
        trace.poll("1", state("1", **answer), 1.0)
        assert trace.violated == violated, answer


def test_a_callback_carries_the_parameters_and_the_passthrough_as_it_was_sent() -> None:
    asked = {"url": "https://a.example/", "callback_url": "https://me.example/?a=b", "passthrough": "007"}
    for answer, violated in (
        ({"url": "https://a.example/", "passthrough": "007"}, set()),
        ({"url": "https://a.example/", "passthrough": 7}, {"callback.passthrough"}),
        ({"passthrough": "007"}, {"task.parameters"}),
        ({"url": None, "passthrough": "007"}, {"task.parameters"}),
    ):
        trace = Scraper()
        trace.create("1", asked)
        trace.callback(state("1", "done", **answer), 5.0)
        assert trace.violated == violated, answer


def test_a_callback_of_a_member_of_a_batch_carries_its_own_parameters() -> None:
    urls = ["https://a.example/", "https://b.example/"]
    body = {"url": urls, "callback_url": "https://me.example/", "passthrough": "note"}
    for url, violated in ((urls[1], set()), (urls[0], {"task.parameters"})):
        trace = Scraper()
        trace.batch(body, members(10, urls), 0.0)
        trace.callback(state("11", "done", url=url, passthrough="note"), 5.0)
        assert trace.violated == violated


def test_a_key_that_is_there_twice_is_reported_and_not_merged() -> None:
    for body, violated in (
        (b'{"errorId":0,"status":"processing","status":"ready","solution":{"a":1}}', True),
        (b'{"errorId":0,"status":"ready","solution":{"a":"\\":","b":{"a":1}}}', False),
    ):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        path, sent = "/getTaskResult", json.dumps({"clientKey": "YOUR_API_KEY", "taskId": "a"}).encode()
        trace.monitor.observe(Exchange(Request("POST", path, {}, sent), Response(200, {}, body), 3.0, 3.0))
        assert ("unique-keys" in trace.violated) is violated


def test_a_creation_that_is_busy_for_ever_is_not_served() -> None:
    for paces, violated in (((0.0, 35.0, 70.0), True), ((0.0, 1.0, 70.0), False), ((0.0, 30.0), False)):
        trace = HandWritten(CAPSOLVER)
        for at in paces:
            body = {"clientKey": "YOUR_API_KEY", "task": {"type": "AnyTask"}}
            trace.exchange("/createTask", body, error("ERROR_RATE_LIMIT"), at)
        assert ("create.served" in trace.violated) is violated


def test_a_task_that_never_ends_is_noticed_and_one_that_is_over_is_not() -> None:
    for at, answer, violated in ((250.0, running(), True), (200.0, running(), False), (250.0, ready(), False)):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        trace.poll("a", answer, at)
        assert ("poll.finishes" in trace.violated) is violated


def test_a_refusal_is_held_only_by_a_provider_that_accepts_something() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.poll("x", error("ERROR_TASKID_INVALID"), 1.0, probe="unknown-task")
    assert trace.ledger["capsolver.poll.unknown-task"].verdict is Verdict.UNEXERCISED
    trace.create("a")
    trace.poll("x", error("ERROR_RATE_LIMIT"), 2.0, probe="unknown-task")
    assert trace.ledger["capsolver.poll.unknown-task"].verdict is Verdict.UNEXERCISED
    unjudged = trace.ledger["capsolver.poll.unknown-task"].unjudged
    assert unjudged is not None
    assert unjudged == ("the request was answered busy (ERROR_RATE_LIMIT)", "busy")
    trace.poll("x", error("ERROR_TASKID_INVALID"), 3.0, probe="unknown-task")
    assert trace.ledger["capsolver.poll.unknown-task"].verdict is Verdict.HELD


def test_a_shape_rule_about_an_optional_field_is_not_exercised_without_it() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    entry = trace.ledger["capsolver.create.status"]
    assert entry.verdict is Verdict.UNEXERCISED
    assert entry.unjudged is not None
    assert entry.unjudged.cause == "absent"
    trace.create("b", status="idle")
    assert entry.verdict is Verdict.HELD


STATUS = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="ns1"><S:Body>'
    "<ns:getTaskStatusResponse><return>{fields}</return></ns:getTaskStatusResponse></S:Body></S:Envelope>"
)
FAULT = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>'
    "<faultcode>S:Server</faultcode><faultstring>it failed</faultstring></S:Fault></S:Body></S:Envelope>"
)


def task_is(status: str) -> str:
    fields = {"type": "LOGIN", "progressPercent": "10", "status": status, "additionalInfo": "[]", "taskId": "A1"}
    fields |= {"requestStatus": "SUCCESS", "requestStatusDescription": "Request succeeded."}
    return STATUS.format(fields="".join(f"<{name}>{value}</{name}>" for name, value in fields.items()))


def refused(code: str) -> str:
    return STATUS.format(fields=f"<requestStatus>{code}</requestStatus>")


class Node:
    """A trace of CNode with one task, A1."""

    def __init__(self) -> None:
        self.monitor = Monitor(Reader(CNODE), clauses_of(CNODE))
        created = STATUS.replace("getTaskStatus", "startLogin").format(
            fields="<requestStatus>SUCCESS</requestStatus>"
            "<requestStatusDescription>Request succeeded.</requestStatusDescription><taskId>A1</taskId>"
        )
        self.exchange("startLogin", "<uniqueTransferId>1-1-A</uniqueTransferId>", created, 0.0)

    def exchange(self, name: str, inner: str, answer: str, at: float, http: int = 200) -> None:
        sent = STATUS.replace("<return>{fields}</return>", inner).replace("getTaskStatusResponse", name)
        request = Request("POST", "", {"content-type": "text/xml"}, sent.encode())
        self.monitor.observe(Exchange(request, Response(http, {}, answer.encode()), at, at))

    def poll(self, answer: str, at: float, http: int = 200) -> None:
        self.exchange("getTaskStatus", "<taskId>A1</taskId>", answer, at, http)

    @property
    def violated(self) -> set[str]:
        return {entry.clause.id for entry in self.monitor.ledger.violated() if ".client." not in entry.clause.id}


@pytest.mark.parametrize(
    ("polls", "violated"),
    [
        ([(task_is("SEARCHING"), 1.0)], False),
        ([(refused("ERR_INVALID_TASK_ID"), 1.0)], True),  # its own id is never invalid
        ([(refused("ERR_TASK_DOES_NOT_EXIST"), 1.0)], True),  # nor unknown while it is new
        ([(task_is("SEARCHING"), 1.0), (refused("ERR_TASK_DOES_NOT_EXISTS"), 300.0)], True),  # nor while unfinished
        ([(task_is("FINISHED_OK"), 1.0), (refused("ERR_TASK_DOES_NOT_EXISTS"), 300.0)], False),  # it is forgotten
        ([(task_is("FINISHED_OK"), 1.0), (refused("ERR_NO_SUCH_TASK"), 300.0)], True),  # by another code
        ([(task_is("FINISHED_OK"), 1.0), (FAULT, 300.0)], True),  # by no code at all
        ([(refused("ERR_TECHNICAL_PROBLEM"), 1.0), (task_is("SEARCHING"), 4.0)], False),
    ],
)
def test_the_id_that_a_creation_gave_is_known(polls: list[tuple[str, float]], violated: bool) -> None:
    trace = Node()
    for answer, at in polls:
        trace.poll(answer, at)
    assert trace.violated == ({"cnode.poll.own-id"} if violated else set())


def test_a_final_status_of_a_failed_task_stays_the_same() -> None:
    trace = Node()
    trace.poll(task_is("FINISHED_ERR_TIMEOUT"), 1.0)
    trace.poll(task_is("FINISHED_ERR_LOCKED"), 2.0)
    assert trace.violated == {"cnode.poll.terminal"}


def test_a_visibly_wrong_request_that_is_accepted_is_held_against_the_provider() -> None:
    urls, queries = ["https://a.example/"], ["first", "second"]
    entries = members(10, urls)
    for body, violated in (
        ({"url": urls}, set()),
        ({"url": urls, "query": queries}, {"batch.one-kind"}),
        ({"url": urls, "target": ["google_search", "amazon_search"]}, {"batch.one-target"}),
        ({"query": queries, "target": ["google_search", "amazon_search"]}, {"batch.one-target"}),
        ({"url": [f"https://a.example/{number}" for number in range(3001)]}, {"batch.size"}),
        ({"query": [f"question {number}" for number in range(3001)]}, {"batch.size"}),
        ({"query": [f"question {number}" for number in range(3001)], "target": "google_search"}, {"batch.size"}),
        ({"query": [f"question {number}" for number in range(3000)]}, set()),
        ({"query": queries, "target": "google_search"}, set()),
    ):
        for http, found in ((200, violated), (422, set())):
            trace = Scraper()
            trace.create("1", {"url": "https://a.example/"})
            trace.batch(body, entries if http == 200 else None, 1.0, http)
            refusals = {"batch.one-kind", "batch.one-target", "batch.size"}
            assert trace.violated & refusals == found, body


def test_batches_that_come_in_pairs_are_more_than_one_a_second() -> None:
    for pairs, violated in ((1, False), (2, True)):
        trace = Scraper()
        for number in range(pairs):
            for kind in ("url", "query"):
                wanted = [f"{kind} {number}"]
                entries = [state(str(10**18 + 2 * number + (kind == "url")), **{kind: wanted[0]})]
                trace.batch({kind: wanted}, entries, 1.05 * number + 0.1 * (kind == "query"))
        assert ("batch.rate" in trace.violated) is violated
    spread = Scraper()  # two together now and then, as windows of a second may let them pass
    for number, at in enumerate((0.9, 1.05, 2.1, 3.0, 4.05)):
        urls = [f"https://a.example/{number}"]
        spread.batch({"url": urls}, members(10**18 + 10 * number, urls), at)
    assert "batch.rate" not in spread.violated


def test_an_object_that_is_handed_through_may_come_back_with_its_keys_in_another_order() -> None:
    asked = {"url": "https://a.example/", "callback_url": "https://me.example/", "passthrough": {"a": 1, "b": True}}
    for back, violated in (({"b": True, "a": 1}, set()), ({"a": 1, "b": 1}, {"callback.passthrough"})):
        trace = Scraper()
        trace.create("1", asked)
        trace.callback(state("1", "done", url=asked["url"], passthrough=back), 5.0)
        assert trace.violated == violated


def test_a_faulted_task_is_not_polled_again_and_a_task_that_is_done_may_be() -> None:
    for status, violated in (("faulted", True), ("done", False)):
        trace = Scraper()
        trace.create("1", {"url": "https://a.example/"})
        for at in (3.0, 6.0):
            trace.poll("1", state("1", status, url="https://a.example/"), at)
        assert ("client.final" in trace.violated) is violated


def test_an_earlier_stall_does_not_make_another_refusal_one_that_lasts_without_end() -> None:
    trace = Scraper()
    body = {"url": "https://a.example/", "callback_url": "https://me.example/"}
    for number in range(4):
        trace.exchange("POST", "/task", body, {"status": "failed", "message": ""}, 40.0 * number, 429)
    before = trace.monitor.ledger["decodo.callback.accepted"].violations
    trace.exchange("POST", "/task", body, {"status": "failed", "message": ""}, 200.0, 401)
    assert before > 0
    assert trace.monitor.ledger["decodo.callback.accepted"].violations == before


def test_a_padded_error_accuses_the_provider_of_one_fault() -> None:
    answer = json.dumps(error("ERROR_TASKID_INVALID"))
    for body, expected in (
        (f"  {answer}\r\n\r\n", set()),
        (f"\ufeff{answer}", set()),
        (f"{answer}\x00\x00", {"poll.response-shape"}),
        (f"<!-- padding to disable friendly errors -->{answer}", {"poll.response-shape"}),
        (json.dumps(error(" ERROR_TASKID_INVALID ")), set()),
    ):
        for http in (200, 400, 404):
            monitor = Monitor(Reader(CAPSOLVER), clauses_of(CAPSOLVER, Subject.PROVIDER))
            request = {"clientKey": "YOUR_API_KEY", "taskId": "00000000-0000-4000-8000-000000000000"}
            sent = Request("POST", "/getTaskResult", {}, json.dumps(request).encode())
            monitor.observe(Exchange(sent, Response(http, {}, body.encode()), 0.0, 0.1, None, "unknown-task"))
            violated = {entry.clause.id.partition(".")[2] for entry in monitor.ledger.violated()}
            assert violated == expected, (body, http)
