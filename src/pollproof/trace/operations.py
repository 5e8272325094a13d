"""Operations of a contract, compiled: which requests are theirs, and what their messages contain."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any

from pollproof.contract.conditions import Condition, compile_any, compile_condition
from pollproof.contract.model import Contract, Operation, Phase, Role
from pollproof.contract.places import MISSING, Place, View, compile_place
from pollproof.contract.requests import RequestPattern, path_of, query_of
from pollproof.contract.vocabulary import CALLBACK, CREATE, FETCH, POLL
from pollproof.trace.bodies import Unreadable
from pollproof.trace.client_outcome import OPERATION, OUTCOME_PATH
from pollproof.trace.codecs import Check, checks_of, codec_of, typing_of
from pollproof.trace.events import CALLBACK_PATH, NOTHING, REFUSAL, STATE, STATUS_MARK, Answer, mark_of
from pollproof.trace.exchange import Request
from pollproof.trace.pages import PageReader, reads
from pollproof.trace.shapes import ShapeError

INVALID = (ShapeError("", "", "the request is deliberately invalid"),)
"""The failures of a deliberately invalid request: in which way is known."""


class OperationReader:
    """One operation's places, conditions and shapes, compiled."""

    __slots__ = (
        "check_request",
        "check_response",
        "echo",
        "effects",
        "error_codes",
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
        "type_request",
        "type_response",
    )

    def __init__(
        self, contract: Contract | None, operation: Operation, check: Mapping[str, Check], inline: tuple[Condition, ...]
    ) -> None:
        self.operation = operation
        self.pattern = RequestPattern(operation)
        self.role = operation.role
        self.inbound = operation.role in (CALLBACK, Role.OUTCOME)
        self.task_id = compile_place(operation.task_id)
        self.echo = compile_place(operation.echo)
        self.status = compile_place(operation.status)
        self.result = compile_place(operation.result)
        self.error_codes = _alternatives(operation.error_code)
        self.refused = compile_any(operation.refused)
        self.effects = [(compile_condition(condition), effect) for condition, effect in operation.effects]
        self.phases = [(compile_condition(condition), phase) for condition, phase in operation.phases]
        conditions = [*operation.refused, *(c for c, _ in operation.phases), *(c for c, _ in operation.effects)]
        # A response without body means something where the contract looks elsewhere than in the body, or expects none.
        elsewhere = any(condition.at.area == "http" for condition in conditions)
        self.reads_http = elsewhere or any(answer.body is None for answer in operation.answers.values())
        places = [operation.task_id, operation.echo, operation.status, operation.result, operation.error_code]
        places += [*operation.marks.values(), *(condition.at for condition in (*conditions, *inline))]
        places += [*operation.given.values(), *reads(operation.pages)]
        # Without headers, and with neither message from the other side, the bodies and the status are all there is.
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
        self.type_request = self.type_response = None
        if contract is not None:
            schemas = contract.schemas
            self.type_request = typing_of(codec_of(contract, "request"), schemas.get(operation.request_schema or ""))
            self.type_response = typing_of(codec_of(contract), schemas.get(operation.response_schema or ""))

    def remember(self, places: list[tuple[str, Place | None]]) -> None:
        """Keep the values at these places as marks; None: the status."""
        for name, place in places:
            self.marks.append((name, self.status if place is None else compile_place(place)))
            self.plain = self.plain and not _reads(place, "header")

    def request_errors(self, body: Any, raw: bytes, probe: str | None) -> tuple[ShapeError, ...]:
        """The failures of the shape of a request."""
        check = self.check_request
        if check is None:
            return ()
        if probe is None:
            return check(body, raw)
        return () if check.passes(body, raw) else INVALID

    def answer(self, view: View, raw: bytes) -> Answer:
        """What kind of response a response is; `raw` is its body."""
        if type(view.response) is Unreadable:
            # An error may consist of its HTTP status alone, where the contract reads it there.
            by_status = self.effects or (not raw and self.reads_http)
            return REFUSAL if by_status and self.refused(view) else Answer.UNREADABLE
        if self.refused(view) or ((view.http or 0) >= 400 and not self._has_state(view)):
            return REFUSAL
        return STATE

    def _has_state(self, view: View) -> bool:
        """Whether a response with an HTTP error status states a task all the same."""
        return type(self.status(view)) is str or any(test(view) for test, _ in self.phases)

    def error_code(self, view: View, known: Container[str]) -> Any:
        """The error code of a response: where it may stand at several places, one that is known goes before words."""
        codes = [code for code in (read(view) for read in self.error_codes) if code is not MISSING]
        listed = (code for code in codes if type(code) is str and code in known)
        return next(listed, codes[0] if codes else MISSING)

    def phase(self, view: View) -> Phase | None:
        """The phase that the contract reads from other places than the status."""
        for test, meaning in self.phases:
            if test(view):
                return meaning
        return None


