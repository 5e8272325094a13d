"""The course of a task: its statuses in their order, fields that are set once, and when it must have ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pollproof.clauses.answers import view_of
from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import (
    HELD,
    KINDS,
    Deadline,
    Finding,
    Kind,
    Violation,
    from_contract,
    from_limits,
    mutates,
    numbered,
)
from pollproof.clauses.lifecycle import describe
from pollproof.contract.conditions import Condition, compile_condition, same
from pollproof.contract.declared import FILLED_BY_LOADER, ONE_OR_MORE
from pollproof.contract.model import Break, Clause, Contract, Effect, Limits, Operation, Phase, Role
from pollproof.contract.places import MISSING, Place
from pollproof.contract.vocabulary import CREATE, FETCH, POLL
from pollproof.tasks.ages import may_be_over
from pollproof.tasks.state import TaskState
from pollproof.trace.events import STATE, STATUS_MARK, Event
from pollproof.trace.exchange import Response


@dataclass(frozen=True, slots=True)
class StatusPath:
    """The documented path of statuses, or of the values at another place, such as a sub-status."""

    path: Annotated[Any, FILLED_BY_LOADER] = from_contract("path")
    at: Annotated[Place | None, "The place of the values, in a poll; that of the status when left out."] = None
    values: Annotated[tuple[str, ...], "The values there in their order; the statuses when left out."] = ()

    @property
    def remembered(self) -> tuple[Place, ...] | None:
        """The place whose values are remembered; None: that of the status."""
        return None if self.at is None else (self.at,)

    @property
    def order(self) -> tuple[str, ...]:
        """The values in their order."""
        return tuple(self.path) if self.at is None else self.values


@Kind("status-path", ordered=True, walks=("one-after-another", "side-by-side"))
def status_path(history: TaskState, event: Event, parameters: StatusPath) -> Finding:
    """The statuses of a task come in the order of the documented path; some may be passed unseen, none comes back."""
    if event.answer is not STATE or event.request_errors or history.lost is not None:
        return None
    path = parameters.order
    if parameters.at is None:
        before, now, seen = history.marks.get(STATUS_MARK), event.status, describe(event)
    else:
        name = "@" + parameters.at.text
        before, now = history.marks.get(name), event.marks.get(name)
        seen = f"{parameters.at.text} {now!r}"
    if before not in path or now not in path:
        return None
    if path.index(now) >= path.index(before):
        return HELD
    since = numbered(history.last_number)
    what = "status" if parameters.at is None else "value"
    return Violation(f"no {what} before {before!r} once the task is {before}", seen, since)


class StepsBack(FaultyProvider):
    """Shows the status before the present one at every second poll."""

    def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        path = self.contract.path
        if operation.role is POLL and task is not None and status in path:
            place = path.index(status)
            task.seen.append("path")
            ended = self.contract.statuses[status].phase.terminal
            if place > 0 and not ended and len(task.seen) % 2 == 0:
                earlier = path[place - 1]
                name = self.contract.statuses[earlier].phase.value
                return super().fill(operation, name, task, earlier, code)
        return super().fill(operation, name, task, status, code)


def _alternates(at: Place, values: tuple[str, ...]) -> type[FaultyProvider]:
    class Alternates(FaultyProvider):
        """Shows the last and the first of some values in turn while a task is unfinished."""

        def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
            response = super().fill(operation, name, task, status, code)
            if operation.role is not POLL or task is None or name not in ("waiting", "running"):
                return response
            task.seen.append("values")
            value = values[-1] if len(task.seen) % 2 else values[0]
            return self.rewritten(response, at.pointer, value)

    return Alternates


@mutates("status-path")
def _status_path(contract: Contract, clause: Clause) -> Iterator[Fault]:
    rule: StatusPath = clause.parameters
    if rule.at is not None:
        if rule.at.area == "body" and len(rule.values) > 1:
            yield Fault("the values go back and forth", _alternates(rule.at, rule.values), companions=tuple(KINDS))
        return
    yield Fault("an earlier status again", StepsBack, companions=("status-order", "terminal", "shape"))


@dataclass(frozen=True, slots=True)
class Bound:
    """`seconds` after its creation a task has ended; `when` says of which tasks that is so, all of these."""

    seconds: Annotated[float, "Seconds after its creation by which a task has ended."]
    limits: Limits = from_limits("*")
    when: Annotated[tuple[Condition, ...], "Of which tasks it is so: conditions on creation#, all of these."] = ()
    tests: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tests", tuple(map(compile_condition, self.when)))


@Kind(
    "finishes",
    ordered=True,
    timed=True,
    exercised="a task that is polled to its end",
    walks=("past-the-bound-to-finish",),
    hint="End tasks that take too long as failed.",
)
def finishes(history: TaskState, event: Event, parameters: Bound) -> Finding:
    """A task has ended within the documented time."""
    if history.created is None or history.inline or event.request_errors:
        return None
    if parameters.tests and not all(test(view_of(history, event)) for test in parameters.tests):
        return None
    late = event.exchange.sent - history.created_received > parameters.seconds  # a time may be unknown
    if event.phase is not None and not event.phase.terminal and not late:
        return None
    if history.terminal is not None or history.lost is not None or may_be_over(history, event, parameters.limits):
        return None
    if event.effect is Effect.FAILED or (event.phase is not None and event.phase.terminal):
        return HELD
    if event.answer is not STATE or event.phase is None or not late:
        return None
    end = Deadline(history.created_received + parameters.seconds, f"{parameters.seconds:g} s to finish are over")
    seen = f"{describe(event)} after {event.exchange.sent - history.created_received:.3f} s"
    return Violation(f"that the task ends within {parameters.seconds:g} s", seen, (history.created,), deadlines=(end,))


def _lasts(seconds: float, every: int) -> type[FaultyProvider]:
    class Lasts(FaultyProvider):
        """Never finishes every third task in time, or any."""

        def phase(self, task: Task, now: float) -> Phase:
            if task.number % every == 0 and task.ended is None and now - task.created < 3 * seconds:
                return self.contract.statuses[self.contract.path[-2]].phase
            return super().phase(task, now)

    return Lasts


@mutates("finishes")
def _finishes(contract: Contract, clause: Clause) -> Iterator[Fault]:
    others = (
        "callback-final",
        "callback-sent",
        "lifetime-served",
        "result-kept",
        "accepted",
        "answer",
        "cancel-ends",
        "set-once",
        "shape",
    )
    yield Fault(
        "some tasks last three times as long",
        _lasts(clause.parameters.seconds, 1 if clause.parameters.when else 3),
        companions=others,
    )


@dataclass(frozen=True, slots=True)
class Fixed:
    """`at`: a place in the responses about a task."""

    at: Annotated[Place, "The place of the value, in the response."]
    operation: Annotated[
        tuple[str, ...], "The operations whose responses are judged; all when left out.", ONE_OR_MORE
    ] = ()

    @property
    def remembered(self) -> tuple[Place, ...]:
        """The places whose values are remembered for each task."""
        return (self.at,)


@Kind(
    "set-once",
    roles=(CREATE, POLL, Role.CANCEL, FETCH),
    ordered=True,
    exercised="two responses about a task with a value there",
    walks=("one-after-another", "side-by-side"),
)
def set_once(history: TaskState, event: Event, parameters: Fixed) -> Finding:
    """A field that is set once never changes again."""
    if parameters.operation and event.operation.name not in parameters.operation:
        return None
    name = "@" + parameters.at.text
    before, now = history.marks.get(name, MISSING), event.marks.get(name, MISSING)
    if event.answer is not STATE or event.request_errors or before is MISSING or before is None:
        return None
    if same(before, now):
        return HELD
    silent = event.operation.role is not POLL or event.response_errors or event.response is MISSING
    if now is MISSING and silent:
        return None  # a body that has not its documented form is another finding, and there may be none
    since = numbered(history.last_number)
    seen = "nothing" if now is MISSING else repr(now)[:100]
    return Violation(f"{parameters.at.text} = {before!r} as before", seen, since)


@mutates("set-once")
def _set_once(contract: Contract, clause: Clause) -> Iterator[Fault]:
    at = clause.parameters.at
    poll = contract.operation(POLL)
    for own in clause.parameters.operation:
        if "replayed" in contract.operations[own].answers and at.area == "body":
            change = Break("", own, "replayed", set=((at.pointer, "another"),))
            yield Fault("another value in a repeated creation", changes=(change,), companions=tuple(KINDS))
            return
    for name in ("succeeded", "running"):
        if name in poll.answers and at.area == "body":
            change = Break("", poll.name, name, set=((at.pointer, "$polls"),))
            yield Fault(f"another value at every poll ({name})", changes=(change,), companions=tuple(KINDS))
            return
