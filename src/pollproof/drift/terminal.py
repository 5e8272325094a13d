"""What a comparison prints: each finding on a few lines, what was not compared, and one line that sums up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from pollproof.drift.lines import OUTCOMES, counted, first, not_compared, observations, plain, where

MAXIMUM_FINDINGS = 200
"""Findings that are printed; the document has them all."""

_STYLE = {"error": "bold red", "warning": "bold yellow", "info": "cyan"}
_OUTCOME = {"unchanged": "bold green", "drifted": "bold red"}


def print_comparison(console: Console, document: Mapping[str, Any], *, quiet: bool = False) -> None:
    """Print a comparison; with `quiet` only errors, warnings and the last line."""
    if not quiet:
        old, new = document["old"], document["new"]
        console.print(
            Text(document["provider"], style="bold")
            + Text(f"  {plain(old['name'])} ({old['exchanges']} exchanges)")
            + Text(f" against {plain(new['name'])} ({new['exchanges']} exchanges)"),
            soft_wrap=True,
        )
    findings = [each for each in document["findings"] if not (quiet and each["severity"] == "info")]
    for finding in findings[:MAXIMUM_FINDINGS]:
        _print_finding(console, finding)
    if len(findings) > MAXIMUM_FINDINGS:
        console.print(f"... and {len(findings) - MAXIMUM_FINDINGS} more findings", soft_wrap=True)
    if not quiet:
        rows = not_compared(document["not_compared"])
        if rows:
            console.print(Text(f"not compared ({len(rows)}), because only one recording has it:", style="yellow"))
            for row in rows:
                console.print(Text(f"  {row}", style="yellow"), soft_wrap=True)
        for note in observations(document):
            console.print(Text(note, style="dim"), soft_wrap=True)
    style = _OUTCOME.get(document["outcome"], "bold yellow")
    words = OUTCOMES[document["outcome"]].upper()
    console.print(Text(words, style=style) + Text(f": {counted(document)}"), soft_wrap=True)


def _print_finding(console: Console, finding: Mapping[str, Any]) -> None:
    severity = finding["severity"]
    head = Text(f"{severity:<8}", style=_STYLE[severity]) + Text(f"{finding['id']}  {where(finding)}")
    console.print(head, soft_wrap=True)
    for label, text in (("old", finding["old"]), ("new", finding["new"]), ("first", first(finding))):
        console.print(Text(f"          {label:<6}{plain(text)}"), soft_wrap=True)
