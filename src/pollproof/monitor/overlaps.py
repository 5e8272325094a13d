"""Requests that overlap: the order in which their responses are judged, and what surely came before each of them.

A history of overlapping exchanges is lawful where some order explains it in which each takes effect at one moment
between its request and its response. A response is therefore judged by what was known from responses that surely came
first, and by counts that hold whatever came between: the least and the most that the others can have used up.
"""

from __future__ import annotations

from bisect import bisect_right
from heapq import heappop, heappush
from typing import NamedTuple

from pollproof.contract.vocabulary import POLL
from pollproof.tasks.state import TaskState
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


class _Flight:
    """Requests about one task that are on their way, and the states of the task since the first of them was sent."""

    __slots__ = ("polls", "requests", "settled", "states")

    def __init__(self) -> None:
        self.requests = self.polls = 0
        self.settled: list[float] = []
        self.states: list[TaskState] = []


class Overlaps:
    """The exchanges of a trace that overlap: put in as they were sent, taken out in the order of their responses."""

    __slots__ = ("_flights", "_heap")

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._flights: dict[str, _Flight] = {}

    def put(self, waiting: Waiting) -> None:
        """Take in an exchange that was sent after all that were put in before."""
        heappush(self._heap, waiting)
        event = waiting.event
        if event is not None and event.task is not None:
            flight = self._flights.get(event.task)
            if flight is None:
                flight = self._flights[event.task] = _Flight()
            flight.requests += 1
            flight.polls += event.operation.role is POLL

    def take(self, sent: float | None) -> Waiting | None:
        """The first exchange whose response was there before `sent` (None: the first of all); None where none was."""
        heap = self._heap
        if not heap or (sent is not None and heap[0].received > sent):
            return None
        waiting = heappop(heap)
        event = waiting.event
        if event is not None and event.task is not None:
            flight = self._flights[event.task]
            flight.requests -= 1
            flight.polls -= event.operation.role is POLL
        return waiting

    def __bool__(self) -> bool:
        """Whether any request about a task is on its way, or states are kept for one that was."""
        return bool(self._flights)

    def around(self, task: str, now: TaskState, sent: float) -> tuple[TaskState | None, bool]:
        """The state of a task by the responses that were there when a request was sent, and whether others came since.

        The state is None where it is not known. Polls that are on their way may have been served already.
        """
        flight = self._flights.get(task)
        last = now.answered
        if last != last and flight is not None and flight.settled:  # NaN: not known by the task itself
            last = flight.settled[-1]
        polls = 0 if flight is None else flight.polls
        if not sent < last:
            return (now._replace(polls_most=now.polls_most + polls) if polls else now), False
        if flight is None:
            return None, True
        # Of responses that were on their way at the same time nobody knows which was given first.
        place = bisect_right(flight.settled, sent)
        if place == len(flight.settled) or (place == 0 and len(flight.settled) == MAXIMUM_PAST):
            return None, True
        return flight.states[place]._replace(polls_most=now.polls_most + polls, polls_least=now.polls_least), True

    def note(self, task: str, before: TaskState, settled: float) -> None:
        """Keep the state that a task had before a response, as long as requests about it are on their way."""
        flight = self._flights.get(task)
        if flight is None:
            return
        if not flight.requests:
            del self._flights[task]
            return
        if len(flight.settled) >= MAXIMUM_PAST:
            del flight.settled[0], flight.states[0]
        last = flight.settled[-1] if flight.settled else settled
        flight.settled.append(max(settled, last))
        flight.states.append(before)

    def clear(self) -> None:
        """Forget it all."""
        self._heap.clear()
        self._flights.clear()
