"""What a client owes those who use it: the solution that was served, an honest failure, an end to its retries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.deadlines import wait_over
from pollproof.clauses.faults import FaultyClient
from pollproof.clauses.kinds import CLIENT, HELD, Finding, Kind, Nothing, Violation, breaks, numbered
from pollproof.contract.declared import Form
from pollproof.contract.model import Phase, Role
from pollproof.contract.vocabulary import CREATE, FETCH, POLL, SUCCEEDED
from pollproof.tasks.account import Account
from pollproof.tasks.repeated import AT_ONCE, HURRY, Streak, streak_key
from pollproof.tasks.state import TaskState
from pollproof.trace.client_outcome import ClientOutcome
from pollproof.trace.events import Event, task_key

EMPTY = frozenset({"{}", "[]", ""})
"""Results in which there is nothing that could be returned, or that could be missed."""

REQUESTS = (CREATE, POLL, FETCH, Role.BATCH, Role.CANCEL)


@dataclass(frozen=True, slots=True)
class Retries:
    """`limit`: how often a client retries a request that was not answered, or failed."""

    limit: Annotated[int, "Retries of one request; 300 when left out.", Form(least=1)] = 300


def _meant(account: Account, outcome: ClientOutcome) -> Sequence[TaskState]:
    """The tasks that an outcome speaks of: the one that it names, else all."""
    if outcome.task is None:
        return tuple(account.tasks.values())
    history = account.tasks.get(task_key(outcome.task) or "")
    return () if history is None else (history,)


def _returned(outcome: ClientOutcome, text: str | None, results: Sequence[str]) -> bool:
    """Whether what a client returned is one of these results, or a part of one."""
    part = outcome.result if isinstance(outcome.result, str) else ""
    return text is not None and any(text == result or (part and part in result) for result in results)


@Kind(
    "solution-returned",
    subjects=CLIENT,
    roles=(Role.OUTCOME,),
    hint="Return the result of the final response unchanged.",
)
def solution_returned(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A client that was served a solution returns it, as it was served."""
    outcome = event.request
    if type(outcome) is not ClientOutcome:
        return None
    served = [history for history in _meant(account, outcome) if history.result is not None]
    if any(history.result in EMPTY for history in served):
        return None
    if served and outcome.succeeded:
        results = [history.result for history in served if history.result is not None]
        if _returned(outcome, event.result_text, results):
            return HELD
        seen = "success with another solution" if event.result_text else "success without the solution"
    elif outcome.succeeded or outcome.excused or not (served or outcome.promised):
        return None
    else:
        seen = f"no success ({outcome.ended})" if outcome.ended else "no success"
    if served:
        since = tuple(history.result_number for history in served if history.result_number is not None)
        expected = "that the client returns the solution that was served"
        return Violation(expected, seen, since[:1], tasks=(served[0].id,))
    # Nothing was served, and nothing stood in the way: what the client did instead of going on is to be seen.
    last = max(_meant(account, outcome), key=_last_received, default=None)
    worst = tuple(number for streak in _failing(account) for number in (streak.first, streak.number))
    expected = "that the client gets the solution"
    return Violation(expected, seen, worst, tasks=() if last is None else (last.id,))


