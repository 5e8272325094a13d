"""Events: exchanges read through the contract."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from pollproof.contract.conditions import Condition, compile_any, compile_condition
from pollproof.contract.model import Contract, Effect, Operation, Phase, Role, Status
from pollproof.contract.places import MISSING, Place, View, compile_place
from pollproof.contract.requests import RequestPattern, path_of, query_of
from pollproof.trace.bodies import Unreadable, canonical, repeated_key
from pollproof.trace.client_outcome import OPERATION, OUTCOME_PATH, read_outcome
from pollproof.trace.codecs import Check, checks_of, codec_of
from pollproof.trace.exchange import Exchange, Request
from pollproof.trace.pages import PAGE, PageReader, reads
from pollproof.trace.shapes import ShapeError

CALLBACK_PATH = "/@callback"
"""The path under which a trace keeps requests that came from the provider, whatever address they were sent to."""


STATUS_MARK = "@status"
"""The mark that keeps the last status of a task, where a clause looks at it."""

TRANSIENT_HTTP = frozenset({429, 502, 503, 504})
"""Answers of overloaded servers and of gateways before them, whose bodies are nobody's contract (RFC 9110, 15.6)."""


class Answer(Enum):
    """What kind of answer an exchange holds."""

    NONE = "none"  # the connection failed or nothing came
    UNREADABLE = "unreadable"  # something came that is not what the contract speaks
    REFUSED = "refused"  # an error
    STATE = "state"  # the state of a task


TOLD = (Answer.STATE, Answer.REFUSED)
"""The answers that say something; named once, since looking up a member takes long and is done for every exchange."""


class Member(NamedTuple):
    """One task of a batch answer: its id in comparable form, as it was written, and the whole entry."""

    task: str | None
    raw_task: Any
    entry: Any


