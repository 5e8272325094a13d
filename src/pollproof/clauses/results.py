"""Results: that they are there, stay the same, and are those of their task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.attribution import Attribution, attribute
from pollproof.clauses.deadlines import kept_until
from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import HELD, Finding, Kind, Nothing, Unjudged, Violation, breaks, mutates, numbered
from pollproof.clauses.lifecycle import WithinLimits, describe, same_text
from pollproof.contract.model import Clause, Contract, Operation
from pollproof.contract.vocabulary import CALLBACK, FETCH, POLL, SUCCEEDED
from pollproof.tasks.account import MAXIMUM_SHARED, Account
from pollproof.tasks.ages import says_gone, surely_inside, surely_within_limits
from pollproof.tasks.state import CANCEL_SENT, TaskState
from pollproof.trace.events import REFUSAL, Event
from pollproof.trace.exchange import Response

MINIMUM_INDIVIDUAL_RESULTS = 12
"""Tasks with a result of their own before a shared one counts: fewer might be drawn from a stock of samples."""

MINIMUM_TOKEN_LENGTH = 16
"""Characters of a result that could not be the same twice by chance; short answers to like tasks may be alike."""

_READS = (POLL, FETCH, CALLBACK)


@Kind(
    "result-available",
    roles=(FETCH,),
    ordered=True,
    exercised="a fetch of the result of a task that has succeeded",
    walks=("one-after-another",),
    hint="Store the result before the status becomes that of success.",
)
def result_available(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """Once a task has succeeded its result is there."""
    if history.terminal is not SUCCEEDED or event.request_errors:
        return None
    if event.phase is SUCCEEDED:
        return HELD
    if history.lost is not None:
        return None
    limits = parameters.limits
    if not surely_within_limits(history, event, limits) or not says_gone(history, event):
        return None
    if limits.result_lifetime is not None and not surely_inside(history, event, limits.of_result()):
        return None
    if history.marks.get(CANCEL_SENT) is not None:
        return None  # cancelling a task that has ended may remove its result
    if attribute(history, event, parameters.limits) is not Attribution.NEITHER:
        return None
    response = event.exchange.response
    http = "" if response is None else f" (HTTP {response.status})"
    since = numbered(history.terminal_number)
    moments = kept_until(history, parameters.limits)
    seen = describe(event) if event.answer is REFUSAL else "no result"
    return Violation("the result of a task that has succeeded", seen + http, since, deadlines=moments)


@breaks("result-available", "no result at the second read", ("pages",))
class LosesResults(FaultyProvider):
    """Gives no result at the second read of it, long before its lifetime is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        young = task is not None and self.clock.now() - task.created < (self.contract.limits.lifetime or 1e9) / 10
        if task is not None and young and task.reads == 1 and "missed" not in task.seen:
            task.seen.append("missed")
            return self.fill(operation, "nothing", task, "")
        return super().fetch(operation, identifier)


@Kind(
    "result-stable",
    roles=_READS,
    exercised="a second read of a result",
    walks=("one-after-another", "read-many-times"),
    hint="Store the result once; do not produce it anew at each read.",
)
def result_stable(account: Account, event: Event, parameters: Nothing) -> Finding:
    """The result of a task is the same at every read."""
    history = _read(account, event)
    if history is None or history.result is None:
        return None
    now = event.result_text or ""
    if same_text(history.result, now):
        return HELD
    if account.owners.get(now, history.id) != history.id:
        return None  # another task's result: that is another clause's finding
    since = numbered(history.result_number)
    before, seen = _difference(history.result, now)
    return Violation(f"the result that the task had before, {before}", f"another result, {seen}", since)


def _difference(before: str, now: str) -> tuple[str, str]:
    """The part of two results in which they differ, each in few characters."""
    place = next((n for n, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]), 0)
    begin = max(place - 20, 0)
    return _part(before, begin), _part(now, begin)


def _part(text: str, begin: int) -> str:
    end = begin + 50
    return ("..." if begin else "") + text[begin:end] + ("..." if len(text) > end else "")


_ALIKE = Unjudged("every task showed the same result; it can be judged where results differ from task to task")


