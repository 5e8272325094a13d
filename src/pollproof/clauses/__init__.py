"""The rule book: one file for each family of kinds. Importing this package registers them all in `KINDS`."""

from pollproof.clauses import client, lifecycle, limits, shape
from pollproof.clauses.kinds import HELD, KINDS, Finding, Kind, Violation

__all__ = ["HELD", "KINDS", "Finding", "Kind", "Violation", "client", "lifecycle", "limits", "shape"]
