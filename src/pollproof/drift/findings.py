"""Findings: what differs between two recordings of one API, each with a permanent kind and where it is first seen."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How much a difference matters: an error fails a run, a warning does with --strict, information never."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


DIFFERENCE_KINDS = {
    "sync-turned-async": "A request whose result came at once is queued now, or the other way round.",
    "response-class-changed": "The same request gets a class of response that it did not get, or gets one no more.",
    "field-new": "A field that the old recording never has.",
    "field-gone": "A field that the new recording never has.",
    "field-missing": "A field that was always there is missing at times.",
    "type-changed": "A value is of another type.",
    "null-new": "A value that never was null is.",
    "http-status-changed": "The same kind of response comes with another HTTP status.",
    "status-new": "A status that neither the old recording nor the documents know.",
    "status-first-seen": "A documented status that the old recording does not show.",
    "status-replaced": "A status stands where another one stood.",
    "error-code-changed": "The same situation is answered with another error code.",
    "error-code-new": "An error code that neither the old recording nor the documents know.",
    "error-code-first-seen": "A documented error code that the old recording does not show.",
    "content-type-changed": "The same kind of response comes with another content type.",
    "retry-after-changed": "The provider demands another wait before the next request.",
    "lifetime-changed": "Tasks are gone at an age at which they were there, or the other way round.",
    "poll-budget-changed": "Tasks answer another number of polls.",
    "retention-changed": "Tasks are gone earlier or later, by their age or by the number of their polls.",
    "pace-changed": "Requests are refused at a pace at which they were answered, or the other way round.",
}
"""Every kind of finding with its sentence. Names are permanent."""


class EntryReference(NamedTuple):
    """An entry of a recording: its file, and its number there, from 1."""

    file: str
    number: int


class Difference(NamedTuple):
    """One difference: the class of responses that differs (`answer`), where in it (`place`), and both sides in words.

    `first` is the first entry that shows it, in the recording that `side` names (`old` or `new`).
    """

    kind: str
    severity: Severity
    operation: str
    answer: str
    place: str
    old: str
    new: str
    side: str
    first: EntryReference


def rank_difference(finding: Difference) -> tuple[int, str, str, str]:
    """Sort the worst first, then by operation."""
    return list(Severity).index(finding.severity), finding.operation, finding.kind, finding.place


FEW = 3
"""Observations on either side from which on what is always so, or never, is so by rule."""


def strong(share: float, observations: int) -> bool:
    """Whether so many observations would surely have shown what this share of the others shows.

    What happens in that share of all responses stays unseen in so many with a probability of less than one in twenty.
    """
    return (1 - share) ** observations < 0.05
