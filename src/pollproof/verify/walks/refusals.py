"""Requests that are wrong on purpose, and the task beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pollproof.contract.model import Probe
from pollproof.trace.events import Event
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    batch_pause,
    created,
    finished,
    patience,
    read_again,
)


@walk()
def turned_away(session: Session) -> None:
    """Unknown tasks, wrong keys, missing fields, malformed bodies; and the task beside them is none the worse."""
    task = session.kinds[0].sample
    for identifier in session.contract.task_id["unknown"]:
        session.probe_unknown(identifier)
        session.probe_unknown(identifier, operation=session.fetch_operation)
    for identifier in session.contract.task_id.get("ill_formed", ()):
        session.probe_unknown(identifier, "ill-formed-task")
    for credential in session.wrong_credentials():
        session.probe_credential(session.create_operation, {"task": task}, credential)
    handle = finished(session)
    pending = created(session)
    if handle is not None and isinstance(handle.id, int):
        # Neighbours of real ids: the next one, and one that is the same in 32 bits.
        for identifier in (max(handle.id, pending.id if pending is not None else 0) + 1, handle.id + 2**32):
            session.probe_unknown(identifier)
    known = session.contract.task_id["unknown"][0] if handle is None else handle.id
    words = {"task": task, "task_id": known, "number": session.created}
    steps: list[Callable[[], Event | None]] = []
    asked = (session.create_operation, session.poll_operation, session.fetch_operation, session.batch_operation)
    for operation in filter(None, asked):
        for number in range(len(operation.required)):
            for null in (False, True):
                steps.append(lambda o=operation, n=number, z=null: session.probe_missing(o, words, n, null=z))  # type: ignore[misc]
        for number in range(2 if operation.request is not None else 0):
            steps.append(lambda o=operation, n=number: session.probe_malformed(o, words, n))  # type: ignore[misc]
    for credential in session.wrong_credentials():
        for operation in filter(None, asked[1:]):
            steps.append(lambda o=operation, c=credential: session.probe_credential(o, words, c))  # type: ignore[misc]
    for probe in session.contract.probes:
        steps.append(lambda p=probe: own_probe(session, p, words))  # type: ignore[misc]
    for credential in session.wrong_credentials()[:1]:
        steps.append(lambda c=credential: session.probe_credential(session.create_operation, words, c))  # type: ignore[misc]
    steps.append(lambda: session.probe_unknown(session.contract.task_id["unknown"][-1]))
    for step in steps:
        step()
        if handle is not None:
            session.pause_if_told(session.look(handle))
    if pending is not None:
        session.settle(pending, patience(session))
        read_again(session, [pending])


def own_probe(session: Session, probe: Probe, words: Mapping[str, Any]) -> None:
    """Ask in a wrong way of the contract's own, at the pace that batches ask for."""
    if session.batch_operation is not None and probe.operation == session.batch_operation.name:
        batch_pause(session)
    session.probe_own(probe, {**words, "number": session.created})