def _alternatives(place: Place | None) -> list[Callable[[View], Any]]:
    """What reads each of the places where a value may stand."""
    found = []
    while place is not None:
        found.append(compile_place(replace(place, otherwise=None)))
        place = place.otherwise
    return found


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


def _remembered_of(contract: Contract, role: Role) -> list[tuple[str, Place | None]]:
    """The places of operations of this role alone whose values clauses want to be remembered, by their marks."""
    places = (getattr(clause.parameters, "remembered_of", {}).get(role) for clause in contract.clauses)
    return list({mark_of(role, place): place for place in places if place is not None}.items())


class Routes:
    """The operations of a contract, found by their requests."""

    __slots__ = ("_elements", "_literal", "_poll", "_shared", "_templates", "paged")

    def __init__(self, contract: Contract, inline: tuple[Condition, ...]) -> None:
        self._literal: dict[tuple[str, str], OperationReader] = {}
        self._elements: dict[tuple[str, str], dict[str, OperationReader]] = {}
        self._templates: list[OperationReader] = []
        self._shared: dict[tuple[str, str], list[OperationReader]] = {}
        self.paged: dict[str, PageReader] = {}
        checks, remembered = checks_of(contract.schemas), _remembered(contract)
        for operation in contract.operations.values():
            reader = OperationReader(contract, operation, checks, inline)
            if reader.pages is not None:
                self.paged[operation.name] = reader.pages
            if operation.role in (CREATE, POLL, Role.CANCEL, Role.DELETE, FETCH):
                reader.remember(remembered)
            reader.remember(_remembered_of(contract, operation.role))
            if operation.role is CALLBACK:
                self._literal["POST", CALLBACK_PATH] = reader
            elif reader.pattern.varies:
                self._templates.append(reader)
            elif not reader.pattern.is_plain:
                self._shared.setdefault((operation.method, reader.pattern.path), []).append(reader)
            elif operation.element:
                self._elements.setdefault((operation.method, reader.pattern.path), {})[operation.element] = reader
            else:
                self._literal[operation.method, reader.pattern.path] = reader
        self._literal["POST", OUTCOME_PATH] = OperationReader(None, OPERATION, checks, inline)
        several = [*(readers.values() for readers in self._elements.values()), *self._shared.values()]
        polls = (reader for readers in several for reader in readers if reader.role is POLL)
        self._poll = next(polls, None)

    def find(self, request: Request, body: Any) -> tuple[OperationReader, Mapping[str, str]] | None:
        """The operation of a request and the variables of its path; None where it is none of the contract's."""
        method, path = request.method, request.path
        if not self._shared:
            found = self._literal.get((method, path))
            if found is not None:
                return found, NOTHING
        path = path_of(path)
        shared = self._shared.get((method, path))
        if shared is not None:
            view = View(body, MISSING, query_of(request.path), request.headers, NOTHING, None)
            reader = next((reader for reader in shared if reader.pattern.fits(view)), None)
            if reader is not None:
                return reader, NOTHING
        found = self._literal.get((method, path))
        if found is not None:
            return found, NOTHING
        if shared is not None:  # a request that is none of these operations: as good a poll as any other
            return (shared[0] if self._poll is None else self._poll), NOTHING
        elements = self._elements.get((method, path))
        if elements is not None:  # a body that names no operation: as good a poll as any other
            reader = elements.get(next(iter(body)) if type(body) is dict and body else "", self._poll)
            return None if reader is None else (reader, NOTHING)
        return self._match(request, body, path)

    def nearest(self, request: Request) -> tuple[OperationReader, Mapping[str, str]] | None:
        """The operation of a deliberately invalid request, whose query may be another one; None where there is none."""
        path = path_of(request.path)
        shared = self._shared.get((request.method, path))
        if shared is not None:
            return shared[0], NOTHING
        for reader in self._templates:
            variables = reader.pattern.variables(path) if reader.pattern.method == request.method else None
            if variables is not None:
                return reader, variables
        return None

    def _match(self, request: Request, body: Any, path: str) -> tuple[OperationReader, Mapping[str, str]] | None:
        """The operation whose path has variables, and these."""
        for reader in self._templates:
            pattern = reader.pattern
            if pattern.method != request.method:
                continue
            variables = pattern.variables(path)
            if variables is None:
                continue
            if pattern.is_plain:
                return reader, variables
            if pattern.fits(View(body, MISSING, query_of(request.path), request.headers, NOTHING, None)):
                return reader, variables
        return None
