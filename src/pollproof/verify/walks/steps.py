"""What walks are made of: tasks that are created, polled to their end, read again, and left to grow old."""

from __future__ import annotations

from pollproof.contract.model import Effect, Phase
from pollproof.trace.events import Answer
from pollproof.verify.session import Handle, Session

EDGE = 0.25
"""Seconds before and after what a deadline leaves open at which polls are sent, besides the target's own latency."""

MAXIMUM_ATTEMPTS = 6
"""Tasks that are created at most to get one that succeeds."""

BATCH_PAUSE = 0.5
"""Seconds beyond the documented wait between two batches."""


def patience(session: Session) -> float:
    """Seconds after which a task that is not finished is given up."""
    limits = session.contract.limits
    return limits.solving or (limits.lifetime or 400.0) * 0.4


def created(session: Session) -> Handle | None:
    """A new task of the kinds that must be polled for, taken in turn; one more try after a busy answer."""
    for _ in range(3):
        event, handle = session.create(session.kinds[session.created % len(session.kinds)])
        if handle is not None or not session.pause_if_told(event):
            return handle
    return None


def several(session: Session, count: int) -> list[Handle]:
    """That many new tasks, created one right after the other."""
    handles = [created(session) for _ in range(count)]
    return [handle for handle in handles if handle is not None]


def finished(session: Session) -> Handle | None:
    """A task that has succeeded, None where the target gives none."""
    for _ in range(MAXIMUM_ATTEMPTS):
        handle = created(session)
        if handle is None:
            return None
        if session.settle(handle, patience(session)) is Phase.SUCCEEDED:
            return handle
    return None


def settle_all(session: Session, handles: list[Handle]) -> None:
    """Poll tasks in turn, at a lawful pace, until all have an end."""
    waiting = list(handles)
    waited, pause = 0.0, session.wait
    while waiting and waited <= patience(session):
        still = []
        for handle in waiting:
            # The results of every other task are asked for before they are there, too.
            event = session.look(handle) if handle in handles[::2] else session.poll(handle)
            if (
                not (event.phase is not None and event.phase.terminal) and event.answer is not Answer.REFUSED
            ) or event.effect in (Effect.BUSY, Effect.BLOCKED):
                still.append(handle)
        waiting = still
        session.advance(pause)
        waited += pause
        pause = min(pause * 1.4, max(20.0, patience(session) / 10))


def read_again(session: Session, handles: list[Handle], times: int = 1) -> None:
    """Poll tasks that have an end once more, to see that it is one."""
    for _ in range(times):
        for handle in handles:
            session.pause_if_told(session.look(handle))
        session.advance(session.wait)


def age(session: Session, handle: Handle) -> float:
    """Seconds since a task's lifetime began, as far as its answers tell: 0 before it has begun."""
    history = session.history(handle)
    if history is None:
        return 0.0
    if session.contract.limits.lifetime_from == "completion":
        return 0.0 if history.terminal is None else session.clock.now() - history.ended_received
    return session.clock.now() - history.created_received


def until_age(session: Session, handle: Handle, seconds: float) -> None:
    """Let time pass until a task has that age (nothing when it is older)."""
    session.advance(seconds - age(session, handle))


def edge(session: Session) -> float:
    """How far from a deadline to poll so that the poll is surely on one side of it."""
    return EDGE + 3 * session.latency


def batch_pause(session: Session) -> None:
    """Let as much time pass as lies between two batches of a lawful client."""
    wait = session.contract.limits.batch_wait
    if wait is not None:
        session.advance(wait + BATCH_PAUSE)
