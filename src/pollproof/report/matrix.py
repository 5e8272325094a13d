"""Several runs side by side: rules by provider, by implementation; the same rule of two providers is one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pollproof.runs.outcome import Document

SEVERITY = ("held", "unexercised", "violated")
"""Verdicts of one rule in several runs: the worst stands for all."""


@dataclass(frozen=True, slots=True)
class Column:
    """One provider in one run: `name` is what distinguishes it from the other columns."""

    name: str
    provider: str
    target: str
    document: Document = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run has of one clause."""

    column: Column
    clause: Document


@dataclass(slots=True)
class MatrixRow:
    """One rule: its clause in each column that has it. `name` is the id, without the provider where there are many."""

    name: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def clauses(self) -> list[Document]:
        return [cell.clause for cell in self.cells.values()]

    @property
    def verdict(self) -> str:
        """The worst verdict."""
        verdicts: list[str] = [clause["verdict"] for clause in self.clauses]
        return max(verdicts, key=SEVERITY.index)

    @property
    def levels(self) -> list[str]:
        return sorted({clause["level"] for clause in self.clauses})

    @property
    def subjects(self) -> list[str]:
        return sorted({clause["subject"] for clause in self.clauses})


@dataclass(frozen=True, slots=True)
class RunMatrix:
    """Rules by columns."""

    columns: tuple[Column, ...]
    rows: tuple[MatrixRow, ...]

    @property
    def cells(self) -> Iterator[Cell]:
        """Every cell, row by row."""
        return (cell for row in self.rows for cell in row.cells.values())


def provider_of(document: Document, clause: Document) -> str:
    """The provider of a clause; reports of older versions have it for the whole document alone."""
    return str(clause.get("provider") or document["provider"])


def matrix_of(documents: Sequence[Document]) -> RunMatrix:
    """The matrix of these reports, in the order given."""
    parts = [(document, provider) for document in documents for provider in _providers(document)]
    several = len({provider for _, provider in parts}) > 1
    columns = [
        Column(name, provider, document["target"], document)
        for name, (document, provider) in zip(_names(parts), parts, strict=True)
    ]
    rows: dict[str, MatrixRow] = {}
    for column in columns:
        for clause in column.document["clauses"]:
            if provider_of(column.document, clause) != column.provider:
                continue
            name = clause["id"].removeprefix(f"{column.provider}.") if several else clause["id"]
            rows.setdefault(name, MatrixRow(name)).cells[column.name] = Cell(column, clause)
    return RunMatrix(tuple(columns), tuple(rows.values()))


def _providers(document: Document) -> list[str]:
    found = dict.fromkeys(provider_of(document, clause) for clause in document["clauses"])
    return list(found) or [document["provider"]]


def _names(parts: Sequence[tuple[Document, str]]) -> list[str]:
    """What distinguishes the columns: the provider, the target, both, or their number besides."""
    providers = [provider for _, provider in parts]
    targets = [short(document["target"]) for document, _ in parts]
    for names in (providers, targets, [f"{one}: {other}" for one, other in zip(providers, targets, strict=True)]):
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def short(target: str, limit: int = 60) -> str:
    """A target in few characters: the beginning of a URL, the end of a command."""
    if len(target) <= limit:
        return target
    if target.startswith(("http://", "https://")):
        return target[: limit - 1] + "…"
    words = [Path(word).name if word.startswith("/") else word for word in target.split()]
    text = " ".join(words)
    return text if len(text) <= limit else "…" + text[1 - limit :]


def count_verdicts(clauses: Sequence[Any]) -> dict[str, int]:
    """How many clauses have each verdict, and how many of the violated are of level SHOULD (`warnings`)."""
    counts = {verdict: sum(clause["verdict"] == verdict for clause in clauses) for verdict in SEVERITY}
    warnings = sum(clause["verdict"] == "violated" and clause["level"] == "SHOULD" for clause in clauses)
    return {**counts, "warnings": warnings}
