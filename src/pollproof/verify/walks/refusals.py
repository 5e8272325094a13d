"""Requests that are deliberately invalid, and the task beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pollproof.contract.model import Operation, Probe, Role
from pollproof.trace.events import Event
from pollproof.verify.handles import REFUSED, TASK_ENDED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import SECOND_KEY, walk
from pollproof.verify.walks.steps import finish, has_ended, patience, pause_between_batches, reread

Steps = list[Callable[[], Event | None]]

_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


@walk(live=True, reaches=(REFUSED,), breaks="sends unknown task ids, wrong keys and invalid forms")
def turned_away(session: Session) -> None:
    """Unknown tasks, wrong keys, missing fields, malformed bodies; and the task beside them is none the worse."""
    if not session.permitted:
        return
    contract, few = session.contract, session.frugal
    task = session.sample(session.kinds[0])
    for identifier in contract.task_id["unknown"][: 1 if few else None]:
        session.probe_unknown(identifier)
        session.probe_unknown(identifier, operation=session.fetch_operation)
    for identifier in contract.task_id.get("ill_formed", ())[: 1 if few else None]:
        session.probe_unknown(identifier, "ill-formed-task")
    for operation in () if few else session.create_operations:
        for credential in session.wrong_credentials():
            sample = session.kind_of(operation).sample
            session.probe_credential(operation, {"task": sample}, credential)
    handle = session.begin() if few else finish(session)
    pending = None if few else session.begin()
    if not few:
        place = session.poll_operation.task_id
        typed = place is not None and place.area == "body" and session.codec.name == "json"
        prefix, blanks = contract.task_id.get("prefix", False), session.codec.name == "json"
        misses = near_misses(handle, pending, prefix=prefix, typed=typed, blanks=blanks)
        for identifier in misses:
            session.probe_near_miss(identifier)
    known = contract.task_id["unknown"][0] if handle is None else handle.id
    words = {"task": session.task(session.kinds[0]) if few else task, "task_id": known, "number": session.created}
    steps = []
    for each in (*session.create_operations, session.poll_operation, session.fetch_operation):
        if each is not None:
            other = each.role is Role.CREATE and each is not session.create_operation
            more = {"task": session.kind_of(each).sample} if other else {}
            # But for what a probe changes, a fetch is right only where there is a result, a poll where there is a task.
            is_right = each.role is Role.CREATE or (handle is not None and not (few and each.role is Role.FETCH))
            steps += invalid_requests(session, each, {**words, **more}, is_right=is_right)
    steps.append(lambda: session.probe_unknown(contract.task_id["unknown"][-1]))
    for step in steps:
        step()
        if handle is not None and not few:
            session.pause_if_demanded(session.read(handle))
    for left in filter(None, (pending, handle if few else None)):
        session.settle(left, patience(session))
        reread(session, [left])


def near_misses(
    handle: Handle | None,
    pending: Handle | None,
    *,
    prefix: bool = False,
    typed: bool = False,
    blanks: bool = True,
) -> list[Any]:
    """Ids that no creation gave, next to ids that one did.

    The next number, one that is the same in 32 bits, its negative, one with a half more, a number as a text with a
    tail; a text that is cut, lengthened, in another case, with blanks, a zero or a sign before it. A number in
    hexadecimal digits is the same in another case; with `prefix` one that is cut stands for the id. Where ids are
    `typed` values of JSON, an array or an object that holds the id is another one. Without `blanks`, those around an
    id are left out: XML is laid out with them, and many programs drop them.
    """
    if handle is None:
        return []
    if typed:
        return [*near_misses(handle, pending, prefix=prefix), [handle.id], {"id": handle.id}]
    if isinstance(handle.id, int):
        newest = pending.id if pending is not None and isinstance(pending.id, int) else 0
        whole = [max(handle.id, newest) + 1, handle.id + 2**32, f"{handle.id}x", f"{handle.id} ", -handle.id]
        return [*whole, handle.id + 0.5] if abs(handle.id) < 2**52 else whole
    if not isinstance(handle.id, str):
        return []
    text = handle.id
    misses = [text + "0", text + "-x", *([f" {text}", f"{text} "] if blanks else []), "0" + text]
    if not prefix:
        misses.append(text[:-1])
    if text.isdecimal():
        misses.append(f"-{text}")
    if not _HEXADECIMAL.fullmatch(text):
        misses.append(text.swapcase())
    return misses


def invalid_requests(
    session: Session, operation: Operation, words: Mapping[str, Any], *, is_right: bool = True
) -> Steps:
    """All ways in which a request of this operation can be invalid, each once; of a real provider the first of each.

    Without `is_right` the request would be refused as it is, and is not changed by the contract's own probes.
    """
    few = session.frugal
    steps: Steps = []
    for number in range(len(operation.required)):
        for null in (False,) if few else (False, True):
            steps.append(partial(session.probe_missing, operation, words, number, null=null))
    for number in (1,) if few else (0, 1):
        if operation.request is not None:
            steps.append(partial(session.probe_malformed, operation, words, number))
    for credential in session.wrong_credentials()[: 1 if few or operation.role is Role.CREATE else None]:
        steps.append(partial(session.probe_credential, operation, words, credential))
    return steps + own_probes(session, operation, words) if is_right else steps


def own_probes(session: Session, operation: Operation, words: Mapping[str, Any]) -> Steps:
    """The probes of the contract that are about this operation and that a clause names."""
    few = session.frugal
    steps: Steps = []
    named = {getattr(clause.parameters, "probe", "") for clause in session.contract.clauses}
    for clause in session.contract.clauses:
        named |= set(getattr(clause.parameters, "to", ()))
    for probe in session.contract.probes:
        if probe.operation == operation.name and probe.name in named:
            steps.append(partial(probe_own, session, probe, words))
            if probe.repeat is not None and session.batch_ways > 1 and not few:
                steps.append(partial(probe_own, session, probe, words, 1))
    return steps


@walk(
    lambda contract: contract.operation_of(Role.BATCH) is not None,
    live=True,
    reaches=(REFUSED,),
    breaks="sends batches that are too large or in wrong forms",
)
def batches_turned_away(session: Session) -> None:
    """Batches that should be refused; each of their entries counts as a task, since it is one if they are not."""
    operation = session.batch_operation
    if operation is None or not session.permitted:
        return
    words = {"task": session.sample(session.kinds[0]), "number": session.created}
    for step in invalid_requests(session, operation, words):
        pause_between_batches(session)
        step()


def probe_own(session: Session, probe: Probe, words: Mapping[str, Any], way: int = 0) -> Event:
    """Send a request that is invalid in a way of the contract's own, at the pace that is documented for batches."""
    if session.batch_operation is not None and probe.operation == session.batch_operation.name:
        pause_between_batches(session)
    return session.probe_own(probe, {**words, "number": session.created}, way=way)


