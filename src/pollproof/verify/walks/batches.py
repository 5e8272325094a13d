"""Batches, callbacks and cancelled tasks."""

from __future__ import annotations

import time
from typing import Any

from pollproof.contract.model import Contract, Phase, Role
from pollproof.contract.templates import with_value
from pollproof.trace.events import READABLE
from pollproof.verify.handles import TASK_CREATED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    EDGE,
    create_several,
    patience,
    pause_between_batches,
    reread,
    settle_all,
    until_age,
)

EARLY_SECONDS = 0.1
"""Real seconds in which a callback that comes too early shows itself."""

LATE_CALLBACKS = (60.0, 600.0)
"""Seconds that are let pass for a callback that did not come at once, one after the other."""

ACCEPTED_BATCH = "a batch that was accepted"
CANCELLED = "a response to a request to cancel a task"
CALLED = "the end of a task with a callback address"


def _has_batches(contract: Contract) -> bool:
    return contract.operation_of(Role.BATCH) is not None


def _calls_back(contract: Contract) -> bool:
    return contract.operation_of(Role.CALLBACK) is not None


@walk(_has_batches, live=True, reaches=(ACCEPTED_BATCH,))
def batches(session: Session) -> None:
    """Batches in all documented ways, with equal entries, up to the limit; their tasks polled and read again."""
    kept: list[Handle] = []
    for number in range(1 if session.frugal else session.batch_ways + 2):
        pause_between_batches(session)
        handles = send_batch(session, number, equal=number >= session.batch_ways)
        settle_all(session, handles)
        reread(session, handles[:1] if session.frugal else handles[::-1])
        kept += handles[:1]
    if session.frugal:
        return
    size = session.contract.limits.batch_size
    for way in range(min(session.batch_ways, 2) if size is not None else 0):
        pause_between_batches(session)
        handles = send_batch(session, way, size=size)
        reread(session, handles[-1:] + handles[:1])
    pause_between_batches(session)
    lifetime = session.contract.limits.lifetime
    for share in (0.1, 0.5, 0.9):
        if lifetime is not None and kept:
            until_age(session, kept[0], lifetime * share)
            reread(session, kept)


def send_batch(session: Session, way: int, **more: Any) -> list[Handle]:
    """The tasks of a batch that should be accepted: a busy provider is insisted on."""
    event, handles = session.batch(way, **more)
    handles = handles or session.members(session.insist(event))
    if handles:
        session.reach(ACCEPTED_BATCH)
    return handles


@walk(lambda contract: _has_batches(contract) and contract.limits.batch_wait is not None, reaches=(ACCEPTED_BATCH,))
def batches_in_a_row(session: Session) -> None:
    """Three batches without a pause, tasks between them, and one right after the documented pause."""
    wait = session.contract.limits.batch_wait or 0.0
    for way in range(session.batch_ways):  # a limit kept for each target, or each kind of entry, is another limit
        pause_between_batches(session)
        for number in range(3):
            session.reconnect()
            session.batch(way + number)
            session.begin()
        session.advance(wait + EDGE)
        handles = send_batch(session, way)
        session.batch(way + 1)  # a limit of each kind lets four batches pass in little more than one pause
        settle_all(session, handles)
    if session.callbacks is None:
        return
    pause_between_batches(session)
    for _ in range(2):  # and so does a limit of those with a callback, or with any other field
        session.batch(0)
        session.batch(0, more=with_callback(session, 51, "in a row"))
        session.advance(wait + EDGE)


def one_of_each_way(session: Session) -> list[Handle]:
    """Tasks that were created in each documented way: with every parameter, with a callback, in a batch of each way.

    What a document promises of a task it promises of all of these.
    """
    created = [session.create_whole(kind)[1] for kind in session.kinds]
    if session.callbacks is not None:
        created.append(session.create_called_back(session.kinds[0], with_callback(session, 41, "kept"))[1])
    for way in range(session.batch_ways):
        pause_between_batches(session)
        more = with_callback(session, 42 + way, "kept") if way % 2 and session.callbacks is not None else None
        created += send_batch(session, way, more=more)[-2:]
    return [handle for handle in created if handle is not None]


