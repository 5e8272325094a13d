"""What a run prints: violations in full, warnings, what was not exercised, errors, and one line that sums up."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from pollproof.check.explaining import lost_bodies
from pollproof.monitor.slack import describe_slack
from pollproof.report.coverage import SORTS, name_of
from pollproof.report.phrases import VERDICTS, causes, not_exercised, outcome_word, summarize_run, times
from pollproof.report.timeline import lines
from pollproof.runs.outcome import unseen

MISSING_SHOWN = 12
"""Things of one sort that were not seen, as a terminal lists them; the report has them all."""

PROSE_WIDTH = 120
"""Characters of a line of prose on a terminal that is wider."""

QUIET, NORMAL, VERBOSE = -1, 0, 1
"""How much is printed: violations and the summary; that and what explains it; everything."""

_STYLE = {"held": "green", "violated": "bold red", "unexercised": "yellow"}
_OUTCOME_STYLE = {"passed": "bold green", "violated": "bold red", "failed": "bold red"}


def print_document(console: Console, document: Mapping[str, Any], *, strict: bool, verbosity: int = NORMAL) -> None:
    """Print one provider's part of a run: at least its violations."""
    violated = [each for each in document["clauses"] if each["verdict"] == "violated" and "known" not in each]
    if verbosity > QUIET and (verbosity > NORMAL or violated or document["outcome"] != "passed"):
        console.print()
        console.print(Text(f"{document['provider']}", style="bold") + Text(f"  against {document['target']}"))
    idle = all(clause["verdict"] == "unexercised" for clause in document["clauses"])
    if verbosity > NORMAL and not idle:
        _print_table(console, document, strict=strict)
    for clause in violated:
        _print_violation(console, clause, strict=strict)
    if verbosity == QUIET:
        return
    if verbosity > NORMAL and not idle:
        _print_observations(console, document)
    for note in document["notes"]:
        console.print(f"note: {note}", style="yellow", markup=False, highlight=False)
    if document.get("slack"):
        console.print(f"slack: {describe_slack(document['slack'])}", highlight=False, markup=False)
    if (verbosity > NORMAL or document.get("require_all")) and not idle:
        _print_coverage(console, document)
    _print_unexercised(console, document, verbosity)
    if verbosity == NORMAL and not violated and document["outcome"] == "passed":
        held = sum(clause["verdict"] == "held" for clause in document["clauses"])
        console.print(
            Text(f"{document['provider']:<12}", style="bold")
            + Text(f" {held} of {len(document['clauses'])} clauses held", style="green")
            + Text(f"  against {document['target']}")
        )


def _print_table(console: Console, document: Mapping[str, Any], *, strict: bool) -> None:
    from rich.table import Table  # takes its time to import

    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    table.add_column("clause", no_wrap=True)
    table.add_column("level")
    table.add_column("verdict")
    table.add_column("exercised", justify="right")
    for clause in document["clauses"]:
        verdict = clause["verdict"]
        style, word = _STYLE[verdict], VERDICTS[verdict]
        if verdict == "violated" and clause["level"] == "SHOULD" and not strict:
            style, word = "yellow", "violated (warning)"
        if "known" in clause:
            style, word = "yellow", "violated (known)"
        exercised = f"{clause['exercised']:,}" if clause["exercised"] else "-"
        table.add_row(clause["id"], clause["level"], Text(word, style=style), exercised)
    console.print(table)


def _print_observations(console: Console, document: Mapping[str, Any]) -> None:
    for observation in document["observations"]:
        seen, count = observation["seen"], observation["count"]
        tasks = "1 task" if count == 1 else f"{count} tasks"
        shown = "nothing seen" if seen is None else f"seen {seen[0]:g} to {seen[1]:g} s in {tasks}"
        console.print(f"{observation['id']}: {shown}; {observation['text']} (reported, not judged)", style="dim")


def _print_coverage(console: Console, document: Mapping[str, Any]) -> None:
    """One line of what was seen, and one for each sort of what was not, with what would show it."""
    coverage = document.get("coverage")
    if coverage is None or not any(coverage.values()):
        return
    words = []
    for sort, name in SORTS.items():
        entries = [entry for entry in coverage[sort] if "excluded" not in entry]
        if entries:
            words.append(f"{sum(1 for entry in entries if entry['seen'])} of {len(entries)} {name}")
    console.print(f"coverage: {', '.join(words)}", highlight=False, markup=False)
    missing: dict[str, list[Mapping[str, Any]]] = {}
    for sort, entry in unseen(document):
        missing.setdefault(sort, []).append(entry)
    for sort, entries in missing.items():
        shown = [f"{name_of(sort, entry)}: {entry['would']}" for entry in entries[:MISSING_SHOWN]]
        more = f"; and {len(entries) - MISSING_SHOWN} more" if len(entries) > MISSING_SHOWN else ""
        line = f"{SORTS[sort]} not seen ({len(entries)}): {'; '.join(shown)}{more}"
        console.print(line, style="yellow", highlight=False, markup=False)


