"""The rule book: one file for each family of kinds. Importing this package registers them all in `KINDS`."""

from pollproof.clauses import batch, callbacks, client, fields, lifecycle, limits, results, shape
from pollproof.clauses import client_results as outcome
from pollproof.clauses.kinds import HELD, KINDS, Deadline, Finding, Kind, Violation

__all__ = [
    "HELD",
    "KINDS",
    "Deadline",
    "Finding",
    "Kind",
    "Violation",
    "batch",
    "callbacks",
    "client",
    "fields",
    "lifecycle",
    "limits",
    "outcome",
    "results",
    "shape",
]
