"""Reading: the event of an exchange, by a contract."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Contract, Effect, Operation, Phase, Role, Status
from pollproof.contract.places import MISSING, View
from pollproof.contract.requests import query_of
from pollproof.contract.vocabulary import FETCH, NEAR_MISS, SUCCEEDED
from pollproof.trace.bodies import Unreadable, canonical, repeated_key
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import (
    NOTHING,
    REFUSAL,
    STATE,
    TRANSIENT_HTTP,
    Answer,
    Event,
    Member,
    outcome_event,
    task_key,
)
from pollproof.trace.exchange import Exchange, Request
from pollproof.trace.operations import OperationReader, Routes
from pollproof.trace.pages import PAGE, PageReader
from pollproof.trace.shapes import ShapeError

_LAST = 512
"""Exchanges whose reading is kept."""

_SHORT = 4096
"""Bytes of both bodies of an exchange whose reading is kept, so that what is kept stays small."""

_event = partial(tuple.__new__, Event)
"""An event of all its values in their order, without the cost of naming them."""

_State = tuple[Answer, Phase | None, Any, Any, str | None, Effect | None, bool]
"""Answer, phase, status, result, error code, its effect, and whether the status is documented."""


class Reader:
    """Reads exchanges through one contract. Holds compiled forms, and what it last read, but no state of any trace."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.codec = codec_of(contract, "request")
        """How requests are written."""
        self._read_request, self._read_response = self.codec.read, codec_of(contract).read
        self._json = contract.body == "json"
        inline = tuple(condition for kind in contract.kinds.values() if kind.inline for condition in kind.when)
        routes = Routes(contract, inline)
        self._find, self._nearest, self._paged = routes.find, routes.nearest, routes.paged
        self._last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._statuses = dict(contract.statuses)
        self._prefixes = [(value[:-1], status) for value, status in contract.statuses.items() if value.endswith("*")]
        self._inline = compile_any(inline)
        self._has_inline = any(kind.inline for kind in contract.kinds.values())

    def read(self, exchange: Exchange, number: int) -> Event | None:
        """The event of an exchange; None where it belongs to no operation of the contract. Never raises."""
        request, response = exchange.request, exchange.response
        # Most polls are answered as the one before was, so what the same bytes mean is kept for a while.
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
        request, response, probe = exchange.request, exchange.response, exchange.probe
        sent = self._read_request(request.body) if request.body or request.method != "GET" else MISSING
        found = self._find(request, sent)
        if found is None and probe:
            found = self._nearest(request)
        if found is None:
            return None, False
        reader, variables = found
        if reader.role is Role.OUTCOME:
            return outcome_event(exchange, number), False
        if reader.inbound and probe is None and not reader.pattern.fits(_request_view(request, sent)):
            return None, False  # a callback about something else than the end of a task
        if reader.reads_query:
            variables = {**variables, **query_of(request.path)}
        if reader.type_request is not None:
            sent = reader.type_request(sent)
        request_errors = reader.request_errors(sent, request.body, probe)
        response_errors: tuple[ShapeError, ...] = ()
        received: Any = MISSING
        formal = transient = False
        if reader.inbound or response is None:  # a request of the provider states its task itself
            view = View(sent, MISSING, variables, request.headers, NOTHING, None)
            answer = STATE if type(sent) is not Unreadable else Answer.UNREADABLE
            if not reader.inbound:
                answer = Answer.NONE
        else:
            if response.body or response.status >= 400 or not reader.reads_http:
                received = self._read_response(response.body)
                if reader.type_response is not None:
                    received = reader.type_response(received)
                if reader.check_response is not None:
                    response_errors = reader.check_response(received, response.body)
            view = View(sent, received, variables, request.headers, response.headers, response.status)
            answer = reader.answer(view, response.body)
        unchanged = response is not None and response.status == 304 and "if-none-match" in request.headers
        if unchanged:  # the state is the one that the client has
            answer, response_errors = STATE, ()
        answer, phase, status, result, code, effect, documented = self._state(reader, view, answer)
        if response is not None:
            transient = response.status in TRANSIENT_HTTP and (
                type(received) is Unreadable or (effect is Effect.UNCLEAR and code is None)
            )
            if transient and answer is REFUSAL:
                answer, effect = Answer.UNREADABLE, None  # JSON of a gateway says no more than its HTML would
            formal = not transient and not (answer is REFUSAL and reader.effects)
            formal = formal and not _unspecified(probe, request_errors, response.status)
            formal = formal and not unchanged
        marks, members = self._marks(reader, view, answer) if reader.marks else (NOTHING, ())
        if reader.pages is not None and response is not None:
            page = reader.pages.read(view, request.path)
            marks = {**marks, PAGE: page}
            if page.at or page.size is not None:
                result = MISSING  # a part of a result is not the result
        raw = MISSING if reader.role is Role.BATCH else reader.task_id(view)
        judged = self._json and response is not None and not reader.inbound
        event = _event(
            (
                number, exchange, reader.operation, sent, received, request_errors, response_errors,
                task_key(raw), raw, reader.echo(view), self._has_inline and self._inline(view),
                answer, phase, status, result,
                None if phase is not SUCCEEDED or result is MISSING or result is None else canonical(result),
                code, effect, documented, marks, members, formal, transient,
                repeated_key(response.body, received) if judged and response is not None else None,
            )
        )  # fmt: skip
        return event, reader.plain and not unchanged

    def _state(self, reader: OperationReader, view: View, answer: Answer) -> _State:
        """What a message states of a task, or how it refuses."""
        if answer is STATE:
            status, phase, documented = reader.status(view), reader.phase(view), True
            if phase is None:
                known = self._status(status)
                if known is not None:
                    phase, documented = known.phase, known.documented
            if reader.role is FETCH and phase is not SUCCEEDED:
                phase = None  # no result yet, or none at all: it shows nothing certain about the task
            return answer, phase, status, reader.result(view), None, None, documented
        if answer is not REFUSAL:
            return answer, None, MISSING, MISSING, None, None, True
        code = reader.error_code(view, self.contract.errors)
        if type(code) is int:  # JSON-RPC has numbers; the catalogue has them as text
            code = str(code)
        code = code if type(code) is str and code else None
        entry = self.contract.errors.get(code) if code is not None else None
        effect = Effect.UNCLEAR
        if entry is not None:
            effect = entry.effect
        else:
            effect = next((meant for test, meant in reader.effects if test(view)), effect)
        if effect is Effect.RUNNING:
            phase = None if reader.role is FETCH else Phase.RUNNING
            return STATE, phase, reader.status(view), MISSING, code, effect, True
        return answer, None, reader.status(view), MISSING, code, effect, True

    def _status(self, value: Any) -> Status | None:
        """The status of that word; None for a word that the contract does not know."""
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

    def _marks(
        self, reader: OperationReader, view: View, answer: Answer
    ) -> tuple[Mapping[str, Any], tuple[Member, ...]]:
        """The values at the further places of an operation, and the tasks of a batch."""
        values = {name: read(view) for name, read in reader.marks}
        entries = values.pop("entries", MISSING)
        milliseconds = values.pop("retry_after_ms", MISSING)
        if type(milliseconds) in (int, float):
            values["retry_after"] = milliseconds / 1000
        if entries is MISSING and type(view.response) is list:
            entries = view.response  # a bare array in place of the documented table
        members = self._members(reader.operation, entries) if answer is STATE else ()
        return {name: value for name, value in values.items() if value is not MISSING}, members

    def _members(self, operation: Operation, entries: Any) -> tuple[Member, ...]:
        """The tasks of a batch response: the array at `entries`, each with its id where a creation has it."""
        if operation.role is not Role.BATCH or type(entries) is not list or operation.task_id is None:
            return ()
        steps = operation.task_id.steps
        found = []
        for entry in entries:
            raw = entry.get(steps[-1], MISSING) if type(entry) is dict else MISSING
            found.append(Member(task_key(raw), raw, entry))
        return tuple(found)


def _request_view(request: Request, body: Any) -> View:
    return View(body, MISSING, query_of(request.path), request.headers, NOTHING, None)


def _unspecified(probe: str | None, errors: tuple[ShapeError, ...], http: int) -> bool:
    """Whether the shape of a response is documented nowhere: an invalid request, refused by its HTTP status.

    Contracts that read their errors from the HTTP status document no body for them either.
    """
    if probe is None and not errors:
        return False
    if probe == "malformed":
        return True
    invalid = probe not in (None, "unknown-task", "wrong-credential") or bool(errors)
    return (invalid and 400 <= http < 500) or (probe == NEAR_MISS and http >= 500)


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
