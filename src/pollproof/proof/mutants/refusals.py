"""Wrong requests that are let pass, and right ones that are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Break, Clause, Contract, Operation, Role
from pollproof.contract.places import MISSING, View
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task
from pollproof.reference.routes import Route
from pollproof.trace.exchange import Response


class KnowsEveryTask(ReferenceProvider):
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


class SwapsCodes(ReferenceProvider):
    """Says of unknown tasks that their id is ill-formed."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        if identifier in ill_formed:
            return super().unknown(operation, identifier)
        return self.refuse(operation, refusals.ill_formed_task)


class SwapsIllFormedCodes(ReferenceProvider):
    """Says of ill-formed ids that there is no such task."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        return self.say(operation, "lost", None, "", self.contract.refusals.unknown_task)


class TakesEveryKey(ReferenceProvider):
    """Accepts any key that is there."""

    def knows(self, credential: Any) -> bool:
        return isinstance(credential, str) and len(credential) > 0


class TakesMissingFields(ReferenceProvider):
    """Creates tasks from requests that lack what they must have."""

    def knows(self, credential: Any) -> bool:
        return credential is MISSING or super().knows(credential)

    def admits(self, view: View, route: Route, body: bytes) -> bool:
        return not route.is_complete(view) or super().admits(view, route, body)

    def poll(self, operation: Operation, identifier: Any) -> Response:
        if identifier is MISSING and self.order:
            return self.state(operation, self.order[-1], self.phase(self.order[-1], self.clock.now()))
        return super().poll(operation, identifier)


class CrashesOnGarbage(ReferenceProvider):
    """Answers a malformed body with HTTP 500."""

    def malformed(self, operation: Operation) -> Response:
        return Response(500, {"content-type": "text/plain"}, b"Internal Server Error")


def _refuses(operation: str, holding: list[str]) -> type[ReferenceProvider]:
    class Refuses(ReferenceProvider):
        """Refuses requests that it must accept."""

        def admits(self, view: View, route: Route, body: bytes) -> bool:
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
    wrong: dict[str, tuple[str, type[ReferenceProvider]]] = {
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


def _lets_pass(name: str) -> type[ReferenceProvider]:
    class LetsPass(ReferenceProvider):
        """Accepts what one probe of the contract asks."""

        def rejects(self, probe: str) -> bool:
            return probe != name

        def admits(self, view: View, route: Route, body: bytes) -> bool:
            return super().admits(view, route, body) or any(
                probe.name == name and wrong(view) and probe.operation == route.operation.name
                for probe, wrong in self._probes
            )

    return LetsPass


@mutates("http-status")
def _http_status(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a result with HTTP 500", changes=(Break("", answer="succeeded", http=500),))
