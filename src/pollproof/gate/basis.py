"""The basis of a scenario: what promises that a provider behaves so, and how much is held against a client in it.

MUST comes from primary documents alone. What a client does in a scenario of another basis is reported as robustness: a
finding of its own beside the clause, of level SHOULD.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from pollproof.contract.model import Clause, Level
from pollproof.contract.sources import Citation
from pollproof.monitor.ledger import Ledger

SUFFIX = ".robustness"
"""What the id of a clause ends with where a finding is one of robustness."""


class Basis(Enum):
    """What a scenario rests on; the value is its word in reports."""

    PRIMARY = "primary"  # the provider's own page at hand
    ADJACENT = "adjacent"  # another page, or a client library
    OPEN = "left open"  # the documents leave it open
    HAPPENS = "happens all the same"  # no document speaks of it, and every API meets it


@dataclass(frozen=True, slots=True)
class Grounds:
    """The basis of a scenario, with the place or the words behind it."""

    basis: Basis = Basis.PRIMARY
    source: str = ""

    def __str__(self) -> str:
        return f"{self.source} ({self.basis.value})" if self.source else self.basis.value


PRIMARY = Grounds()
HAPPENS = Grounds(Basis.HAPPENS, "no document promises it, and it happens with every API")
LEFT_OPEN = Grounds(Basis.OPEN, "the documents leave it open")


def grounds_of(citations: Iterable[Citation], otherwise: Grounds = LEFT_OPEN) -> Grounds:
    """The best grounds that some places of documents give; `otherwise` where there are none."""
    found = sorted(citations, key=lambda citation: citation.source.basis != "primary")
    if not found:
        return otherwise
    basis = Basis.PRIMARY if found[0].source.basis == "primary" else Basis.ADJACENT
    return Grounds(basis, str(found[0]))


def robustness_of(clauses: Iterable[Clause]) -> list[Clause]:
    """The findings of robustness that there can be: one for each MUST."""
    musts = (clause for clause in clauses if clause.level is Level.MUST)
    return [replace(clause, id=clause.id + SUFFIX, level=Level.SHOULD) for clause in musts]


def soften(ledger: Ledger, robustness: Ledger) -> None:
    """Move what violates a MUST from the ledger of a scenario that is not primary to the one of robustness."""
    for entry in ledger.violated(Level.MUST):
        other = robustness[entry.clause.id + SUFFIX]
        other.exercised, other.violations = entry.exercised, entry.violations
        other.evidence, other.first = entry.evidence, entry.first
        entry.exercised -= entry.violations
        entry.violations, entry.evidence, entry.first = 0, None, None
