"""Requests that must be refused, how they are refused, and requests that must not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, Provider, RequestRoute, Task
from pollproof.clauses.kinds import AFTER, BEFORE, HELD, PROVIDER, Boundary, Finding, Kind, Side, Violation, mutates
from pollproof.clauses.shape import ABOUT_THE_KEY, ANY, CODE
from pollproof.contract.model import Clause, Contract, Effect, Operation, Role, speaks_of
from pollproof.contract.places import MISSING, View
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Answer, Event
from pollproof.trace.exchange import Response


@dataclass(frozen=True, slots=True)
class Probe:
    """What is wrong with the requests that must be refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]


def _sides_of_refused(contract: Contract, clause: Clause) -> Iterator[Side]:
    size = contract.limits.batch_size
    probe = next((probe for probe in contract.probes if probe.name == clause.parameters.probe), None)
    if size is not None and probe is not None and probe.repeat is not None and probe.repeat[1] > size:
        yield Side(Boundary.BATCH_SIZE, f"{size} entries", AFTER, f"a batch of more than {size}")


@Kind(
    "refused",
    subjects=PROVIDER,
    roles=ANY,
    parameters=Probe,
    probes=True,
    ordered=False,
    sides=_sides_of_refused,
    walks=(
        "turned-away",
        "to-the-last-poll-disturbed",
    ),
    hint="Check credentials, required fields and the whole task id before any other work.",
)
def refused(history: TaskState | None, event: Event, parameters: Probe) -> Finding:
    """A wrong request is refused with an error, never answered with a task."""
    if not speaks_of(parameters.probe, event.probe):
        return None
    response = event.exchange.response
    if response is None:
        if event.probe == "malformed":
            return Violation("a refusal", f"no answer ({event.exchange.failure})")
        return None
    if event.effect in (Effect.BUSY, Effect.BLOCKED) or event.transient:
        return None
    what = {
        "unknown-task": "the task id is unknown",
        "wrong-credential": "the key is wrong",
        "missing-field": "a required field is missing",
        "malformed": "the body is malformed",
    }.get(parameters.probe, parameters.probe.replace("-", " "))
    why = f"since the request is wrong on purpose: {what}"
    below = " below HTTP 500" if event.probe == "malformed" and response.status >= 500 else ""
    expected = f"an error{below}, {why}"
    if event.answer is Answer.REFUSED:
        fault = bool(event.operation.element)  # of SOAP, whose faults come with HTTP 500 (SOAP 1.1, 6.2)
        if event.probe == "malformed" and response.status >= 500 and not fault:
            return Violation(expected, f"HTTP {response.status}")
        if event.operation.role is Role.CREATE and event.task not in (None, "0", "0.0"):
            return Violation(f"an error and no task, {why}", f"an error together with the task id {event.raw_task!r}")
        return HELD
    if 400 <= response.status < 500:
        return HELD
    if event.answer is Answer.UNREADABLE:
        return Violation(expected, f"HTTP {response.status}, and {event.response.problem}")
    if event.operation.role is Role.CREATE and event.task is not None:
        return Violation(expected, f"a task, {event.raw_task!r}")
    status = "" if event.status is MISSING else f" with status {event.status!r}"
    return Violation(expected, f"an answer without error{status}")


@dataclass(frozen=True, slots=True)
class Holding:
    """`operation`: what is asked; `holding`: parameters one of which the request has (none: any request)."""

    operation: Annotated[str, "The operation whose requests are judged."]
    holding: Annotated[list[str], "Parameters one of which the request has, for the clause to speak of it."]


def _sides_of_accepted(contract: Contract, clause: Clause) -> Iterator[Side]:
    operation, size = contract.operations.get(clause.parameters.operation), contract.limits.batch_size
    if operation is not None and operation.role is Role.BATCH and size is not None:
        yield Side(Boundary.BATCH_SIZE, f"{size} entries", BEFORE, f"a batch of {size} entries")


@Kind(
    "accepted",
    subjects=PROVIDER,
    roles=ANY,
    parameters=Holding,
    ordered=False,
    sides=_sides_of_accepted,
    walks=(
        "one-after-another",
        "batches",
        "called-back",
    ),
    hint="Validate against what is documented, not against the requests that were seen so far.",
)
def accepted(history: TaskState | None, event: Event, parameters: Holding) -> Finding:
    """A request that keeps the documented rules is not refused."""
    if event.operation.name != parameters.operation or event.request_errors or not isinstance(event.request, dict):
        return None
    if parameters.holding and not any(name in event.request for name in parameters.holding):
        return None
    if event.answer is Answer.STATE:
        return HELD
    response = event.exchange.response
    if event.answer is not Answer.REFUSED or event.effect is not Effect.REFUSED:
        return None
    if response is not None and response.status in ABOUT_THE_KEY:
        return None
    http = "" if response is None else f" (HTTP {response.status})"
    return Violation("the request to be accepted, since it keeps the rules", f"a refusal{http}")


