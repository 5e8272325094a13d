"""A comparison as people read it: on a terminal, and as Markdown for a pull request. Both are views of the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pollproof.monitor.slack import describe_slack
from pollproof.text import escape_markdown, plural, printable

if TYPE_CHECKING:
    from rich.console import Console

_MAXIMUM_NAME = 120
"""Characters of a foreign name that are shown."""

MAXIMUM_PRINTED = 200
"""Findings that are printed; the document has them all."""

_MAXIMUM_LISTED = 50
"""Findings in the table of Markdown; the worst come first, the others are counted."""

MAXIMUM_TABLE = 40_000
"""Characters of the table; a comment may have some 65,000."""

MAXIMUM_ROWS = 20
"""Classes of responses that Markdown lists as not compared."""

OUTCOMES = {
    "unchanged": "no drift",
    "warned": "no drift, with warnings",
    "drifted": "drift",
    "nothing-compared": "nothing could be compared",
}
"""The outcomes in words."""

_STYLE = {"error": "bold red", "warning": "bold yellow", "info": "cyan"}
_OUTCOME = {"unchanged": "bold green", "drifted": "bold red"}


def _plain(text: str) -> str:
    """A text from a foreign file in printable form, not too long."""
    return printable(text, _MAXIMUM_NAME)


def _cells(finding: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """The kind of a finding, where it is, both sides, and the entry that first shows it."""
    answer = f", {finding['answer']}" if finding["answer"] else ""
    place = f" at {_plain(finding['place'])}" if finding["place"] else ""
    where, seen = f"{finding['operation']}{_plain(answer)}{place}", finding["first"]
    first = f"{seen['recording']}: {_plain(seen['file'])}, entry {seen['entry']}"
    return finding["id"], where, _plain(finding["old"]), _plain(finding["new"]), first


def _sides(document: Mapping[str, Any], escape: Any = str) -> str:
    """Both recordings with their numbers of exchanges."""
    sides = (document["old"], document["new"])
    return " against ".join(f"{escape(_plain(each['name']))} ({each['exchanges']} exchanges)" for each in sides)


def _counted(document: Mapping[str, Any]) -> str:
    """The numbers of findings and of what was compared."""
    counts = document["counts"]
    found = f"{plural(counts['error'], 'error')}, {plural(counts['warning'], 'warning')}, {counts['info']}"
    return f"{found} for information; {plural(len(document['compared']), 'kind')} of responses compared"


def _not_compared(document: Mapping[str, Any]) -> list[str]:
    """The classes of responses that only one recording has."""
    rows = document["not_compared"]
    return [f"{row['operation']}, {_plain(row['answer'])}: {row['old']} in old, {row['new']} in new" for row in rows]


def _observations(document: Mapping[str, Any]) -> list[str]:
    """What was observed and is not judged."""
    slack = {side: describe_slack(document[side]["slack"]) for side in ("old", "new")}
    lines = [f"slack, {side}: {words}" for side, words in slack.items()] if all(slack.values()) else []
    for each in document["observations"]:
        seen = [
            f"{side} {of['at_least']:g} to {of['at_most']:g} s in {plural(of['tasks'], 'task')}"
            if (of := each[side])
            else f"{side} nothing seen"
            for side in ("old", "new")
        ]
        if each["old"] or each["new"]:
            lines.append(f"{each['id']}: {', '.join(seen)}. {each['text']}")
    return lines


def print_comparison(console: Console, document: Mapping[str, Any], *, quiet: bool = False) -> None:
    """Print a comparison; with `quiet` only errors, warnings and the last line."""
    from rich.text import Text

    def line(*parts: Text | str) -> None:
        console.print(Text.assemble(*parts), soft_wrap=True)

    if not quiet:
        line(Text(document["provider"], style="bold"), f"  {_sides(document)}")
    findings = [each for each in document["findings"] if not (quiet and each["severity"] == "info")]
    for finding in findings[:MAXIMUM_PRINTED]:
        kind, where, old, new, first = _cells(finding)
        line(Text(f"{finding['severity']:<8}", style=_STYLE[finding["severity"]]), f"{kind}  {where}")
        for label, text in (("old", old), ("new", new), ("first", first)):
            line(f"          {label:<6}{text}")
    if len(findings) > MAXIMUM_PRINTED:
        line(f"... and {len(findings) - MAXIMUM_PRINTED} more findings")
    if not quiet:
        if rows := _not_compared(document):
            line(Text(f"not compared ({len(rows)}), because only one recording has it:", style="yellow"))
            for row in rows:
                line(Text(f"  {row}", style="yellow"))
        for note in _observations(document):
            line(Text(note, style="dim"))
    outcome = document["outcome"]
    line(Text(OUTCOMES[outcome].upper(), style=_OUTCOME.get(outcome, "bold yellow")), f": {_counted(document)}")


def markdown_of(document: Mapping[str, Any]) -> str:
    """The document as Markdown, short enough for one comment; nothing in it is taken for markup."""
    title = f"### pollproof drift: {escape_markdown(document['provider'])}: {OUTCOMES[document['outcome']]}"
    lines = [title, "", f"{_sides(document, escape_markdown)}: {_counted(document)}."]
    if findings := document["findings"]:
        table = _table(findings)
        lines += ["", "| | kind | where | old | new | first seen |", "|---|---|---|---|---|---|", *table]
        lines += _rest(findings, len(table), "findings")
    if rows := _not_compared(document):
        lines += ["", "Not compared, because only one recording has it:", ""]
        lines += [f"- {escape_markdown(row)}" for row in rows[:MAXIMUM_ROWS]]
        lines += _rest(rows, MAXIMUM_ROWS, "kinds of responses")
    lines += [part for note in _observations(document) for part in ("", escape_markdown(note))]
    return "\n".join(lines) + "\n"


def _table(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of the findings, as many as one comment can hold."""
    rows: list[str] = []
    room = MAXIMUM_TABLE
    for finding in findings[:_MAXIMUM_LISTED]:
        row = f"| **{finding['severity']}** | " + " | ".join(map(escape_markdown, _cells(finding))) + " |"
        room -= len(row)
        if room < 0:
            break
        rows.append(row)
    return rows


def _rest(rows: Sequence[Any], shown: int, what: str) -> list[str]:
    return ["", f"... and {len(rows) - shown} more {what}."] if len(rows) > shown else []
