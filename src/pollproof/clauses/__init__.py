"""The rule book: one file for each family of kinds. Importing this package registers them all in `KINDS`.

A kind holds all that belongs to it: its sentence, check, parameters, the words for what exercises it, its mutants, and
the walks and scenarios that it needs. `docs/clause-kinds.md` is made from it.
"""

from pollproof.clauses import (
    addresses,
    answers,
    batch,
    callbacks,
    cancelling,
    client,
    client_results,
    course,
    creations,
    fields,
    inputs,
    keeping,
    lifecycle,
    limits,
    pages,
    refusals,
    results,
    shape,
    signing,
)
from pollproof.clauses.kinds import HELD, KINDS, Deadline, Finding, Kind, Unjudged, Violation

__all__ = [
    "HELD",
    "KINDS",
    "Deadline",
    "Finding",
    "Kind",
    "Unjudged",
    "Violation",
    "addresses",
    "answers",
    "batch",
    "callbacks",
    "cancelling",
    "client",
    "client_results",
    "course",
    "creations",
    "fields",
    "inputs",
    "keeping",
    "lifecycle",
    "limits",
    "pages",
    "refusals",
    "results",
    "shape",
    "signing",
]
