"""The provider of one scenario: the reference provider, with the other responses of the scenario."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

from pollproof.clauses.faults import Task
from pollproof.clock import Clock
from pollproof.contract.model import Contract, Operation, Phase, Role
from pollproof.contract.places import MISSING, View
from pollproof.contract.requests import path_of, query_of
from pollproof.contract.templates import compile_template
from pollproof.gate.clocks import wall_time
from pollproof.gate.faults import Manner, Reply
from pollproof.gate.scenario import Scenario, Turn
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.bodies import Unreadable
from pollproof.trace.exchange import Request, Response

PADDING = "padding"
"""The field that a long response has more than others."""


def task_of(scenario: Scenario) -> Any:
    """The task that a client is to create."""
    return compile_template(scenario.kind.sample)({"number": 1, "unique": "0-1"})


class StagedProvider(ReferenceProvider):
    """Plays one scenario."""

    def __init__(self, contract: Contract, clock: Clock, scenario: Scenario) -> None:
        super().__init__(contract, clock, scenario.settings, scenario.changes)
        self.scenario = scenario
        self.tokens: list[str] = []
        self.codec = self._request_codec
        """How callbacks are written."""
        self.created: Callable[[Task], Callable[[], None] | None] | None = None
        self._news: list[Task] = []
        self._counts: Counter[Role] = Counter()
        self._turn: Turn | None = None
        self.missed: list[str] = []
        self.met: list[tuple[float, Request, Reply]] = []
        """What it was sent and replied so far, with the time."""
        self._recorded = None if scenario.answers is None else scenario.answers(clock, self.missed.append)

    def reset(self) -> None:
        super().reset()
        for kept in (self.tokens, self._news, self._counts, self.missed, self.met):
            kept.clear()

    def play(self, request: Request) -> Reply:
        """The response to one request, and how it goes over the wire."""
        reply = self._play(self._without_nulls(request))
        self.met.append((self.clock.now(), request, reply))
        news, self._news = self._news, []
        todo = [self.created(task) for task in news] if self.created is not None else []
        return reply._replace(before=todo[0]) if todo else reply

    def _play(self, request: Request) -> Reply:
        if self._recorded is not None:
            response = self._recorded(request)
            return Reply(Response(0, {}, b""), Manner.RESET) if response is None else Reply(response)
        operation = self._operation(request)
        if operation is None:
            return Reply(self.handle(request))
        self._counts[operation.role] += 1
        turn = self._current(operation.role)
        if turn is None:
            return Reply(self.handle(request))
        if turn.response is not None:
            return Reply(self._dated(turn.response, turn), turn.manner, turn.delay)
        with self._playing(turn):
            response = self.handle(request) if turn.code is None else self.refuse(operation, turn.code)
        if turn.http is not None:
            response = response._replace(status=turn.http)
        if turn.padding:
            response = self._padded(response, turn.padding)
        return Reply(response, turn.manner, turn.delay)

    def _without_nulls(self, request: Request) -> Request:
        """The request as if fields that are null were absent: no document distinguishes the two."""
        if self._request_codec.name != "json" or b"null" not in request.body:
            return request
        value = self._request_codec.read(request.body)
        if not isinstance(value, dict) or None not in value.values():
            return request
        kept = {name: each for name, each in value.items() if each is not None}
        return request._replace(body=self._request_codec.write(kept))

    def _operation(self, request: Request) -> Operation | None:
        path = path_of(request.path)
        body = self._request_codec.read(request.body) if request.body or request.method != "GET" else MISSING
        found = self._find(request, path, View(body, MISSING, query_of(request.path), request.headers, {}, None))
        return None if isinstance(found, Response) else found[0].operation

    def _current(self, role: Role) -> Turn | None:
        for turn in self.scenario.turns:
            if role in turn.roles:
                count = sum(self._counts[each] for each in turn.roles)
                if turn.first <= count <= turn.last:
                    return turn
        return None

    @contextmanager
    def _playing(self, turn: Turn) -> Iterator[None]:
        self._turn = turn
        try:
            yield
        finally:
            self._turn = None

    def _dated(self, response: Response, turn: Turn) -> Response:
        """The response with the date after which to come again; rounded up, for dates have whole seconds."""
        if turn.retry_date is None:
            return response
        date = formatdate(math.ceil(wall_time(self.clock) + turn.retry_date), usegmt=True)
        return response._replace(headers={**response.headers, "Retry-After": date})

    def _padded(self, response: Response, count: int) -> Response:
        """The response with a long field that no document names, or with as many blanks where it has no fields."""
        value = self._codec.read(response.body)
        if type(value) is Unreadable or self.contract.body != "json" or not isinstance(value, dict):
            return response._replace(body=response.body + b" " * count)
        return response._replace(body=self._codec.write({**value, PADDING: "x" * count}))

    # ------------------------------------------------------------------ what the reference lets others decide

    def new_id(self, number: int) -> Any:
        return super().new_id(number) if self.scenario.identifier is None else self.scenario.identifier

    def token(self, number: int) -> str:
        """A token that no other scenario has, so that a client cannot have it from anywhere else."""
        words = f"{self.contract.name} {self.scenario.name} {number}"
        token = "token-" + hashlib.sha256(words.encode()).hexdigest()[:20]
        self.tokens.append(token)
        return token

    def knows(self, credential: Any) -> bool:
        """Whether the key is right; the word before it has no case (RFC 9110, 11.1)."""
        if super().knows(credential) or not isinstance(credential, str) or " " not in self._expected:
            return super().knows(credential)
        word, _, key = credential.strip().partition(" ")
        wanted, _, right = self._expected.partition(" ")
        return word.lower() == wanted.lower() and key.strip() == right

    def add(self, view: View, operation: Operation) -> Task:
        task = super().add(view, operation)
        task.fails = self.scenario.fails and not task.kind.inline
        self._news.append(task)
        return task

    def is_lost(self, task: Task, now: float) -> bool:
        return (self._turn is not None and self._turn.lost) or super().is_lost(task, now)

    def phase(self, task: Task, now: float) -> Phase:
        if self._turn is not None and self._turn.phase is not None:
            return self._turn.phase
        return super().phase(task, now)

    def word(self, phase: Phase) -> str:
        return self._forced() or super().word(phase)

    def unfinished(self, task: Task, phase: Phase) -> str:
        return self._forced() or super().unfinished(task, phase)

    def _forced(self) -> str:
        return "" if self._turn is None else self._turn.status

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        """Answer a poll; a phase without a response of its own (such as open) is answered like one that goes on."""
        if phase.value in operation.answers:
            return super().state(operation, task, phase)
        name = next(name for name in ("running", "waiting", "failed") if name in operation.answers)
        return self.fill(operation, name, task, self._forced())