class Event(NamedTuple):
    """One exchange as the contract reads it. `number` is its place in the trace, counted from 0.

    `task` is the id in one comparable form (None where there is none), `raw_task` as it was written.
    `request_errors` and `response_errors` are failures of the shapes. `documented` is false for a status that is
    known from elsewhere only. `marks` are the values at the operation's further places that are there.
    `result_text` is one text for equal results, None where the answer hands out none. `formal` tells whether the
    shape of the answer is documented at all, `transient` whether it is a gateway's or an overloaded server's page
    rather than the provider's word. `repeated` is a key that an object of the answer has twice.
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
    result_text: str | None
    error_code: str | None
    effect: Effect | None
    documented: bool
    marks: Mapping[str, Any]
    members: tuple[Member, ...]
    formal: bool
    transient: bool
    repeated: str | None = None

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
        "effects",
        "error_code",
        "inbound",
        "marks",
        "operation",
        "pages",
        "pattern",
        "phases",
        "plain",
        "reads_http",
        "reads_query",
        "refused",
        "result",
        "role",
        "status",
        "task_id",
    )

    def __init__(
        self, contract: Contract | None, operation: Operation, check: Mapping[str, Check], inline: tuple[Condition, ...]
    ) -> None:
        self.operation = operation
        self.pattern = RequestPattern(operation)
        self.role = operation.role
        self.inbound = operation.role in (Role.CALLBACK, Role.OUTCOME)
        self.task_id = compile_place(operation.task_id)
        self.echo = compile_place(operation.echo)
        self.status = compile_place(operation.status)
        self.result = compile_place(operation.result)
        self.error_code = compile_place(operation.error_code)
        self.refused = compile_any(operation.refused)
        self.effects = [(compile_condition(condition), effect) for condition, effect in operation.effects]
        self.phases = [(compile_condition(condition), phase) for condition, phase in operation.phases]
        conditions = [*operation.refused, *(c for c, _ in operation.phases), *(c for c, _ in operation.effects)]
        # An answer without a body says something where the contract looks elsewhere than in the body, or expects none.
        elsewhere = any(condition.at.area == "http" for condition in conditions)
        self.reads_http = elsewhere or any(answer.body is None for answer in operation.answers.values())
        places = [operation.task_id, operation.echo, operation.status, operation.result, operation.error_code]
        places += [*operation.marks.values(), *(condition.at for condition in (*conditions, *inline))]
        places += [*operation.given.values(), *reads(operation.pages)]
        # Without headers, and with neither message from the other side, the bodies and the status say all there is.
        self.plain = not self.inbound and not any(_reads(place, "header") for place in places)
        places += [condition.at for condition in operation.when]
        self.plain = self.plain and not any(_reads(condition.at, "header") for condition in operation.when)
        self.pages = None
        if contract is not None and operation.pages is not None:
            self.pages = PageReader(contract, operation, operation.pages)
        self.reads_query = (
            self.pages is not None or "?" in operation.path or any(_reads(place, "query") for place in places)
        )
        self.marks = [
            (name, compile_place(place)) for name, place in (*operation.marks.items(), *operation.given.items())
        ]
        self.check_request = None if operation.request_schema is None else check[operation.request_schema]
        self.check_response = None if operation.response_schema is None else check[operation.response_schema]

    def remember(self, places: list[tuple[str, Place | None]]) -> None:
        """Keep the values at these places as marks; None: the status."""
        for name, place in places:
            self.marks.append((name, self.status if place is None else compile_place(place)))
            self.plain = self.plain and not _reads(place, "header")


def _reads(place: Place | None, area: str) -> bool:
    return place is not None and (place.area == area or _reads(place.otherwise, area))


def _remembered(contract: Contract) -> list[tuple[str, Place | None]]:
    """The places whose values clauses want to be remembered, by the names of their marks; None: the status."""
    found: dict[str, Place | None] = {}
    for clause in contract.clauses:
        for place in getattr(clause.parameters, "remembered", ()) or ():
            found["@" + place.text] = place
        if getattr(clause.parameters, "remembered", ()) is None:
            found[STATUS_MARK] = None
    return list(found.items())


class Reader:
    """Reads exchanges through one contract. Holds compiled forms, and what it last read, but no state of any trace."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.codec = codec_of(contract.body, contract.namespace)
        self._read_body = self.codec.read
        self._json = contract.body == "json"
        checks = checks_of(contract.schemas)
        inline = tuple(condition for kind in contract.kinds.values() if kind.inline for condition in kind.when)
        self._last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._literal: dict[tuple[str, str], _OperationReader] = {}
        self._elements: dict[tuple[str, str], dict[str, _OperationReader]] = {}
        self._templates: list[_OperationReader] = []
        self._told_apart: dict[tuple[str, str], list[_OperationReader]] = {}
        self._paged: dict[str, PageReader] = {}
        remembered = _remembered(contract)
        for operation in contract.operations.values():
            reader = _OperationReader(contract, operation, checks, inline)
            if reader.pages is not None:
                self._paged[operation.name] = reader.pages
            if operation.role in (Role.CREATE, Role.POLL, Role.CANCEL, Role.FETCH):
                reader.remember(remembered)
            if operation.role is Role.CALLBACK:
                self._literal["POST", CALLBACK_PATH] = reader
            elif reader.pattern.varies:
                self._templates.append(reader)
            elif not reader.pattern.is_plain:
                self._told_apart.setdefault((operation.method, reader.pattern.path), []).append(reader)
            elif operation.element:
                self._elements.setdefault((operation.method, reader.pattern.path), {})[operation.element] = reader
            else:
                self._literal[operation.method, reader.pattern.path] = reader
        self._literal["POST", OUTCOME_PATH] = _OperationReader(None, OPERATION, checks, inline)
        self._poll = next(
            (reader for readers in self._elements.values() for reader in readers.values() if reader.role is Role.POLL),
            None,
        )
        shared = [reader for readers in self._told_apart.values() for reader in readers]
        self._poll = self._poll or next((reader for reader in shared if reader.role is Role.POLL), None)
        self._statuses = dict(contract.statuses)
        self._prefixes = [(value[:-1], status) for value, status in contract.statuses.items() if value.endswith("*")]
        self._inline = compile_any(inline)
        self._has_inline = any(kind.inline for kind in contract.kinds.values())

    def _find(self, request: Request, body: Any) -> tuple[_OperationReader, Mapping[str, str]] | None:
        method, path = request.method, request.path
        if not self._told_apart:
            found = self._literal.get((method, path))
            if found is not None:
                return found, _NOTHING
        path = path_of(path)
        shared = self._told_apart.get((method, path))
        if shared is not None:
            view = View(body, MISSING, query_of(request.path), request.headers, _NOTHING, None)
            reader = next((reader for reader in shared if reader.pattern.fits(view)), None)
            if reader is not None:
                return reader, _NOTHING
        found = self._literal.get((method, path))
        if found is not None:
            return found, _NOTHING
        if shared is not None:  # a request that is none of these operations: as good a poll as any other
            return (shared[0] if self._poll is None else self._poll), _NOTHING
        elements = self._elements.get((method, path))
        if elements is not None:
            name = next(iter(body)) if type(body) is dict and body else ""
            reader = elements.get(name)
            if reader is None:  # a body that names no operation: as good a poll as any other
                reader = self._poll
            return None if reader is None else (reader, _NOTHING)
        for reader in self._templates:
            if reader.pattern.method != method:
                continue
            variables = reader.pattern.variables(path)
            if variables is None:
                continue
            view = View(body, MISSING, query_of(request.path), request.headers, _NOTHING, None)
            if reader.pattern.fits(view):
                return reader, variables
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
        # Most polls are answered as the one before was, so what the same bytes say is kept for a while.
        if response is None:
            key: tuple[Any, ...] = (request.method, request.path, request.body, exchange.probe)
        else:
            key = (request.method, request.path, request.body, exchange.probe, response.status, response.body)
        known = self._last.get(key)
        if known is not None:
            return _event((number, exchange, *known))
        event, plain = self._read(exchange, number)
        size = len(request.body) if response is None else len(request.body) + len(response.body)
        if event is not None and plain and size <= _SHORT:
            if len(self._last) >= _LAST:
                self._last.clear()
            self._last[key] = event[2:]
        return event

    def pages_of(self, operation: Operation) -> PageReader | None:
        """What reads the pages of an operation's result; None where it has none."""
        return self._paged.get(operation.name)

    @property
    def kept(self) -> int:
        """Of how many exchanges it is kept how they were read."""
        return len(self._last)

    def forget(self) -> None:
        """Keep nothing of what was read so far."""
        self._last.clear()

    def _read(self, exchange: Exchange, number: int) -> tuple[Event | None, bool]:
        """The event of an exchange, and whether it follows from method, path, bodies, HTTP status and probe alone."""
        request, response = exchange.request, exchange.response
        asked = self._read_body(request.body) if request.body or request.method != "GET" else MISSING
        found = self._find(request, asked)
        if found is None:
            return None, False
        reader, variables = found
        if reader.reads_query:
            variables = {**variables, **query_of(request.path)}
        request_errors: tuple[ShapeError, ...] = ()
        response_errors: tuple[ShapeError, ...] = ()
        if reader.check_request is not None:
            if exchange.probe is None:
                request_errors = reader.check_request(asked, request.body)
            elif not reader.check_request.passes(asked, request.body):
                request_errors = _ON_PURPOSE
        told: Any = MISSING
        if reader.inbound:  # the provider asked, so its state stands in the request
            if reader.role is Role.OUTCOME:
                return _outcome(exchange, number), False
            view = View(asked, MISSING, variables, request.headers, _NOTHING, None)
            answer = Answer.UNREADABLE if type(asked) is Unreadable else Answer.STATE
        elif response is None:
            view = View(asked, MISSING, variables, request.headers, _NOTHING, None)
            answer = Answer.NONE
        else:
            bare = not response.body and response.status < 400 and reader.reads_http
            if not bare:
                told = self._read_body(response.body)
                if reader.check_response is not None:
                    response_errors = reader.check_response(told, response.body)
            view = View(asked, told, variables, request.headers, response.headers, response.status)
            if type(told) is Unreadable:
                # An error may say all that it has to say by its HTTP status alone, where the contract reads it there.
                by_status = reader.effects or (not response.body and reader.reads_http)
                answer = Answer.REFUSED if by_status and reader.refused(view) else Answer.UNREADABLE
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
            if reader.role is Role.FETCH and phase is not Phase.SUCCEEDED:
                phase = None  # no result yet, or none at all: it says nothing certain about the task
        elif answer is Answer.REFUSED:
            status = reader.status(view)
            found_code = reader.error_code(view)
            if type(found_code) is int:  # JSON-RPC has numbers; the catalogue has them as text
                found_code = str(found_code)
            code = found_code if type(found_code) is str and found_code else None
            entry = self.contract.errors.get(code) if code is not None else None
            effect = Effect.UNCLEAR if entry is None else entry.effect
            if entry is None:
                for test, meant in reader.effects:
                    if test(view):
                        effect = meant
                        break
            if effect is Effect.RUNNING:
                answer, phase = Answer.STATE, None if reader.role is Role.FETCH else Phase.RUNNING
        marks: Mapping[str, Any] = _NOTHING
        members: tuple[Member, ...] = ()
        if reader.marks:
            values = {name: read(view) for name, read in reader.marks}
            entries = values.pop("entries", MISSING)
            if entries is MISSING and type(told) is list:
                entries = told  # a bare array in place of the documented table
            if answer is Answer.STATE:
                members = self._members(reader.operation, entries)
            marks = {name: value for name, value in values.items() if value is not MISSING}
        if reader.pages is not None and response is not None:
            page = reader.pages.read(view, request.path)
            marks = {**marks, PAGE: page}
            if page.at or page.size is not None:
                result = MISSING  # a part of a result is not the result
        transient = response is not None and type(told) is Unreadable and response.status in TRANSIENT_HTTP
        raw = MISSING if reader.role is Role.BATCH else reader.task_id(view)
        event = Event(
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
            self._has_inline and self._inline(view),
            answer,
            phase,
            status,
            result,
            canonical(result) if phase is Phase.SUCCEEDED and result is not MISSING and result is not None else None,
            code,
            effect,
            documented,
            marks,
            members,
            response is not None
            and not transient
            and not _unspecified(exchange.probe, request_errors, response.status)
            and not (answer is Answer.REFUSED and reader.effects),
            transient,
            repeated_key(response.body, told) if response is not None and not reader.inbound and self._json else None,
        )
        return event, reader.plain

    def _members(self, operation: Operation, entries: Any) -> tuple[Member, ...]:
        """The tasks of a batch answer: the array at `entries`, each with its id where a creation has it."""
        if operation.role is not Role.BATCH or type(entries) is not list or operation.task_id is None:
            return ()
        steps = operation.task_id.steps
        found = []
        for entry in entries:
            raw = entry.get(steps[-1], MISSING) if type(entry) is dict else MISSING
            found.append(Member(task_key(raw), raw, entry))
        return tuple(found)


