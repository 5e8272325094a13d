"""Batches, callbacks and cancelled tasks."""

from __future__ import annotations

import time

from pollproof.contract.model import Role
from pollproof.verify.session import Handle, Session
from pollproof.verify.walks.refusals import own_probe
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    batch_pause,
    patience,
    read_again,
    settle_all,
    several,
    until_age,
)

EARLY_SECONDS = 0.1
"""Real seconds in which a callback that comes too early shows itself."""


@walk(lambda contract: contract.operation_of(Role.BATCH) is not None)
def all_at_once(session: Session) -> None:
    """Batches, one after another at the documented pace: their tasks, polled to their ends and read again."""
    kept: list[Handle] = []
    for number in range(4):
        batch_pause(session)
        _, handles = session.batch(number)
        settle_all(session, handles)
        read_again(session, handles[::-1])
        kept += handles[:1]
    if session.contract.limits.batch_size is not None:
        batch_pause(session)
        _, handles = session.batch(0, session.contract.limits.batch_size)
        read_again(session, handles[-1:] + handles[:1])
    for probe in session.contract.probes:  # once more, now that right batches were accepted
        if session.batch_operation is not None and probe.operation == session.batch_operation.name:
            own_probe(session, probe, {"task": session.kinds[0].sample})
    batch_pause(session)
    lifetime = session.contract.limits.lifetime
    for share in (0.1, 0.5, 0.9):
        if lifetime is not None and kept:
            until_age(session, kept[0], lifetime * share)
            read_again(session, kept)


@walk(lambda contract: contract.operation_of(Role.CALLBACK) is not None)
def called_back(session: Session) -> None:
    """Tasks with a callback address: nothing comes before the end, and one callback comes then."""
    source = session.callbacks
    if source is None:
        return
    handles: list[Handle] = []
    for number in range(5):
        more = {"callback_url": source.address, "passthrough": f'note {number}: \u00e4 \u4efb "quoted" & <kept>'}
        event, handle = session.create(session.kinds[0], more=more)
        if handle is None:
            session.pause_if_told(event)
            continue
        handles.append(handle)
        source.wait(EARLY_SECONDS)
        session.hear()
        session.poll(handle)
    if len(handles) < 2:
        return
    settle_all(session, handles)
    for handle in handles:
        history = session.history(handle)
        if history is None or history.terminal is None:
            continue
        since, started = session.clock.now(), time.monotonic()
        while not _callbacks(session, handle) and time.monotonic() - started < source.patience:
            source.wait(source.patience / 10)
            session.hear()
        if not _callbacks(session, handle) and not session.nameless_callbacks:
            session.miss(handle, since, f"none came within {source.patience:g} s of real time")
            break  # the others would only be waited for in the same way
    session.advance(60.0)
    source.wait(EARLY_SECONDS)
    session.hear()
    read_again(session, handles)


def _callbacks(session: Session, handle: Handle) -> int:
    history = session.history(handle)
    return 0 if history is None else history.callbacks


@walk(lambda contract: contract.operation_of(Role.CANCEL) is not None)
def given_up(session: Session) -> None:
    """Tasks that are cancelled early, late and twice, and polled on."""
    handles = several(session, 3)
    if not handles:
        return
    session.cancel(handles[0])
    session.settle(handles[0], patience(session))
    for handle in handles[1:2]:
        session.poll(handle)
        session.cancel(handle)
        session.cancel(handle)
    settle_all(session, handles)
    for handle in handles:
        session.cancel(handle)
    read_again(session, handles, 2)
    late, pause = several(session, 8), session.wait
    for handle in late:  # looked at for the first time ever later, and cancelled at once
        session.advance(pause)
        pause *= 0.5 if handle is late[0] else 1.5
        session.poll(handle)
        session.cancel(handle)
    read_again(session, late)
