"""What is done when all else has happened."""

from __future__ import annotations

from pollproof.verify.handles import SUCCESS, TASK_ENDED
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import create_several, finish, reread, settle_all


@walk(reaches=(TASK_ENDED,))
def still_the_same(session: Session) -> None:
    """After all that: a few more tasks one after another, and a look at what was refused before."""
    handles = create_several(session, 4)
    settle_all(session, handles)
    reread(session, handles, 2)
    for handle in handles[:1]:
        for credential in session.wrong_credentials()[:1]:
            session.probe_credential(session.poll_operation, {"task_id": handle.id}, credential)
    session.probe_unknown(session.contract.task_id["unknown"][-1])
    reread(session, handles)


@walk(
    lambda contract: contract.limits.polls is not None and contract.limits.beyond_polls == "open",
    last=True,
    reaches=(SUCCESS,),
)
def past_the_last_poll(session: Session) -> None:
    """A task polled past a limit beyond which the documents leave all open but the form of a response."""
    handle = finish(session)
    beside = session.begin()
    if handle is None:
        return
    history = session.history(handle)
    for _ in range((session.contract.limits.polls or 0) - (0 if history is None else history.polls_most) + 3):
        session.poll(handle)
    if beside is not None:
        session.poll(beside)
    session.begin()
