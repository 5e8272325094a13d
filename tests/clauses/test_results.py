"""Results that are another task's, and losses that show why."""

from typing import Any

from pollproof.loading import load_contract
from pollproof.trace.exchange import CONNECTION_CUT, Exchange
from tests.traces import HandWritten, error, running

TASKS = 14


def found(trace: HandWritten) -> set[str]:
    """What is held against the provider."""
    return {clause for clause in trace.violated if clause.startswith("poll.")}


def read(results: list[Any]) -> HandWritten:
    """Tasks that are created one after another, and each polled once when it has its result; then the first again."""
    trace = HandWritten(load_contract("capsolver"))
    for number, result in enumerate(results):
        task = f"{number:08d}-0000-4000-8000-000000000000"
        trace.create(task, float(number), about=f"page {number}")
        trace.poll(task, {"errorId": 0, "status": "ready", "solution": result}, number + 0.5)
    last = len(results) - 1
    trace.poll(
        f"{last:08d}-0000-4000-8000-000000000000", {"errorId": 0, "status": "ready", "solution": results[last]}, 60.0
    )
    return trace


def token(number: int, **more: Any) -> dict[str, Any]:
    return {"token": f"a token of sixteen characters {number}", **more}


def test_a_result_that_is_another_tasks_but_for_what_names_the_task_is_found() -> None:
    own = [token(number, of=f"page {number}") for number in range(TASKS)]
    assert found(read(own)) == set()
    assert found(read([*own, token(0, of=f"page {TASKS}")])) == {"poll.result-own"}


def test_results_of_one_stock_may_be_alike() -> None:
    assert found(read([token(0, of=f"page {number}") for number in range(TASKS)])) == set()
    assert found(read([token(number % 5, of=f"page {number}") for number in range(TASKS)])) == set()


def test_what_is_short_or_a_time_is_nobodys_own() -> None:
    times = [
        {"at": f"2026-11-30 10:00:{number:02d}", "text": "abcd", "of": f"page {number}"} for number in range(TASKS)
    ]
    assert found(read(times)) == set()


def lost(control: float | None, polls: int) -> HandWritten:
    """A task that is polled often and lost at 60 s; a control task beside it is lost or served at its first poll."""
    trace = HandWritten(load_contract("capmonster"))
    trace.create(1, 0.0)
    trace.create(2, 0.0)
    if control is not None:
        trace.create(3, 0.0)
    for number in range(polls):
        trace.poll(1, running(), number * 2.0)
    if control is not None:
        trace.poll(3, running() if control > 60 else error("WRONG_CAPTCHA_ID"), 60.0)
    trace.poll(1, error("WRONG_CAPTCHA_ID"), 60.0)
    return trace


def test_a_loss_that_tasks_share_that_were_hardly_polled_is_held_against_the_lifetime() -> None:
    assert found(lost(control=None, polls=31)) == {"poll.budget-served"}
    assert found(lost(control=60.0, polls=31)) == {"poll.lifetime-served"}
    assert found(lost(control=61.0, polls=31)) == {"poll.budget-served"}


def test_polls_that_are_never_answered_are_held_against_a_provider_that_is_near() -> None:
    trace = HandWritten(load_contract("capsolver"))
    trace.monitor.silence_counts = True
    trace.create("a", 0.0)
    trace.poll("a", running(), 1.0)
    poll = trace.monitor.trace[-1].request
    for failure, counts in ((CONNECTION_CUT, False), ("the connection was closed", True)):
        for number in range(4):
            at = 10.0 + 30.0 * number + (130.0 if counts else 0.0)
            trace.monitor.observe(Exchange(poll, None, at, at, failure))
        assert found(trace) == ({"poll.budget-served"} if counts else set())


def test_polls_that_are_never_answered_in_a_recording_may_be_the_networks_doing() -> None:
    trace = HandWritten(load_contract("capsolver"))
    trace.create("a", 0.0)
    trace.poll("a", running(), 1.0)
    poll = trace.monitor.trace[-1].request
    for number in range(4):
        trace.monitor.observe(Exchange(poll, None, 10.0 + 30.0 * number, 10.0 + 30.0 * number, "reset"))
    assert found(trace) == set()
