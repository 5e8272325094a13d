"""The reference provider: a conformant implementation made from the contract alone, on a clock that it is given.

Mutants are subclasses of it that override one method; legal variants are settings and changed answer templates.
Its base classes add one thing each: tasks, responses, callbacks, operations; here requests are admitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

from pollproof.clauses.faults import RequestRoute, Settings
from pollproof.clock import Clock
from pollproof.contract.model import Break, Contract, Operation, Probe, Role
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.probes import recognises
from pollproof.contract.requests import path_of, query_of
from pollproof.reference.bookkeeping import RequestCounter, whole_seconds
from pollproof.reference.operations import Operator
from pollproof.reference.responses import plain_response
from pollproof.reference.routes import KEPT_BODY, KEPT_REQUESTS, Route
from pollproof.trace.bodies import Unreadable
from pollproof.trace.codecs import checks_of
from pollproof.trace.events import NOTHING
from pollproof.trace.exchange import Request, Response
from pollproof.trace.inputs import breaks_format


class RoutedRequest(NamedTuple):
    """What a request asks: its operation and variables, its body, and the contract's probes that it is wrong in."""

    route: Route
    variables: Mapping[str, str]
    body: Any
    wrong: tuple[Probe, ...]


class ReferenceProvider(Operator):
    """Answers requests as the contract says. `changes` are departures of the response templates."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        super().__init__(contract, clock, settings, changes)
        operations = contract.operations
        self._last: dict[tuple[str, str, bytes], RoutedRequest] = {}
        self._keeps = all(when.at.area != "header" for operation in operations.values() for when in operation.when)
        self._keeps = self._keeps and not any(probe.headers for probe in contract.probes)
        credential = contract.credential
        self._credential = compile_place(credential.at)
        self._expected = credential.template.replace("{credential}", credential.sample)
        self._others = [
            (compile_place(other.at), other.template.replace("{credential}", credential.sample))
            for other in credential.others
        ]
        checks = checks_of(contract.schemas)
        self._routes = [Route(each, contract, checks) for each in operations.values() if each.role is not Role.CALLBACK]
        self._unrelated = {
            (unrelated.method, unrelated.path): Response(
                200, {"content-type": self._codec.content_type}, self._codec.write(unrelated.answer)
            )
            for unrelated in contract.asides
        }
        self._probes = [(probe, recognises(probe, operations[probe.operation])) for probe in contract.probes]
        self._counter = RequestCounter(contract.rates)
        limited = [each.parameters.operation for each in contract.clauses if each.kind == "refused-input"]
        self._inputs = {name: contract.schemas[operations[name].request_schema or ""] for name in limited}

    def reset(self) -> None:
        super().reset()
        self._counter.clear()

    def handle(self, request: Request) -> Response:
        key = request.method, request.path, request.body
        routed = self._last.get(key)
        if routed is None:  # the same question comes again and again
            found = self._read(request)
            if isinstance(found, Response):
                return found
            routed = found
            if self._keeps and len(request.body) <= KEPT_BODY:
                if len(self._last) >= KEPT_REQUESTS:
                    self._last.clear()
                self._last[key] = routed
        route, variables, body, wrong = routed
        operation = route.operation
        if type(body) is Unreadable:
            return self.malformed(operation)
        self._requested_path = request.path
        self._view = view = View(body, MISSING, variables, request.headers, NOTHING, None)
        refusals = self.contract.refusals
        if self.contract.rates and self.counts():
            wait, code = self._counter.wait(operation.role, route.task_id(view), self.clock.now())
            if wait:
                self._wait = whole_seconds(wait)
                return self.fill(operation, self._refusal(operation, "busy"), None, "", code or refusals.too_many)
        if not self.knows(self.shown_key(view)):
            task = self.find(route.task_id(view)) if operation.role is Role.POLL else None
            if task is not None and self.settings.count_refused:
                task.polls += 1
            return self.fill(operation, self._refusal(operation, "unauthorized"), None, "", refusals.wrong_credential)
        if not self.admits(view, route, request.body):
            missing = refusals.missing_field if not route.is_complete(view) else ""
            return self.refuse(operation, missing or refusals.invalid_request)
        for probe in wrong:
            if self.rejects(probe.name):
                return self.refuse(operation, probe.code)
        match operation.role:
            case Role.CREATE:
                return self.create(operation, view)
            case Role.BATCH:
                return self.batch(operation, view)
        identifier = route.task_id(view)
        if operation.takes:
            identifier = self._aliases.get((operation.takes, str(identifier)), (operation.takes, identifier))
        if operation.role is Role.CANCEL:
            return self.cancel(operation, identifier)
        if operation.role is Role.DELETE:
            return self.delete(operation, identifier)
        response = (self.fetch if operation.role is Role.FETCH else self.poll)(operation, identifier)
        if "etag" in operation.marks and response.status < 300:
            response = self._tagged(operation, response, request)
        task = self.tasks.get(str(identifier))
        if task is not None and response.status < 400:
            task.touched = self.clock.now()
        return response

    def _tagged(self, operation: Operation, response: Response, request: Request) -> Response:
        """A response with its ETag, or the one that nothing has changed since the one that the request names."""
        name, tag = operation.marks["etag"].steps[0], f'"{crc32(response.body):08x}"'
        if name in self._changed_headers:
            return response
        if request.headers.get("if-none-match") == tag and (operation.name, "not-modified") in self._answers:
            response = self.fill(operation, "not-modified", None, "")
        return response._replace(headers={**response.headers, name: tag})

    def _read(self, request: Request) -> RoutedRequest | Response:
        """The route of a request, or the response where its path alone decides it."""
        path = path_of(request.path)
        body = self._request_codec.read(request.body) if request.body or request.method != "GET" else MISSING
        query = query_of(request.path)
        found = self._find(request, path, View(body, MISSING, query, request.headers, NOTHING, None))
        if isinstance(found, Response):
            return found
        route, variables = found
        body = route.typed(body)
        variables = {**variables, **query} if query else variables
        if not request.body and route.operation.request is None:
            body = MISSING  # an operation that is asked without a body
        view = View(body, MISSING, variables, request.headers, NOTHING, None)
        own = [(probe, wrong) for probe, wrong in self._probes if probe.operation == route.operation.name]
        return RoutedRequest(route, variables, body, tuple(probe for probe, wrong in own if wrong(view)))

    def _find(self, request: Request, path: str, view: View) -> tuple[Route, Mapping[str, str]] | Response:
        known, method, body = False, request.method, view.request
        unreadable: Route | None = None
        for route in self._routes:
            variables = route.pattern.variables(path)
            if variables is None:
                continue
            known = True
            if route.operation.method == method:
                if route.names(view):
                    return route, variables
                unreadable = route
        if unreadable is not None:  # a body that names none of the operations of this path
            if type(body) is Unreadable:
                return unreadable, {}
            code = next((probe.code for probe, wrong in self._probes if wrong(view)), None)
            return self.malformed(unreadable.operation) if code is None else self.refuse(unreadable.operation, code)
        unrelated = self._unrelated.get((method, path))
        if unrelated is not None:
            return unrelated
        return plain_response(405 if known else 404, "method not allowed" if known else "no such path")

    def shown_key(self, view: View) -> Any:
        shown = self._credential(view)
        for read, expected in self._others if shown is MISSING else ():
            shown = read(view)
            if shown is not MISSING:
                return self._expected if shown == expected else shown
        return shown

    def knows(self, credential: Any) -> bool:
        return self.contract.credential.at is None or bool(credential == self._expected)

    def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
        if not route.is_complete(view) or not route.has_shape(view, body):
            return False
        schema = self._inputs.get(route.operation.name)
        return schema is None or not breaks_format(schema, view.request)

    def is_wrong(self, view: View, route: RequestRoute, probe: str) -> bool:
        own = (wrong for each, wrong in self._probes if each.name == probe and each.operation == route.operation.name)
        return any(wrong(view) for wrong in own)

    def counts(self) -> bool:
        return True
