"""What came of a run, whatever it judged. It grows while the run goes on, so an interrupted run loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pollproof.contract.model import Clause
from pollproof.monitor.ledger import Ledger
from pollproof.runs.spec import RunSpec
from pollproof.secrets.redact import Redactor

FileProgress = Callable[[str, int], None]
"""Called with what is being read or recorded, and how many exchanges were so far."""

Progress = Callable[[str, int, int], None]
"""Called with the stage in words, and two figures: exchanges and exercised clauses, or a number and how many."""


class Idle(NamedTuple):
    """Why nothing exercised a clause: the sentence, and the cause, one of `runs.outcome.CAUSES`."""

    reason: str
    cause: str


class Cut(NamedTuple):
    """Something that a run was to do and did not end: the sentence, and the cause, one of `runs.outcome.CAUSES`."""

    reason: str
    cause: str


class Detail(Protocol):
    """What one mode knows beyond what all modes know: the scenarios of a client, the files of recordings."""

    def sections(self, redactor: Redactor) -> dict[str, Any]:
        """The parts of the report that this mode alone has, without secrets."""

    def idle(self, clause: Clause) -> Idle | None:
        """Why nothing exercised a clause, None where the mode has nothing better to say than what would."""

    def evidence_of(self, clause: str) -> dict[str, Any]:
        """What a report says beside the violation of a clause, such as the scenario that shows it."""

    def notes(self) -> list[str]:
        """What people should know of how the run went, besides the notes of the result."""

    def error(self) -> str | None:
        """Why the mode could not judge what it was given, None where it could."""

    def beside(self) -> Ledger | None:
        """A ledger whose violations are findings beside those of the run's own; None where there is none."""

    def explain_beside(self, clause: dict[str, Any]) -> dict[str, Any]:
        """A finding of that ledger as a report has it."""


class NoDetail:
    """The detail of a run that has none."""

    def sections(self, redactor: Redactor) -> dict[str, Any]:
        return {}

    def idle(self, clause: Clause) -> Idle | None:
        return None

    def evidence_of(self, clause: str) -> dict[str, Any]:
        return {}

    def notes(self) -> list[str]:
        return []

    def error(self) -> str | None:
        return None

    def beside(self) -> Ledger | None:
        return None

    def explain_beside(self, clause: dict[str, Any]) -> dict[str, Any]:
        return clause


Spec = TypeVar("Spec", bound=RunSpec)
Own = TypeVar("Own", bound=Detail)


@dataclass(slots=True)
class RunResult(Generic[Spec, Own]):
    """The result of a run.

    `clock` says in words which clock judged. `cuts` are what the run was to do and did not end. `idle` has clauses that
    stayed unexercised, each with the reason, where that is known. `keys` are secrets that the traffic has shown.
    `solving` are the seconds that tasks took, each at least and at most. `started` is seconds since the epoch.
    `complete` is false for a run that was interrupted, and for one that goes on.
    """

    spec: Spec
    ledger: Ledger
    detail: Own
    clock: str = ""
    exchanges: int = 0
    examples: int = 0
    moves: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.time)
    walks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    idle: dict[str, Idle] = field(default_factory=dict)
    solving: list[tuple[float, float]] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    unreached: list[str] = field(default_factory=list)
    error: str | None = None
    complete: bool = True

    def fail(self, reason: str) -> None:
        """Note why the run could not go on; the first reason stays."""
        self.error = self.error or reason
        self.complete = False


AnyResult = RunResult[Any, Any]
"""The result of a run of any mode."""
