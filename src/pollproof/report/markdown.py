"""The report as a Markdown summary: short enough for a comment on a pull request, and for a job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pollproof.report.matrix import Cell, MatrixRow, RunMatrix, count_verdicts, matrix_of, short
from pollproof.report.phrases import SIGNS, VERDICTS, count, doubts, headline
from pollproof.report.terminal import violation_lines
from pollproof.report.visible import tidy
from pollproof.runs.outcome import Document
from pollproof.text import escape_markdown, fence_markdown, visible

LIMIT = 60_000
"""Characters of a summary; a comment on GitHub may have 65,536."""

ROWS = 40
"""Clauses that the table names."""

MAXIMUM_NAMES = 30
"""Clauses not exercised that are named."""

MAXIMUM_COLUMNS = 8
"""Runs that stand side by side."""

MAXIMUM_CELL = 200
"""Characters of one cell of the table."""

TRACE = 4_000
"""Characters of one violation in full."""

_ICONS = {"passed": "✅", "violated": "❌", "inconclusive": "⚠️", "error": "💥"}


def render_markdown(documents: Sequence[Document]) -> str:
    """The summary of one or several reports."""
    documents = [tidy(document) for document in documents]
    matrix = matrix_of(documents)
    head = "\n".join([*_heads(documents), *_table(matrix), *_unexercised(matrix)]).rstrip() + "\n"
    written = [head]
    length = len(head)
    failed = [cell for cell in matrix.cells if cell.clause["violation"]]
    for number, cell in enumerate(failed):
        text = _details(cell, several=len(matrix.columns) > 1)
        if length + len(text) > LIMIT - 200:
            written.append(f"\n{len(failed) - number} more are shown in the other reports.\n")
            break
        written.append(text)
        length += len(text)
    return "".join(written)


def escaped(text: str, limit: int = MAXIMUM_CELL) -> str:
    """Foreign text of a view as short as its tables need."""
    return escape_markdown(text, limit)


def _heads(documents: Sequence[Document]) -> Iterator[str]:
    for document in documents:
        icon = "⚠️" if not document["complete"] and document["outcome"] == "passed" else _ICONS[document["outcome"]]
        where = f"{escaped(document['provider'])} against {escaped(short(document['target']))}"
        yield f"### {icon} pollproof {document['mode']}: {where}"
        yield ""
        yield f"**{headline(document)}** {_figures(document)}"
        for words in doubts(document)[:ROWS]:
            yield ""
            yield f"> {escaped(words, 1_000)}"
        yield ""


def _figures(document: Document) -> str:
    seed = "" if document["seed"] is None else f", seed {document['seed']}"
    return f"{count(document['exchanges'], 'request')}{seed}, {document['seconds']:.1f} s."


def _table(matrix: RunMatrix) -> Iterator[str]:
    rows = [row for row in matrix.rows if row.verdict == "violated"]
    if not rows:
        return
    if len(matrix.columns) == 1:
        yield "| violated clause | level | expected | got |"
        yield "|---|---|---|---|"
        for row in rows[:ROWS]:
            (clause,) = row.clauses
            violation = clause["violation"]
            level = clause["level"] + (", known" if "known" in clause else "")
            words = [clause["id"], level, violation["expected"], violation["seen"]]
            yield f"| {' | '.join(map(escaped, words))} |"
    else:
        columns = matrix.columns[:MAXIMUM_COLUMNS]
        yield f"| violated clause | level | {' | '.join(escaped(column.name, 60) for column in columns)} |"
        yield "|---|---" + "|---" * len(columns) + "|"
        for row in rows[:ROWS]:
            signs = [_sign(row, column.name) for column in columns]
            yield f"| {escaped(row.name)} | {', '.join(row.levels)} | {' | '.join(signs)} |"
        if len(matrix.columns) > MAXIMUM_COLUMNS:
            yield ""
            yield f"{len(matrix.columns) - MAXIMUM_COLUMNS} more runs are shown in the other reports."
    if len(rows) > ROWS:
        yield ""
        yield f"{len(rows) - ROWS} more clauses are violated."
    yield ""


def _sign(row: MatrixRow, column: str) -> str:
    if column not in row.cells:
        return " "
    verdict = row.cells[column].clause["verdict"]
    return f"{SIGNS[verdict]} {VERDICTS[verdict]}"


def _unexercised(matrix: RunMatrix) -> Iterator[str]:
    idle = [row.name for row in matrix.rows if row.verdict == "unexercised"]
    if not idle:
        return
    held = count_verdicts([clause for row in matrix.rows for clause in row.clauses])["held"]
    yield f"<details><summary>{len(idle)} not exercised: the run says nothing about them</summary>"
    yield ""
    if held:
        yield ", ".join(escaped(name) for name in idle[:MAXIMUM_NAMES]) + (", …" if len(idle) > MAXIMUM_NAMES else "")
    else:
        yield "No clause was exercised."
    yield ""
    yield "</details>"
    yield ""


def _details(cell: Cell, *, several: bool) -> str:
    clause = cell.clause
    where = f" ({escaped(cell.column.name, 60)})" if several else ""
    words = visible("\n".join(violation_lines(clause)), TRACE)
    return f"\n<details><summary>{escaped(clause['id'])}{where}</summary>\n\n{fence_markdown(words)}\n\n</details>\n"
