"""What every view says in the same words: the outcome of a run, and that it was cut short."""

from __future__ import annotations

from typing import Any

from pollproof.report.matrix import counted
from pollproof.runs.outcome import Document

SIGNS = {"held": "✓", "violated": "✗", "unexercised": "○"}
"""A sign for each verdict; views always add the word."""

INCOMPLETE = "Incomplete: the run was cut short, so what it did not exercise or break by then says nothing."


def headline(document: Document) -> str:
    """The outcome in one sentence."""
    counts = counted(document["clauses"])
    held, violated, idle = counts["held"], counts["violated"], counts["unexercised"]
    outcome = document["outcome"]
    if outcome == "violated":
        known = sum("known" in clause for clause in document["clauses"])
        warnings = 0 if _strict(document) else counts["warnings"]
        some = ", ".join(
            word
            for word in (
                warnings and f"{warnings} as {'a warning' if warnings == 1 else 'warnings'}",
                known and f"{known} known",
            )
            if word
        )
        stale = f", {_entries(len(problems_of(document)))}" if problems_of(document) else ""
        return f"Violated: {_rules(violated)} broken{some and f' ({some})'}{stale}, {held} held, {idle} unexercised."
    if outcome == "error":
        return "The suite itself failed; nothing it did not judge counts as held."
    if outcome == "passed":
        broken = f", {violated} violated (warnings or known)" if violated else ""
        return f"Passed: every exercised MUST held; {held} held{broken}, {idle} unexercised."
    if not document["complete"]:
        return f"Inconclusive: {held} held, {idle} unexercised by the time the run was cut short."
    return f"Inconclusive: {held} held, {idle} unexercised."


def incomplete(document: Document) -> str:
    """That a run was cut short, empty where it was not."""
    return "" if document["complete"] else INCOMPLETE


def _strict(document: Document) -> bool:
    return bool(document.get("strict"))


def _rules(count: int) -> str:
    return "one rule is" if count == 1 else f"{count} rules are"


def failed(document: Document, clause: Any) -> bool:
    """Whether a violated clause fails the run, and is no mere warning."""
    return (
        clause["verdict"] == "violated" and "known" not in clause and (clause["level"] == "MUST" or _strict(document))
    )


def problems_of(document: Document) -> list[str]:
    """Why entries of the baseline fail the run."""
    entries = document.get("baseline", {}).get("entries", [])
    return [f"{entry['clause']}: {entry['problem']}" for entry in entries if entry.get("problem")]


def _entries(count: int) -> str:
    return "one entry of the baseline fails" if count == 1 else f"{count} entries of the baseline fail"
