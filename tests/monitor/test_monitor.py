"""The monitor on traces written by hand: what is judged, what is left open, and by which clause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pollproof.clauses.kinds import Violation
from pollproof.clauses.results import Owned
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Evidence, Ledger, Verdict
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Slice
from tests.traces import HandWritten, error, ready, running

CAPSOLVER = load_contract("capsolver")
CAPMONSTER = load_contract("capmonster")
LOST = "ERROR_TASKID_INVALID"


def test_an_ordinary_task_breaks_nothing() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    for number in range(1, 4):
        trace.poll("a", running(), 3.0 * number)
    trace.poll("a", ready(), 12.0)
    assert trace.violated == set()
    assert trace.held("client.wait") == 3
    assert trace.held("poll.order") == 3


@pytest.mark.parametrize(
    ("latency", "at", "verdict"),
    [
        (0.0, 305.001, Verdict.VIOLATED),  # surely later than 300 s and what the page leaves open
        (0.0, 305.0, Verdict.UNEXERCISED),  # at the edge
        (0.0, 300.001, Verdict.UNEXERCISED),  # within what the page leaves open
        (1.0, 305.5, Verdict.UNEXERCISED),  # the creation may have been answered as late as 1 s
        (1.0, 306.001, Verdict.VIOLATED),
        (UNKNOWN_TIME, 1e9, Verdict.UNEXERCISED),  # without times nothing that needs them is judged
    ],
)
def test_a_result_after_the_lifetime_is_judged_by_intervals(latency: float, at: float, verdict: Verdict) -> None:
    trace = HandWritten(CAPSOLVER, latency)
    trace.create("a")
    trace.poll("a", ready(), at)
    assert trace.ledger["capsolver.poll.lifetime-ended"].verdict is verdict


@pytest.mark.parametrize(
    ("latency", "at", "violated"),
    [(0.0, 294.9, True), (0.0, 295.1, False), (1.0, 293.9, True), (1.0, 294.5, False), (UNKNOWN_TIME, 10.0, False)],
)
def test_a_task_lost_before_the_end_is_judged_by_intervals(latency: float, at: float, violated: bool) -> None:
    trace = HandWritten(CAPSOLVER, latency)
    trace.create("a")
    trace.poll("a", error(LOST), at)
    assert ("poll.lifetime-served" in trace.violated) is violated


def test_the_121st_poll_gets_no_result_and_the_120th_does() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    for number in range(120):
        trace.poll("a", ready(), number * 2.0)
    assert trace.violated & {"poll.budget-ended", "poll.budget-served"} == set()
    assert trace.held("poll.budget-served") == 1
    trace.poll("a", ready(), 241.0)
    assert "poll.budget-ended" in trace.violated


def test_refused_polls_may_count_or_not() -> None:
    for lost_at in (118, 121):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        for _ in range(3):
            trace.poll("a", error("ERROR_KEY_DENIED_ACCESS"), 1.0, probe="wrong-credential")
        for number in range(1, 124):
            trace.poll("a", ready() if number < lost_at else error(LOST), 2.0 * number)
        assert trace.violated & {"poll.budget-ended", "poll.budget-served"} == set(), lost_at


def test_a_busy_provider_says_nothing_of_the_task() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", ready(), 3.0)
    trace.poll("a", error("ERROR_RATE_LIMIT"), 6.0)
    trace.poll("a", error("ERROR_SERVICE_UNAVALIABLE"), 9.0)
    trace.poll("a", ready(), 12.0)
    assert trace.violated == {"client.final"}  # the client is another matter: it had its response


def test_an_early_loss_is_charged_to_the_nearest_limit() -> None:
    for polls, at, clause in ((100, 100.0, "budget-served"), (2, 280.0, "lifetime-served"), (2, 10.0, "terminal")):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        for number in range(polls):
            trace.poll("a", ready(), at * number / polls)
        trace.poll("a", error(LOST), at)
        assert {name for name in trace.violated if name.startswith("poll.")} == {f"poll.{clause}"}


@pytest.mark.parametrize("first", [ready(), error("ERROR_CAPTCHA_UNSOLVABLE")])
@pytest.mark.parametrize("then", [running(), {"errorId": 0, "status": "idle"}])
def test_what_has_ended_is_never_in_work_again(first: object, then: object) -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", first, 3.0)
    trace.poll("a", then, 200.0)
    assert {name for name in trace.violated if name.startswith("poll.")} == {"poll.terminal"}


@pytest.mark.parametrize("first", [ready(), error("ERROR_CAPTCHA_UNSOLVABLE")])
def test_after_its_lifetime_nothing_is_final(first: object) -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", first, 3.0)
    trace.poll("a", running(), 400.0)  # unknown ids are answered as if they were waiting
    assert {name for name in trace.violated if name.startswith("poll.")} == set()


def test_a_failure_is_final_by_its_code() -> None:
    for code, violated in (("ERROR_CAPTCHA_UNSOLVABLE", set()), ("ERROR_INVALID_IMAGE", {"poll.terminal"})):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        trace.poll("a", error("ERROR_CAPTCHA_UNSOLVABLE"), 3.0)
        trace.poll("a", error(code), 6.0)
        assert {name for name in trace.violated if name.startswith("poll.")} == violated


BUSY = error("ERROR_RATE_LIMIT")


@pytest.mark.parametrize(
    ("times", "pace", "violated"),
    [
        (3, 30.0, True),
        (2, 60.0, False),  # twice may happen
        (4, 10.0, False),  # that is not long yet
        (60, 2.0, False),  # a client that does not wait as long as it should is not told the same twice
    ],
)
def test_busy_is_patience_and_not_an_excuse(times: int, pace: float, violated: bool) -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    for number in range(times):
        trace.poll("a", BUSY, 3.0 + pace * number)
    served = {"poll.budget-served", "poll.lifetime-served"}
    assert bool(trace.violated & served) is violated


def test_a_provider_that_serves_others_meanwhile_or_asks_for_a_longer_wait_is_only_busy() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.create("b")
    for number in range(6):
        trace.poll("b", running(), 30.0 * number + 29.0)  # it was not left alone
        trace.poll("a", BUSY, 30.0 * number + 30.0)
    trace.create("c", 200.0)
    for number in range(3):
        trace.poll("c", error("ERROR_KEY_TEMP_BLOCKED"), 210.0 + 30.0 * number)  # its code stands for 300 s
    assert {name for name in trace.violated if name.startswith("poll.")} == set()


def test_what_is_lost_does_not_come_back_after_a_pause() -> None:
    for then, violated in ((ready(), True), (running(), True), (error(LOST), False)):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        for number in range(120):
            trace.poll("a", running(), number * 0.5)
        trace.poll("a", error(LOST), 61.0)
        trace.poll("a", then, 130.0)
        assert ("poll.lost-stays-lost" in trace.violated) is violated


def test_a_result_after_an_unfinished_answer_that_came_too_late_breaks_the_limit_and_revives_nothing() -> None:
    for contract, last in ((CAPSOLVER, "a"), (CAPMONSTER, 1)):
        trace = HandWritten(contract)
        trace.create(last)
        trace.poll(last, running(), 361.0)  # nothing has said that the task is lost
        trace.poll(last, ready(), 364.0)
        assert trace.violated & {"poll.lifetime-ended", "poll.lost-stays-lost"} == {"poll.lifetime-ended"}
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    for number in range(121):
        trace.poll("a", running(), number * 0.5)
    trace.poll("a", ready(), 61.0)
    assert trace.violated & {"poll.budget-ended", "poll.lost-stays-lost"} == {"poll.budget-ended"}


def test_an_unfinished_answer_after_the_last_poll_does_not_hold_that_there_is_none() -> None:
    for last, held in ((running(), 0), (error(LOST), 1)):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        for number in range(120):
            trace.poll("a", running(), number * 0.5)
        trace.poll("a", last, 61.0)
        assert trace.held("poll.budget-ended") == held


def test_results_of_tasks_that_ask_for_the_same_may_be_equal() -> None:
    for twin, violated in ((20, False), (None, True)):
        trace = HandWritten(CAPMONSTER)
        for number in range(30):
            text = f"token number {3 if number == 20 else number:09d}"
            about = 4 if twin == number else None
            trace.create(number + 1, at=number, about=about)
            trace.poll(number + 1, ready(text), number + 0.5)
        assert ("poll.result-own" in trace.violated) is violated


def test_idle_after_processing_runs_backwards() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", running(), 3.0)
    trace.poll("a", {"errorId": 0, "status": "idle"}, 6.0)
    assert trace.violated == {"poll.order"}


def test_not_ready_as_an_error_is_only_work_in_progress() -> None:
    trace = HandWritten(CAPMONSTER)
    trace.create(7)
    trace.poll(7, error("CAPTCHA_NOT_READY"), 2.0)
    trace.poll(7, ready(), 4.0)
    assert trace.violated == set()


def read_twice(contract: Contract, texts: Sequence[str]) -> HandWritten:
    """A task for each text, one after another, whose result is that text at both of its reads."""
    trace = HandWritten(contract)
    for number, text in enumerate(texts):
        trace.create(number + 1, at=number)
        trace.poll(number + 1, ready(text), number + 0.5)
        trace.poll(number + 1, ready(text), number + 0.6)
    return trace


def test_one_result_for_all_tasks_proves_no_mix_up_and_a_single_shared_one_does() -> None:
    for texts, violated in (
        (["the same token for all"] * 30, False),
        ([f"token number {n:09d}" for n in range(30)], False),
        ([f"token number {3 if n == 20 else n:09d}" for n in range(30)], True),
        ([f"{n % 10}" for n in range(30)], False),
    ):
        trace = read_twice(CAPMONSTER, texts)
        assert ("poll.result-own" in trace.violated) is violated


def test_a_provider_with_one_result_for_all_tasks_is_said_to_have_one() -> None:
    trace = read_twice(CAPMONSTER, ["SAMPLE", "SAMPLE"])
    entry = trace.ledger["capmonster.poll.result-own"]
    assert entry.verdict is Verdict.UNEXERCISED
    assert entry.unjudged is not None
    assert entry.unjudged.reason.startswith("every task showed the same result")


def test_results_that_may_be_alike_accuse_nobody_and_the_result_of_another_in_place_of_the_own_does() -> None:
    own = CAPMONSTER.clause("capmonster.poll.result-own")
    alike = replace(own, parameters=Owned(distinct=False))
    contract = replace(CAPMONSTER, clauses=tuple(alike if each is own else each for each in CAPMONSTER.clauses))
    for texts, violated in (
        (["the same token for all"] * 30, False),
        ([f"token number {3 if n == 20 else n:09d}" for n in range(30)], False),
        ([f"token number {n % 14:09d}" for n in range(60)], False),
        ([f"token number {n:09d}" for n in range(30)], True),
    ):
        trace = read_twice(contract, texts)
        assert trace.held("poll.result-own") > 1
        if violated:
            trace.poll(len(texts), ready(texts[0]), len(texts))
        assert ("poll.result-own" in trace.violated) is violated
    alone = HandWritten(contract)
    alone.create(1)
    for moment in (1.0, 2.0):
        alone.poll(1, ready("the same token for all"), moment)
    assert alone.held("poll.result-own") == 0


@pytest.mark.parametrize(
    ("given", "sent", "violated"),
    [
        (7654321, 7654321, False),
        (7654321, "7654321", True),
        (9007199254740993, 9007199254740992, True),
        (9007199254740993, 9007199254740993.0, True),
    ],
)
def test_a_task_id_is_polled_as_it_was_given(given: object, sent: object, violated: bool) -> None:
    trace = HandWritten(CAPMONSTER)
    trace.create(given)
    trace.poll(sent, running(), 2.0)
    assert ("client.same-task-id" in trace.violated) is violated


def test_a_client_that_polls_after_the_final_answer_or_too_fast_is_named() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", running(), 1.0)
    trace.poll("a", ready(), 3.9)
    trace.poll("a", ready(), 10.0)
    assert trace.violated == {"client.wait", "client.final"}


def test_a_result_in_the_creation_is_not_polled_for() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a", status="ready", solution={"text": "x"})
    assert trace.violated == set()
    trace.poll("a", ready("x"), 3.0)
    assert trace.violated == {"client.synchronous"}


def test_traffic_that_is_not_the_contracts_is_skipped_and_counted() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.exchange("/getBalance", {"clientKey": "x"}, {"errorId": 0}, 0.0)
    assert trace.monitor.skipped == 1
    assert all(entry.verdict is Verdict.UNEXERCISED for entry in trace.ledger.entries.values())


def test_evidence_shows_the_task_and_what_happened_just_before() -> None:
    trace = HandWritten(CAPSOLVER)
    for name in "abc":
        trace.create(name)
        trace.poll(name, ready(f"token of {name}"), 3.0)
    trace.poll("b", running(), 6.0)
    evidence = trace.ledger["capsolver.poll.terminal"].evidence
    assert evidence is not None
    assert evidence.trace.numbers == (2, 3, 4, 5, 6)


def test_a_poll_to_which_no_response_came_is_not_held_against_the_budget_of_a_client() -> None:
    for unanswered, violated in ((0, True), (1, False)):
        trace = HandWritten(CAPSOLVER)
        trace.create("a")
        for number in range(121):
            at = 2.0 * number + 2.0
            if number < unanswered:
                body = json.dumps({"clientKey": "YOUR_API_KEY", "taskId": "a"}).encode()
                lost = Exchange(Request("POST", "/getTaskResult", {}, body), None, at, at, "connection reset")
                trace.monitor.observe(lost)
            else:
                trace.poll("a", running(), at)
        assert ("client.budget" in trace.violated) is violated


def test_what_one_connection_shows_is_kept_before_what_overlaps() -> None:
    contract = load_contract("capsolver")
    clause = next(clause for clause in contract.clauses if clause.kind == "budget-ended")

    def evidence(*connections: int) -> Evidence:
        shown = tuple(
            Exchange(Request("POST", "/getTaskResult", {}, b""), None, 0.0, 0.0, connection=connection)
            for connection in connections
        )
        return Evidence(Violation("none", "one", ()), Slice(tuple(range(len(shown))), shown))

    ledger, other = Ledger((clause,)), Ledger((clause,))
    long = evidence(*[1] * 121)
    ledger.add(clause.id, evidence(1, 2))
    ledger.add(clause.id, long)
    ledger.add(clause.id, evidence(1, 2))
    assert ledger[clause.id].evidence is long
    other.add(clause.id, evidence(1, 2))
    ledger.absorb(other)
    assert ledger[clause.id].evidence is long
