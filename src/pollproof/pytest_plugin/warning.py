"""What a violated SHOULD is in a pytest run: a warning."""

from __future__ import annotations


class ClauseWarning(UserWarning):
    """A clause of level SHOULD is violated."""
