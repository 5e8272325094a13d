"""Batches, callbacks and cancelled tasks."""

from __future__ import annotations

import time

from pollproof.contract.model import Contract, Role
from pollproof.verify.session import Handle, Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    create_several,
    patience,
    pause_between_batches,
    read_again,
    settle_all,
    until_age,
)

EARLY_SECONDS = 0.1
"""Real seconds in which a callback that comes too early shows itself."""

BATCH = "a batch that was accepted"
CALLED = "the end of a task with a callback address"


def _has_batches(contract: Contract) -> bool:
    return contract.operation_of(Role.BATCH) is not None


@walk(_has_batches, live=True, reaches=(BATCH,))
def batches(session: Session) -> None:
    """Batches, one after another at the documented pace: their tasks, polled to their ends and read again."""
    kept: list[Handle] = []
    for number in range(1 if session.frugal else 4):
        pause_between_batches(session)
        _, handles = session.batch(number)
        if handles:
            session.reach(BATCH)
        settle_all(session, handles)
        read_again(session, handles[:1] if session.frugal else handles[::-1])
        kept += handles[:1]
    if session.frugal:
        return
    if session.contract.limits.batch_size is not None:
        pause_between_batches(session)
        _, handles = session.batch(0, session.contract.limits.batch_size)
        read_again(session, handles[-1:] + handles[:1])
    pause_between_batches(session)
    lifetime = session.contract.limits.lifetime
    for share in (0.1, 0.5, 0.9):
        if lifetime is not None and kept:
            until_age(session, kept[0], lifetime * share)
            read_again(session, kept)


@walk(
    lambda contract: contract.operation_of(Role.CALLBACK) is not None, live=True, needs="callbacks", reaches=(CALLED,)
)
def called_back(session: Session) -> None:
    """Tasks with a callback address: nothing comes before the end, and one callback comes then."""
    source = session.callbacks
    if source is None:
        return
    handles: list[Handle] = []
    for number in range(1 if session.frugal else 5):
        more = {"callback_url": source.address, "passthrough": f'note {number}: \u00e4 \u4efb "quoted" & <kept>'}
        event, handle = session.create(session.kinds[0], more=more)
        if handle is None:
            session.pause_if_told(event)
            continue
        handles.append(handle)
        source.wait(EARLY_SECONDS)
        session.hear()
        session.poll(handle)
    settle_all(session, handles)
    await_callbacks(session, handles)
    if not session.frugal:
        session.advance(60.0)
        source.wait(EARLY_SECONDS)
        session.hear()
    read_again(session, handles)


def await_callbacks(session: Session, handles: list[Handle]) -> None:
    """Wait for the callbacks of tasks that have ended; the first that does not come is recorded as missing."""
    source = session.callbacks
    assert source is not None
    for handle in handles:
        history = session.history(handle)
        if history is None or history.terminal is None:
            continue
        session.reach(CALLED)
        since, started = session.clock.now(), time.monotonic()
        while not was_called_back(session, handle) and time.monotonic() - started < source.patience:
            source.wait(source.patience / 10)
            session.hear()
        if not was_called_back(session, handle):
            session.miss(handle, since, f"none came within {source.patience:g} s of real time")
            return  # the others would only be waited for in the same way


def was_called_back(session: Session, handle: Handle) -> bool:
    """Whether a callback of a task has come, or one that names no task."""
    history = session.history(handle)
    return session.nameless_callbacks > 0 or (history is not None and history.callbacks > 0)


@walk(lambda contract: contract.operation_of(Role.CANCEL) is not None, live=True)
def cancelled(session: Session) -> None:
    """Tasks that are cancelled early, late and twice, and polled on."""
    handles = create_several(session, 2 if session.frugal else 3)
    if not handles:
        return
    session.cancel(handles[0])
    session.settle(handles[0], patience(session))
    for handle in handles[1:2]:
        session.poll(handle)
        session.cancel(handle)
        if not session.frugal:
            session.cancel(handle)
    settle_all(session, handles)
    if session.frugal:
        return
    for handle in handles:
        session.cancel(handle)
    read_again(session, handles, 2)
    late, pause = create_several(session, 8), session.wait
    for handle in late:  # polled for the first time ever later, and cancelled at once
        session.advance(pause)
        pause *= 0.5 if handle is late[0] else 1.5
        session.poll(handle)
        session.cancel(handle)
    read_again(session, late)
