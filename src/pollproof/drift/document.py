"""A comparison as one JSON document (schemas/pollproof/drift.schema.json); every other report is a view of it."""

from __future__ import annotations

from pollproof.drift.compare import Comparison
from pollproof.drift.findings import DIFFERENCE_KINDS, Difference, Severity
from pollproof.drift.profile import Class, Profile
from pollproof.runs.outcome import Document
from pollproof.version import __version__

EXIT_STATUS = {"unchanged": 0, "warned": 0, "drifted": 1, "nothing-compared": 3}
"""The exit status of each outcome."""


def drift_document(comparison: Comparison, old: str, new: str, *, strict: bool = False) -> Document:
    """The document of a comparison of the recordings with these names. With `strict` a warning is drift too."""
    counts = {severity.value: comparison.count(severity) for severity in Severity}
    return {
        "pollproof": __version__,
        "mode": "drift",
        "provider": comparison.new.contract.name,
        "outcome": _outcome(comparison, strict=strict),
        "strict": strict,
        "old": _recording(comparison.old, old),
        "new": _recording(comparison.new, new),
        "counts": counts,
        "findings": [_finding(finding) for finding in comparison.findings],
        "compared": [_row(*row) for row in comparison.shared],
        "not_compared": [_row(*row) for row in comparison.unshared],
        "observations": [_solving(comparison)],
        "complete": True,
    }


def _outcome(comparison: Comparison, *, strict: bool) -> str:
    if not comparison.shared and not any(comparison.count(each) for each in (Severity.ERROR, Severity.WARNING)):
        return "nothing-compared"
    if comparison.count(Severity.ERROR) or (strict and comparison.count(Severity.WARNING)):
        return "drifted"
    return "warned" if comparison.count(Severity.WARNING) else "unchanged"


def _recording(profile: Profile, name: str) -> Document:
    slack = profile.slack.figures(profile.contract.limits)
    return {"name": name, "files": profile.files, "exchanges": profile.exchanges, "slack": slack}


def _finding(finding: Difference) -> Document:
    return {
        "id": finding.kind,
        "severity": finding.severity.value,
        "text": DIFFERENCE_KINDS[finding.kind],
        "operation": finding.operation,
        "answer": finding.answer,
        "place": finding.place,
        "old": finding.old,
        "new": finding.new,
        "first": {"recording": finding.side, "file": finding.first.file, "entry": finding.first.number},
    }


def _row(kind: Class, old: int, new: int) -> Document:
    return {"operation": kind[0], "answer": kind[1], "old": old, "new": new}


def _solving(comparison: Comparison) -> Document:
    return {
        "id": "solving-time",
        "text": "Seconds from creation to success as far as polls show them; they depend on load and are not judged.",
        "old": _range(comparison.old),
        "new": _range(comparison.new),
    }


def _range(profile: Profile) -> Document | None:
    times = profile.limits.solving
    if not times:
        return None
    least, most = min(low for low, _ in times), max(high for _, high in times)
    return {"tasks": len(times), "at_least": round(least, 3), "at_most": round(most, 3)}
