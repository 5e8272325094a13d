"""Notes about scenarios, from their documents: which were not run, not judged, or judged like another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WRONG_STREAM = ": the solution stands in standard error alone, and is looked for in standard output"
"""The end of a note about the first such scenario alone."""

NAMED_IN_NOTE = 3
"""Scenarios that a note names."""


def left_out(scenarios: Sequence[Mapping[str, Any]]) -> list[str]:
    """What people should know of scenarios that were not run."""
    notes = []
    for was_run, words in ((False, "run"), (True, "judged")):
        reasons = [each["reason"] for each in scenarios if each["reason"] and each["run"] is was_run]
        count = "1 scenario was" if len(reasons) == 1 else f"{len(reasons)} scenarios were"
        notes += [f"{count} not {words}; {reasons[0]}"] if reasons else []
    same = [f"{each['name']} like {each['same_as']}" for each in scenarios if each.get("same_as")]
    if same:
        count = "1 scenario was" if len(same) == 1 else f"{len(same)} scenarios were"
        names = ", ".join(same[:NAMED_IN_NOTE]) + (", ..." if len(same) > NAMED_IN_NOTE else "")
        notes.append(f"{count} judged without another start, for the command got the same responses before: {names}")
    return notes
