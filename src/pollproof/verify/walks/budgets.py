"""Tasks polled to their limit and past it."""

from __future__ import annotations

import math

from pollproof.contract.model import Contract, Effect
from pollproof.tasks.repeated import ENDLESS_COUNT
from pollproof.trace.events import READABLE
from pollproof.verify.handles import TASK_CREATED, Handle
from pollproof.verify.patience import INSISTING
from pollproof.verify.rate_limiter import RateLimiter
from pollproof.verify.session import Session
from pollproof.verify.walks.batches import one_of_each_way
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import age, create_several, edge

BEYOND = 2
"""Polls past the last one that is allowed, of a real provider."""

NEARLY = 0.97
"""The share of a budget from which on a poll is one of the last: some may have been refused as busy."""

MAXIMUM_BUSY = 20
"""Polls past a limit that make up for those that were answered busy."""

LAST_POLL = "the last poll of a budget"


def _limited(contract: Contract) -> bool:
    return contract.limits.polls is not None


def is_reachable(contract: Contract) -> bool:
    """Whether the last poll comes within the lifetime at the documented pace, whatever the documents leave open."""
    limits = contract.limits
    life = (limits.lifetime or math.inf) - limits.lifetime_slack
    return limits.polls is not None and (limits.polls + 1) * RateLimiter(contract).wait < life


@walk(
    _limited,
    live=True,
    reaches=(LAST_POLL,),
    breaks="polls a task more often than is allowed, or faster than is documented",
)
def to_the_last_poll(session: Session) -> None:
    """Tasks polled side by side to the limit and, where the documents say what follows, past it."""
    if session.frugal:
        _exhaust_one(session)
    else:
        exhaust(session, create_several(session, 3), before_end=True)


@walk(_limited, reaches=(TASK_CREATED,))
def to_the_last_poll_in_a_hurry(session: Session) -> None:
    """A task polled to the limit at once, before it is finished; then it is finished and polled again."""
    limit = session.contract.limits.polls or 0
    handle = session.begin()
    if handle is None:
        return
    busy = 0
    for _ in range(limit):
        event = session.poll(handle)
        if event.effect is Effect.LOST:
            return
        busy = busy + 1 if event.effect in (Effect.BUSY, Effect.BLOCKED) else 0
        if busy >= 3:  # it does not want to be polled so fast, which is its right
            _poll_slowly(session, handle)
            return
    if session.contract.limits.beyond_polls == "lost":
        for seconds in (0.0, 30.0, 60.0):
            session.advance(seconds)
            session.poll(handle)


def _poll_slowly(session: Session, handle: Handle) -> None:
    """Poll a task that was refused as busy so seldom, over so long, that being busy does not excuse it any more."""
    for _ in range(ENDLESS_COUNT - 1):
        session.advance(INSISTING / (ENDLESS_COUNT - 1))
        if session.poll(handle).effect not in (Effect.BUSY, Effect.BLOCKED):
            return


@walk(_limited, reaches=(TASK_CREATED,))
def to_the_last_poll_disturbed(session: Session) -> None:
    """Tasks polled to the limit, half before and half after their end, with wrong requests in between."""
    handles = [*create_several(session, 2), *one_of_each_way(session)[:2]]
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
    witness = session.begin()
    lifetime = (limits.lifetime or 10_000.0) - limits.lifetime_slack
    paced = session.wait * (limit - 1) < lifetime - 1.0
    usable = lifetime - 0.5 if paced else lifetime * 0.95
    disturb = {limit // 4, limit // 2, limit - 2}
    for number in range(limit):
        began = session.clock.now()
        known = {handle.key: session.history(handle) for handle in handles}
        due = [handle for handle in handles if (task := known[handle.key]) is None or task.polls_most < limit]
        for event in session.poll_each(due):
            history = known.get(event.task or "")
            nearly = history is not None and history.polls_most >= min(limit * NEARLY, limit - 1)
            if session.insist(event).answer in READABLE and nearly:
                session.reach(LAST_POLL)
        if age(session, handles[0]) > lifetime:
            break
        took = session.clock.now() - began  # the next polls take as long
        pace = min(session.wait, max((usable - age(session, handles[0])) / max(limit - number - 1, 1) - took, 0.0))
        if number in disturb:
            session.reconnect()  # a limit is the task's, whatever connection its polls come by
            if not before_end:
                disturb_others(session, handles[0])
        if before_end or number >= limit // 2:
            session.advance(pace, most=True)
    if limits.beyond_polls == "lost":
        for handle in handles:  # polls that were answered busy may have counted, or not
            history = session.history(handle)
            for _ in range(0 if history is None else min(history.polls_most - history.polls_least, MAXIMUM_BUSY)):
                session.poll(handle)
        for _ in range(3):
            for handle in handles:
                session.poll(handle)
            session.advance(1.0)
    if witness is not None:
        session.pause_if_demanded(session.poll(witness))
    later = session.begin()
    if later is not None:
        session.pause_if_demanded(session.poll(later))
    if limits.beyond_polls == "lost":
        session.advance(61.0)  # what is lost is lost for good: left alone for a minute, it does not come back
        for handle in handles:
            session.poll(handle)


def disturb_others(session: Session, handle: Handle) -> None:
    """Requests that are deliberately invalid and have nothing to do with the task."""
    words = {"task": session.sample(session.kinds[0]), "task_id": handle.id}
    if session.poll_operation.request is not None:
        session.probe_malformed(session.poll_operation, words, 1)
    if session.poll_operation.required:
        session.probe_missing(session.poll_operation, words, len(session.poll_operation.required) - 1)
    session.probe_unknown(session.contract.task_id["unknown"][0])
    for credential in session.wrong_credentials()[:1]:
        session.probe_credential(session.create_operation, words, credential)


def _exhaust_one(session: Session) -> None:
    """Poll one task as often as is allowed, within its lifetime; more often where that is permitted and documented."""
    limits, reachable = session.contract.limits, is_reachable(session.contract)
    if not reachable and not session.permitted:
        return
    handle = session.begin()
    if handle is None:
        return
    beyond = BEYOND if session.permitted and limits.beyond_polls == "lost" else 0
    polls = (limits.polls or 0) + beyond
    life = (limits.lifetime or math.inf) - limits.lifetime_slack - edge(session)
    pause = 0.0 if reachable or limits.lifetime is None else life * 0.8 / polls
    with session.hurrying(not reachable):
        while True:
            history = session.history(handle)
            if history is None or history.lost is not None or history.polls_most >= polls:
                return
            if age(session, handle) > life:
                return
            if history.polls_most + 1 >= (limits.polls or 0):
                session.reach(LAST_POLL)
            session.advance(pause)
            session.poll(handle)
