"""Requests that must be refused, how they are refused, and requests that must not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider, RequestRoute, Task
from pollproof.clauses.kinds import (
    AFTER,
    BEFORE,
    HELD,
    Boundary,
    Finding,
    Kind,
    Nothing,
    Side,
    Unjudged,
    Violation,
    breaks,
    from_limits,
    mutates,
)
from pollproof.clauses.shape import ABOUT_THE_KEY, ANY, CODE
from pollproof.contract.model import NEAR_MISS, Clause, Contract, Effect, Limits, Operation, Role, speaks_of
from pollproof.contract.places import MISSING, View, follow_steps
from pollproof.contract.templates import with_value
from pollproof.contract.vocabulary import CREATE, POLL, PUT_OFF
from pollproof.tasks.account import Account
from pollproof.tasks.repeated import Stall
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import read_json, write_json
from pollproof.trace.events import REFUSAL, STATE, Answer, Event
from pollproof.trace.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class ProbeName:
    """What is wrong with the requests that must be refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]


def _sides_of_refused(contract: Contract, clause: Clause) -> Iterator[Side]:
    size = contract.limits.batch_size
    probe = next((probe for probe in contract.probes if probe.name == clause.parameters.probe), None)
    if size is not None and probe is not None and probe.repeat is not None and probe.repeat[1] > size:
        yield Side(Boundary.BATCH_SIZE, f"{size} entries", AFTER, f"a batch of more than {size}")


@Kind(
    "refused",
    roles=ANY,
    probes=True,
    sides=_sides_of_refused,
    walks=("turned-away", "to-the-last-poll-disturbed"),
    hint="Check credentials, required fields and the whole task id before any other work.",
)
def refused(account: Account, event: Event, parameters: ProbeName) -> Finding:
    """A wrong request is refused with an error, never answered with a task."""
    if not speaks_of(parameters.probe, event.probe):
        return None
    response = event.exchange.response
    if response is None:
        if event.probe == "malformed":
            return Violation("a refusal", f"no response ({event.exchange.failure})")
        return None
    stall = account.endless(event)
    if stall is not None:
        return _put_off("the request to be refused in the end", event, stall)
    if event.effect in PUT_OFF or event.transient:
        return Unjudged(f"the request was answered busy ({_answer_in_short(event)})", "busy")
    serves = HELD if account.last_created is not None else Unjudged("the provider has accepted no request so far")
    what = {
        "unknown-task": "the task id is unknown",
        "wrong-credential": "the key is wrong",
        "foreign-credential": "the task is another key's",
        "missing-field": "a required field is missing",
        "malformed": "the body is malformed",
    }.get(parameters.probe, parameters.probe.replace("-", " "))
    why = f"since {what}"
    below = " below HTTP 500" if event.probe == "malformed" and response.status >= 500 else ""
    expected = f"an error{below}, {why}"
    if event.answer is REFUSAL:
        fault = bool(event.operation.element)  # of SOAP, whose faults come with HTTP 500 (SOAP 1.1, 6.2)
        if event.probe == "malformed" and response.status >= 500 and not fault:
            return Violation(expected, f"HTTP {response.status}")
        place = event.operation.task_id
        chosen = place is not None and place.part == "request"  # by the client
        if event.operation.role is CREATE and not chosen and event.task not in (None, "0", "0.0"):
            return Violation(f"an error and no task, {why}", f"an error together with the task id {event.raw_task!r}")
        return serves
    if 400 <= response.status < 500:
        return serves
    if event.answer is Answer.UNREADABLE and event.formal and event.response_errors:
        return None  # a body that has not its documented form is another finding
    if event.answer is Answer.UNREADABLE:
        if event.probe == NEAR_MISS and response.status >= 500:
            return None  # it has failed, and has not taken the id for one of its own
        return Violation(expected, f"HTTP {response.status}, and {event.response.problem}")
    if event.operation.role is CREATE and event.task is not None:
        return Violation(expected, f"a task, {event.raw_task!r}")
    status = "" if event.status is MISSING else f" with status {event.status!r}"
    return Violation(expected, f"a response without error{status}")


def _answer_in_short(event: Event) -> str:
    """What marks a response as busy: by its error code, else by its HTTP status."""
    response = event.exchange.response
    return event.error_code or ("no response" if response is None else f"HTTP {response.status}")


@dataclass(frozen=True, slots=True)
class Holding:
    """`operation`: which requests; `holding`: parameters one of which the request has (none: any request)."""

    operation: Annotated[str, "The operation whose requests are judged."]
    holding: Annotated[list[str], "Parameters one of which the request has, for the clause to speak of it."]
    limits: Limits = from_limits("*")


def _sides_of_accepted(contract: Contract, clause: Clause) -> Iterator[Side]:
    operation, size = contract.operations.get(clause.parameters.operation), contract.limits.batch_size
    if operation is not None and operation.role is Role.BATCH and size is not None:
        yield Side(Boundary.BATCH_SIZE, f"{size} entries", BEFORE, f"a batch of {size} entries")


