"""The ledger: the verdict of every clause, and how often each was exercised. Worst wins; violated never heals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pollproof.clauses import Unjudged, Violation
from pollproof.contract.model import Clause, Level
from pollproof.monitor.coverage import Seen
from pollproof.trace.exchange import Slice


class Verdict(Enum):
    """What came of a clause in a run."""

    UNEXERCISED = "unexercised"
    HELD = "held"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A violation with the part of the trace that shows it."""

    violation: Violation
    trace: Slice


@dataclass(slots=True)
class LedgerEntry:
    """What is known about one clause: how often it was exercised, how often broken, and the shortest evidence.

    `first` counts the exchanges up to the first that broke it, as they were sent, that one included. `unjudged` is
    why the last exchange that was meant to exercise it did not.
    """

    clause: Clause
    exercised: int = 0
    violations: int = 0
    evidence: Evidence | None = None
    first: int | None = None
    unjudged: Unjudged | None = None

    @property
    def verdict(self) -> Verdict:
        if self.evidence is not None:
            return Verdict.VIOLATED
        return Verdict.HELD if self.exercised else Verdict.UNEXERCISED

    def clear(self) -> None:
        """Forget what was found of the clause."""
        self.exercised, self.violations, self.evidence, self.first = 0, 0, None, None


class Ledger:
    """The entries of all clauses that a run judges, in the order of the contract.

    `exchanges` were judged so far, and `seen` is what they have shown.
    """

    def __init__(self, clauses: Iterable[Clause]) -> None:
        self.entries = {clause.id: LedgerEntry(clause) for clause in clauses}
        self.violations = 0
        self.exchanges = self.place = 0
        self.seen = Seen()

    def __getitem__(self, identifier: str) -> LedgerEntry:
        return self.entries[identifier]

    def count(self, number: int) -> None:
        """Count an exchange that is judged; `number` is its place among all that the ledger is about."""
        self.exchanges += 1
        self.place = number + 1

    def add(self, identifier: str, evidence: Evidence) -> None:
        """Record a violation; the evidence of the fewest connections is kept, of these the shortest."""
        entry = self.entries[identifier]
        entry.exercised += 1
        entry.violations += 1
        self.violations += 1
        if entry.first is None or self.place < entry.first:
            entry.first = self.place
        if entry.evidence is None or rank_evidence(evidence) < rank_evidence(entry.evidence):
            entry.evidence = evidence

    def clear(self) -> None:
        """Forget what was found of the clauses."""
        for entry in self.entries.values():
            entry.clear()
        self.violations = self.exchanges = self.place = 0
        self.seen.clear()

    def absorb(self, other: Ledger) -> None:
        """Add what another ledger of the same clauses has; of evidence the shorter stays."""
        for identifier, entry in other.entries.items():
            own = self.entries[identifier]
            own.exercised += entry.exercised
            own.violations += entry.violations
            own.unjudged = own.unjudged or entry.unjudged
            if entry.evidence is not None and (own.evidence is None or _size(entry.evidence) < _size(own.evidence)):
                own.evidence = entry.evidence
            if own.first is None and entry.first is not None:
                own.first = self.exchanges + entry.first
        self.violations += other.violations
        self.exchanges += other.exchanges
        self.seen.add(other.seen)

    def violated(self, *levels: Level) -> list[LedgerEntry]:
        """The violated entries of these levels (all levels when none is given)."""
        wanted = levels or tuple(Level)
        return [
            entry
            for entry in self.entries.values()
            if entry.verdict is Verdict.VIOLATED and entry.clause.level in wanted
        ]

    def unexercised(self) -> list[LedgerEntry]:
        """The entries that nothing has exercised."""
        return [entry for entry in self.entries.values() if entry.verdict is Verdict.UNEXERCISED]


def rank_evidence(evidence: Evidence) -> tuple[int, int, int]:
    """The simpler evidence comes first; of two alike the earlier, in whichever order they were found."""
    numbers = evidence.trace.numbers
    return *_size(evidence), numbers[-1] if numbers else -1


def _size(evidence: Evidence) -> tuple[int, int]:
    """Connections and exchanges: what one request after the other shows is read more easily than what overlaps."""
    trace = evidence.trace
    return len({exchange.connection for exchange in trace.exchanges}), len(trace.numbers)
