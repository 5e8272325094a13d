"""The batches of a trace: by which a documented rate is judged, and which tasks they create."""

from __future__ import annotations

from collections import deque
from typing import Any

from pollproof.tasks.late_batches import LateBatches
from pollproof.trace.events import STATE, Event

MAXIMUM_BATCHES = 7
"""Batches that were accepted and are kept: the last ones, by which a rate is judged."""


class BatchHistory:
    """The last batches of a trace.

    `last` is the last batch, `accepted` are the last ones that were accepted, `late` those refused after the pause.
    """

    __slots__ = ("accepted", "last", "late")

    def __init__(self) -> None:
        self.last: Event | None = None
        self.accepted: deque[Event] = deque(maxlen=MAXIMUM_BATCHES)
        self.late = LateBatches()

    def comes_late(self, event: Event, seconds: float | None, received: float) -> bool:
        """Whether a batch surely came so long after the last request, which was answered.

        `received` is when the last response of the trace came, in seconds.
        """
        last = self.last
        if last is None or last.exchange.response is None or seconds is None:
            return False
        return event.exchange.sent - max(last.exchange.received, received) >= seconds

    def add(self, event: Event, seconds: float | None, received: float) -> bool:
        """Take in one more batch, where a pause of that many seconds is documented: whether it left a task unnamed."""
        if event.probe:
            return False
        self.late.note(event, self.comes_late(event, seconds, received))
        if event.request_errors:
            return False
        if self.last is None or not event.exchange.sent < self.last.exchange.sent:
            self.last = event
        if event.answer is not STATE:
            return False
        self.accepted.append(event)
        return len(event.members) < _entries(event)


def _entries(event: Event) -> int:
    """How many tasks a batch requests: the entries of its longest array."""
    values = event.request.values() if type(event.request) is dict else ()
    return max((len(value) for value in values if type(value) is list), default=0)


def creation_in_batch(event: Event, place: int) -> Any:
    """The request for one task of a batch: its body, with one entry in place of the array; None if unknown."""
    request = event.request
    if type(request) is not dict:
        return None
    arrays = [name for name, value in request.items() if type(value) is list and len(value) == len(event.members)]
    if len(arrays) != 1:
        return None
    name, entry = arrays[0], event.members[place].entry
    named = entry.get(name) if type(entry) is dict else None
    wanted = request[name][place]
    if type(named) is type(wanted) and named != wanted and named in request[name]:
        wanted = named  # in another order than they were sent, which is another finding
    return {**request, name: wanted}
