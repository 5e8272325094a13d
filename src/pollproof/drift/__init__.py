"""Drift: what changed between two recordings of one API. What a smaller recording explains is not a change."""

from pollproof.drift.compare import compare
from pollproof.drift.findings import DIFFERENCE_KINDS, Difference, EntryReference, Severity
from pollproof.drift.profile import Profile

__all__ = ["DIFFERENCE_KINDS", "Difference", "EntryReference", "Profile", "Severity", "compare"]
