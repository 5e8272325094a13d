"""The replay: finds the recorded response to a request, or says what the recording has in its place."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from pollproof.contract.model import REFUSED_KEY, Contract, Operation, Role
from pollproof.contract.vocabulary import ABOUT_A_TASK
from pollproof.recordings.entry import Recorded
from pollproof.replay.replay_queue import Pool, RecordedResponse, Tape, recall
from pollproof.replay.request_key import Meaning, Meanings, comparable
from pollproof.text import printable
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Request, Response
from pollproof.trace.reader import Reader

_MAXIMUM_CHARACTERS = 60
"""Characters of a foreign path or id that a message shows."""

MAXIMUM_MISSES = 1000
"""Different misses that are reported one by one; further ones are counted only."""

MAXIMUM_IDS = 5
"""Ids of recorded tasks that a response to a miss names."""


class Replay:
    """Answers requests from recorded exchanges. Several threads may ask at once.

    A request is matched by what it means. What is about a task gets the responses of that task in order, but for those
    that were pending before the age that the task has by the clock of the client (`now`). The last response is given
    again where the task has an end in it; a pending one is not, for a client would poll without end. A creation or a
    batch gets the response to an equal one, else the next unused one of its kind; a response that is final is
    given to an equal request again. Recorded requests that are deliberately invalid answer requests that are invalid in
    the same way, and others only where nothing else does. `missed` hears of each request that the recording has no
    response to, once.
    """

    def __init__(
        self,
        contract: Contract,
        recording: Iterable[Recorded],
        missed: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.contract = contract
        self.exchanges = 0
        self.inbound = 0
        self.misses = 0
        self._missed = missed
        self._reported: set[str] = set()
        self._lock = threading.Lock()
        self._meanings = Meanings(contract)
        self._tapes: defaultdict[Hashable, Tape] = defaultdict(Tape)
        self._stock = Pool()
        self._finals: dict[Hashable, RecordedResponse] = {}
        self._ended: dict[str, int] = {}
        self._ids: dict[str, None] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._now = now
        self._born: dict[str, float] = {}
        created: dict[str, float] = {}
        reader = Reader(contract)
        for position, recorded in enumerate(recording):
            exchange = recorded.exchange
            event = reader.read(exchange, position)
            if event is None:
                continue
            if event.operation.role is Role.OUTCOME:
                continue
            if event.operation.role is Role.CALLBACK:
                self.inbound += 1
                continue
            meaning = self._meanings.read(exchange.request)
            if meaning is not None:
                self.exchanges += 1
                self._counts[event.operation.name] += 1
                task = event.task or ""
                if event.operation.role is Role.CREATE and event.answer is Answer.STATE:
                    created[task] = exchange.received
                self._keep(meaning, recall(position, event, created.get(task, math.nan)), exchange.probe)

    @property
    def tasks(self) -> int:
        """How many tasks requests to the recording named."""
        return len(self._ids)

    @property
    def creations(self) -> int:
        """How many creations and batches can be answered."""
        return len(self._stock)

    def rewind(self) -> None:
        """Begin again, as if nothing had been asked."""
        with self._lock:
            self._stock.rewind()
            self._ended.clear()
            self._born.clear()
            for tape in self._tapes.values():
                tape.rewind()

    def handle(self, request: Request) -> Response | None:
        """The response to a request; None where the recorded connection ended without one."""
        with self._lock:
            meaning = self._meanings.read(request)
            found = None if meaning is None else self._find(meaning)
            if found is not None:
                if found.task is not None:
                    self._born[comparable(found.task) or ""] = self._now()
                return found.response
            return self._miss(request, meaning)

    # ------------------------------------------------------------------------------- keeping and finding

    def _keep(self, meaning: Meaning, answer: RecordedResponse, probe: str | None) -> None:
        name, task, body = meaning.operation.name, meaning.task, meaning.body
        by_task = meaning.operation.role in ABOUT_A_TASK
        if probe in ("wrong-credential", REFUSED_KEY) and meaning.keyed:
            self._tapes["key", name, task, b"" if by_task else body].add(answer)
        elif probe is not None or not meaning.readable or (by_task and task is None):
            self._tapes["wrong", name, task, body, meaning.keyed].add(answer)
            if by_task and task is not None and meaning.keyed:
                self._tapes["stranger", name, task].add(answer)
        elif by_task and task is not None:
            self._ids.setdefault(task)
            self._tapes["task", name, task].add(answer)
        else:
            equal: Hashable = (name, body)
            self._stock.add((equal, (name, meaning.kind, None)), answer)
            if answer.final:
                self._finals[equal] = answer

    def _find(self, meaning: Meaning) -> RecordedResponse | None:
        name, task, body = meaning.operation.name, meaning.task, meaning.body
        wrong = ("wrong", name, task, body, meaning.keyed)
        if not meaning.conforming and wrong in self._tapes:
            return self._tapes[wrong].take()
        if not meaning.readable:
            return None
        if meaning.operation.role in ABOUT_A_TASK:
            if task is None:
                return None
            return self._find_task(name, task) or self._find_tape(
                wrong, ("stranger", name, task), ("key", name, task, b"")
            )
        equal = (name, body)
        return (
            self._stock.take(equal)
            or self._finals.get(equal)
            or self._find_tape(wrong)
            or self._stock.take((name, meaning.kind, None))
            or self._find_tape(("key", name, task, body))
        )

    def _find_task(self, name: str, task: str) -> RecordedResponse | None:
        tape = self._tapes.get(("task", name, task))
        if tape is None or tape.is_used_up:
            return None
        answer = tape.take(self._ended.get(task, -1), self._now() - self._born.get(task, math.nan))
        if answer.final and answer.position > self._ended.get(task, -1):
            self._ended[task] = answer.position
        return answer

    def _find_tape(self, *keys: Hashable) -> RecordedResponse | None:
        for key in keys:
            tape = self._tapes.get(key)
            if tape is not None:
                return tape.take()
        return None

    # ------------------------------------------------------------------------------------------- misses

    def _miss(self, request: Request, meaning: Meaning | None) -> Response:
        self.misses += 1
        problem = self._problem(request, meaning)
        if self._missed is not None and problem not in self._reported and len(self._reported) < MAXIMUM_MISSES:
            self._reported.add(problem)
            self._missed(problem)
        document: dict[str, Any] = {
            "pollproof": "no recorded response",
            "error": problem,
            "asked": {
                "method": printable(request.method, _MAXIMUM_CHARACTERS),
                "path": printable(request.path.partition("?")[0], _MAXIMUM_CHARACTERS),
                "operation": None if meaning is None else meaning.operation.name,
                "task": None
                if meaning is None or meaning.task is None
                else printable(meaning.task, _MAXIMUM_CHARACTERS),
            },
            "recording": {
                "provider": self.contract.name,
                "exchanges": dict(self._counts),
                "tasks": self.tasks,
                "some_tasks": [printable(task, _MAXIMUM_CHARACTERS) for task in list(self._ids)[:MAXIMUM_IDS]],
            },
        }
        return Response(404, {"content-type": "application/json"}, json.dumps(document).encode())

    def _problem(self, request: Request, meaning: Meaning | None) -> str:
        """What was requested, and what the recording has in its place; one sentence."""
        if meaning is None:
            known = ", ".join(self._counts) or "nothing"
            path = printable(request.path.partition("?")[0], _MAXIMUM_CHARACTERS)
            method = printable(request.method, _MAXIMUM_CHARACTERS)
            return f"{method} {path} is not an operation of {self.contract.name}; recorded: {known}"
        name, task = meaning.operation.name, meaning.task
        if name not in self._counts:
            return f"{name} was requested, and the recording has no {name} at all"
        if not meaning.readable:
            return f"{name} was requested with a body that cannot be read, and the recording has no such request"
        if meaning.operation.role in ABOUT_A_TASK:
            if task is None:
                return f"{name} was requested without the id of a task, and the recording has no such request"
            requested = f"{name} was requested for the task '{printable(task, _MAXIMUM_CHARACTERS)}'"
            if task in self._ids:
                return f"{requested}, and the recording ends before that task has an end"
            of = "one task was" if self.tasks == 1 else f"{self.tasks} tasks were"
            return f"{requested}, and {of} recorded, that one not"
        return self._problem_of_creation(meaning.operation, meaning.kind)

    def _problem_of_creation(self, operation: Operation, kind: str) -> str:
        what = "batch" if operation.role is Role.BATCH else f"task of the kind '{kind}'" if kind else "task"
        if self._stock.has((operation.name, kind, None)):
            return f"{operation.name} was requested for one {what} more than the recording has"
        return f"{operation.name} was requested for a {what}, and the recording has none"