@dataclass(frozen=True, slots=True)
class Owned:
    """Whether the results of several tasks differ, as a token does, or may be alike, as a confirmation may."""

    distinct: Annotated[bool, "Whether results differ from task to task, so that a shared one is another's."] = True


@Kind(
    "result-own",
    roles=_READS,
    exercised="results of several tasks that are read again",
    walks=("side-by-side",),
    hint="Key results by the task id, not by the connection, the request or the newest task.",
)
def result_own(account: Account, event: Event, parameters: Owned) -> Finding:
    """The result is that of the requested task, never another task's."""
    history = _read(account, event)
    if history is None:
        return None
    now = event.result_text or ""
    owner = account.owners.get(now, history.id)
    if history.result is not None and owner != history.id and not same_text(history.result, now):
        since = numbered(history.result_number, account.result_number(owner))
        return Violation("the result of the requested task", f"the result of task {owner!r}", since, tasks=(owner,))
    alike = account.alike(history.id) if parameters.distinct else None
    if alike is not None and alike.first is not None:
        number, task, first, known = alike.first
        few = alike.shared < len(alike.owners) and len(alike.owners) >= 2 * MINIMUM_INDIVIDUAL_RESULTS
        if known >= MINIMUM_INDIVIDUAL_RESULTS or few:  # else they might be drawn from a stock of samples
            since = numbered(account.result_number(first))
            seen = f"task {task!r} has the result of task {first!r}, but for what names the task"
            return Violation("a result of the task's own", seen, since, number, (first, task))
    individual = len(account.owners)
    if not parameters.distinct:  # equal results show nothing; what a task is held to is the result that it had before
        return HELD if history.result is not None and (individual > 1 or owner != history.id) else None
    if individual < MINIMUM_INDIVIDUAL_RESULTS:
        if history.result is not None and account.shared:
            return _ALIKE if individual == 1 else None
        return HELD if history.result is not None and individual > 1 else None
    if history.result is None and owner != history.id and not account.are_different(history.id, owner):
        return None  # results of tasks with equal requests may be equal
    if history.result is None and owner != history.id and len(now) >= MINIMUM_TOKEN_LENGTH:
        # Results of this provider differ from task to task, so the first one that is shared was somebody else's.
        if not account.shared:
            since = numbered(account.result_number(owner))
            return Violation("a result of the task's own", f"the result of task {owner!r}", since, tasks=(owner,))
        return None
    if 0 < len(account.shared) < min(individual, MAXIMUM_SHARED) and individual >= 2 * MINIMUM_INDIVIDUAL_RESULTS:
        number, task, first = account.shared[0]
        result = account.tasks[task].result if task in account.tasks and first in account.tasks else None
        if result is not None and len(result) >= MINIMUM_TOKEN_LENGTH and result == account.tasks[first].result:
            since = numbered(account.result_number(first))
            return Violation(
                "a result of the task's own",
                f"task {task!r} has the result of task {first!r}",
                since,
                number,
                (first, task),
            )
    return None if account.shared else HELD


def _read(account: Account, event: Event) -> TaskState | None:
    """The history of the task whose result this event reads, None where it reads none."""
    if event.result_text is None or event.task is None:
        return None
    if event.operation.role not in _READS or event.request_errors:
        return None
    return account.tasks.get(event.task)


@breaks("result-stable", "another result at every read", ("pages",))
class ChangesResults(FaultyProvider):
    """Gives another result at every read."""

    def result(self, task: Task) -> Any:
        return self.make_result(task, self.token(task.number * 1000 + task.reads))


class SharesResults(FaultyProvider):
    """Gives the result of the newest task to every later read of any."""

    def result(self, task: Task) -> Any:
        if task.reads <= 1:
            return task.result
        newest = next((other for other in reversed(self.order) if other.kind is task.kind and other.reads), task)
        return newest.result


@mutates("result-own")
def _result_own(contract: Contract, clause: Clause) -> Iterator[Fault]:
    # A result that names its task cannot be another's without naming another.
    fetch = contract.operation_of(FETCH)
    named = fetch is not None and fetch.echo is not None
    yield Fault("the result of the newest task", SharesResults, companions=("echo",) if named else ())
