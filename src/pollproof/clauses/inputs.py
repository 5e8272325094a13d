"""Requests at and beyond the limits of their schema: what is refused, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.faults import Fault, FaultyProvider, RequestRoute
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, mutates
from pollproof.clauses.refusals import ProbeName, refused
from pollproof.clauses.shape import ABOUT_THE_KEY, ANY
from pollproof.contract.declared import ONE_OR_MORE, Form
from pollproof.contract.model import Clause, Contract, Effect
from pollproof.contract.places import View
from pollproof.tasks.account import Account
from pollproof.tasks.state import TaskState
from pollproof.trace.events import REFUSAL, STATE, Event

INVALID_INPUT = "invalid-input"

_INVALID = ProbeName(INVALID_INPUT)


@dataclass(frozen=True, slots=True)
class InputRule:
    """The operation whose request schema has the limits; `exceptions` are fields that are left out."""

    operation: Annotated[str, "The operation whose request schema has the limits."]
    http: Annotated[tuple[int, ...], "The HTTP status of the refusal, or several that are all right.", ONE_OR_MORE] = ()
    codes: Annotated[tuple[str, ...], "Error codes of which the refusal has one.", ONE_OR_MORE] = ()
    exceptions: Annotated[
        tuple[str, ...], "Names or JSON Pointers of fields that the rule is not about.", Form(key="except")
    ] = ()


@Kind(
    "refused-input",
    roles=ANY,
    probes=True,
    exercised="a request beyond a limit of its schema",
    walks=("beyond-the-limits-of-input",),
)
def refused_input(account: Account, event: Event, rule: InputRule) -> Finding:
    """A request beyond a limit of its schema is refused: a field missing, too long, of another type and so on."""
    if event.probe != INVALID_INPUT:
        return None
    finding = refused(account, event, _INVALID)
    response = event.exchange.response
    if finding is not HELD or response is None:
        return finding
    if rule.http and response.status not in rule.http:
        return Violation(f"HTTP {' or '.join(map(str, rule.http))} to invalid input", f"HTTP {response.status}")
    if rule.codes and event.error_code not in rule.codes:
        return Violation(f"the error {' or '.join(rule.codes)} to invalid input", f"the error {event.error_code}")
    return HELD


@Kind(
    "accepted-input",
    roles=ANY,
    exercised="a request just at a limit of its schema",
    walks=("beyond-the-limits-of-input",),
)
def accepted_input(history: TaskState | None, event: Event, rule: InputRule) -> Finding:
    """A request at a limit of its schema is accepted."""
    if event.request_errors or event.probe:
        return None
    if event.answer is STATE:
        return HELD
    response = event.exchange.response
    if history is not None and history.created is not None:
        return None  # the client chose the id, and has chosen it before
    if event.answer is not REFUSAL or response is None or response.status in (*ABOUT_THE_KEY, 409, 429):
        return None
    if event.effect not in (Effect.REFUSED, Effect.UNCLEAR) or response.status >= 500:
        return None
    return Violation("the request to be accepted, since it keeps its schema", f"a refusal (HTTP {response.status})")


def _takes(operation: str) -> type[FaultyProvider]:
    class Takes(FaultyProvider):
        """Does not look at the schema of requests."""

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            if route.operation.name == operation and isinstance(view.request, dict):
                return True
            return super().admits(view, route, body)

    return Takes


def _refuses_long(operation: str) -> type[FaultyProvider]:
    class RefusesLong(FaultyProvider):
        """Refuses every second request of a form that it must accept."""

        def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
            if route.operation.name == operation and self.order and len(self.order) % 7 == 0:
                return False
            return super().admits(view, route, body)

    return RefusesLong


@mutates("refused-input")
def _refused_input(contract: Contract, clause: Clause) -> Iterator[Fault]:
    others = ("refused", "refusal-code", "answer", "error-http", "accepted", "unique-id", "shape")
    yield Fault("the schema of requests is not looked at", _takes(clause.parameters.operation), companions=others)


@mutates("accepted-input")
def _accepted_input(contract: Contract, clause: Clause) -> Iterator[Fault]:
    others = ("accepted", "answer", "idempotent-creation", "key-expires", "callback-sent", "refused-input")
    yield Fault("some requests are refused for nothing", _refuses_long(clause.parameters.operation), companions=others)