def _print_unexercised(console: Console, document: Mapping[str, Any], verbosity: int) -> None:
    """What was not exercised: how many clauses, or each with the reason."""
    number = sum(clause["verdict"] == "unexercised" for clause in document["clauses"])
    if not number or number == len(document["clauses"]):
        if number:
            console.print("no clause was exercised, so the run shows nothing about any", style="yellow")
        return
    if verbosity == NORMAL:
        them = "it" if number == 1 else "them"
        console.print(
            f"{document['provider']}: {number} not exercised, -v lists {them}", style="yellow", highlight=False
        )
        return
    for reason, names in not_exercised(dict(document)):
        why = f", {reason}" if reason else ""
        line = f"not exercised{why} ({len(names)}): " + ", ".join(names)
        console.print(line, style="yellow", highlight=False, markup=False)


def violation_lines(clause: Mapping[str, Any]) -> list[str]:
    """One violation as plain lines."""
    violation = clause["violation"]
    scenario, command = violation.get("scenario"), violation.get("again")
    judged = f"{violation['expected']} {violation['seen']}"
    return [
        f"{clause['id']} {clause['level']} {times(clause)}",
        f"  rule      {clause['text']}",
        f"  source    {clause['source']}",
        *([] if scenario is None else [f"  scenario  {scenario}"]),
        f"  expected  {violation['expected']}",
        f"  got       {violation['seen']}",
        "  trace",
        *("    " + line for line in lines(violation["trace"], violation.get("deadlines", ()), judged)),
        *([f"  hint      {clause['hint']}"] if clause.get("hint") else []),
        *([] if command is None else [f"  reproduce {command}"]),
    ]


_PROSE = ("  rule ", "  source ", "  expected ", "  got ", "  hint ")


def _print_violation(console: Console, clause: Mapping[str, Any], *, strict: bool) -> None:
    warning = clause["level"] == "SHOULD" and not strict
    console.print()
    for number, line in enumerate(violation_lines(clause)):
        style = ("bold yellow" if warning else "bold red") if number == 0 else ""
        if line.startswith(_PROSE):
            line = _wrapped(console, line)
        console.print(Text(line, style=style), soft_wrap=True)
    console.print()


def _wrapped(console: Console, line: str) -> str:
    """A labelled line of prose, with all lines but the first below its text; in one piece where nobody reads it."""
    if not console.is_terminal:
        return line
    width = min(console.width, PROSE_WIDTH)
    return textwrap.fill(line, width, subsequent_indent=" " * 12, break_on_hyphens=False, break_long_words=False)


def print_baseline(console: Console, document: Mapping[str, Any]) -> None:
    """What became of the entries of a baseline: those that fail the run first, flaky ones apart."""
    baseline = document.get("baseline")
    if baseline is None:
        return
    entries = baseline["entries"]
    counted: dict[str, int] = {}
    for entry in entries:
        counted[entry["state"]] = counted.get(entry["state"], 0) + 1
    console.print()
    shown = ", ".join(f"{count} {state}" for state, count in counted.items()) or "no entry"
    console.print(f"baseline {baseline['file']}: {shown}", highlight=False, markup=False)
    for entry in entries:
        if "problem" in entry:
            console.print(f"  {entry['problem']}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    for entry in sorted(entries, key=lambda entry: bool(entry["flaky"])):
        if "problem" not in entry:
            link = f" ({entry['link']})" if entry["link"] else ""
            line = f"  {entry['state']}: {entry['clause']}, until {entry['expires']}: {entry['reason']}{link}"
            console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


def print_summary(console: Console, document: Mapping[str, Any], *, verbosity: int = NORMAL) -> None:
    """The end of a run: why it is inconclusive, its error, and the line that sums it up."""
    shown = dict(document)
    console.print()
    for cause in causes(shown) if verbosity > QUIET else ():
        console.print(f"inconclusive: {cause}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if shown["error"]:
        console.print(Text(f"error: {shown['error']}", style="bold red"), soft_wrap=True)
    line = summarize_run(shown)
    lost = lost_bodies(shown["recordings"]) if "recordings" in shown else ""
    word, colon, rest = line.partition(":")
    style = _OUTCOME_STYLE.get(outcome_word(shown), "bold yellow")
    end = f"; {lost}" if lost else ""
    console.print(Text(word, style=style) + Text(f"{colon}{rest}{end}"), soft_wrap=True)
