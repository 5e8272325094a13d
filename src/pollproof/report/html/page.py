"""From documents to the page: what the template shows, in the order in which it shows it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pollproof.report.html.timeline_svg import drawing_of, operation_name, seconds
from pollproof.report.matrix import Cell, MatrixRow, RunMatrix, count_verdicts, matrix_of, short
from pollproof.report.phrases import SIGNS, VERDICTS, causes, count, failed, headline, incomplete, times
from pollproof.report.visible import body_text, tidy
from pollproof.runs.outcome import Document, outcome_of
from pollproof.text import one_line, visible
from pollproof.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

EXCHANGES = 60
"""Exchanges of one trace that are shown in full: the first and the last of a longer one."""

_OPTION = re.compile(r"\(?--[\w-]{1,30}\W?$")

OUTPUT = 2_000
"""Characters of what a command printed, of its beginning and of its end."""


def html_of(documents: Sequence[Document]) -> str:
    """One page of one or several reports; several stand side by side."""
    documents = [{"strict": False, **tidy(document)} for document in documents]
    matrix = matrix_of(documents)
    anchors = _anchors(matrix)
    style, script = _part("report.css"), _part("report.js")
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            version=__version__,
            documents=documents,
            several=len(matrix.columns) > 1,
            matrix=matrix,
            anchors=anchors,
            cell_id=id,
            row_number=_numbers(matrix),
            failures_of=lambda document: [
                cell for cell in matrix.cells if cell.column.document is document and cell.clause["violation"]
            ],
            failures=[(row, cell) for row in matrix.rows for cell in row.cells.values() if cell.clause["violation"]],
            headlines=[headline(document) for document in documents],
            worst=max((outcome_of(document) for document in documents), key=lambda outcome: outcome.severity).value,
            style=style,
            script=script,
            hashes={"style": _digest(style), "script": _digest(script)},
        )
    )


def _anchors(matrix: RunMatrix) -> dict[int, str]:
    """Where the page shows a violated clause, by the identity of its cell."""
    failed = [cell for cell in matrix.cells if cell.clause["violation"]]
    return {id(cell): f"failure-{number}" for number, cell in enumerate(failed, 1)}


def _numbers(matrix: RunMatrix) -> Callable[[MatrixRow], int]:
    numbers = {row.name: number for number, row in enumerate(matrix.rows, 1)}
    return lambda row: numbers[row.name]


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip() + "\n"


def _digest(text: str) -> str:
    """The digest by which the page's policy lets its own style and script, and no others, in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "operation": operation_name,
        "line": lambda value: one_line(str(value)),
        "short": short,
        "body": body_text,
        "seconds": seconds,
        "drawing": drawing_of,
        "shortened": _shortened,
        "search": _search,
        "output": _output,
        "column_counts": _column_counts,
        "alike": _alike,
        "breakable": _breakable,
        "unbroken": _unbroken,
        "tail": lambda name, provider: one_line(name).removeprefix(f"{provider}."),
    }
    environment.globals |= {
        "SIGNS": SIGNS,
        "VERDICTS": VERDICTS,
        "causes": causes,
        "incomplete": incomplete,
        "times": times,
        "counted": count_verdicts,
        "count": count,
        "fails": failed,
        "scenario_matrix": _scenario_matrix,
    }
    return environment


def _shortened(trace: list[Any]) -> list[Any]:
    """The exchanges that are shown in full; None stands for those that are not."""
    left_out = len(trace) - EXCHANGES
    return trace if left_out <= 0 else [*trace[: EXCHANGES // 2], None, *trace[-EXCHANGES // 2 :]]


def _search(row: MatrixRow) -> str:
    """What the filter by text looks through."""
    first = row.clauses[0]
    words = [row.name, first["text"], first["kind"], *(clause["id"] for clause in row.clauses)]
    return one_line(" ".join([*words, first["source"]]), 1_000).lower()


def _alike(row: MatrixRow) -> list[list[Cell]]:
    """The cells of a rule, those of one clause together: its words stand once."""
    groups: dict[str, list[Cell]] = {}
    for cell in row.cells.values():
        groups.setdefault(cell.clause["id"], []).append(cell)
    return list(groups.values())


def _output(output: Document) -> str:
    head, tail = visible(output["head"], OUTPUT), visible(output["tail"][-OUTPUT:], OUTPUT)
    return head if not tail else f"{head}\n…\n{tail}"


def _breakable(name: str) -> str:
    """A dotted name that a narrow page breaks at its dots."""
    from markupsafe import Markup, escape

    return Markup("<wbr>.").join(escape(one_line(part)) for part in name.split("."))


def _unbroken(text: str) -> str:
    """Prose or a command in which no option is broken at its hyphens."""
    from markupsafe import Markup, escape

    whole = Markup('<span class="option">{}</span>')
    words = one_line(text).split(" ")
    return Markup(" ").join(whole.format(word) if _OPTION.match(word) else escape(word) for word in words)


def _column_counts(name: str, matrix: RunMatrix) -> dict[str, int]:
    return count_verdicts([row.cells[name].clause for row in matrix.rows if name in row.cells])


def _scenario_matrix(document: Document) -> dict[str, Any]:
    """Clauses by scenarios: the clauses that any scenario exercised, and the scenarios, those with a finding first."""
    run = [each for each in document["scenarios"] if each["run"]]
    seen = {name for each in run for name in each["clauses"]}
    clauses = [clause for clause in document["clauses"] if clause["id"] in seen]
    found = [each for each in run if _finding(each)]
    rest = [each for each in run if not _finding(each)]
    left_out = [each for each in document["scenarios"] if not each["run"]]
    return {
        "clauses": clauses,
        "scenarios": [*found, *rest],
        "found": len(found),
        "left_out": left_out,
        "finding": _finding,
    }


def _finding(scenario: Document) -> bool:
    return not scenario["as_expected"] or "violated" in scenario["clauses"].values()