def with_callback(session: Session, number: int, note: str) -> dict[str, Any]:
    """The fields of a request for a callback at an address of its own, with a note that comes back."""
    source = session.callbacks
    assert source is not None
    address = source.address_with(f"task={number}&note=a%20b+c&x=1%2F2") if number else source.address
    callback = session.callback_operation
    fields: dict[str, Any] = with_value({}, session.contract.callback_address.pointer, address)
    return {**fields, "passthrough": note} if callback is not None and "passthrough" in callback.marks else fields


@walk(_calls_back, live=True, needs="callbacks", reaches=(CALLED,))
def called_back(session: Session) -> None:
    """Tasks with a callback address: nothing comes before the end, and one callback comes then."""
    source = session.callbacks
    if source is None:
        return
    notes = ['note: \u00e4 \u4efb "quoted" & <kept> +%20', "007", "true", "", " ends "]
    handles: list[Handle] = []
    for number in range(1 if session.frugal else 5):
        kind = session.kinds[number % len(session.kinds)]
        more = session.whole_task(kind) if number in (2, 3) else None
        event, handle = session.create_called_back(kind, with_callback(session, number, notes[number]), more)
        if handle is None:
            _, handle = session.begun(session.insist(event), kind)
        if handle is None:
            continue
        handles.append(handle)
        source.wait(EARLY_SECONDS if number < 2 else 0.0)
        session.take_callbacks()
        session.poll(handle)
    settle_all(session, handles)
    await_callbacks(session, handles)
    if not session.frugal:
        session.advance(60.0)
        source.wait(EARLY_SECONDS)
        session.take_callbacks()
    reread(session, handles)


@walk(_calls_back, needs="callbacks", reaches=(TASK_CREATED,))
def called_back_unpolled(session: Session) -> None:
    """Callbacks that are awaited without a poll, and refused requests with a callback address, of which none comes."""
    source = session.callbacks
    if source is None:
        return
    _, handle = session.create_called_back(session.kinds[0], with_callback(session, 11, "never polled"))
    session.advance(patience(session))
    source.wait(EARLY_SECONDS * 5)
    session.take_callbacks()
    if handle is not None:
        if was_called_back(session, handle):
            session.fetch(handle)  # the callback has said that its result is there
        session.settle(handle, patience(session))
        session.fetch(handle)
        await_callbacks(session, [handle])
    task = {**session.task(session.kinds[0]), **with_callback(session, 12, "refused")}
    for credential in session.wrong_credentials()[:1]:
        session.probe_credential(session.create_operation, {"task": task}, credential)
    for probe in session.contract.probes:
        operation = session.contract.operations[probe.operation]
        if operation.role in (Role.CREATE, Role.BATCH) and probe.repeat is None:
            pause_between_batches(session)
            session.probe_own(probe, {"number": session.created, "task": task}, more=with_callback(session, 13, "x"))
    session.advance(patience(session))
    source.wait(EARLY_SECONDS)
    session.take_callbacks()


def _calls_back_cancelled(contract: Contract) -> bool:
    ends = [each.parameters.of for each in contract.clauses if each.kind == "callback-sent"]
    return contract.operation_of(Role.CANCEL) is not None and any(Phase.CANCELLED.value in of for of in ends)


@walk(_calls_back_cancelled, needs="callbacks", reaches=(TASK_CREATED,))
def called_back_of_cancelled(session: Session) -> None:
    """Tasks with a callback address that are cancelled before their end."""
    if session.callbacks is None:
        return
    handles = []
    for number in range(4):
        event, handle = session.create_called_back(session.kinds[0], with_callback(session, 61 + number, "cancelled"))
        if handle is None:
            _, handle = session.begun(session.insist(event), session.kinds[0])
        if handle is not None:
            session.cancel(handle)
            handles.append(handle)
    settle_all(session, handles)
    histories = [(handle, session.history(handle)) for handle in handles]
    await_callbacks(session, [handle for handle, known in histories if known and known.terminal is Phase.CANCELLED])


