"""Results that are kept for a time of their own, shorter than the life of their task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pollproof.clauses.answers import view_of
from pollproof.clauses.faults import Fault, FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, from_limits, mutates, numbered
from pollproof.clauses.limits import LATE
from pollproof.clauses.shape import READS
from pollproof.contract.declared import FILLED_BY_LOADER, ONE_OR_MORE
from pollproof.contract.model import Clause, Contract, Limits
from pollproof.contract.places import MISSING, Place, compile_place
from pollproof.contract.vocabulary import FETCH, POLL, PUT_OFF, SUCCEEDED
from pollproof.tasks.ages import age_least, surely_inside, surely_outside
from pollproof.tasks.state import CANCEL_SENT, RESULT_EXPIRED, TaskState
from pollproof.trace.events import STATE, Answer, Event


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long a result is there: the value at a place of a poll, or what a fetch gives."""

    limits: Limits = from_limits("*")
    seconds: Annotated[float, "Seconds that the result is kept; `result_lifetime` of [limits] when left out."] = (
        from_limits("result_lifetime")
    )
    at: Annotated[Place | None, "The place of the result in a poll; what a fetch gives when left out."] = None
    since: Annotated[
        Literal["", "creation", "completion", "last-read"],
        "What the time is counted from; `result_from` of [limits] when left out.",
    ] = ""
    slack: Annotated[float | None, "Seconds before and after the end that stay open."] = None
    operation: Annotated[
        tuple[str, ...], "The operations that are judged; the poll where there is a place, else the fetch.", ONE_OR_MORE
    ] = ()
    within: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)
    read: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limits = self.limits.of_result()
        slack = limits.lifetime_slack if self.slack is None else self.slack
        since = self.since or limits.lifetime_from
        within = replace(limits, lifetime=self.seconds, lifetime_from=since, lifetime_slack=slack)
        object.__setattr__(self, "within", within)
        object.__setattr__(self, "read", compile_place(self.at))


def _there(history: TaskState, event: Event, rule: Retention) -> bool | None:
    """Whether a response has the result of a task that has succeeded; None where that is not certain."""
    if history.terminal is not SUCCEEDED or event.request_errors or history.inline:
        return None
    if CANCEL_SENT in history.marks:
        return None  # cancelling a task that has ended may remove its result
    if event.effect in PUT_OFF or event.answer in (Answer.NONE, Answer.UNREADABLE):
        return None
    if rule.at is not None and not rule.operation and event.operation.role is not POLL:
        return None
    if event.operation.role is FETCH:
        if rule.at is None or event.phase is not SUCCEEDED:
            return None if event.response_errors and event.answer is STATE else event.phase is SUCCEEDED
    elif rule.at is None or event.phase is not SUCCEEDED:
        return None
    value = rule.read(view_of(history, event))
    return value is not MISSING and value is not None and value != [] and value != {} and value != ""


@Kind(
    "result-kept",
    roles=READS,
    ordered=True,
    timed=True,
    exercised="a read just before the end of the time that results are kept",
    walks=("to-the-removal-of-results",),
)
def result_kept(history: TaskState, event: Event, rule: Retention) -> Finding:
    """A result is there for as long as it is documented to be kept."""
    there = _there(history, event, rule)
    if (
        there is None
        or history.lost is not None
        or RESULT_EXPIRED in history.marks
        or not surely_inside(history, event, rule.within)
    ):
        return None
    if there:
        late = age_least(history, event, rule.within) >= LATE * (rule.seconds - rule.within.lifetime_slack)
        return HELD if late else None
    since = numbered(history.terminal_number)
    return Violation(f"the result of the task, which is kept for {rule.seconds:g} s", "no result", since)


@Kind(
    "result-removed",
    roles=READS,
    ordered=True,
    timed=True,
    exercised="a read just after the end of the time that results are kept",
    walks=("to-the-removal-of-results",),
)
def result_removed(history: TaskState, event: Event, rule: Retention) -> Finding:
    """A result is removed once the documented time for which it is kept is over."""
    there = _there(history, event, rule)
    if there is None or not surely_outside(history, event, rule.within):
        return None
    if not there:
        return HELD
    since = numbered(history.terminal_number)
    expected = f"no result later than {rule.seconds:g} s after the {rule.within.lifetime_from} of the task"
    return Violation(expected, "the result", since)


def _kept_for(seconds: float) -> type[FaultyProvider]:
    class KeptFor(FaultyProvider):
        """Keeps results for another time than is documented."""

        def kept_for(self, documented: float) -> float:
            return documented + seconds

    return KeptFor


@mutates("result-kept")
def _result_kept(contract: Contract, clause: Clause) -> Iterator[Fault]:
    rule = clause.parameters
    less = rule.within.lifetime_slack + max(2.0 + 2 * (contract.limits.wait or 1.0), 0.02 * rule.seconds)
    others = ("result-available", "lifetime-served", "answer", "result-kept")
    yield Fault(f"results are removed {less:g} s too early", _kept_for(-less), companions=others)


@mutates("result-removed")
def _result_removed(contract: Contract, clause: Clause) -> Iterator[Fault]:
    rule = clause.parameters
    more = rule.within.lifetime_slack + max(2.0 + 2 * (contract.limits.wait or 1.0), 0.02 * rule.seconds)
    yield Fault(f"results are kept {more:g} s too long", _kept_for(more), companions=("answer", "result-removed"))
