"""The exceptions of pollproof: one base, and a family for each exit status that they lead to."""

from __future__ import annotations


class PollproofError(Exception):
    """Anything that pollproof raises on purpose; its text is one sentence for people."""


class InputError(PollproofError, ValueError):
    """Usage or bad input: an option, a contract, a recording or a report that cannot be used (exit status 2)."""


class RunError(PollproofError):
    """A run cannot go on: the target, a program, a clock or the suite itself failed (exit status 4)."""
