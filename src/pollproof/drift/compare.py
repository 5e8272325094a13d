"""Comparing two profiles: what both show is compared, what only one shows is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pollproof.drift.compare_fields import compare_fields
from pollproof.drift.compare_timing import compare_timing
from pollproof.drift.compare_words import compare_words
from pollproof.drift.findings import Finding, Severity, rank
from pollproof.drift.profile import Class, Profile


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two recordings compared. `shared` and `unshared` are classes of answers with their numbers in old and new."""

    old: Profile
    new: Profile
    findings: tuple[Finding, ...]
    shared: tuple[tuple[Class, int, int], ...]
    unshared: tuple[tuple[Class, int, int], ...]

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(finding.severity is severity for finding in self.findings)


def compare(old: Profile, new: Profile) -> Comparison:
    """Everything that differs between two profiles of one contract and that a smaller recording does not explain."""
    for profile in (old, new):
        profile.timing.end()
    classes = sorted(old.classes.keys() | new.classes.keys())
    rows = [(kind, old.classes[kind], new.classes[kind]) for kind in classes]
    shared = tuple(row for row in rows if row[1] and row[2])
    findings = sorted(_merged(_findings(old, new)), key=rank)
    return Comparison(old, new, tuple(findings), shared, tuple(row for row in rows if not (row[1] and row[2])))


def _findings(old: Profile, new: Profile) -> Iterator[Finding]:
    yield from compare_words(old, new)
    for kind in sorted(old.fields.keys() & new.fields.keys()):
        yield from compare_fields(kind, old.fields[kind], new.fields[kind])
    yield from compare_timing(old, new)


def _merged(findings: Iterator[Finding]) -> list[Finding]:
    """One finding for each change, although several kinds of answers show it."""
    merged: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.kind, finding.severity, finding.operation, finding.place, finding.old, finding.new)
        merged.setdefault(key, []).append(finding)
    return [
        group[0]._replace(answer="; ".join(dict.fromkeys(finding.answer for finding in group)))
        for group in merged.values()
    ]
