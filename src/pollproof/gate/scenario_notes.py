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
    crashed = [f"{each['name']} ({each['crash']})" for each in scenarios if each.get("crash")]
    if crashed:
        where = "1 scenario" if len(crashed) == 1 else f"{len(crashed)} scenarios"
        what = "ended by a fault of its own, which reports no failure to whoever uses it"
        notes.append(f"in {where} the command {what}: {_named(crashed)}")
    same = [f"{each['name']} like {each['same_as']}" for each in scenarios if each.get("same_as")]
    if same:
        count = "1 scenario was" if len(same) == 1 else f"{len(same)} scenarios were"
        what = "judged without another start, for the command got the same responses before"
        notes.append(f"{count} {what}: {_named(same)}")
    return notes


def _named(names: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(names[:NAMED_IN_NOTE]) + (", ..." if len(names) > NAMED_IN_NOTE else "")
