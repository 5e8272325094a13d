"""The document of a client that went through the gate, and its scenarios for people."""

from __future__ import annotations

from collections.abc import Mapping, Set
from string import ascii_lowercase
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pollproof.contract.model import Level

SHOWN_SCENARIOS = 20
"""Scenarios with findings that a terminal shows, the worst first."""

LAST_SHOWN = 80
"""Characters of the last words of a command that are shown beside a scenario."""

_SIGNS = {"held": "+", "violated": "X"}


def print_scenarios(console: Console, document: Mapping[str, Any], *, quiet: bool = False) -> None:
    """The scenarios in few lines: how many ended as they should, which did not, and which clause broke in which."""
    scenarios = document["scenarios"]
    if not scenarios:
        return
    run = [each for each in scenarios if each["run"]]
    bad = [each for each in run if not each["as_expected"] or "violated" in each["clauses"].values()]
    if not quiet:
        counts = {word: sum(each["expects"] == word for each in run) for word in ("success", "failure", "either")}
        expected = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        console.print(f"scenarios: {len(run) - len(bad)} of {len(run)} clean (expected: {expected})")
    if not bad:
        return
    warnings = {clause["id"] for clause in document["clauses"] if clause["level"] == Level.SHOULD.value}
    shown = sorted(bad, key=lambda each: _mildness(each, warnings))[:SHOWN_SCENARIOS]
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    for name in ("", "scenario", "expects", "the command ended with"):
        table.add_column(name, overflow="fold")
    for letter, each in zip(ascii_lowercase, shown, strict=False):
        style = "" if each["as_expected"] else "bold"
        last = _last_line(each)
        ended = Text(each["ended"] + (f": {last}" if last else ""))
        table.add_row(letter, Text(each["name"], style=style), each["expects"], ended)
    console.print(table)
    if len(bad) > len(shown):
        console.print(f"... and {len(bad) - len(shown)} more with findings; --json FILE has them all")
    _print_matrix(console, document["clauses"], shown)


def _mildness(scenario: Mapping[str, Any], warnings: Set[str]) -> int:
    """0 for a scenario that did not end as it should, 1 for one with a violated MUST, 2 for warnings alone."""
    if not scenario["as_expected"]:
        return 0
    return 2 if all(name in warnings for name, verdict in scenario["clauses"].items() if verdict == "violated") else 1


def _last_line(scenario: Mapping[str, Any]) -> str:
    """The last words of a command that gave up: they often give the reason."""
    if scenario["status"] in (0, None):
        return ""
    for stream in (scenario.get("errors"), scenario["output"]):
        lines = ((stream["tail"] or stream["head"]) if stream else "").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if words:
            return words if len(words) <= LAST_SHOWN else words[: LAST_SHOWN - 3] + "..."
    return ""


def _print_matrix(console: Console, clauses: list[Mapping[str, Any]], scenarios: list[Mapping[str, Any]]) -> None:
    """Clauses by scenarios: X violated, + held, . nothing that could have broken it."""
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("clause", no_wrap=True)
    for letter, _ in zip(ascii_lowercase, scenarios, strict=False):
        table.add_column(letter)
    for clause in clauses:
        signs = [_SIGNS.get(each["clauses"].get(clause["id"], ""), ".") for each in scenarios]
        if set(signs) != {"."}:
            table.add_row(clause["id"], *[Text(sign, style="bold red" if sign == "X" else "") for sign in signs])
    console.print(table)
