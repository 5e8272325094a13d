"""What the provider tells the client of its own accord."""

from __future__ import annotations

from pollproof.clauses.kinds import HELD, Deadline, Finding, Nothing, Violation, kind
from pollproof.contract.model import SILENCE, Role, Subject
from pollproof.contract.places import MISSING
from pollproof.tasks.state import Account, TaskState
from pollproof.trace.bodies import canonical
from pollproof.trace.events import Answer, Event

CALLBACK = (Role.CALLBACK,)


def _created(history: TaskState) -> tuple[int, ...]:
    return () if history.created is None else (history.created,)


@kind("callback-final", subject=Subject.PROVIDER, roles=CALLBACK)
def callback_final(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A callback tells of the end of a task, not of anything before it."""
    if event.answer is not Answer.STATE or event.phase is None:
        return None
    if not event.phase.terminal:
        return Violation("a final status in a callback", f"status {event.status!r}", _created(history))
    if history.terminal is not None and history.terminal is not event.phase:
        since = () if history.terminal_number is None else (history.terminal_number,)
        return Violation(f"that the task has {history.terminal.value}", f"status {event.status!r}", since)
    return HELD


@kind("callback-known", subject=Subject.PROVIDER, roles=CALLBACK, scope="account", ordered=False)
def callback_known(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A callback names a task that was created."""
    if event.answer is not Answer.STATE or event.request_errors:
        return None
    history = account.tasks.get(event.task or "")
    if history is not None and history.created is not None:
        return HELD
    if (not account.whole and event.raw_task is not MISSING) or account.has_forgotten(event.task):
        return None  # it may have been created before the trace began
    return Violation(
        "a callback with the id of a task that was created",
        f"a callback with {'no id' if event.raw_task is MISSING else f'the id {event.raw_task!r}'}",
    )


@kind("callback-sent", subject=Subject.PROVIDER, roles=CALLBACK, probes=True, ordered=False)
def callback_sent(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task that was asked for with a callback address is called back when it ends."""
    if event.probe != SILENCE:
        return HELD if history.created is not None else None
    if history.callbacks:
        return HELD
    since = () if history.terminal_number is None else (history.terminal_number,)
    return Violation(
        "a callback at the end of the task",
        event.exchange.failure or "none",
        (*_created(history), *since),
        deadlines=(Deadline(event.exchange.received, "the wait for a callback ends", history.ended_received),),
    )


@kind("callback-once", subject=Subject.PROVIDER, roles=CALLBACK, ordered=False)
def callback_once(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task is called back once."""
    if history.created is None:
        return None
    if history.callbacks:
        return Violation("one callback", f"callback {history.callbacks + 1} of the same task", _created(history))
    return HELD


@kind("passthrough", subject=Subject.PROVIDER, roles=CALLBACK, ordered=False)
def passthrough(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """What a client asks to be handed through comes back in the callback, unaltered."""
    asked = history.asked
    if not isinstance(asked, dict) or "passthrough" not in asked or event.answer is not Answer.STATE:
        return None
    back = event.marks.get("passthrough", MISSING)
    if back is MISSING:
        return Violation(f"passthrough {asked['passthrough']!r}", "a callback without it", _created(history))
    if canonical(back) == canonical(asked["passthrough"]):
        return HELD
    return Violation(f"passthrough {asked['passthrough']!r}", f"passthrough {back!r}", _created(history))