@dataclass(frozen=True, slots=True)
class Code:
    """One of the error `codes` with which a wrong request is refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]
    codes: Annotated[list[str], "Error codes of which the refusal has one."]


@Kind(
    "refusal-code",
    subjects=PROVIDER,
    roles=ANY,
    parameters=Code,
    probes=True,
    ordered=False,
    walks=("turned-away",),
    hint="Return the documented code for this refusal, not a general one.",
)
def refusal_code(history: TaskState | None, event: Event, parameters: Code) -> Finding:
    """A wrong request is refused with the error code that the documents give for it."""
    code = event.error_code
    if event.probe != parameters.probe or event.answer is not Answer.REFUSED or code is None:
        return None
    if event.effect in (Effect.BUSY, Effect.BLOCKED) or CODE.fullmatch(code) is None:
        return None  # words, where a Fault has no code
    if code in parameters.codes:
        return HELD
    return Violation(f"the error {' or '.join(parameters.codes)}", f"the error {code}")


class KnowsEveryTask(Provider):
    """Says of tasks that it never created that they are running."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        if self.takes(identifier) and operation.role is Role.POLL:
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


class SwapsCodes(Provider):
    """Says of unknown tasks that their id is ill-formed."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        if identifier in ill_formed:
            return super().unknown(operation, identifier)
        return self.refuse(operation, refusals.ill_formed_task)


class SwapsIllFormedCodes(Provider):
    """Says of ill-formed ids that there is no such task."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        return self.say(operation, "lost", None, "", self.contract.refusals.unknown_task)


class TakesEveryKey(Provider):
    """Accepts any key that is there."""

    def knows(self, credential: Any) -> bool:
        return isinstance(credential, str) and len(credential) > 0


class TakesMissingFields(Provider):
    """Creates tasks from requests that lack what they must have."""

    def knows(self, credential: Any) -> bool:
        return credential is MISSING or super().knows(credential)

    def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
        return not route.is_complete(view) or super().admits(view, route, body)

    def poll(self, operation: Operation, identifier: Any) -> Response:
        if identifier is MISSING and self.order:
            return self.state(operation, self.order[-1], self.phase(self.order[-1], self.clock.now()))
        return super().poll(operation, identifier)


class CrashesOnGarbage(Provider):
    """Answers a malformed body with HTTP 500."""

    def malformed(self, operation: Operation) -> Response:
        return Response(500, {"content-type": "text/plain"}, b"Internal Server Error")


def _refuses(operation: str, holding: list[str]) -> type[Provider]:
    class Refuses(Provider):
        """Refuses requests that it must accept."""

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            asked = view.request if isinstance(view.request, dict) else {}
            concerned = not holding or any(name in asked for name in holding)
            if route.operation.name == operation and concerned and self.order:
                return False
            return super().admits(view, route, body)

    return Refuses


@mutates("accepted")
def _accepted(contract: Contract, clause: Clause) -> Iterator[Fault]:
    parameters = clause.parameters
    words = f" with {' or '.join(parameters.holding)}" if parameters.holding else ""
    yield Fault(f"{parameters.operation}{words} is refused", _refuses(parameters.operation, parameters.holding))


@mutates("refused")
def _refused(contract: Contract, clause: Clause) -> Iterator[Fault]:
    wrong: dict[str, tuple[str, type[Provider]]] = {
        "unknown-task": ("every task is known", KnowsEveryTask),
        "ill-formed-task": ("an ill-formed id is known", KnowsIllFormedTasks),
        "wrong-credential": ("every key is right", TakesEveryKey),
        "missing-field": ("missing fields are no matter", TakesMissingFields),
        "malformed": ("a malformed body is a server error", CrashesOnGarbage),
    }
    probe = clause.parameters.probe
    if probe in wrong:
        name, provider = wrong[probe]
        yield Fault(name, provider)
    else:
        yield Fault(f"the probe '{probe}' is let pass", _lets_pass(probe))


@mutates("refusal-code")
def _refusal_code(contract: Contract, clause: Clause) -> Iterator[Fault]:
    ill_formed = clause.parameters.probe == "ill-formed-task"
    yield Fault("the code of another refusal", SwapsIllFormedCodes if ill_formed else SwapsCodes)


def _lets_pass(name: str) -> type[Provider]:
    class LetsPass(Provider):
        """Accepts what one probe of the contract asks."""

        def rejects(self, probe: str) -> bool:
            return probe != name

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            return super().admits(view, route, body) or self.is_wrong(view, route, name)

    return LetsPass
