"""The report as GitLab's Code Quality format: each violation is an issue at the clause or the recording it concerns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pollproof.report.phrases import failed, failure_text
from pollproof.report.visible import tidy
from pollproof.runs.outcome import Document
from pollproof.text import json_text, one_line


def code_quality_of(documents: Sequence[Document]) -> str:
    """Write the violations of reports as a JSON array of Code Quality issues.

    Args:
        documents: reports in the format of `schemas/pollproof/report.schema.json`.

    Returns:
        A JSON array of objects with `description`, `check_name`, `fingerprint`, `severity` and `location`, as
        GitLab documents them for `artifacts:reports:codequality`.
    """
    issues = [
        _issue(document, clause)
        for document in map(tidy, documents)
        for clause in document["clauses"]
        if clause["violation"] is not None
    ]
    return json_text(issues) + "\n"


def _issue(document: Document, clause: Document) -> Any:
    violation = clause["violation"]
    place, _, entry = violation["trace"][-1].get("place", "").rpartition(", entry ")
    if place:
        path, line = place, int(entry) if entry.isdigit() else 1
    else:
        defined = clause.get("defined", {"file": f"{document['provider']}.toml", "line": 1})
        path, line = defined["file"], defined["line"]
    identity = f"{document['mode']} {document['provider']} {clause['id']}"
    return {
        "description": one_line(f"{clause['id']}: {failure_text(clause)}"),
        "check_name": clause["id"],
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": "major" if failed(document, clause) else "minor",
        "location": {"path": path, "lines": {"begin": line}},
    }
