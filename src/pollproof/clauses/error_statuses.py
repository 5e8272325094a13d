"""The HTTP status that the documents give for each error code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider
from pollproof.clauses.kinds import HELD, KINDS, Finding, Kind, Violation, from_contract, mutates
from pollproof.clauses.shape import ANY
from pollproof.contract.declared import FILLED_BY_LOADER
from pollproof.contract.model import Clause, Contract, ErrorCode, Operation
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Event


@dataclass(frozen=True, slots=True)
class ErrorStatuses:
    """The error catalogue, with the HTTP statuses that its codes come with."""

    errors: Annotated[Any, FILLED_BY_LOADER] = from_contract("errors")


@Kind("error-http", roles=ANY, probes=True, walks=("turned-away",))
def error_http(history: TaskState | None, event: Event, parameters: ErrorStatuses) -> Finding:
    """An error code comes with the HTTP status that the documents give for it."""
    response = event.exchange.response
    entry: ErrorCode | None = parameters.errors.get(event.error_code)
    if response is None or entry is None or entry.http is None:
        return None
    if response.status == entry.http:
        return HELD
    return Violation(f"HTTP {entry.http} with the error {entry.code}", f"HTTP {response.status}")


class OtherStatus(FaultyProvider):
    """Gives every error with another HTTP status of the same class."""

    def fill(self, operation: Operation, name: str, task: Any, status: str, code: str = "") -> Any:
        response = super().fill(operation, name, task, status, code)
        entry = self.contract.errors.get(code)
        if entry is None or entry.http is None:
            return response
        return response._replace(status=418 if entry.http != 418 else 400)


@mutates("error-http")
def _error_http(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("errors with another HTTP status", OtherStatus, companions=tuple(KINDS))