@Kind(
    "accepted",
    roles=ANY,
    sides=_sides_of_accepted,
    walks=("one-after-another", "batches", "called-back"),
    hint="Validate against what is documented, not against the requests that were seen so far.",
)
def accepted(account: Account, event: Event, parameters: Holding) -> Finding:
    """A request that keeps the documented rules is not refused."""
    if event.operation.name != parameters.operation or event.request_errors or not isinstance(event.request, dict):
        return None
    if parameters.holding and not any(name in event.request for name in parameters.holding):
        return None
    if event.answer is STATE:
        return HELD
    response = event.exchange.response
    stall = account.endless(event)
    if stall is not None:
        return _put_off("the request to be accepted, since it keeps the rules", event, stall)
    if event.answer is not REFUSAL or event.effect is not Effect.REFUSED:
        return None
    if response is not None and response.status in ABOUT_THE_KEY:
        return None
    last, wait = account.batches.last, parameters.limits.batch_wait
    if event.operation.role is Role.BATCH and wait is not None:
        if event.exchange.connection > 1:
            return None  # others were sent at the same time, and may have been served first
        if last is not None and not event.exchange.sent - last.exchange.received >= wait:
            return None  # a batch that may have come too soon
    http = "" if response is None else f" (HTTP {response.status})"
    return Violation("the request to be accepted, since it keeps the rules", f"a refusal{http}")


def _put_off(expected: str, event: Event, stall: Stall) -> Violation:
    """The violation of a provider that is busy without end."""
    times = f"{stall.times} times in a row over {stall.last - stall.sent:g} s"
    return Violation(expected, f"busy ({_answer_in_short(event)}) {times}", (stall.first,))


@Kind(
    "creation-served",
    roles=(CREATE, Role.BATCH),
    exercised="a creation",
    walks=("one-after-another",),
    hint="Queue the task or refuse it for a documented reason; do not answer busy to the same request without end.",
)
def creation_served(account: Account, event: Event, parameters: Nothing) -> Finding:
    """A creation is served in the end, however busy the provider is."""
    if event.request_errors:
        return None
    stall = account.endless(event)
    if stall is not None:
        return _put_off("the creation to be served in the end", event, stall)
    return HELD if event.answer is STATE else None


@dataclass(frozen=True, slots=True)
class Code:
    """One of the error `codes` with which a wrong request is refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]
    codes: Annotated[list[str], "Error codes of which the refusal has one."]


@Kind(
    "refusal-code",
    roles=ANY,
    probes=True,
    walks=("turned-away",),
    hint="Return the documented code for this refusal, not a general one.",
)
def refusal_code(history: TaskState | None, event: Event, parameters: Code) -> Finding:
    """A wrong request is refused with the error code that the documents give for it."""
    if event.probe != parameters.probe:
        return None
    if event.effect in PUT_OFF or event.transient:
        return Unjudged(f"the request was answered busy ({_answer_in_short(event)})", "busy")
    code = event.error_code
    if event.answer is not REFUSAL or code is None or event.response_errors:
        return None  # a response that has not its documented form is another finding
    if CODE.fullmatch(code) is None and event.operation.element:
        return None  # words, where a Fault has no code
    if code in parameters.codes:
        return HELD
    return Violation(f"the error {' or '.join(parameters.codes)}", f"the error {code}")


class KnowsEveryTask(FaultyProvider):
    """Says of tasks that it never created that they are running."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        if self.takes(identifier) and operation.role is POLL:
            kind = next(iter(self.contract.kinds.values()))
            stranger = Task(0, self.new_id(0), kind, self.clock.now(), 1.0, False)
            return self.state(operation, stranger, self.first_phase())
        return super().unknown(operation, identifier)

    def takes(self, identifier: Any) -> bool:
        """Whether this id is one that it takes for a task's."""
        return identifier not in self.contract.task_id.get("ill_formed", ())


class KnowsIllFormedTasks(KnowsEveryTask):
    """Says of ids that none can have that their tasks are running."""

    def takes(self, identifier: Any) -> bool:
        return not super().takes(identifier)


class TakesIdsInArrays(FaultyProvider):
    """Takes an array that holds the id of a task for the id."""

    def handle(self, request: Request) -> Response:
        place, body = self.contract.operation(POLL).task_id, read_json(request.body)
        identifier = MISSING if place is None else follow_steps(body, place.steps)
        if place is not None and isinstance(identifier, list) and len(identifier) == 1:
            request = request._replace(body=write_json(with_value(body, place.pointer, identifier[0])))
        return super().handle(request)


