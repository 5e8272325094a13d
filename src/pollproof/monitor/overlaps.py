"""Requests that overlap: the order in which their responses are judged, and what surely came before each of them.

A history of overlapping exchanges is legal where some order explains it in which each takes effect at one moment
between its request and its response. A response is therefore judged by what was known from responses that surely came
first, and by counts that hold whatever came between: the least and the most that the others can have used up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from heapq import heappop, heappush
from typing import Any, NamedTuple

from pollproof.contract.vocabulary import CREATE, POLL, Role
from pollproof.tasks.account import IDEMPOTENCY_MARK
from pollproof.tasks.state import CANCEL_SENT, TaskState
from pollproof.trace.events import Event
from pollproof.trace.exchange import Exchange

MAXIMUM_PAST = 4_096
"""States of one task that are kept while requests about it are on their way: the last ones."""


class Waiting(NamedTuple):
    """An exchange that was read and waits until all that began before its response are known."""

    received: float
    number: int
    exchange: Exchange
    event: Event | None
    judged: bool


class _Pending:
    """Requests about one task that are on their way, and the states of the task since the first of them was sent."""

    __slots__ = ("cancel", "cancels", "polls", "requests", "settled", "states")

    def __init__(self) -> None:
        self.requests = self.polls = self.cancels = 0
        self.cancel: int | None = None
        self.settled: list[float] = []
        self.states: list[TaskState] = []


class Overlaps:
    """The exchanges of a trace that overlap: put in as they were sent, taken out in the order of their responses.

    `creations` counts those on their way, by their idempotency key (None: without one).
    """

    __slots__ = ("_heap", "_pending", "creations")

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._pending: dict[str, _Pending] = {}
        self.creations: Counter[Any] = Counter()

    def put(self, waiting: Waiting) -> None:
        """Take in an exchange that was sent after all that were put in before."""
        heappush(self._heap, waiting)
        event = waiting.event
        if event is not None and event.task is not None:
            pending = self._pending.get(event.task)
            if pending is None:
                pending = self._pending[event.task] = _Pending()
            self._count(pending, event, 1)
        if event is not None and event.operation.role in CREATIONS:
            self.creations[_key_of(event)] += 1

    def take(self, sent: float | None) -> Waiting | None:
        """The first exchange whose response was there before `sent` (None: the first of all); None where none was."""
        heap = self._heap
        if not heap or (sent is not None and heap[0].received > sent):
            return None
        waiting = heappop(heap)
        event = waiting.event
        if event is not None and event.task is not None:
            self._count(self._pending[event.task], event, -1)
        if event is not None and event.operation.role in CREATIONS:
            key = _key_of(event)
            self.creations[key] -= 1
            if not self.creations[key]:
                del self.creations[key]
        return waiting

    @staticmethod
    def _count(pending: _Pending, event: Event, step: int) -> None:
        role = event.operation.role
        pending.requests += step
        if role is POLL:
            pending.polls += step
        elif role is Role.CANCEL:
            pending.cancels += step
            pending.cancel = event.number

    @property
    def creates(self) -> bool:
        """Whether a creation is on its way, whose task may be known to others already."""
        return bool(self.creations)

    def repeats(self, event: Event) -> bool:
        """Whether another creation with the same idempotency key is on its way: either may have been served first."""
        return self.creations[_key_of(event)] > 0

    def __bool__(self) -> bool:
        """Whether any request about a task is on its way, or states are kept for one that was."""
        return bool(self._pending)

    def around(self, task: str, now: TaskState, sent: float) -> tuple[TaskState | None, bool]:
        """The state of a task by the responses that were there when a request was sent, and whether others came since.

        The state is None where it is not known. Polls that are on their way may have been served already.
        """
        pending = self._pending.get(task)
        last = now.answered
        if last != last and pending is not None and pending.settled:  # NaN: not known by the task itself
            last = pending.settled[-1]
        polls = 0 if pending is None else pending.polls
        if not sent < last:
            return _with_cancel(now._replace(polls_most=now.polls_most + polls) if polls else now, now, pending), False
        if pending is None:
            return None, True
        # Of responses that were on their way at the same time nobody knows which was given first.
        place = bisect_right(pending.settled, sent)
        if place == len(pending.settled) or (place == 0 and len(pending.settled) == MAXIMUM_PAST):
            return None, True
        before = pending.states[place]._replace(polls_most=now.polls_most + polls, polls_least=now.polls_least)
        return _with_cancel(before, now, pending), True

    def note(self, task: str, before: TaskState, settled: float) -> None:
        """Keep the state that a task had before a response, as long as requests about it are on their way."""
        pending = self._pending.get(task)
        if pending is None:
            return
        if not pending.requests:
            del self._pending[task]
            return
        if len(pending.settled) >= MAXIMUM_PAST:
            del pending.settled[0], pending.states[0]
        last = pending.settled[-1] if pending.settled else settled
        pending.settled.append(max(settled, last))
        pending.states.append(before)

    def clear(self) -> None:
        """Forget it all."""
        self._heap.clear()
        self._pending.clear()
        self.creations.clear()


CREATIONS = (CREATE, Role.BATCH)


def _key_of(event: Event) -> Any:
    return event.marks.get(IDEMPOTENCY_MARK)


def _with_cancel(before: TaskState, now: TaskState, pending: _Pending | None) -> TaskState:
    """A state with the cancelling that was on its way meanwhile, or still is: it may have come first."""
    cancelled, sent = now.cancelled, now.marks.get(CANCEL_SENT)
    if pending is not None and pending.cancels:
        cancelled, sent = pending.cancel, pending.cancel
    if sent is None or (before.cancelled is not None and CANCEL_SENT in before.marks):
        return before
    return before._replace(cancelled=cancelled, marks={**before.marks, CANCEL_SENT: sent})
