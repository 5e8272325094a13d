"""The reference provider: a conformant implementation made from the contract alone, on a clock that it is given.

Mutants are subclasses of it that override one method; legal variants are settings and changed answer templates.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pollproof.bodies import Unreadable, read_json, write_json
from pollproof.clock import Clock
from pollproof.contract.conditions import compile_any, same
from pollproof.contract.model import Answer, Break, Contract, Operation, Phase, Probe, Role, TaskKind
from pollproof.contract.places import MISSING, View, compile_place, walk
from pollproof.shapes import Shape
from pollproof.templates import compile_template, steps_of, with_value, without
from pollproof.trace import Request, Response

SOLVING_SECONDS = (5.0, 2.0, 9.0, 0.0, 14.0, 3.5, 27.0)
"""Solving times that the tasks of the reference take in turn: within the documented 1 to 30 s, and one at once."""

FAILING = 5
"""Every task of this number (and its multiples) fails, so that failures are seen too."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reference provider does where the contract leaves it a choice.

    `solving`: seconds until a task is finished (None: in turn). `token`: one token for all results (empty: one each).
    `busy_every`: every Nth poll is answered with `busy_code` (0: none). `lifetime` and `polls` replace the limits.
    """

    solving: float | None = None
    lifetime: float | None = None
    polls: int | None = None
    count_refused: bool = False
    token: str = ""
    busy_every: int = 0
    busy_code: str = ""


@dataclass(slots=True)
class Task:
    """A task of the reference. `solving` seconds after `created` it is finished; `polls` counts its answered polls."""

    number: int
    id: Any
    kind: TaskKind
    created: float
    solving: float
    fails: bool
    result: Any
    polls: int = 0
    lost: bool = False
    reads: int = 0
    seen: list[str] = field(default_factory=list)


class ReferenceProvider:
    """Answers requests as the contract says. `changes` are departures of the answer templates."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        self.contract = contract
        self.clock = clock
        self.settings = settings or Settings()
        self.tasks: dict[str, Task] = {}
        self.order: list[Task] = []
        self.polls = 0
        self._first = 1
        limits = contract.limits
        self.lifetime = self.settings.lifetime if self.settings.lifetime is not None else limits.lifetime
        self.limit = self.settings.polls if self.settings.polls is not None else limits.polls
        self._credential = compile_place(contract.credential.at)
        self._expected = contract.credential.template.replace("{credential}", contract.credential.sample)
        self._routes = {
            (operation.method, operation.path): _Route(operation, contract)
            for operation in contract.operations.values()
        }
        self._answers = {
            (operation.name, name): _Template(_change(answer, operation.name, name, changes))
            for operation in contract.operations.values()
            for name, answer in operation.answers.items()
        }
        self._probes = [(probe, _recognises(probe)) for probe in contract.probes]
        self._kinds = [
            (kind, compile_any(kind.when), compile_template(kind.result)) for kind in contract.kinds.values()
        ]

    def reset(self) -> None:
        """Forget all tasks."""
        self.tasks.clear()
        self.order.clear()
        self.polls = 0

    def skip_ids(self, count: int) -> None:
        """Leave out that many task numbers, so that two providers of one trace give no id twice."""
        self._first += count

    # ------------------------------------------------------------------ what mutants override

    def new_id(self, number: int) -> Any:
        """The id of a new task."""
        match self.contract.task_id["type"]:
            case "integer":
                return 100_000_000 + 7 * number
            case "digits":
                return str(7434928397127555073 + 1024 * number)
        return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128, version=4))

    def token(self, number: int) -> str:
        """The one-time token of a task's result."""
        return self.settings.token or f"token-{number:06d}-{(number * 2654435761) % 2**32:08x}"

    def knows(self, credential: Any) -> bool:
        """Whether the key of a request is right."""
        return bool(credential == self._expected)

    def admits(self, view: View, route: _Route) -> bool:
        """Whether a request has all its required fields, and they have their types."""
        return all(read(view) is not MISSING for read in route.required) and not route.request.check(view.request)

    def rejects(self, probe: str) -> bool:
        """Whether requests that are wrong in this way of the contract's own are refused."""
        return True

    def find(self, identifier: Any) -> Task | None:
        """The task of that id, forgotten ones included."""
        return self.tasks.get(str(identifier))

    def is_lost(self, task: Task, now: float) -> bool:
        """Whether a task's lifetime or budget is over."""
        if self.lifetime is not None and now - task.created > self.lifetime:
            return True
        return self.limit is not None and task.polls >= self.limit

    def phase(self, task: Task, now: float) -> Phase:
        """Where a living task stands."""
        elapsed = now - task.created
        if elapsed >= task.solving:
            return Phase.FAILED if task.fails else Phase.SUCCEEDED
        return self._unfinished(elapsed / task.solving)

    def _unfinished(self, share: float) -> Phase:
        path = self.contract.path[:-1]
        status = path[min(int(share * len(path)), len(path) - 1)] if path else ""
        return self.contract.statuses[status].phase if path else Phase.RUNNING

    def result(self, task: Task) -> Any:
        """The result that a read of a task gives."""
        return task.result

    def inline(self, kind: TaskKind) -> bool:
        """Whether a task is answered in its creation."""
        return kind.inline

    def malformed(self, operation: Operation) -> Response:
        """The answer to a body that cannot be read."""
        return self.refuse(operation, self.contract.refusals.invalid_request)

    # ----------------------------------------------------------------------------- answering

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = request.path.partition("?")[0].rstrip("/")
        route = self._routes.get((request.method, path))
        if route is None:
            known = any(path == other for _, other in self._routes)
            return _plain(405 if known else 404, "method not allowed" if known else "no such path")
        body = read_json(request.body)
        if type(body) is Unreadable:
            return self.malformed(route.operation)
        view = View(body, MISSING, {}, request.headers, {}, None)
        refusals = self.contract.refusals
        if not self.knows(self._credential(view)):
            task = self.find(route.task_id(view)) if route.operation.role is Role.POLL else None
            if task is not None and self.settings.count_refused:
                task.polls += 1
            return self.refuse(route.operation, refusals.wrong_credential)
        if not self.admits(view, route):
            return self.refuse(route.operation, refusals.invalid_request)
        for probe, wrong in self._probes:
            if probe.operation == route.operation.name and self.rejects(probe.name) and wrong(view):
                return self.refuse(route.operation, probe.code)
        if route.operation.role is Role.CREATE:
            return self.create(route.operation, view)
        return self.poll(route.operation, route.task_id(view))

    def create(self, operation: Operation, view: View) -> Response:
        """Answer a creation."""
        number = len(self.order) + self._first
        kind, _, result = next(
            (entry for entry in self._kinds if entry[0].when and entry[1](view)),
            next(entry for entry in self._kinds if not entry[0].when),
        )
        solving = self.settings.solving
        if solving is None:
            solving = SOLVING_SECONDS[(number - 1) % len(SOLVING_SECONDS)]
        words = {"token": self.token(number), "number": number}
        task = Task(
            number=number,
            id=self.new_id(number),
            kind=kind,
            created=self.clock.now(),
            solving=solving,
            fails=number % FAILING == 0 and not kind.inline,
            result=result(words),
        )
        self.order.append(task)
        self.tasks.setdefault(str(task.id), task)
        if self.inline(kind):
            return self.say(operation, "succeeded", task, "")
        return self.say(operation, "created", task, "")

    def poll(self, operation: Operation, identifier: Any) -> Response:
        """Answer a poll."""
        self.polls += 1
        if self.settings.busy_every and self.polls % self.settings.busy_every == 0:
            return self.refuse(operation, self.settings.busy_code)
        task = self.find(identifier)
        if task is None:
            return self.refuse(operation, self.contract.refusals.unknown_task)
        now = self.clock.now()
        if task.lost or self.is_lost(task, now):
            task.lost = True
            return self.lost(operation, task)
        task.polls += 1
        phase = Phase.SUCCEEDED if task.kind.inline else self.phase(task, now)
        return self.state(operation, task, phase)

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        """Answer a poll with a phase."""
        if phase is Phase.FAILED:
            return self.say(operation, "failed", task, "", self.contract.refusals.failed_task)
        if phase is Phase.SUCCEEDED:
            task.reads += 1
            return self.say(operation, "succeeded", task, self.contract.path[-1])
        status = next(word for word in self.contract.path if self.contract.statuses[word].phase is phase)
        return self.say(operation, phase.value, task, status)

    def lost(self, operation: Operation, task: Task) -> Response:
        """Answer a poll of a lost task."""
        return self.say(operation, "lost", task, "", self.contract.refusals.lost_task)

    def refuse(self, operation: Operation, code: str) -> Response:
        """Answer with an error."""
        return self.say(operation, "refused", None, "", code)

    def say(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        """Fill an answer template."""
        entry = self.contract.errors.get(code)
        words: dict[str, Any] = {
            "status": status,
            "error_code": code,
            "error_text": code if entry is None else entry.text,
        }
        if task is not None:
            words["task_id"] = task.id
            words["result"] = self.result(task)
            words["another_id"] = self.new_id(task.number + 1_000_000)
        return self._answers[operation.name, name].fill(words)


def _recognises(probe: Probe) -> Callable[[View], bool]:
    """Whether a request is the probe: what it removes is missing, and what it sets is there."""
    removed = [steps_of(pointer) for pointer in probe.remove]
    placed = [(steps_of(pointer), value) for pointer, value in probe.set]

    def recognise(view: View) -> bool:
        for steps in removed:
            table = walk(view.request, tuple(steps[:-1]))
            if not isinstance(table, dict) or steps[-1] in table:
                return False
        return all(same(walk(view.request, tuple(steps)), value) for steps, value in placed)

    return recognise


class _Route:
    """One operation as the provider meets it."""

    __slots__ = ("operation", "request", "required", "task_id")

    def __init__(self, operation: Operation, contract: Contract) -> None:
        self.operation = operation
        self.task_id = compile_place(operation.task_id)
        self.required = [compile_place(place) for place in operation.required]
        self.request = Shape(contract.schemas[operation.request_schema])


class _Template:
    """An answer template, compiled."""

    __slots__ = ("body", "headers", "http")

    def __init__(self, answer: Answer) -> None:
        self.http = answer.http
        self.headers: Mapping[str, str] = {"content-type": "application/json", **dict(answer.headers)}
        self.body = None if answer.body is None else compile_template(answer.body)

    def fill(self, words: dict[str, Any]) -> Response:
        return Response(self.http, self.headers, b"" if self.body is None else write_json(self.body(words)))


def _plain(status: int, text: str) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def _change(answer: Answer, operation: str, name: str, changes: Iterable[Break]) -> Answer:
    """The answer template after the changes that select it."""
    for change in changes:
        if change.operation not in ("", operation) or change.answer not in ("", name):
            continue
        body = answer.body
        for pointer in change.remove:
            body = without(body, pointer)
        for pointer, value in change.set:
            body = with_value(body, pointer, value)
        answer = replace(answer, body=body, http=answer.http if change.http is None else change.http)
    return answer
