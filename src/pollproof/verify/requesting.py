"""The requests of a session: built from the contract's operations and the words of the session."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from pollproof.clock import Clock
from pollproof.contract.model import (
    Operation,
    Role,
    TaskKind,
    id_mark,
    link_mark,
)
from pollproof.contract.requests import RequestPattern, base_path
from pollproof.contract.templates import compile_template, overlaid
from pollproof.http.target import Target
from pollproof.monitor.monitor import Monitor
from pollproof.trace.exchange import Request
from pollproof.trace.pages import with_parameter
from pollproof.verify.handles import Handle
from pollproof.verify.patience import Waiter
from pollproof.verify.request_builder import Builder
from pollproof.verify.variety import (
    Variation,
    poll_variations,
    request_options,
    task_variations,
    whole_task,
    write_forms,
)

KEPT_POLLS = 512
"""Requests that are kept written, of creations and about tasks."""

_Key = TypeVar("_Key")


class Requester(Waiter):
    """Builds requests; it creates no tasks of the kinds that it is to do `without`."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        monitor: Monitor,
        *,
        credential: str | None = None,
        sample: Mapping[str, Any] | None = None,
        observed: Callable[[], None] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(target, clock, monitor, observed)
        contract = self.contract
        self.credential = contract.credential.sample if credential is None else credential
        self.second_credential: str | None = None
        self.created = 0
        self.create_operation = contract.operation(Role.CREATE)
        self.poll_operation = contract.operation(Role.POLL)
        self.fetch_operation = contract.operation_of(Role.FETCH)
        self.cancel_operation = contract.operation_of(Role.CANCEL)
        self.delete_operation = contract.operation_of(Role.DELETE)
        self.batch_operation = contract.operation_of(Role.BATCH)
        polled = tuple(kind for kind in contract.kinds.values() if not kind.inline)
        self.kinds = tuple(kind for kind in polled if kind.name not in without) or polled
        """The kinds of tasks whose result must be polled for."""
        self.inline_kinds = tuple(kind for kind in contract.kinds.values() if kind.inline and kind.name not in without)
        """The kinds of tasks that are answered in their creation."""
        self._polls: dict[tuple[str, type, Any], Request] = {}
        self._creations: dict[tuple[str, int], Request] = {}
        operations = contract.operations.values()
        self._builders = {each.name: Builder(each, contract) for each in operations}
        self.create_operations = tuple(each for each in operations if each.role is Role.CREATE)
        self.unwalked = {each.name for each in self.create_operations}
        """The creating operations by which no task was created yet."""
        self._ids = {name for each in operations for name in each.ids}
        self._links = {name for each in operations for name in each.links}
        self._base = base_path(contract.base_url)
        chosen = [each.task_id for each in self.create_operations]
        self._chooses = any(place is not None and place.part == "request" for place in chosen)
        self._salt = os.urandom(4).hex()  # ids that the client chooses are new in every run
        self._samples = {
            name: compile_template(sample if sample is not None and not kind.inline else kind.sample)
            for name, kind in contract.kinds.items()
        }

    def request(
        self, operation: Operation, words: Mapping[str, Any], credential: str | None = None, way: int = 0
    ) -> Request:
        """The request of an operation in one of its documented ways; number and key are the next where left out."""
        words = {"number": self.created, "idempotency_key": self.new_key(), **words}
        if self._ids and "task_id" in words:
            words = {**self._ids_of(words["task_id"]), **words}
        return self._builders[operation.name].build(self.credential if credential is None else credential, words, way)

    def _body(self, operation: Operation, words: Mapping[str, Any], way: int = 0) -> Any:
        return self._builders[operation.name].body(self.credential, words, way)

    def _ids_of(self, identifier: Any) -> dict[str, Any]:
        """The further ids of a task; of one that has not been given them, its own in their place."""
        history = self.monitor.account.tasks.get(str(identifier))
        marks = {} if history is None else history.marks
        return {name: marks.get(id_mark(name), identifier) for name in self._ids}

    def about(self, operation: Operation, handle: Handle, way: int = 0) -> Request:
        """The request of an operation about a task, at the address that was given for it; kept for a while."""
        history = self.history(handle) if self._ids or self._links else None
        if history is None:
            key = operation.name, type(handle.id), (handle.id, way)
            return self._polls.get(key) or _keep(
                self._polls, key, self.request(operation, {"task_id": handle.id, "number": self.created}, way=way)
            )
        request = self.request(operation, {"task_id": handle.id, "number": self.created}, way=way)
        address = history.marks.get(link_mark(operation.name))
        if isinstance(address, str):
            path = RequestPattern(operation).within(address, "/", self._base)
            request = request if path is None else self._with_key(request._replace(path=path))
        return request

    def _with_key(self, request: Request) -> Request:
        """A request to an address that was given, with the key that goes into its query, if it does."""
        place, template = self.contract.credential.at, self.contract.credential.template
        if place is None or place.area != "query":
            return request
        return with_parameter(request, place.steps[0], template.replace("{credential}", self.credential))

    def has_ids(self, operation: Operation | None, handle: Handle) -> bool:
        """Whether a task has been given the ids that an operation takes, and has ended where the operation blocks."""
        if operation is not None and operation.blocks:
            history = self.history(handle)
            if history is None or history.terminal is None:
                return False
        if operation is None or operation.takes not in self._ids:
            return operation is not None
        history = self.history(handle)
        return history is not None and id_mark(operation.takes) in history.marks

    def control(self) -> Request | None:
        """A poll of a task that does not exist."""
        return self.request(self.poll_operation, {"task_id": self.contract.task_id["unknown"][0]})

    def creates(self, kind: TaskKind) -> Operation:
        """The operation that creates a kind of task."""
        return self.contract.operations[kind.operation] if kind.operation else self.create_operation

    def task(self, kind: TaskKind) -> Any:
        """A task to create, unlike the last one where the sample has a place for that."""
        self.created += 1
        return self.sample(kind)

    def sample(self, kind: TaskKind) -> Any:
        """The sample of a kind with a number in it, for a request that should be refused."""
        return self._samples[kind.name]({"number": self.created, "unique": f"{self._salt}-{self.created}"})

    def creation(self, kind: TaskKind) -> Request:
        """The next creation of a kind: examples that begin with a fresh target create the same tasks again."""
        key = kind.name, self.created + 1
        request = self._creations.get(key)
        if request is None:
            return _keep(self._creations, key, self._creation_of(kind, self.task(kind)))
        self.created += 1
        return request

    def _creation_of(self, kind: TaskKind, task: Any, way: int = 0) -> Request:
        return self.request(self.creates(kind), self.creation_words(task), way=way)

    def creation_words(self, task: Any, key: str | None = None) -> dict[str, Any]:
        """The words of a creation: the task, its number, an id that the client chooses, an idempotency key."""
        words = {"task": task, "number": self.created, "idempotency_key": key or self.new_key()}
        if self._chooses:
            words["task_id"] = f"task-{self._salt}-{self.created}"
        return words

    def sample_request(self, operation: Operation) -> Request:
        """A valid request of an operation, as far as the contract has samples for it."""
        words = self.creation_words(self.task(self.kind_of(operation)))
        words.setdefault("task_id", self.contract.task_id["unknown"][0])
        return self.request(operation, words)

    def kind_of(self, operation: Operation) -> TaskKind:
        """A kind of task that an operation creates; for any other operation the first one that is polled for."""
        own = (kind for kind in self.kinds if self.creates(kind).name == operation.name)
        return next(own, self.kinds[0] if self.kinds else self.inline_kinds[0])

    def new_key(self) -> str:
        """An idempotency key for the creation that is next."""
        return f"key-{self._salt}-{self.created}"

    def batch_request(
        self, way: int = 0, *, size: int | None = None, equal: bool = False, more: Mapping[str, Any] | None = None
    ) -> Request:
        """The request of a batch, as `batch` sends it."""
        operation = self.batch_operation
        assert operation is not None
        self.created += 1
        request = self.request(operation, {"number": self.created}, way=way)
        body = self._body(operation, {"number": self.created}, way)
        body = overlaid(body, more) if more else dict(body)
        for name, entries in body.items():
            if isinstance(entries, list) and name not in (more or {}):
                if size is not None:
                    body[name] = [f"{entries[0]}-{number}" for number in range(size)]
                if equal:
                    body[name] = [*body[name], body[name][0]]
        return request._replace(body=self.codec.write(body))

    @property
    def batch_ways(self) -> int:
        """In how many documented ways a batch can be requested."""
        return 0 if self.batch_operation is None else 1 + len(self.batch_operation.alternatives)

    def in_form(self, request: Request, form: int | None) -> Request:
        """A request whose body is written in another form that means the same (None: as it is)."""
        if form is None or not request.body:
            return request
        return request._replace(body=self.write_forms[form % len(self.write_forms)](self.codec.read(request.body)))

    @cached_property
    def variations(self) -> list[Variation]:
        """The tasks that may be requested besides the samples of the contract."""
        return task_variations(self.contract)

    def whole_task(self, kind: TaskKind) -> dict[str, Any]:
        """Every documented parameter of a task away from its default, besides those of the sample."""
        return whole_task(self.contract, self.variations, kind)

    @cached_property
    def request_options(self) -> list[dict[str, Any]]:
        """The optional fields of a creation beside its task."""
        return request_options(self.contract)

    @cached_property
    def poll_variations(self) -> list[Callable[[Any], Any]]:
        """What may be changed in the body of a poll."""
        return poll_variations(self.contract, self.poll_operation)

    @cached_property
    def write_forms(self) -> list[Callable[[Any], bytes]]:
        """The other forms of a body."""
        return write_forms(self.contract)


def _keep(kept: dict[_Key, Request], key: _Key, request: Request) -> Request:
    if len(kept) >= KEPT_POLLS:
        kept.clear()
    kept[key] = request
    return request
