"""Requests in all ways that the documents allow."""

from __future__ import annotations

from pollproof.verify.session import Handle, Session
from pollproof.verify.walks.registry import walk
from pollproof.verify.walks.steps import read_again, settle_all

ROUND = 12
"""Tasks that are requested in a row before they are polled to their ends."""


@walk()
def varied_requests(session: Session) -> None:
    """Tasks with every documented parameter away from its default, and polls with optional fields left out and sent."""
    tasks: list[Handle] = []
    forms = range(len(session.write_forms))
    for number, variation in enumerate(session.variations):
        event, handle = session.create_varied(variation)
        if handle is not None and not variation.kind.inline:
            tasks.append(handle)
            session.poll(handle)
        session.pause_if_told(event)
        if len(tasks) >= ROUND or number == len(session.variations) - 1:
            settle_all(session, tasks)
            read_again(session, tasks)
            tasks = []
    for form in forms:
        request = session.in_form(session.creation(session.kinds[0]), form)
        _, handle = session.begun(session.send(request), session.kinds[0])
        if handle is not None:
            tasks.append(handle)
    tasks += [handle for handle in (session.begin(),) if handle is not None]
    for handle in tasks:
        for form in forms:
            session.poll_varied(handle, -1, form)
        for number in range(len(session.poll_variations)):
            session.poll_varied(handle, number)
    settle_all(session, tasks)
    for handle in tasks[:1]:
        for number in range(len(session.poll_variations)):
            session.poll_varied(handle, number, number)
