"""What walks are made of: tasks that are created, polled to their end, read again, and left to grow old."""

from __future__ import annotations

import math

from pollproof.contract.model import Effect, Phase
from pollproof.trace.events import Answer
from pollproof.verify.handles import SUCCESS, TASK_ENDED, Handle
from pollproof.verify.session import Session

EDGE = 0.25
"""Seconds before and after what a deadline leaves open at which polls are sent, besides the target's own latency."""

MAXIMUM_ATTEMPTS = 6
"""Tasks that are created at most to get one that succeeds."""

DAY = 86_400.0
"""Seconds for which tasks are polled where no document says how long they take or live."""

USUAL_PATIENCE = 160.0
"""Seconds after which an unfinished task is given up where no document says how long tasks take, or live."""

LONG_PATIENCE = 2_400.0
"""The same where the clock of the target can be moved, so that waiting costs nothing."""

FEW_ATTEMPTS = 2
"""The same for a real provider."""

_PATIENCE = 300.0
"""Seconds after which a task of a real provider that has no end is left alone."""

BATCH_PAUSE = 0.5
"""Seconds beyond the documented wait between two batches."""


def patience(session: Session) -> float:
    """Seconds after which a task that is not finished is given up."""
    limits, clauses = session.contract.limits, session.contract.clauses
    bound = max((each.parameters.seconds for each in clauses if each.kind == "finishes"), default=None)
    undocumented = LONG_PATIENCE if session.movable else USUAL_PATIENCE
    seconds = limits.solving or bound or (undocumented if limits.lifetime is None else limits.lifetime * 0.4)
    return min(seconds, _PATIENCE) if session.frugal else seconds


def create_several(session: Session, count: int) -> list[Handle]:
    """That many new tasks, created one right after the other."""
    handles = [session.begin() for _ in range(count)]
    return [handle for handle in handles if handle is not None]


def finish(session: Session) -> Handle | None:
    """A task that has succeeded, None where the target gives none."""
    for _ in range(FEW_ATTEMPTS if session.frugal else MAXIMUM_ATTEMPTS):
        handle = session.begin()
        if handle is None:
            return None
        if session.settle(handle, patience(session)) is Phase.SUCCEEDED:
            session.reach(SUCCESS)
            if session.frugal:
                session.fetch(handle)
            return handle
    return None


def settle_all(session: Session, handles: list[Handle]) -> None:
    """Poll tasks in turn, at the documented pace, until all have an end."""
    waiting = list(handles)
    waited, pause = 0.0, session.wait
    while waiting and waited <= patience(session):
        still = []
        for handle in waiting:
            # The results of every other task are fetched before they are there, too.
            event = session.read(handle) if handle in handles[::2] else session.poll(handle)
            if (
                not (event.phase is not None and event.phase.terminal) and event.answer is not Answer.REFUSED
            ) or event.effect in (Effect.BUSY, Effect.BLOCKED):
                still.append(handle)
            elif event.phase is not None and event.phase.terminal:
                session.reach(TASK_ENDED)
                if event.phase is Phase.SUCCEEDED:
                    session.reach(SUCCESS)
        waiting = still
        session.advance(pause)
        waited += pause
        pause = min(pause * 1.4, max(20.0, patience(session) / 10))


def follow_to_their_ends(session: Session, handles: list[Handle]) -> bool:
    """Poll tasks to their ends, for ten times the usual time or all their life; whether all have one."""
    limits = session.contract.limits
    horizon = min(
        10 * limits.solving if limits.solving else math.inf,
        (limits.lifetime - limits.lifetime_slack) * 0.98 if limits.lifetime else math.inf,
    )
    horizon = DAY if math.isinf(horizon) else horizon
    waiting, pause, waited = list(handles), session.wait, 0.0
    while waiting:
        for handle in waiting:
            session.poll(handle)
        still = [handle for handle in waiting if not has_ended(session, handle)]
        if len(still) < len(waiting):
            session.reach(TASK_ENDED)
        waiting = still
        if not waiting or waited >= horizon:
            break
        pause = min(pause, horizon - waited)
        session.advance(pause)
        waited += pause
        pause = max(pause * 1.7, horizon / 12 if waited > horizon / 8 else 0.0)
    return not waiting


def has_ended(session: Session, handle: Handle) -> bool:
    """Whether a task was seen to end, or to be lost."""
    history = session.history(handle)
    return history is None or history.terminal is not None or history.lost is not None


def reread(session: Session, handles: list[Handle], times: int = 1) -> None:
    """Read tasks that have an end again, to see that it is one."""
    for _ in range(times):
        for handle in handles:
            session.insist(session.read(handle))
        session.rest()


def age(session: Session, handle: Handle) -> float:
    """Seconds since a task's lifetime began, as far as its responses show: 0 before it has begun."""
    history = session.history(handle)
    if history is None:
        return 0.0
    if session.contract.limits.lifetime_from == "last-read":
        return session.clock.now() - history.answered
    if session.contract.limits.lifetime_from == "completion":
        return 0.0 if history.terminal is None else session.clock.now() - history.ended_received
    return session.clock.now() - history.created_received


def until_age(session: Session, handle: Handle, seconds: float, *, most: bool = False) -> None:
    """Let time pass until a task has that age (nothing when it is older), or with `most` surely not more."""
    session.advance(seconds - age(session, handle), most=most)


def edge(session: Session) -> float:
    """How far from a deadline to poll so that the poll is surely on one side of it."""
    return EDGE + 3 * session.latency


def pause_between_batches(session: Session) -> None:
    """Let as much time pass as a conforming client leaves between two batches."""
    wait = session.contract.limits.batch_wait
    if wait is not None:
        session.advance(wait + BATCH_PAUSE)
