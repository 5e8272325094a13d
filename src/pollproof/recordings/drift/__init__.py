"""Drift: what changed between two recordings of one API. What a smaller recording explains is no change."""

from pollproof.recordings.drift.compare import compare
from pollproof.recordings.drift.findings import KINDS, Finding, Seen, Severity
from pollproof.recordings.drift.profile import Profile

__all__ = ["KINDS", "Finding", "Profile", "Seen", "Severity", "compare"]
