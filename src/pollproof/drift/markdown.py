"""A comparison as Markdown for a pull request: short enough for one comment, and nothing in it is taken for markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pollproof.drift.lines import OUTCOMES, counted, first, not_compared, observations, plain, where
from pollproof.text import escape_markdown

MAXIMUM_FINDINGS = 50
"""Findings in the table; the worst come first, the others are counted."""

MAXIMUM_TABLE = 40_000
"""Characters of the table; a comment may have some 65,000."""

MAXIMUM_ROWS = 20
"""Kinds of answers that are listed as not compared."""


def markdown_of(document: Mapping[str, Any]) -> str:
    """The document as Markdown."""
    old, new = document["old"], document["new"]
    lines = [
        f"### pollproof drift: {escape_markdown(document['provider'])}: {OUTCOMES[document['outcome']]}",
        "",
        f"{escape_markdown(plain(old['name']))} ({old['exchanges']} exchanges) against "
        f"{escape_markdown(plain(new['name']))} ({new['exchanges']} exchanges): {counted(document)}.",
    ]
    findings = document["findings"]
    if findings:
        table = _table(findings)
        lines += ["", "| | kind | where | old | new | first seen |", "|---|---|---|---|---|---|", *table]
        lines += _rest(findings, len(table), "findings")
    rows = not_compared(document["not_compared"])
    if rows:
        lines += ["", "Not compared, because only one recording has it:", ""]
        lines += [f"- {escape_markdown(row)}" for row in rows[:MAXIMUM_ROWS]]
        lines += _rest(rows, MAXIMUM_ROWS, "kinds of answers")
    lines += [part for note in observations(document) for part in ("", escape_markdown(note))]
    return "\n".join(lines) + "\n"


def _table(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of the findings, as many as one comment can hold."""
    rows: list[str] = []
    room = MAXIMUM_TABLE
    for finding in findings[:MAXIMUM_FINDINGS]:
        cells = (finding["id"], where(finding), plain(finding["old"]), plain(finding["new"]), first(finding))
        row = f"| **{finding['severity']}** | " + " | ".join(map(escape_markdown, cells)) + " |"
        room -= len(row)
        if room < 0:
            break
        rows.append(row)
    return rows


def _rest(rows: Sequence[Any], shown: int, what: str) -> list[str]:
    return ["", f"... and {len(rows) - shown} more {what}."] if len(rows) > shown else []