@walk(lambda contract: _has_batches(contract) and _calls_back(contract), needs="callbacks", reaches=(ACCEPTED_BATCH,))
def batches_called_back(session: Session) -> None:
    """Batches with a callback address and a note: each of their tasks is called back."""
    if session.callbacks is None:
        return
    for way in range(min(session.batch_ways, 2)):
        pause_between_batches(session)
        handles = send_batch(session, way, equal=way > 0, more=with_callback(session, 21 + way, f"batch {way}"))
        if session.contract.limits.batch_wait is not None:  # one too soon after it is refused, and calls nobody back
            session.batch(way, more=with_callback(session, 23 + way, f"too soon {way}"))
        settle_all(session, handles)
        await_callbacks(session, handles)


def await_callbacks(session: Session, handles: list[Handle]) -> None:
    """Wait for the callbacks of tasks that have ended; the first that does not come is recorded as missing."""
    source = session.callbacks
    assert source is not None
    for handle in handles:
        history = session.history(handle)
        if history is None or history.terminal is None:
            continue
        session.reach(CALLED)
        since = session.clock.now()
        _wait_for_callback(session, handle, source.patience if session.frugal or not session.movable else 1.0)
        for seconds in LATE_CALLBACKS if session.movable and not session.frugal else ():
            if not was_called_back(session, handle):  # it may wait in a queue: no document says how soon it comes
                session.advance(seconds)
                _wait_for_callback(session, handle, 1.0 if seconds < LATE_CALLBACKS[-1] else source.patience)
        if not was_called_back(session, handle):
            stray = f"; another address was called: {source.stray}" if source.stray else ""
            session.miss(handle, since, f"none came within {source.patience:g} s of real time{stray}")
            return  # the others would only be waited for in the same way


def _wait_for_callback(session: Session, handle: Handle, seconds: float) -> None:
    """Wait in real time until a task was called back, at most that many seconds and the patience of the source."""
    source = session.callbacks
    assert source is not None
    started, patience = time.monotonic(), min(seconds, source.patience)
    while not was_called_back(session, handle) and time.monotonic() - started < patience:
        source.wait(source.patience / 10)
        session.take_callbacks()


def was_called_back(session: Session, handle: Handle) -> bool:
    """Whether a callback of a task has come, or one that names no task."""
    history = session.history(handle)
    return session.nameless_callbacks > 0 or (history is not None and history.callbacks > 0)


@walk(lambda contract: contract.operation_of(Role.CANCEL) is not None, live=True, reaches=(CANCELLED,))
def cancelled(session: Session) -> None:
    """Tasks that are cancelled early, late and twice, and polled on."""
    handles = create_several(session, 2 if session.frugal else 3)
    if not handles:
        return
    event = session.cancel(handles[0])
    if event is not None and event.answer in READABLE:
        session.reach(CANCELLED)
    session.settle(handles[0], patience(session))
    for handle in handles[1:2]:
        session.poll(handle)
        session.cancel(handle)
        if not session.frugal:
            session.cancel(handle)
    several = create_several(session, 3) if session.contract.cancelling and not session.frugal else []
    for begun in several:
        session.cancel(begun)
        session.poll(begun)  # it is still being cancelled, or is not
        session.cancel(begun)
        handles.append(begun)
    settle_all(session, handles)
    if session.frugal:
        return
    for handle in handles:
        session.cancel(handle)
    reread(session, handles, 2)
    late, pause = create_several(session, 8), session.wait
    for handle in late:  # polled for the first time ever later, and cancelled at once
        session.advance(pause)
        pause *= 0.5 if handle is late[0] else 1.5
        session.poll(handle)
        session.cancel(handle)
    reread(session, late)
