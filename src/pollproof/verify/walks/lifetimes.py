"""Tasks just before and just after the end of their lifetime."""

from __future__ import annotations

import math

from pollproof.contract.model import Contract, Effect
from pollproof.verify.handles import TASK_ENDED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.batches import one_of_each_way
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import create_several, edge, finish, patience, reread, until_age

CLOSE_POLLS = 40
"""Polls at an even pace after which an unfinished task is polled ever more seldom."""

EARLY = 1.0
"""Seconds by which the read before the end of a lifetime comes early on a real provider: what networks take."""

BEFORE_END = "a read just before the end of a lifetime"
AFTER_END = "a read just after the end of a lifetime"


def _lives(contract: Contract) -> bool:
    return contract.limits.lifetime is not None


def _lives_from_creation(contract: Contract) -> bool:
    return _lives(contract) and contract.limits.lifetime_from == "creation"


@walk(_lives, live=True, reaches=(BEFORE_END, AFTER_END), breaks="requests a task whose lifetime is over")
def to_the_end_of_life(session: Session) -> None:
    """Tasks read just before the end of their lifetime and, where that is permitted, just after it."""
    handles = _grow_old(session)
    if not handles:
        return
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    last = handles[-1] if len(handles) > 1 and limits.lifetime_from == "creation" else None
    for handle in handles:  # the oldest task tells how late it is for all, the youngest how early
        if handle is not last:
            until_age(session, handle, lifetime - slack - _margin(session, handle), most=True)
            session.read(handle)
            session.reach(BEFORE_END)
    if last is not None and slack == 0:
        until_age(session, last, lifetime, most=True)
        session.read(last)
    if not session.permitted:
        return
    session.reach(AFTER_END)
    for handle in handles:  # several times over, and after other things have happened
        until_age(session, handle, lifetime + slack + edge(session))
        session.read(handle)
        session.read(handle)
    for pause in () if session.frugal else (session.wait, lifetime / 5, lifetime):
        session.begin()
        session.advance(pause)
        for handle in handles:
            session.read(handle)


def _margin(session: Session, handle: Handle) -> float:
    """How long before the end of its lifetime a task is surely still there."""
    early = edge(session) + (EARLY if session.frugal else 5 * session.latency)
    return early + (doubt(session, handle) if session.contract.limits.lifetime_from == "completion" else 0.0)


def _grow_old(session: Session) -> list[Handle]:
    """Tasks that are let live: one that has succeeded, or several, which were polled often, seldom and never."""
    limits = session.contract.limits
    if session.frugal:
        handle = finish(session)
        return [] if handle is None else [handle]
    if limits.lifetime_from == "completion":
        started = create_several(session, 1)
        kept = [handle for handle in started if settle_closely(session, handle)]
        for _ in range(3):
            handle = session.begin()
            if handle is not None and settle_closely(session, handle):
                kept.append(handle)
        return kept
    started = create_several(session, 6)
    if len(started) < 6:
        return []
    often, *seldom, _never, _last = started
    for handle in seldom:
        session.settle(handle, patience(session) / 4)
    steps = 10
    read = started[:3] if limits.lifetime_from == "last-read" else [often]  # one of them may have failed
    for number in range(1, steps):
        until_age(session, often, (limits.lifetime or 0.0) * number / steps)
        for handle in read:
            session.pause_if_demanded(session.read(handle))
        if number == steps // 2:
            reread(session, seldom)
    return started


def settle_closely(session: Session, handle: Handle) -> bool:
    """Poll a task evenly to its end, which is between the last two polls; whether it has one."""
    for _ in range(min(CLOSE_POLLS, (session.contract.limits.polls or CLOSE_POLLS) // 2)):
        event = session.poll(handle)
        if event.effect is Effect.FAILED or (event.phase is not None and event.phase.terminal):
            session.reach(TASK_ENDED)
            return True
        session.advance(session.wait)
    return session.settle(handle, patience(session)) is not None


def doubt(session: Session, handle: Handle) -> float:
    """Seconds between the last poll that found a task unfinished and the first that found its end."""
    history = session.history(handle)
    if history is None:
        return 0.0
    began = history.created_sent if math.isnan(history.pending_sent) else history.pending_sent
    return history.ended_received - began


@walk(_lives_from_creation, reaches=(BEFORE_END, AFTER_END))
def to_the_end_of_life_unseen(session: Session) -> None:
    """Tasks of every way to create one, whose result is read right before the end for the first time, and after."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    handles = [*create_several(session, 2), *one_of_each_way(session)]
    for handle in handles:
        until_age(session, handle, lifetime - slack - edge(session) - 8 * session.latency, most=True)
        session.read(handle)
        session.reach(BEFORE_END)
    for handle in handles:
        until_age(session, handle, lifetime + slack + edge(session))
        session.read(handle)
        session.read(handle)
        session.reach(AFTER_END)