@walk(
    lambda contract: contract.operation_of(Role.CANCEL) is not None,
    reaches=(REFUSED,),
    breaks="cancels with wrong keys and unknown ids",
)
def turned_away_elsewhere(session: Session) -> None:
    """Unknown tasks and wrong keys where a task is cancelled; and the task that was not cancelled goes on."""
    operation = session.cancel_operation
    if operation is None or not session.permitted:
        return
    unknown = session.probe_unknown(session.contract.task_id["unknown"][0], operation=operation)
    if unknown is None and not session.wrong_credentials():
        session.reach(REFUSED)  # enough unknown tasks were requested before, and there is no key that could be wrong
    handle, ended = session.begin(), finish(session)
    for each in filter(None, (handle, ended)):
        for credential in session.wrong_credentials()[:3]:
            session.probe_credential(operation, {"task_id": each.id}, credential)
        for step in own_probes(session, operation, {"task_id": each.id}):
            step()
        reread(session, [each])
    if ended is not None:
        session.cancel(ended)
        reread(session, [ended])


@walk(
    lambda contract: contract.operation_of(Role.DELETE) is not None,
    reaches=(TASK_ENDED,),
    breaks="deletes tasks, some with wrong keys and unknown ids",
)
def deleted(session: Session) -> None:
    """Tasks that are deleted after their end and before it, and read again; with wrong keys they are not deleted."""
    operation, beside = session.delete_operation, finish(session)
    if operation is None or beside is None or not session.permitted:
        return
    session.reach(TASK_ENDED)
    session.probe_unknown(session.contract.task_id["unknown"][0], operation=operation)
    for credential in session.wrong_credentials()[:3]:
        session.probe_credential(operation, {"task_id": beside.id}, credential)
    for step in own_probes(session, operation, {"task_id": beside.id}):
        step()
    reread(session, [beside])
    gone = []
    for make in (session.begin, lambda: finish(session)):
        handle = make()
        if handle is not None:
            session.poll(handle)
            session.delete(handle)
            session.poll(handle)
            session.fetch(handle)
            session.delete(handle)
            gone.append(handle)
    reread(session, [beside, *gone], 2)


@walk(needs=SECOND_KEY, reaches=(TASK_ENDED,))
def by_two_keys(session: Session) -> None:
    """Tasks of two keys of one's own side by side, each polled with its key, and with the other in between."""
    second = session.second_credential
    if second is None:
        return
    kind = session.kinds[0]
    tasks: list[tuple[Handle, str | None]] = []
    for _ in range(2):
        for key, (_, handle) in ((None, session.create(kind)), (second, session.create_by_second_key(kind))):
            if handle is not None:
                tasks.append((handle, key))
    pause, waited, rounds = session.wait, 0.0, 2
    while rounds and waited <= patience(session):
        for handle, key in tasks:
            session.poll_by(handle, second if key is None else None, own=False)
            session.poll_by(handle, key, own=True)
        if all(has_ended(session, handle) for handle, _ in tasks):
            session.reach(TASK_ENDED)
            rounds -= 1  # a last time after the end: what the other key has read is still there
        session.advance(pause)
        waited += pause
        pause *= 1.7