class SwapsCodes(FaultyProvider):
    """Says of unknown tasks that their id is ill-formed."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        if identifier in ill_formed:
            return super().unknown(operation, identifier)
        return self.refuse(operation, refusals.ill_formed_task)


class SwapsIllFormedCodes(FaultyProvider):
    """Says of ill-formed ids that there is no such task."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        return self.fill(operation, "lost", None, "", self.contract.refusals.unknown_task)


class TakesEveryKey(FaultyProvider):
    """Accepts any key that is there."""

    def knows(self, credential: Any) -> bool:
        return isinstance(credential, str) and len(credential) > 0


class TakesEveryScheme(FaultyProvider):
    """Accepts the right key after any word."""

    def knows(self, credential: Any) -> bool:
        words = credential.split(" ", 1) if isinstance(credential, str) else []
        wanted = self.contract.credential.template.partition(" ")[0]
        return super().knows(f"{wanted} {words[-1]}" if len(words) == 2 else credential)


class TakesMissingFields(FaultyProvider):
    """Creates tasks from requests that lack what they must have."""

    def knows(self, credential: Any) -> bool:
        return credential is MISSING or super().knows(credential)

    def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
        return not route.is_complete(view) or super().admits(view, route, body)

    def poll(self, operation: Operation, identifier: Any) -> Response:
        if identifier is MISSING and self.order:
            return self.state(operation, self.order[-1], self.phase(self.order[-1], self.clock.now()))
        return super().poll(operation, identifier)


class CrashesOnGarbage(FaultyProvider):
    """Answers a malformed body with HTTP 500."""

    def malformed(self, operation: Operation) -> Response:
        return Response(500, {"content-type": "text/plain"}, b"Internal Server Error")


def _refuses(operation: str, holding: list[str]) -> type[FaultyProvider]:
    class Refuses(FaultyProvider):
        """Refuses requests that it must accept."""

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            sent = view.request if isinstance(view.request, dict) else {}
            concerned = not holding or any(name in sent for name in holding)
            if route.operation.name == operation and concerned and self.order:
                return False
            return super().admits(view, route, body)

    return Refuses


@mutates("accepted")
def _accepted(contract: Contract, clause: Clause) -> Iterator[Fault]:
    parameters = clause.parameters
    words = f" with {' or '.join(parameters.holding)}" if parameters.holding else ""
    refuses = _refuses(parameters.operation, parameters.holding)
    # A contract may state twice what is accepted: in general, and with some parameter.
    yield Fault(f"{parameters.operation}{words} is refused", refuses, companions=("accepted",))


@mutates("refused")
def _refused(contract: Contract, clause: Clause) -> Iterator[Fault]:
    wrong: dict[str, tuple[str, type[FaultyProvider]]] = {
        "unknown-task": ("every task is known", KnowsEveryTask),
        "ill-formed-task": ("an ill-formed id is known", KnowsIllFormedTasks),
        "wrong-credential": ("every key is right", TakesEveryKey),
        "wrong-scheme": ("every word before the key is right", TakesEveryScheme),
        "missing-field": ("missing fields are ignored", TakesMissingFields),
        "malformed": ("a malformed body is a server error", CrashesOnGarbage),
    }
    probe = clause.parameters.probe
    if probe in wrong:
        name, provider = wrong[probe]
        yield Fault(name, provider)
    else:
        yield Fault(f"the probe '{probe}' is let pass", _lets_pass(probe))
    polled = contract.operation(POLL).task_id
    if probe == "unknown-task" and contract.body == "json" and polled is not None and polled.area == "body":
        yield Fault("an array that holds an id is the id", TakesIdsInArrays)


@mutates("refusal-code")
def _refusal_code(contract: Contract, clause: Clause) -> Iterator[Fault]:
    ill_formed = clause.parameters.probe == "ill-formed-task"
    yield Fault("the code of another refusal", SwapsIllFormedCodes if ill_formed else SwapsCodes)


def _lets_pass(name: str) -> type[FaultyProvider]:
    class LetsPass(FaultyProvider):
        """Accepts the requests of one probe of the contract."""

        def rejects(self, probe: str) -> bool:
            return probe != name

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            return super().admits(view, route, body) or self.is_wrong(view, route, name)

    return LetsPass


@breaks("creation-served", "every third creation is busy without end")
class BusyForSome(FaultyProvider):
    """Answers every third creation as busy, however often it is retried."""

    bodies: dict[bytes, int]

    def handle(self, request: Request) -> Response:
        creates = {each.path for each in self.contract.operations.values() if each.role is CREATE}
        if request.method == "POST" and request.path in creates and self.order:
            bodies = self.__dict__.setdefault("bodies", {})
            if bodies.setdefault(request.body, len(bodies)) % 3 == 2 and self._creates(request):
                return Response(429, {"content-type": "text/html"}, b"<html>too many requests</html>")
        return super().handle(request)

    def _creates(self, request: Request) -> bool:
        names = [each.element for each in self.contract.operations.values() if each.role is CREATE]
        return not any(names) or any(name.encode() in request.body for name in names)
