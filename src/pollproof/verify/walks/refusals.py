"""Requests that are deliberately invalid, and the task beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pollproof.contract.model import Operation, Probe, Role
from pollproof.trace.events import Event
from pollproof.verify.handles import REFUSED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import finish, patience, pause_between_batches, read_again

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
        for identifier in near_misses(handle, pending, prefix=contract.task_id.get("prefix", False)):
            session.probe_near_miss(identifier)
    known = contract.task_id["unknown"][0] if handle is None else handle.id
    words = {"task": session.task(session.kinds[0]) if few else task, "task_id": known, "number": session.created}
    steps = []
    for each in (*session.create_operations, session.poll_operation, session.fetch_operation):
        if each is not None:
            other = each.role is Role.CREATE and each is not session.create_operation
            more = {"task": session.kind_of(each).sample} if other else {}
            steps += invalid_requests(session, each, {**words, **more})
    steps.append(lambda: session.probe_unknown(contract.task_id["unknown"][-1]))
    for step in steps:
        step()
        if handle is not None and not few:
            session.pause_if_told(session.read(handle))
    for left in filter(None, (pending, handle if few else None)):
        session.settle(left, patience(session))
        read_again(session, [left])


def near_misses(handle: Handle | None, pending: Handle | None, *, prefix: bool = False) -> list[Any]:
    """Ids that no creation gave, next to ids that one did.

    The next number, one that is the same in 32 bits, its negative, one with a half more, a number as a text with a
    tail; a text that is cut, lengthened, in another case, with blanks, a zero or a sign before it. A number in
    hexadecimal digits is the same in another case; with `prefix` one that is cut stands for the id.
    """
    if handle is None:
        return []
    if isinstance(handle.id, int):
        newest = pending.id if pending is not None and isinstance(pending.id, int) else 0
        whole = [max(handle.id, newest) + 1, handle.id + 2**32, f"{handle.id}x", f"{handle.id} ", -handle.id]
        return [*whole, handle.id + 0.5] if abs(handle.id) < 2**52 else whole
    if not isinstance(handle.id, str):
        return []
    text = handle.id
    misses = [text + "0", text + "-x", f" {text}", f"{text} ", "0" + text]
    if not prefix:
        misses.append(text[:-1])
    if text.isdecimal():
        misses.append(f"-{text}")
    if not _HEXADECIMAL.fullmatch(text):
        misses.append(text.swapcase())
    return misses


def invalid_requests(session: Session, operation: Operation, words: Mapping[str, Any]) -> Steps:
    """All ways in which a request of this operation can be invalid, each once; of a real provider the first of each."""
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
    return steps + own_probes(session, operation, words)


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
