"""What a run prints: a table of clauses, each violation in full, and one line that sums up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pollproof.check.explaining import lost_bodies
from pollproof.report.coverage import SORTS, name_of
from pollproof.report.timeline import lines
from pollproof.runs.outcome import unseen

MISSING_SHOWN = 12
"""Things of one sort that were not seen, as a terminal lists them; the report has them all."""

_STYLE = {"held": "green", "violated": "bold red", "unexercised": "yellow"}


def print_document(console: Console, document: Mapping[str, Any], *, strict: bool, quiet: bool = False) -> None:
    """Print one provider's part of a run."""
    console.print()
    console.print(Text(f"{document['provider']}", style="bold") + Text(f"  against {document['target']}"))
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    table.add_column("clause", no_wrap=True)
    table.add_column("level")
    table.add_column("verdict")
    table.add_column("exercised", justify="right")
    for clause in document["clauses"]:
        verdict = clause["verdict"]
        style = _STYLE[verdict]
        if verdict == "violated" and clause["level"] == "SHOULD" and not strict:
            style, verdict = "yellow", "violated (warning)"
        if "known" in clause:
            style, verdict = "yellow", "violated (known)"
        count = str(clause["exercised"]) if clause["exercised"] else "-"
        table.add_row(clause["id"], clause["level"], Text(verdict, style=style), count)
    idle = all(clause["verdict"] == "unexercised" for clause in document["clauses"])
    if not quiet and not idle:
        console.print(table)
    for clause in document["clauses"]:
        if clause["verdict"] == "violated" and "known" not in clause:
            _print_violation(console, clause, strict=strict)
    for observation in [] if idle else document["observations"]:
        seen = observation["seen"]
        told = "nothing seen" if seen is None else f"seen {seen[0]:g} to {seen[1]:g} s in {observation['count']} tasks"
        console.print(f"{observation['id']}: {told}; {observation['text']} (reported, not judged)", style="dim")
    for note in document["notes"]:
        console.print(f"note: {note}", style="yellow")
    if document["error"]:
        console.print(f"error: {document['error']}", style="bold red", markup=False, highlight=False)
    if not idle and (not quiet or document.get("require_all")):
        _print_coverage(console, document)
    if idle:
        console.print("nothing was exercised, so nothing is said of any clause", style="yellow")
    else:
        _print_unexercised(console, document)


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
        told = [f"{name_of(sort, entry)}: {entry['would']}" for entry in entries[:MISSING_SHOWN]]
        more = f"; and {len(entries) - MISSING_SHOWN} more" if len(entries) > MISSING_SHOWN else ""
        line = f"{SORTS[sort]} not seen ({len(entries)}): {'; '.join(told)}{more}"
        console.print(line, style="yellow", highlight=False, markup=False)


def _print_unexercised(console: Console, document: Mapping[str, Any]) -> None:
    idle: dict[str, list[str]] = {}
    for clause in document["clauses"]:
        if clause["verdict"] == "unexercised":
            idle.setdefault(clause.get("reason", ""), []).append(clause["id"])
    for reason, names in idle.items():
        why = f", {reason}" if reason else ""
        console.print(f"not exercised{why} ({len(names)}): " + ", ".join(names), style="yellow", highlight=False)


def violation_lines(clause: Mapping[str, Any]) -> list[str]:
    """One violation as plain lines."""
    violation = clause["violation"]
    times = "" if violation["times"] == 1 else f" ({violation['times']} times)"
    scenario, again = violation.get("scenario"), violation.get("again")
    return [
        f"{clause['id']} {clause['level']} violated{times}",
        f"  rule      {clause['text']}",
        f"  source    {clause['source']}",
        *([] if scenario is None else [f"  scenario  {scenario}"]),
        f"  expected  {violation['expected']}",
        f"  seen      {violation['seen']}",
        "  trace",
        *("    " + line for line in lines(violation["trace"], violation.get("deadlines", ()))),
        *([] if again is None else [f"  again     {again}"]),
    ]


def _print_violation(console: Console, clause: Mapping[str, Any], *, strict: bool) -> None:
    warning = clause["level"] == "SHOULD" and not strict
    console.print()
    for number, line in enumerate(violation_lines(clause)):
        style = ("bold yellow" if warning else "bold red") if number == 0 else ""
        console.print(Text(line, style=style), soft_wrap=True)
    console.print()


def _how(document: Mapping[str, Any]) -> str:
    """How the exchanges came about, in few words."""
    if document["seed"] is None:
        return document["clock"] or "no clock"
    return f"{document['examples']} examples, seed {document['seed']}"


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
    told = ", ".join(f"{count} {state}" for state, count in counted.items()) or "no entry"
    console.print(f"baseline {baseline['file']}: {told}", highlight=False, markup=False)
    for entry in entries:
        if "problem" in entry:
            console.print(f"  {entry['problem']}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    for entry in sorted(entries, key=lambda entry: bool(entry["flaky"])):
        if "problem" not in entry:
            link = f" ({entry['link']})" if entry["link"] else ""
            line = f"  {entry['state']}: {entry['clause']}, until {entry['expires']}: {entry['reason']}{link}"
            console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


def print_summary(console: Console, document: Mapping[str, Any], *, strict: bool) -> None:
    """The last line of a run."""
    clauses = document["clauses"]
    count = {word: sum(1 for clause in clauses if clause["verdict"] == word) for word in _STYLE}
    broken = [clause for clause in clauses if clause["verdict"] == "violated" and "known" not in clause]
    warnings = sum(1 for clause in broken if clause["level"] == "SHOULD")
    words = [f"{count['held']} held", f"{count['violated']} violated", f"{count['unexercised']} unexercised"]
    known = sum(1 for clause in clauses if "known" in clause)
    if known:
        words[1] += f" ({known} known)"
    if warnings and not strict:
        words[1] += f" ({warnings} as warning)"
    style = {"passed": "bold green", "violated": "bold red"}.get(document["outcome"], "bold yellow")
    lost = lost_bodies(document.get("recordings", {}))
    console.print()
    console.print(
        Text(document["outcome"].upper(), style=style)
        + Text(
            f": {', '.join(words)}; {document['exchanges']} exchanges, {_how(document)}, {document['seconds']:.1f} s"
            + (f"; {lost}" if lost else "")
        )
    )
