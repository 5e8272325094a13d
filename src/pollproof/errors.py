"""The exceptions of pollproof: one base, and a family for each exit status that they lead to."""

from __future__ import annotations


class PollproofError(Exception):
    """Anything that pollproof raises on purpose; its text is one sentence for people."""


class InputError(PollproofError, ValueError):
    """Usage or bad input: an option, a contract, a recording or a report that cannot be used (exit status 2)."""


class RunError(PollproofError):
    """A run cannot go on: the target, a program, a clock or the suite itself failed (exit status 4)."""


_MAXIMUM_CHARACTERS = 200
"""Characters of an unexpected error that are shown."""


def defect_of(error: Exception) -> str:
    """An error of the suite itself in one sentence, with the place in our own code that it came from."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("pollproof."):
            place = f" in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    words = " ".join(str(error).split())
    words = words if len(words) <= _MAXIMUM_CHARACTERS else words[:_MAXIMUM_CHARACTERS] + "..."
    what = f"the suite itself failed, which is a defect of it: {type(error).__name__}{place}"
    return f"{what}: {words}" if words else what
