"""Requests that overlap: over several connections at the same time, and over fresh ones."""

from __future__ import annotations

from pollproof.clauses.lifecycle import REMEMBERED_SECONDS
from pollproof.contract.model import Role
from pollproof.trace.events import READABLE, Event
from pollproof.verify.handles import TASK_CREATED, TASK_ENDED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.batches import ACCEPTED_BATCH, send_batch
from pollproof.verify.walks.ordinary import ENDS
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import (
    create_several,
    follow_to_their_ends,
    has_ended,
    patience,
    pause_between_batches,
    reread,
    settle_all,
    until_age,
)

_IDLE = 61.0
"""Seconds for which a task is left alone in the midst of its polls."""

_CONCURRENT = 6
"""Requests that are sent at the same time."""

_CLOSELY = 30.0
"""Seconds for which a task is followed over two connections at the documented pace, before polls become seldom."""

OVERLAPPED = "answers to requests that overlapped"


@walk(reaches=(OVERLAPPED,))
def created_at_once(session: Session) -> None:
    """Tasks created at the same time, then polled and read at the same time, each over a connection of its own."""
    requests = [session.creation(session.kinds[number % len(session.kinds)]) for number in range(_CONCURRENT)]
    events = session.send_together(requests)
    _note(session, events)
    begun = (session.begun(session.insist(event), session.kinds[0])[1] for event in events)
    handles = [handle for handle in begun if handle is not None]
    pause, waited = session.wait, 0.0
    open_ = list(handles)
    while open_ and waited <= patience(session):
        answers = session.send_together([session.about(session.poll_operation, handle) for handle in open_])
        if not _note(session, answers):
            break
        ended = {event.task for event in answers if event.phase is not None and event.phase.terminal}
        open_ = [handle for handle in open_ if handle.key not in ended]
        session.advance(pause)
        waited += pause
        pause = min(pause * 1.4, max(30.0, patience(session) / 10))
    for operation in filter(None, (session.poll_operation, session.fetch_operation)):
        session.send_together([session.about(operation, handle) for handle in handles])
        session.send_together([session.about(operation, handle) for handle in handles[:2] * (_CONCURRENT // 2)])
    reread(session, handles)


@walk(reaches=(OVERLAPPED,))
def polled_at_once(session: Session) -> None:
    """One task polled by several clients at the same time until it has ended, and read by all of them."""
    for handle in create_several(session, 2):
        poll = session.about(session.poll_operation, handle)
        pause, waited = session.wait, 0.0
        while waited <= patience(session):
            events = session.send_together([poll] * (_CONCURRENT // 2))
            if not _note(session, events):
                break
            history = session.history(handle)
            if history is None or history.terminal is not None or history.lost is not None:
                break
            if session.insist(session.poll(handle)).answer not in READABLE:
                break  # neither alone nor with others
            session.advance(pause)
            waited += pause
            pause = min(pause * 1.5, max(30.0, patience(session) / 10))
        if session.fetch_operation is not None:
            session.send_together([session.about(session.fetch_operation, handle)] * (_CONCURRENT // 2))
        reread(session, [handle])


@walk(lambda contract: contract.limits.polls is not None, reaches=(TASK_CREATED,))
def to_the_last_poll_at_once(session: Session) -> None:
    """Tasks polled to their limit by polls that overlap: each counts once, and not more than once."""
    limits = session.contract.limits
    limit = limits.polls or 0
    lifetime = (limits.lifetime or 10_000.0) - limits.lifetime_slack
    handles = create_several(session, 2)
    polls = [session.about(session.poll_operation, handle) for handle in handles]
    rounds = (limit - 1) // _CONCURRENT
    pace = min(session.wait, lifetime * 0.8 / max(rounds, 1))
    for number in range(rounds):
        for poll in polls:
            session.send_together([poll] * _CONCURRENT)
        session.advance(pace)
        if number == rounds // 2:  # a pause gives no poll back
            session.advance(min(_IDLE, lifetime * 0.9 - rounds * pace))
    for handle in handles:
        history = session.history(handle)
        for _ in range(limit - (limit if history is None else history.polls_most)):
            session.insist(session.poll(handle))
    if limits.beyond_polls == "lost":
        for handle, poll in zip(handles, polls, strict=True):
            session.poll(handle)
            session.send_together([poll] * 2)


@walk(lambda contract: contract.operation_of(Role.BATCH) is not None, reaches=(ACCEPTED_BATCH,))
def batches_at_once(session: Session) -> None:
    """Batches at the same time; the tasks of those that are accepted have ids of their own, and reach their ends."""
    pause_between_batches(session)
    events = session.send_together([session.batch_request(way) for way in range(3)])
    pause_between_batches(session)
    handles = send_batch(session, 0)
    settle_all(session, [*(handle for event in events for handle in session.members(event)), *handles])


def _note(session: Session, events: list[Event]) -> bool:
    """Note whether requests that overlapped were answered; false where none of them got a response."""
    if any(event.answer in READABLE for event in events):
        session.reach(OVERLAPPED)
    return any(event.exchange.response is not None for event in events)


@walk(reaches=(ENDS,))
def connections_cut(session: Session) -> None:
    """Connections cut after a creation or a poll was sent: the service goes on, and every task reaches its end."""
    session.send_and_cut(session.creation(session.kinds[0]))
    handles = create_several(session, 3)
    for handle in handles:
        session.send_and_cut(session.about(session.poll_operation, handle))
    for handle in handles[1:]:
        session.poll(handle)
        session.send_and_cut(session.about(session.poll_operation, handle))
    if follow_to_their_ends(session, handles):
        session.reach(ENDS)
    for operation in filter(None, (session.poll_operation, session.fetch_operation)):
        for handle in handles[:2]:
            session.send_and_cut(session.about(operation, handle))
    reread(session, handles)


@walk(reaches=(TASK_ENDED,))
def over_fresh_connections(session: Session) -> None:
    """A task created, polled and read over a fresh connection each time, in turn with one that is kept."""
    handles: list[Handle] = []
    for number in range(3):
        session.reconnect()
        handles += create_several(session, 1)
        for handle in handles[number:]:
            _follow_over_two(session, handle, 0.0 if number else session.wait)
            session.reconnect()
            reread(session, [handle])
    for handle in handles:  # while a task is young it is known, however its polls come
        until_age(session, handle, REMEMBERED_SECONDS * 0.75)
        session.reconnect()
        session.read(handle)
    session.send_together([session.about(session.poll_operation, handle) for handle in handles])
    reread(session, handles)


def _follow_over_two(session: Session, handle: Handle, between: float) -> None:
    """Poll a task to its end over a kept connection and a fresh one in turn, then over both at once.

    What a connection has seen is not older than what was seen over another one before. `between` are the seconds
    between a poll over a fresh connection and the next over the kept one.
    """
    reads = [
        session.about(operation, handle)
        for operation in (session.poll_operation, session.fetch_operation)
        if operation is not None and session.has_ids(operation, handle)
    ]
    pause, waited = session.wait, 0.0
    while waited <= patience(session) and not has_ended(session, handle):
        for request in reads:
            session.send_together([request])
        session.advance(pause)
        session.reconnect()
        session.poll(handle)
        if not has_ended(session, handle):
            session.advance(between)
        waited += pause + between
        pause = pause * 1.3 if waited > _CLOSELY else pause
    for request in reads if has_ended(session, handle) else ():
        session.reach(TASK_ENDED)
        session.insist(session.send_together([request])[0])