_NOTHING: Mapping[str, Any] = MappingProxyType({})

_ON_PURPOSE = (ShapeError("", "", "the request is wrong on purpose"),)
"""The failures of a request that is wrong on purpose: nobody needs to be told in which way."""

_LAST = 512
"""Exchanges whose reading is kept."""

_SHORT = 4096
"""Bytes of both bodies of an exchange whose reading is kept, so that what is kept stays small."""

_event = partial(tuple.__new__, Event)
"""An event of all its values in their order, without the cost of naming them."""


def _outcome(exchange: Exchange, number: int) -> Event:
    """The event of what a client said at its end: an `Outcome` in place of the request, and of no one task."""
    outcome = read_outcome(exchange.request.body)
    return Event(
        number=number,
        exchange=exchange,
        operation=OPERATION,
        request=MISSING if outcome is None else outcome,
        response=MISSING,
        request_errors=(),
        response_errors=(),
        task=None,
        raw_task=MISSING if outcome is None else outcome.task,
        echo=MISSING,
        inline_kind=False,
        answer=Answer.UNREADABLE if outcome is None else Answer.STATE,
        phase=None,
        status=MISSING,
        result=MISSING if outcome is None else outcome.result,
        result_text=None if outcome is None or outcome.result is None else canonical(outcome.result),
        error_code=None,
        effect=None,
        documented=True,
        marks=_NOTHING,
        members=(),
        formal=False,
        transient=False,
    )


def _unspecified(probe: str | None, errors: tuple[ShapeError, ...], http: int) -> bool:
    """Whether the shape of an answer is documented nowhere: an invalid request, refused by its HTTP status.

    Contracts that read their errors from the HTTP status document no body for them either.
    """
    if probe is None and not errors:
        return False
    if probe == "malformed":
        return True
    invalid = probe not in (None, "unknown-task", "wrong-credential") or bool(errors)
    return invalid and 400 <= http < 500


def _has_state(reader: _OperationReader, view: View) -> bool:
    """Whether an answer with an HTTP error status states a task all the same."""
    return type(reader.status(view)) is str or any(test(view) for test, _ in reader.phases)


_READERS: dict[int, Reader] = {}
_KEPT = 8


def reader_of(contract: Contract) -> Reader:
    """The reader of a contract, made once: its schemas take some tenths of a second to compile."""
    reader = _READERS.get(id(contract))
    if reader is None or reader.contract is not contract:
        while len(_READERS) >= _KEPT:
            del _READERS[next(iter(_READERS))]
        reader = _READERS[id(contract)] = Reader(contract)
    return reader
