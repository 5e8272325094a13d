"""Drift: what changed between two recordings of one API. What a smaller recording explains is not a change."""

from pollproof.drift.compare import compare
from pollproof.drift.findings import KINDS, Finding, Seen, Severity
from pollproof.drift.profile import Profile

__all__ = ["KINDS", "Finding", "Profile", "Seen", "Severity", "compare"]