@Kind(
    "failure-reported",
    subjects=CLIENT,
    roles=(Role.OUTCOME,),
    hint="Report a failure by an exception or an exit status other than 0 whenever there is no result.",
)
def failure_reported(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A client that was served no solution (refused, failed, lost, never ready) ends, and reports a failure."""
    outcome = event.request
    if type(outcome) is not ClientOutcome:
        return None
    meant = _meant(account, outcome)
    if any(history.result is not None for history in meant):
        return _left_of_batch(account, outcome)
    if not outcome.succeeded and not outcome.alive:
        return None if outcome.crashed else HELD  # who has crashed has reported nothing
    if outcome.alive and outcome.excused:
        return None  # what went wrong before is another finding
    last = max(meant, key=_last_received, default=None)
    since: tuple[int, ...] = () if last is None else numbered(last.last_number)
    if last is None:  # the requests that failed show why there is no task
        since = tuple(streak.number for streak in _failing(account))
    how = "success" if outcome.succeeded else outcome.ended or "no end"
    return Violation(
        f"that the client ends and reports a failure, since {_why(last)}",
        how,
        since,
        tasks=() if last is None else (last.id,),
    )


def _left_of_batch(account: Account, outcome: ClientOutcome) -> Finding:
    """Whether a client reports success for a batch and has left tasks of it without waiting for their ends."""
    if not outcome.succeeded or outcome.task is not None:
        return None
    for batch in account.batches.accepted:
        tasks = [account.tasks[each.task] for each in batch.members if each.task in account.tasks]
        open_ = [each for each in tasks if each.result is None and each.lost is None]
        left = [each for each in open_ if each.terminal not in (Phase.FAILED, Phase.CANCELLED)]
        if left and len(left) < len(tasks):
            expected = "that the client reports success for a batch with the results of all its tasks"
            seen = f"success without the result of {len(left)} of its {len(tasks)} tasks"
            return Violation(expected, seen, (batch.number,), tasks=(left[0].id,))
    return None


def _last_received(history: TaskState) -> int:
    return history.last_number if history.last_number is not None else -1


def _why(history: TaskState | None) -> str:
    """Why there is nothing to return."""
    if history is None or history.created is None:
        return "there is no task"
    if history.terminal is SUCCEEDED:
        return "the task is ready without a solution"
    if history.terminal is not None:
        return f"the task has {'failed' if history.terminal is Phase.FAILED else 'been cancelled'}"
    return "the task is lost" if history.lost is not None else "no solution was served"


@Kind(
    "bounded-retries",
    subjects=CLIENT,
    roles=(*REQUESTS, Role.OUTCOME),
    streaks=True,
    exercised="a request that fails, and is retried",
    hint="Bound the retries, and wait longer after each.",
)
def bounded_retries(account: Account, event: Event, parameters: Retries) -> Finding:
    """A client retries unanswered or failed requests a bounded number of times, and not in a hot loop."""
    if type(event.request) is ClientOutcome:
        return _retries_ended(account, event.request)
    streak = account.streaks.get(streak_key(event))
    if streak is None or not streak.failures:
        return None
    if streak.failures > parameters.limit:
        expected = f"at most {parameters.limit} retries of a request"
        return Violation(expected, f"retry {streak.failures}", (streak.first, streak.number))
    if streak.hurried >= AT_ONCE and streak.hurries(event):
        expected = f"a pause in {AT_ONCE} retries of a request"
        since = (streak.first, streak.number)
        moments = wait_over(streak.received, HURRY, "the last response", "pause")
        return Violation(expected, f"{streak.hurried + 1} retries at once", since, deadlines=moments)
    return HELD


def _failing(account: Account) -> list[Streak]:
    """The requests that failed, or were not answered, to the last."""
    return [streak for streak in account.streaks.values() if streak.failures]


def _retries_ended(account: Account, outcome: ClientOutcome) -> Finding:
    failing = _failing(account)
    if not failing:
        return None
    worst = max(failing, key=lambda streak: streak.failures)
    if outcome.alive and not outcome.excused and worst.failures > 1:
        return Violation(
            "that the client gives up in the end", f"{outcome.ended or 'no end'}", (worst.first, worst.number)
        )
    return HELD


@Kind(
    "no-hot-loop",
    subjects=CLIENT,
    roles=(POLL, FETCH),
    timed=True,
    streaks=True,
    hint="Sleep between two polls, also where a status is unknown.",
)
def no_hot_loop(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A client that finds its task unfinished pauses before it polls again, whatever is documented about waiting."""
    streak = account.streaks.get(streak_key(event))
    if streak is None or streak.failures:
        return None
    if not streak.hurries(event):
        return HELD
    if streak.hurried < AT_ONCE:
        return None
    return Violation(
        f"a pause of {HURRY:g} s at least in {AT_ONCE} polls",
        f"{streak.hurried + 1} polls without one",
        (streak.first, streak.number),
        tasks=() if event.task is None else (event.task,),
        deadlines=wait_over(streak.received, HURRY, "the last response", "pause"),
    )


@breaks("solution-returned", "success without the solution")
class Forgetful(FaultyClient):
    """Says that it has succeeded, and returns nothing."""

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        return super().outcome(result, task)._replace(result=None)


@breaks("solution-returned", "another solution")
class Mistaken(FaultyClient):
    """Returns something else than it was served."""

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        outcome = super().outcome(result, task)
        return outcome._replace(result="something else") if outcome.succeeded else outcome


@breaks("solution-returned", "a solution taken for a failure")
class Pessimist(FaultyClient):
    """Says that it has failed although it was served a solution."""

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        return ClientOutcome(False, None, task)


@breaks("failure-reported", "a failure taken for success")
class Optimist(FaultyClient):
    """Says that it has succeeded, whatever it was served."""

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        return super().outcome(result, task)._replace(succeeded=True)


@breaks("bounded-retries", "hundreds of retries")
class Stubborn(FaultyClient):
    """Tries again and again where the provider cannot be reached."""

    retries = 310


@breaks("bounded-retries", "retries without a pause")
class Impatient(FaultyClient):
    """Tries again at once where the provider cannot be reached."""

    retries = 20

    def retry_wait(self) -> float:
        return 0.0


@breaks("no-hot-loop", "polls without a pause", ("minimum-wait",))
class Restless(FaultyClient):
    """Polls again at once while its task is unfinished."""

    def wait(self) -> float:
        return 0.0
