"""Requests in all ways that the documents allow."""

from __future__ import annotations

from pollproof.verify.handles import ENDED, Handle
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import read_again, settle_all


@walk(reaches=(ENDED,))
def varied_requests(session: Session) -> None:
    """Tasks with every documented parameter away from its default, and polls with optional fields left out and sent."""
    tasks: list[Handle] = []
    for variation in session.variations:
        event, handle = session.create_varied(variation)
        if handle is not None and not variation.kind.inline:
            tasks.append(handle)
            session.poll(handle)
        session.pause_if_told(event)
    for kind in session.kinds:
        _, handle = session.create(kind, more=session.whole_task(kind))
        if handle is not None:
            tasks.append(handle)
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
        settle_all(session, polled)  # then once more, now that they have an end
    settle_all(session, tasks)
    read_again(session, tasks)
