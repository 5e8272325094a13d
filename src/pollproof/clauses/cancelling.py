"""Cancelling: what follows from it, and that it happens only when it is requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.faults import FaultyProvider, Task
from pollproof.clauses.kinds import HELD, Deadline, Finding, Kind, Nothing, Violation, breaks, from_limits
from pollproof.clauses.lifecycle import describe
from pollproof.contract.declared import FILLED_BY_LOADER
from pollproof.contract.model import Clause, Contract, Limits, Operation, Phase
from pollproof.contract.vocabulary import POLL, SUCCEEDED, Role
from pollproof.tasks.state import CANCEL_ACCEPTED, CANCEL_REFUSED, CANCEL_SENT, TaskState
from pollproof.trace.events import STATE, Event
from pollproof.trace.exchange import Response


@dataclass(frozen=True, slots=True)
class CancelBound:
    """`seconds` after its cancelling is accepted a task has ended."""

    seconds: Annotated[float, "Seconds after an accepted cancelling by which the task has ended; 0: at once."] = 0.0
    never_succeeds: Annotated[bool, "Whether a task whose cancelling was accepted never succeeds."] = False


def _forgetting_is_open(contract: Contract, clause: Clause) -> str:
    """Why no task may be there any more once it is cancelled; empty where a document states how long tasks are kept."""
    kept = any(each.kind == "lifetime-served" for each in contract.clauses)
    return "" if kept else "no document states that a cancelled task is kept, and no poll found one that was"


@Kind("cancel-ends", ordered=True, timed=True, walks=("cancelled",), conditional=_forgetting_is_open)
def cancel_ends(history: TaskState, event: Event, rule: CancelBound) -> Finding:
    """A task whose cancelling was accepted ends within the documented time."""
    accepted = history.marks.get(CANCEL_ACCEPTED)
    if accepted is None or event.answer is not STATE or event.phase is None or event.request_errors:
        return None
    number, moment, ended = accepted
    if ended:
        return None  # what had ended before is not cancelled any more
    if event.phase.terminal:
        if event.phase is SUCCEEDED and rule.never_succeeds:
            return Violation("a cancelled task, since its cancelling was accepted", describe(event), (number,))
        return HELD
    waited = event.exchange.sent - moment
    if waited <= rule.seconds and (rule.seconds > 0 or waited < 0):
        return None
    end = Deadline(moment + rule.seconds, f"{rule.seconds:g} s since the cancelling are over", moment)
    seen = f"{describe(event)} after {max(waited, 0.0):.3f} s"
    expected = f"that a task ends within {rule.seconds:g} s of its cancelling"
    return Violation(expected, seen, (number,), deadlines=(end,))


@Kind("cancelled-on-request", ordered=True, walks=("cancelled", "one-after-another"))
def cancelled_on_request(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task is cancelled only when its cancelling was requested."""
    if history.created is None or event.answer is not STATE or event.request_errors:
        return None
    if event.phase is not Phase.CANCELLED:
        return HELD if event.phase is not None and event.phase.terminal else None
    if history.marks.get(CANCEL_SENT) is not None:
        return HELD
    return Violation("no cancelled task, since nobody requested it", describe(event), (history.created,))


@dataclass(frozen=True, slots=True)
class CancelWindow:
    """The limits of the contract: within which time, and in which statuses, a task can be cancelled."""

    limits: Annotated[Limits, FILLED_BY_LOADER] = from_limits("*")

    @property
    def remembered(self) -> tuple[()] | None:
        """None: the statuses are remembered, where they tell whether a task can be cancelled."""
        return None if self.limits.cancel_while else ()


@Kind(
    "cancel-served",
    roles=(POLL, Role.CANCEL),
    ordered=True,
    exercised="the cancelling of a task that can be cancelled",
    walks=("cancelled", "cancelled-in-time-and-late"),
    hint="Refuse a cancelling only when the task has ended, or its documented time to be cancelled is over.",
)
def cancel_served(history: TaskState, event: Event, rule: CancelWindow) -> Finding:
    """A task that can be cancelled is cancelled when that is requested, not refused."""
    if event.answer is not STATE or history.created is None:
        return None
    if event.operation.role is Role.CANCEL:
        return HELD
    refused, limits = history.marks.get(CANCEL_REFUSED), rule.limits
    if refused is None or history.cancelled is not None or event.phase is None or event.phase.terminal:
        return None
    number, received = refused
    if limits.cancel_within is not None and not received - history.created_sent < limits.cancel_within:
        return None
    if limits.cancel_while and event.status not in limits.cancel_while:
        return None
    seen = f"a refusal, and then {describe(event)}"
    return Violation("that a task which is unfinished, and can be cancelled, is cancelled", seen, (number,))


@breaks("cancel-served", "no task is cancelled", ("answer", "cancel-ends", "accepted"))
class RefusesToCancel(FaultyProvider):
    """Refuses every cancelling as one that comes too late."""

    def is_too_late(self, task: Task, now: float) -> bool:
        return True


@breaks(
    "cancel-ends",
    "a cancelled task goes on",
    companions=("terminal", "answer", "status-order", "echo", "cancelled-on-request", "callback-final", "set-once"),
)
class GoesOn(FaultyProvider):
    """Accepts a cancelling and goes on."""

    def cancel(self, operation: Operation, identifier: object) -> Response:
        task = self.find(identifier)
        before = None if task is None else task.ended
        response = super().cancel(operation, identifier)
        if task is not None and before is None:
            task.ended = None
        return response


@breaks("cancelled-on-request", "some tasks cancel themselves", ("terminal", "answer", "accepted"))
class CancelsByItself(FaultyProvider):
    """Cancels every fourth task by itself."""

    def phase(self, task: Task, now: float) -> Phase:
        phase = super().phase(task, now)
        return Phase.CANCELLED if task.number % 4 == 0 and phase.terminal else phase
