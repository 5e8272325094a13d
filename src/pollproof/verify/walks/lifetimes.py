"""Tasks just before and just after the end of their lifetime."""

from __future__ import annotations

import math
from collections.abc import Callable

from pollproof.contract.model import Contract, Effect
from pollproof.verify.session import Handle, Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    created,
    edge,
    patience,
    read_again,
    several,
    until_age,
)

CLOSE_POLLS = 40
"""Polls at an even pace after which an unfinished task is polled ever more seldom."""


def _lives_from(began: str) -> Callable[[Contract], bool]:
    return lambda contract: contract.limits.lifetime is not None and contract.limits.lifetime_from == began


@walk(_lives_from("creation"))
def to_the_end_of_life(session: Session) -> None:
    """Tasks just before, at and just after the end of their lifetime, polled often, seldom and never before."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    started = several(session, 6)
    if len(started) < 6:
        return
    often, *seldom, never, last = started
    for handle in seldom:
        session.settle(handle, patience(session) / 4)
    steps = 10
    for number in range(1, steps):
        until_age(session, often, lifetime * number / steps)
        session.pause_if_told(session.look(often))
        if number == steps // 2:
            read_again(session, seldom)
    # Before the end: the oldest task tells how late it is for all, the youngest how early.
    early = lifetime - slack - edge(session)
    for handle in (often, *seldom, never):
        until_age(session, handle, early - 5 * session.latency)
        session.look(handle)
    if slack == 0:
        until_age(session, last, lifetime)
        session.look(last)
    # After the end, several times over, and after other things have happened.
    until_age(session, last, lifetime + slack + edge(session))
    for pause in (0.0, session.wait, lifetime / 5, lifetime):
        session.advance(pause)
        for handle in started:
            session.look(handle)
        created(session)


@walk(_lives_from("completion"))
def to_the_end_after_completion(session: Session) -> None:
    """Tasks just before and just after the end of a lifetime that begins with their completion."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    handles = []
    for _ in range(4):
        handle = created(session)
        if handle is not None and settle_closely(session, handle):
            handles.append(handle)
    for handle in handles:
        until_age(session, handle, lifetime - slack - edge(session) - doubt(session, handle))
        session.look(handle)
    for handle in handles:
        until_age(session, handle, lifetime + slack + edge(session))
        session.look(handle)
        session.look(handle)
    session.advance(lifetime)
    created(session)
    read_again(session, handles)


def settle_closely(session: Session, handle: Handle) -> bool:
    """Poll a task evenly to its end, which is between the last two polls; whether it has one."""
    for _ in range(min(CLOSE_POLLS, (session.contract.limits.polls or CLOSE_POLLS) // 2)):
        event = session.poll(handle)
        if event.effect is Effect.FAILED or (event.phase is not None and event.phase.terminal):
            return True
        session.advance(session.wait)
    return session.settle(handle, patience(session)) is not None


def doubt(session: Session, handle: Handle) -> float:
    """Seconds between the last poll that found a task unfinished and the first that told its end."""
    history = session.history(handle)
    if history is None:
        return 0.0
    began = history.created_sent if math.isnan(history.pending_sent) else history.pending_sent
    return history.ended_received - began


@walk(_lives_from("creation"))
def to_the_end_of_life_unseen(session: Session) -> None:
    """Tasks whose result is read right before the end for the first time, and again right after."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    handles = several(session, 3)
    for handle in handles:
        until_age(session, handle, lifetime - slack - edge(session) - 8 * session.latency)
        session.look(handle)
    for handle in handles:
        until_age(session, handle, lifetime + slack + edge(session))
        session.look(handle)
        session.look(handle)
