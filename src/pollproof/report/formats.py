"""The views of the JSON report. Each is a function of documents alone; what it needs is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pollproof.runs.outcome import Document
from pollproof.text import json_text

View = Callable[[Sequence[Document]], str]
"""From one or several documents to the text of a file."""


def json_of(documents: Sequence[Document]) -> str:
    """The document itself with its summary; of several one that merges them."""
    from pollproof.report.document import merge
    from pollproof.report.phrases import summary

    whole = merge(list(documents))
    return json_text({**whole, "summary": summary(whole)}) + "\n"


def _html(documents: Sequence[Document]) -> str:
    from pollproof.report.html import html_of

    return html_of(documents)


def _markdown(documents: Sequence[Document]) -> str:
    from pollproof.report.markdown import markdown_of

    return markdown_of(documents)


def _junit(documents: Sequence[Document]) -> str:
    from pollproof.report.junit import junit_of

    return junit_of(documents)


def _sarif(documents: Sequence[Document]) -> str:
    from pollproof.report.sarif import sarif_of

    return sarif_of(documents)


def _github(documents: Sequence[Document]) -> str:
    from pollproof.report.github_annotations import annotations_of

    return annotations_of(documents)


def _gitlab(documents: Sequence[Document]) -> str:
    from pollproof.report.code_quality import code_quality_of

    return code_quality_of(documents)


VIEWS: Mapping[str, View] = {
    "json": json_of,
    "html": _html,
    "markdown": _markdown,
    "junit": _junit,
    "sarif": _sarif,
    "gitlab": _gitlab,
    "github": _github,
}
"""The formats by name."""
