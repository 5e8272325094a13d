"""The views of the JSON report. Each is a function of documents alone; what it needs is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from pollproof.runs.outcome import Document
from pollproof.text import json_text

Render = Callable[[Sequence[Document]], str]
"""From one or several documents to the text of a file."""


def json_of(documents: Sequence[Document]) -> str:
    """The document itself with its summary; of several one that merges them."""
    from pollproof.report.document import join_documents
    from pollproof.report.phrases import summarize_run

    whole = join_documents(list(documents))
    return json_text({**whole, "summary": summarize_run(whole)}) + "\n"


def _imported(module: str, name: str) -> Render:
    """A view that is imported when it is used."""

    def view(documents: Sequence[Document]) -> str:
        written: str = getattr(import_module(f"pollproof.report.{module}"), name)(documents)
        return written

    return view


VIEWS: Mapping[str, Render] = {
    "json": json_of,
    "html": _imported("html", "html_of"),
    "markdown": _imported("markdown", "render_markdown"),
    "junit": _imported("junit", "junit_of"),
    "sarif": _imported("sarif", "sarif_of"),
    "gitlab": _imported("code_quality", "code_quality_of"),
    "github": _imported("github_annotations", "annotations_of"),
}
"""The formats by name."""
