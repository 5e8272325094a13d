"""Events: exchanges read through the contract."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from pollproof.bodies import Unreadable, read_json
from pollproof.contract.conditions import compile_any, compile_condition
from pollproof.contract.model import Contract, Effect, Operation, Phase, Status
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.shapes import Shape, ShapeError
from pollproof.trace import Exchange


class Answer(Enum):
    """What kind of answer an exchange holds."""

    NONE = "none"  # the connection failed or nothing came
    UNREADABLE = "unreadable"  # something came that is not what the contract speaks
    REFUSED = "refused"  # an error
    STATE = "state"  # the state of a task


class Event(NamedTuple):
    """One exchange as the contract reads it. `number` is its place in the trace, counted from 0.

    `task` is the id in one comparable form (None where there is none), `raw_task` as it was written.
    `request_errors` and `response_errors` are failures of the shapes. `documented` is false for a status that is
    known from elsewhere only.
    """

    number: int
    exchange: Exchange
    operation: Operation
    request: Any
    response: Any
    request_errors: tuple[ShapeError, ...]
    response_errors: tuple[ShapeError, ...]
    task: str | None
    raw_task: Any
    echo: Any
    inline_kind: bool
    answer: Answer
    phase: Phase | None
    status: Any
    result: Any
    error_code: str | None
    effect: Effect | None
    documented: bool

    @property
    def probe(self) -> str | None:
        """What is deliberately wrong with the request, None for one that means it."""
        return self.exchange.probe


def task_key(raw: Any) -> str | None:
    """The comparable form of a task id: its digits or characters; None for what can be no id."""
    kind = type(raw)
    if kind is str:
        return raw or None
    if kind is int:
        return str(raw)
    if kind is float:
        return repr(raw)
    return None


class _OperationReader:
    """One operation's places, conditions and shapes, compiled."""

    __slots__ = (
        "check_request",
        "check_response",
        "echo",
        "error_code",
        "operation",
        "phases",
        "refused",
        "result",
        "status",
        "task_id",
    )

    def __init__(self, operation: Operation, shape: Callable[[str], Shape]) -> None:
        self.operation = operation
        self.task_id = compile_place(operation.task_id)
        self.echo = compile_place(operation.echo)
        self.status = compile_place(operation.status)
        self.result = compile_place(operation.result)
        self.error_code = compile_place(operation.error_code)
        self.refused = compile_any(operation.refused)
        self.phases = [(compile_condition(condition), phase) for condition, phase in operation.phases]
        self.check_request = shape(operation.request_schema).check
        self.check_response = shape(operation.response_schema).check


class Reader:
    """Reads exchanges through one contract. Holds only compiled forms, no state of any trace."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        shapes: dict[str, Shape] = {}

        def shape(name: str) -> Shape:
            if name not in shapes:
                shapes[name] = Shape(contract.schemas[name])
            return shapes[name]

        self._literal: dict[tuple[str, str], _OperationReader] = {}
        self._templates: list[tuple[str, re.Pattern[str], _OperationReader]] = []
        for operation in contract.operations.values():
            reader = _OperationReader(operation, shape)
            if "{" in operation.path:
                pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.path))
                self._templates.append((operation.method, re.compile(pattern), reader))
            else:
                self._literal[operation.method, operation.path] = reader
        self._statuses = dict(contract.statuses)
        self._prefixes = [(value[:-1], status) for value, status in contract.statuses.items() if value.endswith("*")]
        self._inline = compile_any(
            tuple(condition for kind in contract.kinds.values() if kind.inline for condition in kind.when)
        )

    def _find(self, method: str, path: str) -> tuple[_OperationReader, dict[str, str]] | None:
        found = self._literal.get((method, path))
        if found is not None:
            return found, _NO_VARIABLES
        path = path.partition("?")[0].rstrip("/")  # a trailing slash is tolerated, as servers do
        found = self._literal.get((method, path))
        if found is not None:
            return found, _NO_VARIABLES
        for verb, pattern, reader in self._templates:
            match = pattern.fullmatch(path)
            if verb == method and match:
                return reader, match.groupdict()
        return None

    def _status(self, value: Any) -> Status | None:
        if type(value) is not str:
            value = {True: "true", False: "false"}.get(value) if type(value) is bool else None
        if value is None:
            return None
        status = self._statuses.get(value)
        if status is None:
            for prefix, family in self._prefixes:
                if value.startswith(prefix):
                    return family
        return status

    def read(self, exchange: Exchange, number: int) -> Event | None:
        """The event of an exchange; None where it belongs to no operation of the contract. Never raises."""
        request, response = exchange.request, exchange.response
        found = self._find(request.method, request.path)
        if found is None:
            return None
        reader, variables = found
        asked = read_json(request.body) if request.body else MISSING
        request_errors = reader.check_request(asked)
        if response is None:
            view = View(asked, MISSING, variables, request.headers, _NO_VARIABLES, None)
            told: Any = MISSING
            response_errors: tuple[ShapeError, ...] = ()
            answer = Answer.NONE
        else:
            told = read_json(response.body)
            view = View(asked, told, variables, request.headers, response.headers, response.status)
            response_errors = reader.check_response(told)
            if type(told) is Unreadable:
                answer = Answer.UNREADABLE
            elif reader.refused(view) or (response.status >= 400 and not _has_state(reader, view)):
                answer = Answer.REFUSED
            else:
                answer = Answer.STATE
        phase: Phase | None = None
        status: Any = MISSING
        result: Any = MISSING
        code: str | None = None
        effect: Effect | None = None
        documented = True
        if answer is Answer.STATE:
            status = reader.status(view)
            result = reader.result(view)
            for test, meaning in reader.phases:
                if test(view):
                    phase = meaning
                    break
            else:
                known = self._status(status)
                if known is not None:
                    phase, documented = known.phase, known.documented
        elif answer is Answer.REFUSED:
            status = reader.status(view)
            found_code = reader.error_code(view)
            code = found_code if type(found_code) is str and found_code else None
            entry = self.contract.errors.get(code) if code is not None else None
            effect = Effect.UNCLEAR if entry is None else entry.effect
            if effect is Effect.RUNNING:
                answer, phase = Answer.STATE, Phase.RUNNING
        raw = reader.task_id(view)
        return Event(
            number,
            exchange,
            reader.operation,
            asked,
            told,
            request_errors,
            response_errors,
            task_key(raw),
            raw,
            reader.echo(view),
            self._inline(view),
            answer,
            phase,
            status,
            result,
            code,
            effect,
            documented,
        )


_NO_VARIABLES: dict[str, str] = {}


def _has_state(reader: _OperationReader, view: View) -> bool:
    """Whether an answer with an HTTP error status states a task all the same."""
    return type(reader.status(view)) is str or any(test(view) for test, _ in reader.phases)
