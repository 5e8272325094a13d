"""What every view has in the same words: the outcome of a run in one line, and why it is inconclusive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pollproof.report.matrix import count_verdicts
from pollproof.runs.outcome import EXCUSED, Document, cause_of, find_unexercised

SIGNS = {"held": "✓", "violated": "✗", "unexercised": "○"}
"""A sign for each verdict; views always add the word."""

VERDICTS = {"held": "held", "violated": "violated", "unexercised": "not exercised"}
"""The words of verdicts."""

INCOMPLETE = "Incomplete: the run was interrupted, so what it did not exercise or violate by then says nothing."

OUTCOME_WORDS = {"passed": "passed", "violated": "violated", "inconclusive": "inconclusive", "error": "failed"}
"""The words of outcomes."""


def outcome_word(document: Document) -> str:
    """The outcome in one word. A run that needs no more than another clock is `partly` verified."""
    outcome = document["outcome"]
    if outcome == "inconclusive" and document["complete"] and _needs_clock_alone(document):
        return "partly"
    return OUTCOME_WORDS[outcome]


def _needs_clock_alone(document: Document) -> bool:
    lacking = [cause_of(document, clause) for clause in find_unexercised(document)]
    cuts = [cut["cause"] for cut in document.get("cuts", ())]
    others = len(document.get("causes", ())) - len(cuts) - bool(lacking)
    return {*lacking, *cuts} == {"clock"} and others <= 0


def headline(document: Document) -> str:
    """The outcome of a run and its figures: how many MUST are verified, and what became of the other clauses."""
    word = outcome_word(document)
    return f"{word.upper()}: {figures(document)}"


def figures(document: Document) -> str:
    """How many MUST of those judged are verified, violations, warnings, and what was not exercised or left out."""
    clauses = document["clauses"]
    left_out = [each for each in clauses if each["verdict"] == "unexercised" and _is_deselected(document, each)]
    musts = [each for each in clauses if each["level"] == "MUST" and each not in left_out]
    held = sum(each["verdict"] == "held" for each in musts)
    idle = sum(each["verdict"] == "unexercised" for each in clauses) - len(left_out)
    counts = count_verdicts(clauses)
    known = sum(each["verdict"] == "violated" and "known" in each for each in clauses)
    violations = sum(failed(document, each) for each in clauses)
    warnings = counts["violated"] - violations - known
    words = [f"{held} of {len(musts)} MUST verified"]
    needs = needed(document) if outcome_word(document) == "partly" else ""
    words += [needs] if needs else []
    words.append(count(violations, "violation"))
    words += [count(warnings, "warning")] if warnings else []
    words += [f"{known} known"] if known else []
    words += [f"{idle} not exercised"] if idle else []
    accepted = sum(each["verdict"] == "unexercised" and _is_accepted(document, each) for each in clauses)
    words += [f"{accepted} of these allowed"] if accepted else []
    scenarios, clauses_left_out = document.get("deselected_scenarios", 0), document.get("deselected", 0) + len(left_out)
    words += [f"{clauses_left_out} deselected"] if clauses_left_out else []
    words += [f"{count(scenarios, 'scenario')} deselected"] if scenarios else []
    return ", ".join(words)


def summarize_run(document: Document) -> str:
    """The whole run in one line: outcome, figures, what was judged, clock, requests, time."""
    words = [headline(document), f"{document['provider']} against {document['target']}"]
    if document["clock"]:
        words.append(f"clock: {document['clock']}")
    requests = f"{document['exchanges']:,} request{'' if document['exchanges'] == 1 else 's'}"
    if document["seed"] is not None:
        requests += f", {count(document['examples'], 'example')}, seed {document['seed']}"
    words += [requests, f"{document['seconds']:.1f} s"]
    if "scenarios_known" in document:
        run = [each for each in document["scenarios"] if each["run"]]
        same = sum(bool(each.get("same_as")) for each in run)
        merged = f" ({same} like another)" if same else ""
        words.append(f"{len(run)} of {document['scenarios_known']} scenarios{merged}")
    return "; ".join(words)


def needed(document: Document) -> str:
    """What would exercise the clauses that need another clock."""
    idle = [clause for clause in document["clauses"] if clause["verdict"] == "unexercised"]
    for level, clauses in ("", find_unexercised(document)), (" SHOULD", idle):
        own = [clause for clause in clauses if cause_of(document, clause) == "clock"]
        if own:
            reason = str(own[0].get("reason", "")).removeprefix("it needs ")
            return f"{len(own)}{level} need{'s' if len(own) == 1 else ''} {reason or 'a movable clock'}"
    return ""


def _is_deselected(document: Document, clause: Mapping[str, Any]) -> bool:
    return cause_of(document, clause) == "deselected"


def _is_accepted(document: Document, clause: Mapping[str, Any]) -> bool:
    """Whether a clause may stay unexercised: by an option, or by the baseline."""
    allowed = document.get("allowed", ())
    return "accepted" in clause or clause["id"] in allowed or cause_of(document, clause) in allowed


def causes(document: Document) -> list[str]:
    """Why a run is inconclusive, a sentence each; none for other outcomes."""
    if document["outcome"] != "inconclusive":
        return []
    return [str(cause) for cause in document.get("causes", ())]


def not_exercised(document: Document) -> Iterator[tuple[str, list[str]]]:
    """Why clauses were not exercised, each reason with their ids."""
    idle: dict[str, list[str]] = {}
    for clause in document["clauses"]:
        if clause["verdict"] == "unexercised":
            idle.setdefault(clause.get("reason", ""), []).append(clause["id"])
    yield from idle.items()


def excused(document: Document, clause: Mapping[str, Any]) -> bool:
    """Whether nobody meant the run to exercise a clause."""
    return cause_of(document, clause) in EXCUSED


def incomplete(document: Document) -> str:
    """That a run was interrupted, empty where it was not."""
    return "" if document["complete"] else INCOMPLETE


def failed(document: Document, clause: Any) -> bool:
    """Whether a violated clause fails the run: it is not a mere warning, and not known."""
    strict = bool(document.get("strict"))
    return clause["verdict"] == "violated" and "known" not in clause and (clause["level"] == "MUST" or strict)


def failure_text(clause: Mapping[str, Any]) -> str:
    """A violation in one paragraph: the rule, what was expected, what came, and how to mend it where that is known."""
    violation = clause["violation"]
    words = f"{clause['text']} Expected {violation['expected']}; got {violation['seen']}."
    return f"{words} Hint: {clause['hint']}" if clause.get("hint") else words


def times(clause: Mapping[str, Any]) -> str:
    """How often a clause was violated, of how often it was exercised."""
    violation = clause["violation"]
    if violation["times"] == clause["exercised"] == 1:
        return "violated"
    return f"violated {violation['times']:,} of {clause['exercised']:,} times"


def problems_of(document: Document) -> list[str]:
    """Why entries of the baseline fail the run."""
    entries = document.get("baseline", {}).get("entries", [])
    return [f"{entry['clause']}: {entry['problem']}" for entry in entries if entry.get("problem")]


def doubts(document: Document) -> list[str]:
    """Why a run shows less than that all is well, besides its violations: a sentence each, none where it passed."""
    found = [document["error"] and f"Error: {document['error']}", incomplete(document), *causes(document)]
    found = [words for words in (*found, *problems_of(document)) if words]
    return found or ([headline(document)] if document["outcome"] in ("inconclusive", "error") else [])


def count(number: int, what: str) -> str:
    """A number of things, in agreement with it."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
