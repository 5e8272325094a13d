"""Tasks polled to their limit and past it."""

from __future__ import annotations

from pollproof.contract.model import Effect
from pollproof.trace.events import Event
from pollproof.verify.session import Handle, Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    age,
    created,
    several,
)


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll(session: Session) -> None:
    """Three tasks side by side polled to the limit and, where the documents say what follows, past it."""
    exhaust(session, several(session, 3), before_end=True)


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll_in_a_hurry(session: Session) -> None:
    """A task polled to the limit at once, before it is finished; then it is finished and asked once more."""
    limit = session.contract.limits.polls or 0
    handle = created(session)
    if handle is None:
        return
    busy = 0
    for _ in range(limit):
        event = session.poll(handle)
        if event.effect is Effect.LOST:
            return
        busy = busy + 1 if event.effect in (Effect.BUSY, Effect.BLOCKED) else 0
        if busy >= 3:  # it does not want to be polled so fast, which is its right
            session.pause_if_told(event)
            return
    if session.contract.limits.beyond_polls == "lost":
        for seconds in (0.0, 30.0, 60.0):
            session.advance(seconds)
            session.poll(handle)


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll_disturbed(session: Session) -> None:
    """Tasks polled to the limit, half before and half after their end, with wrong requests in between."""
    handles = several(session, 3)
    for handle in handles[1:2]:  # a refused poll may count or not: the 119 that follow are answered in any case
        for credential in session.wrong_credentials()[:1]:
            session.probe_credential(session.poll_operation, {"task_id": handle.id}, credential)
    exhaust(session, handles, before_end=False)


def exhaust(session: Session, handles: list[Handle], before_end: bool) -> None:
    """Poll tasks side by side up to their limit within their lifetime; past it where that is documented.

    With `before_end` the end comes early and most polls follow it; otherwise half of them come before.
    """
    limits = session.contract.limits
    limit = limits.polls or 0
    if not handles:
        return
    witness = created(session)
    lifetime = (limits.lifetime or 10_000.0) - limits.lifetime_slack
    pace = min(session.wait, lifetime * 0.9 / limit)
    disturb = {limit // 4, limit // 2, limit - 2}
    for number in range(limit):
        first: Event | None = None
        for handle in handles:
            event = session.poll(handle)
            first = first or event
            if event.effect in (Effect.BUSY, Effect.BLOCKED):
                session.pause_if_told(event)
        if first is not None and age(session, handles[0]) > lifetime - 2 * pace:
            break
        if not before_end and number in disturb:
            disturbance(session, handles[0])
        if before_end or number >= limit // 2:
            session.advance(pace)
    if limits.beyond_polls == "lost":
        for _ in range(3):
            for handle in handles:
                session.poll(handle)
            session.advance(pace)
    if witness is not None:
        session.pause_if_told(session.poll(witness))
    later = created(session)
    if later is not None:
        session.pause_if_told(session.poll(later))
    if limits.beyond_polls == "lost":
        for handle in handles:
            session.poll(handle)


def disturbance(session: Session, handle: Handle) -> None:
    """Requests that are wrong and have nothing to do with the task."""
    words = {"task": session.kinds[0].sample, "task_id": handle.id}
    if session.poll_operation.request is not None:
        session.probe_malformed(session.poll_operation, words, 1)
    if session.poll_operation.required:
        session.probe_missing(session.poll_operation, words, len(session.poll_operation.required) - 1)
    session.probe_unknown(session.contract.task_id["unknown"][0])
    for credential in session.wrong_credentials()[:1]:
        session.probe_credential(session.create_operation, words, credential)
