"""Tapes: recorded responses in the order in which they are given, each step in constant time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from pollproof.contract.model import Effect, Phase, Role
from pollproof.trace.events import Answer, Event
from pollproof.trace.exchange import Response

NOT_REPLAYED = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "trailers", "transfer-encoding", "upgrade", "content-encoding", "content-length", "date",
    }
)  # fmt: skip
"""Headers of one connection or of one way to pack the body (RFC 9110, 7.6.1), and the date, which is another now."""


@dataclass(slots=True)
class RecordedResponse:
    """One recorded response, None where the connection ended without one.

    `unfinished`: it says that the task has no end yet, `final` that it has one or that the call itself is wrong.
    `age` is how many seconds after the creation of its task it was requested (NaN: not known), `task` the id that a
    creation gives.
    """

    position: int
    response: Response | None
    unfinished: bool
    final: bool
    age: float = math.nan
    task: str | None = None
    used: bool = False


def recall(position: int, event: Event, created: float = math.nan) -> RecordedResponse:
    """A recorded response as it will be given; its task was created at that time."""
    final = event.effect in (Effect.FAILED, Effect.LOST, Effect.REFUSED)
    unfinished = False
    if event.answer is Answer.STATE:
        final = event.phase is not None and event.phase.terminal
        unfinished = event.phase in (Phase.WAITING, Phase.RUNNING) or (
            event.phase is None and event.operation.role is Role.FETCH
        )
    task = event.task if event.operation.role is Role.CREATE and event.answer is Answer.STATE else None
    age = event.exchange.sent - created
    return RecordedResponse(position, _clean(event.exchange.response), unfinished, final, age, task)


def _clean(response: Response | None) -> Response | None:
    if response is None or not 200 <= response.status <= 999:
        return None  # what came before the real response cannot stand for it
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in NOT_REPLAYED and _sendable(name) and _sendable(value)
    }
    return Response(response.status, headers, response.body)


def _sendable(text: str) -> bool:
    """Whether a header of a foreign file can be sent without becoming two headers."""
    return all(character.isprintable() or character == "\t" for character in text) and text.isascii()


class Tape:
    """The answers to one request, in order; the last one is given again where it is final."""

    __slots__ = ("_answers", "_next")

    def __init__(self) -> None:
        self._answers: list[RecordedResponse] = []
        self._next = 0

    def add(self, answer: RecordedResponse) -> None:
        """Put a response at the end."""
        self._answers.append(answer)

    def rewind(self) -> None:
        """Begin again with the first response."""
        self._next = 0

    def take(self, ended: int = -1, age: float = math.nan) -> RecordedResponse:
        """The next response. One that was recorded before `ended` and knows of no end yet is left out.

        So an end that one operation has shown is not taken back by another, which was requested less often. A task of
        which the client knows for `age` seconds is answered as it was at that age: what was pending before is left out.
        """
        last = len(self._answers) - 1
        while self._next < last and self._is_stale(self._next, ended, age):
            self._next += 1
        answer = self._answers[min(self._next, last)]
        self._next += 1
        return answer

    @property
    def is_used_up(self) -> bool:
        """Whether all responses were given, and the last of them knows of no end: to repeat it would have no end."""
        return self._next >= len(self._answers) and self._answers[-1].unfinished

    def _is_stale(self, place: int, ended: int, age: float) -> bool:
        answer = self._answers[place]
        return answer.unfinished and (answer.position < ended or self._answers[place + 1].age <= age)


class Pool:
    """Responses that are given once each, under several keys: what one key takes is gone under all."""

    __slots__ = ("_answers", "_queues")

    def __init__(self) -> None:
        self._answers: list[tuple[tuple[Hashable, ...], RecordedResponse]] = []
        self._queues: dict[Hashable, deque[RecordedResponse]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, keys: tuple[Hashable, ...], answer: RecordedResponse) -> None:
        """Put a response at the end of the queue of each key."""
        self._answers.append((keys, answer))
        for key in keys:
            self._queues.setdefault(key, deque()).append(answer)

    def rewind(self) -> None:
        """Put everything back."""
        self._queues.clear()
        answers, self._answers = self._answers, []
        for keys, answer in answers:
            answer.used = False
            self.add(keys, answer)

    def has(self, key: Hashable) -> bool:
        """Whether there ever was a response under a key."""
        return key in self._queues

    def take(self, key: Hashable) -> RecordedResponse | None:
        """The next response under a key that no key has taken."""
        queue = self._queues.get(key)
        while queue:
            answer = queue.popleft()
            if not answer.used:
                answer.used = True
                return answer
        return None
