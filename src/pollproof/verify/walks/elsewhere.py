"""Requests that must be refused by operations other than creating and polling."""

from __future__ import annotations

from pollproof.contract.model import Role
from pollproof.verify.handles import ENDED, REFUSED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.refusals import own_probes
from pollproof.verify.walks.registry import SECOND_KEY, walk
from pollproof.verify.walks.steps import finish, has_ended, patience, read_again


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
    asked = session.probe_unknown(session.contract.task_id["unknown"][0], operation=operation)
    if asked is None and not session.wrong_credentials():
        session.reach(REFUSED)  # enough unknown tasks were requested before, and there is no key that could be wrong
    handle, ended = session.begin(), finish(session)
    for each in filter(None, (handle, ended)):
        for credential in session.wrong_credentials()[:3]:
            session.probe_credential(operation, {"task_id": each.id}, credential)
        for step in own_probes(session, operation, {"task_id": each.id}):
            step()
        read_again(session, [each])
    if ended is not None:
        session.cancel(ended)
        read_again(session, [ended])


@walk(
    lambda contract: contract.operation_of(Role.DELETE) is not None,
    reaches=(ENDED,),
    breaks="deletes tasks, some with wrong keys and unknown ids",
)
def deleted(session: Session) -> None:
    """Tasks that are deleted after their end and before it, and read again; with wrong keys they are not deleted."""
    operation, beside = session.delete_operation, finish(session)
    if operation is None or beside is None or not session.permitted:
        return
    session.reach(ENDED)
    session.probe_unknown(session.contract.task_id["unknown"][0], operation=operation)
    for credential in session.wrong_credentials()[:3]:
        session.probe_credential(operation, {"task_id": beside.id}, credential)
    for step in own_probes(session, operation, {"task_id": beside.id}):
        step()
    read_again(session, [beside])
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
    read_again(session, [beside, *gone], 2)


@walk(needs=SECOND_KEY, reaches=(ENDED,))
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
            session.reach(ENDED)
            rounds -= 1  # once more after the end: what the other key has read is still there
        session.advance(pause)
        waited += pause
        pause *= 1.7
