"""Requests that must be refused by operations other than creating and polling."""

from __future__ import annotations

from pollproof.contract.model import Role
from pollproof.verify.session import REFUSED, Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import finish, read_again


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
    session.probe_unknown(session.contract.task_id["unknown"][0], operation=operation)
    handle, ended = session.begin(), finish(session)
    for each in filter(None, (handle, ended)):
        for credential in session.wrong_credentials()[:3]:
            session.probe_credential(operation, {"task_id": each.id}, credential)
        read_again(session, [each])
    if ended is not None:
        session.cancel(ended)
        read_again(session, [ended])
