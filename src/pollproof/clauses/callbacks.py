"""Callbacks: requests that the provider sends of its own accord."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import HELD, Deadline, Finding, Kind, Nothing, Violation, breaks, mutates, numbered
from pollproof.contract.conditions import same
from pollproof.contract.declared import ONE_OR_MORE
from pollproof.contract.model import SILENCE, Clause, Contract, Operation, Phase, Role
from pollproof.contract.places import MISSING, Place, follow_steps
from pollproof.contract.vocabulary import CALLBACK, POLL, SUCCEEDED
from pollproof.tasks.account import Account
from pollproof.tasks.state import CALLBACK_REFUSED, TaskState
from pollproof.trace.bodies import canonical
from pollproof.trace.events import STATE, Event, mark_of

LATE_CALLBACK = 2.0
"""Real seconds that a callback may take beyond the documented time, besides the time by its clock."""


@Kind(
    "callback-final",
    roles=(CALLBACK,),
    ordered=True,
    walks=("called-back",),
    hint="Send the callback once the task has ended, with its final status.",
)
def callback_final(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A callback is about the end of a task, not about anything before it."""
    if event.answer is not STATE or event.phase is None:
        return None
    if not event.phase.terminal:
        return Violation("a final status in a callback", f"status {event.status!r}", numbered(history.created))
    if history.terminal is not None and history.terminal is not event.phase:
        since = numbered(history.terminal_number)
        return Violation(f"that the task has {history.terminal.value}", f"status {event.status!r}", since)
    return HELD


