"""Tasks that are created, polled and read again, alone and side by side, in all ways that the documents allow."""

from __future__ import annotations

from pollproof.contract.model import Phase
from pollproof.contract.places import MISSING
from pollproof.trace.events import Answer, Event
from pollproof.verify.handles import SUCCESS, TASK_ENDED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import create_several, follow_to_their_ends, patience, reread, settle_all

MINUTE = 60.0
"""Seconds after which a task is first polled where no document says how long it lives."""

_ANSWERED_AT_ONCE = "a task that is answered in its creation"

UNPOLLED = "the end of a task that nobody polled"

ENDS = "the end of every task that it created"

_CLOSE_READS = 40
_BETWEEN_READS = 5.0
"""Reads of a task while it is young, and the seconds between two of them."""

_CROWD = 30
"""Tasks at once: more than fit in a small store."""

_FEW = 7
"""The same where the documents limit how many may be unfinished."""

_READS_WITHOUT_LIMIT = 110
"""Reads of one task where no limit is documented: enough to see what changes at the hundredth."""


@walk(live=True, reaches=(SUCCESS,))
def one_after_another(session: Session) -> None:
    """Tasks one after another, each created, polled to its end at the documented pace and read again."""
    for _ in range(1 if session.frugal else 4):
        handle = session.begin()
        if handle is not None:
            session.settle(handle, patience(session))
            reread(session, [handle], 2 if session.frugal else 3)


@walk(lambda contract: any(kind.inline for kind in contract.kinds.values()), live=True, reaches=(_ANSWERED_AT_ONCE,))
def answered_at_once(session: Session) -> None:
    """Tasks of the synchronous kinds: their response is in the creation."""
    for kind in session.inline_kinds:
        for _ in range(1 if session.frugal else 3):
            event, _ = session.create(kind)
            if event.answer is Answer.STATE:
                session.reach(_ANSWERED_AT_ONCE)
            session.pause_if_demanded(event)


@walk(live=True, reaches=(TASK_ENDED,))
def side_by_side(session: Session) -> None:
    """Several tasks at once, polled in turn, read again in another order and after one more was created."""
    handles = create_several(session, 2 if session.frugal else 5)
    settle_all(session, handles)
    reread(session, handles[::-1], 1 if session.frugal else 2)
    if session.frugal:
        return
    newest = create_several(session, 2)
    _, twin = session.create(session.kinds[0], repeated=True)  # requested twice, a task is two tasks
    if twin is not None:
        newest.append(twin)
    reread(session, handles)
    settle_all(session, newest)
    reread(session, handles + newest)
    reread(session, newest[::-1] + handles)


@walk(reaches=(UNPOLLED,))
def read_unpolled(session: Session) -> None:
    """Results that are read, again and again, by a client that never polls; tasks that are first polled late."""
    handles = create_several(session, 3)
    fetches = any(session.has_ids(session.fetch_operation, handle) for handle in handles)  # a poll may give the id
    if not fetches:
        # Where no lifetime is documented a task that nobody polls may be forgotten before long.
        session.advance(patience(session) if session.contract.limits.lifetime else MINUTE)
        session.reach(UNPOLLED)
    pause, waited = session.wait, 0.0
    while fetches and waited <= patience(session):
        events = [session.fetch(handle) for handle in handles]
        there = [event is not None and event.answer is Answer.STATE and _has_result(event) for event in events]
        if any(there):
            session.reach(UNPOLLED)
        if all(there):
            break
        session.advance(pause)
        waited += pause
        pause = min(pause * 1.6, patience(session) / 8)
    settle_all(session, handles)
    reread(session, handles)


def _has_result(event: Event) -> bool:
    return event.phase is Phase.SUCCEEDED or event.result not in (MISSING, None)


@walk(reaches=(ENDS,))
def to_the_very_end(session: Session) -> None:
    """Many tasks at once, polled until each has an end, for ten times the usual time or all their life, and again."""
    handles = create_several(session, _CROWD if session.contract.limits.unfinished is None else _FEW)
    if follow_to_their_ends(session, handles):
        session.reach(ENDS)
    create_several(session, 1)
    reread(session, handles)  # who makes room for new tasks forgets none that is young


@walk(lambda contract: contract.limits.polls is None, reaches=(TASK_ENDED,))
def read_many_times(session: Session) -> None:
    """Tasks read a hundred times and more, while others are created and time passes by steps up to a day."""
    handles = create_several(session, 3)
    settle_all(session, handles)
    limits = session.contract.limits
    span = (limits.lifetime - limits.lifetime_slack) * 0.8 if limits.lifetime else 3600.0
    for number in range(_READS_WITHOUT_LIMIT):
        session.read_each(handles)
        if number % 20 == 10:
            session.begin()
        if number < _CLOSE_READS:  # step by step while tasks are young, and by leaps later
            session.advance(_BETWEEN_READS)
        elif number % 20 == 10:
            session.advance(span / 4)
    if limits.lifetime is None:
        for seconds in (60.0, 3600.0, 86_400.0):
            session.advance(seconds)
            for _ in range(2):
                for handle in handles:
                    session.read(handle)
                session.begin()


@walk(reaches=(TASK_ENDED,))
def varied_requests(session: Session) -> None:
    """Tasks with every documented parameter away from its default, and polls with optional fields left out and sent."""
    tasks: list[Handle] = []
    for variation in session.variations:
        event, handle = session.create_varied(variation)
        if handle is not None and not variation.kind.inline:
            tasks.append(handle)
            session.poll(handle)
        session.pause_if_demanded(event)
    created = [session.create_whole(kind) for kind in session.kinds]
    created += [session.create_called_back(session.kinds[0], option) for option in session.request_options]
    tasks += [handle for _, handle in created if handle is not None]
    forms, ways = range(len(session.write_forms)), range(len(session.poll_variations))
    varied = [session.begin() for _ in range(1)]
    for form in forms:
        request = session.in_form(session.creation(session.kinds[0]), form)
        varied.append(session.begun(session.send(request), session.kinds[0])[1])
    polled = [handle for handle in varied if handle is not None]
    for _ in range(2):
        for handle in polled:
            for form in forms:
                session.poll_varied(handle, 0, form)
            for number in ways:
                session.poll_varied(handle, number)
        settle_all(session, polled)  # then a second time, now that they have an end
    settle_all(session, tasks)
    reread(session, tasks)
