"""The report as workflow commands of GitHub Actions: each violation is an annotation of the job that ran pollproof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pollproof.report.phrases import doubts, failed, failure_text, outcome_word
from pollproof.report.visible import tidy
from pollproof.runs.outcome import Document
from pollproof.text import one_line

MAXIMUM_ANNOTATIONS = 10
"""Errors and warnings of each sort that GitHub shows of one step; further ones are dropped without a word."""


def annotations_of(documents: Sequence[Document]) -> str:
    """Write reports as the lines that GitHub Actions turns into annotations.

    Args:
        documents: reports in the format of `schemas/pollproof/report.schema.json`.

    Returns:
        Lines of text, empty where nothing is violated and nothing went wrong.
    """
    lines = [line for document in documents for line in _lines(tidy(document))]
    shown: list[str] = []
    for kind in ("error", "warning", "notice"):
        own = [line for line in lines if line.startswith(f"::{kind} ")]
        shown += own[:MAXIMUM_ANNOTATIONS]
        if len(own) > MAXIMUM_ANNOTATIONS:
            shown[-1] = f"::{kind} title=pollproof::{len(own) - MAXIMUM_ANNOTATIONS + 1} more; see the report"
    return "".join(f"{line}\n" for line in shown)


def _lines(document: Document) -> Iterator[str]:
    for words in doubts(document):
        kind = "error" if document["error"] else "warning"
        yield _command(kind, f"pollproof {document['provider']}: {outcome_word(document)}", words)
    for clause in document["clauses"]:
        violation = clause["violation"]
        if violation is None:
            continue
        kind = "error" if failed(document, clause) else "warning"
        text = f"{failure_text(clause)} Source: {clause['source']}"
        yield _command(
            kind, f"{clause['id']} ({clause['level']})", text, _file(violation["trace"][-1].get("place", ""))
        )


def _file(place: str) -> str:
    """The recording that a place such as `tape.yaml, entry 3` names, empty where it names none."""
    return place.rpartition(", entry ")[0]


def _command(kind: str, title: str, text: str, file: str = "") -> str:
    """One workflow command; what would end a property or the line is written as GitHub decodes it."""
    properties = [f"file={_property(file)}"] if file else []
    properties.append(f"title={_property(title)}")
    return f"::{kind} {','.join(properties)}::{_data(one_line(text))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