@Kind(
    "callback-known",
    roles=(CALLBACK,),
    walks=("called-back",),
    hint="Send callbacks with the id that the creation returned.",
)
def callback_known(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A callback names a task that was created."""
    if event.answer is not STATE or event.request_errors:
        return None
    history = account.tasks.get(event.task or "")
    if history is not None and history.created is not None:
        return HELD
    if (not account.whole and event.raw_task is not MISSING) or account.has_forgotten(event.task):
        return None  # it may have been created before the trace began
    if account.unnamed or account.creates:
        return None  # a task was created whose id is not known, or not known yet
    return Violation(
        "a callback with the id of a task that was created",
        f"a callback with {'no id' if event.raw_task is MISSING else f'the id {event.raw_task!r}'}",
    )


@dataclass(frozen=True, slots=True)
class CalledEnds:
    """`of`: the ends of which a task is called back."""

    of: Annotated[
        tuple[str, ...],
        "The ends that are judged: `succeeded`, `failed`, `cancelled`; the first two when left out.",
        ONE_OR_MORE,
    ] = ()


@Kind(
    "callback-sent",
    roles=(CALLBACK,),
    probes=True,
    exercised="a task with an address for its callback",
    walks=("called-back", "called-back-of-cancelled"),
    hint="Send a callback also where the task fails, where nobody polls it, and where it was created in a batch.",
)
def callback_sent(history: TaskState, event: Event, rule: CalledEnds) -> Finding:
    """A task that was requested with a callback address is called back when it ends."""
    if event.probe != SILENCE:
        known = history.created is not None and (not rule.of or (event.phase and event.phase.value) in rule.of)
        return HELD if known else None
    end = history.terminal or (Phase.CANCELLED if history.cancelled is not None else SUCCEEDED)
    if end.value not in (rule.of or (SUCCEEDED.value, Phase.FAILED.value)):
        return None
    if history.callbacks:
        return HELD
    if CALLBACK_REFUSED in history.marks:
        return None  # it was sent; that it was not sent again is another finding
    return Violation(
        "a callback at the end of the task",
        event.exchange.failure or "none",
        numbered(history.created, history.terminal_number),
        deadlines=(Deadline(event.exchange.received, "the wait for a callback ends", history.ended_received),),
    )


@Kind(
    "callback-once",
    roles=(CALLBACK,),
    walks=("called-back",),
    hint="Mark a callback as sent before a retry or a second worker sends it again.",
)
def callback_once(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task is called back once."""
    if history.created is None:
        return None
    response = event.exchange.response
    if response is not None and response.status >= 300:
        return None  # it was not accepted, and may come again
    if history.callbacks:
        seen = f"callback {history.callbacks + 1} of the same task"
        return Violation("one callback", seen, numbered(history.created))
    return HELD


@Kind(
    "passthrough",
    roles=(CALLBACK,),
    walks=("called-back",),
    hint="Store the value as it was received, and return it without parsing, trimming or escaping it.",
)
def passthrough(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A value that a client passes through comes back in the callback, unaltered."""
    creation = history.creation
    if not isinstance(creation, dict) or "passthrough" not in creation or event.answer is not STATE:
        return None
    back = event.marks.get("passthrough", MISSING)
    if back is MISSING and creation["passthrough"] is None:
        return None
    if back is MISSING:
        return Violation(f"passthrough {creation['passthrough']!r}", "a callback without it", numbered(history.created))
    if canonical([back]) == canonical([creation["passthrough"]]):
        return HELD
    return Violation(f"passthrough {creation['passthrough']!r}", f"passthrough {back!r}", numbered(history.created))


@dataclass(frozen=True, slots=True)
class SentAgain:
    """`seconds`: how soon a callback that was not accepted is sent again; `same`: headers that stay the same then."""

    seconds: Annotated[float, "Seconds within which a callback that was not accepted is sent again."]
    same: Annotated[tuple[str, ...], "Headers that stay the same then, such as its id.", ONE_OR_MORE] = ()


@Kind(
    "callback-retried",
    roles=(CALLBACK,),
    probes=True,
    exercised="a callback that was answered with HTTP 500",
    walks=("callbacks-refused",),
    hint="Keep a callback until it is answered with a status of success, and send it again after a pause.",
)
def callback_retried(history: TaskState, event: Event, rule: SentAgain) -> Finding:
    """A callback that was not accepted is sent again within the documented time."""
    refused = history.marks.get(CALLBACK_REFUSED)
    if refused is None or history.callbacks:
        return None
    number, moment, headers = refused
    if event.probe == SILENCE:
        end = Deadline(moment + rule.seconds, f"{rule.seconds:g} s to send it again are over", moment)
        return Violation(f"the callback again within {rule.seconds:g} s", "none", (number,), deadlines=(end,))
    if event.exchange.sent - moment > rule.seconds + LATE_CALLBACK:
        seen = f"after {event.exchange.sent - moment:.3f} s"
        return Violation(f"the callback again within {rule.seconds:g} s", seen, (number,))
    now = {name.lower(): value for name, value in event.exchange.request.headers.items()}
    for name in rule.same:
        before = next((value for key, value in headers.items() if key.lower() == name.lower()), None)
        if before != now.get(name.lower()):
            return Violation(f"{name}: {before} as before", f"{name}: {now.get(name.lower())}", (number,))
    return HELD


@dataclass(frozen=True, slots=True)
class Agreement:
    """Places of a callback and of a poll whose values are the same once a task has ended."""

    at: Annotated[Place, "The place in the callback, as request#/data."]
    polled: Annotated[Place, "The place in a poll of the ended task, as response#."]

    @property
    def remembered_of(self) -> dict[Role, Place]:
        """The place whose value is remembered for each task, by the role of the operation that has it."""
        return {CALLBACK: self.at, POLL: self.polled}


@Kind(
    "callback-agrees",
    roles=(CALLBACK, POLL),
    ordered=True,
    broad=True,
    exercised="a callback and a poll of its task after the end",
    walks=("called-back",),
    hint="Make the callback and the response to a poll from the same stored task.",
)
def callback_agrees(history: TaskState, event: Event, rule: Agreement) -> Finding:
    """What a callback says of an ended task is what a poll of it says."""
    if event.answer is not STATE or event.phase is None or not event.phase.terminal or event.request_errors:
        return None
    called = event.operation.role is CALLBACK
    if called and not (history.last_final and history.last_number is not None):
        return None  # the last poll was before the end
    here, there = (rule.at, rule.polled) if called else (rule.polled, rule.at)
    other = POLL if called else CALLBACK
    now = event.marks.get(mark_of(event.operation.role, here), MISSING)
    before = history.marks.get(mark_of(other, there), MISSING)
    if before is MISSING:
        return None
    if same(now, before):
        return HELD
    since = numbered(history.last_number)
    return Violation(f"{here.text} as {there.text} was, {before!r:.200}", f"{now!r:.200}", since)


def _disagrees(at: Place) -> type[FaultyProvider]:
    class Disagrees(FaultyProvider):
        """Says something else in callbacks than in polls."""

        def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
            status = self.contract.path[-1] if phase is SUCCEEDED else self.word(phase)
            response = self.fill(operation, "callback", task, status)
            stated = follow_steps(self.read(response), at.steps)
            pointer = at.pointer + "/another" if isinstance(stated, dict) else at.pointer
            return self.rewritten(response, pointer, f"another-{task.number}").body

    return Disagrees


@mutates("callback-agrees")
def _callback_agrees(contract: Contract, clause: Clause) -> Iterator[Fault]:
    others = ("answer", "shape", "callback-signed", "callback-final", "callback-known", "callback-sent")
    yield Fault("a callback that says something else", _disagrees(clause.parameters.at), companions=others)


@breaks("callback-retried", "a callback that was not accepted is not sent again")
class NeverSendsAgain(FaultyProvider):
    """Sends a callback once, whatever comes of it."""

    def resend(self, address: str, body: bytes) -> None:
        pass


@mutates("callback-sent")
def _callback_sent(contract: Contract, clause: Clause) -> Iterator[Fault]:
    if Phase.CANCELLED.value in clause.parameters.of:
        yield Fault(
            "no callback of a cancelled task", ForgetsCancelled, companions=("callback-sent", "callback-agrees")
        )


class ForgetsCancelled(FaultyProvider):
    """Sends no callback of a task that is cancelled."""

    def calls_back(self, task: Task, now: float) -> int:
        return 0 if self.phase(task, now) is Phase.CANCELLED else super().calls_back(task, now)


@breaks("callback-sent", "no callback", ("callback-sent",))
class NeverCallsBack(FaultyProvider):
    """Sends no callback."""

    def calls_back(self, task: Task, now: float) -> int:
        return 0


@breaks("callback-once", "two callbacks")
class CallsBackTwice(FaultyProvider):
    """Sends every callback twice."""

    def calls_back(self, task: Task, now: float) -> int:
        return 2 * super().calls_back(task, now)


@breaks("callback-final", "a callback before the end", ("answer", "terminal"))
class CallsBackEarly(FaultyProvider):
    """Calls back when a task has only begun."""

    def calls_back(self, task: Task, now: float) -> int:
        return 1

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        return self.fill(operation, "callback", task, self.contract.path[0]).body


@breaks("callback-known", "a callback about a stranger")
class CallsBackForStrangers(FaultyProvider):
    """Adds a callback about a task that was never created."""

    def due_callbacks(self) -> list[tuple[str, bytes]]:
        due = super().due_callbacks()
        operation = self.contract.operation_of(CALLBACK)
        if due and operation is not None:
            stranger = Task(0, self.new_id(9_999), self.order[0].kind, 0.0, 1.0, False)
            due.append((due[0][0], self.callback(operation, stranger, SUCCEEDED)))
        return due


@breaks("passthrough", "another passthrough")
class AltersPassthrough(FaultyProvider):
    """Hands something else through than it was given."""

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        own = task.creation
        task.creation = {**own, "passthrough": "another note"}
        try:
            return super().callback(operation, task, phase)
        finally:
            task.creation = own


class TrimsPassthrough(FaultyProvider):
    """Hands a passthrough through as the number that it looks like."""

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        own = task.creation
        value = own.get("passthrough")
        if isinstance(value, str) and value.isdecimal():
            task.creation = {**own, "passthrough": int(value)}
        try:
            return super().callback(operation, task, phase)
        finally:
            task.creation = own
