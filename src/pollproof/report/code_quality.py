"""The report as GitLab's Code Quality format: each violation is an issue at the clause or the recording it concerns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from pollproof.report.phrases import doubts, failed, failure_text, outcome_word
from pollproof.report.visible import tidy
from pollproof.runs.outcome import Document
from pollproof.text import json_text, one_line


def code_quality_of(documents: Sequence[Document]) -> str:
    """Write the violations of reports, and why one of them shows too little, as a JSON array of Code Quality issues.

    Args:
        documents: reports in the format of `schemas/pollproof/report.schema.json`.

    Returns:
        A JSON array of objects with `description`, `check_name`, `fingerprint`, `severity` and `location`, as
        GitLab documents them for `artifacts:reports:codequality`.
    """
    issues = [issue for document in map(tidy, documents) for issue in _issues(document)]
    return json_text(issues) + "\n"


def _issues(document: Document) -> Iterator[Any]:
    fallback = {"file": f"{document['provider']}.toml", "line": 1}
    words = "; ".join(doubts(document))
    if words:
        first = document["clauses"][0] if document["clauses"] else {}
        yield _issue(document, outcome_word(document), words, "major", first.get("defined", fallback))
    for clause in document["clauses"]:
        if clause["violation"] is not None:
            severity = "major" if failed(document, clause) else "minor"
            where = _place(clause["violation"]) or clause.get("defined", fallback)
            yield _issue(document, clause["id"], failure_text(clause), severity, where)


def _place(violation: Document) -> Document | None:
    """File and line of the recording that shows a violation; None where none does."""
    file, _, entry = violation["trace"][-1].get("place", "").rpartition(", entry ")
    return {"file": file, "line": int(entry) if entry.isdigit() else 1} if file else None


def _issue(document: Document, name: str, words: str, severity: str, where: Document) -> Any:
    identity = f"{document['mode']} {document['provider']} {name}"
    return {
        "description": one_line(f"{name}: {words}"),
        "check_name": name,
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": severity,
        "location": {"path": where["file"], "lines": {"begin": where["line"]}},
    }
