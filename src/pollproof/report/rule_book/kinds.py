"""The page of all kinds of clauses, made from what each kind declares: `docs/clause-kinds.md`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields

from pollproof.clauses import KINDS, Kind
from pollproof.contract.model import Subject
from pollproof.report.rule_book.markdown import table_lines


def kinds_page() -> str:
    """The page as Markdown: a row for each kind, with its parameters, what exercises it, and whether it has mutants."""
    lines = [
        "# Kinds of clauses",
        "",
        "A clause of a contract names the *kind* that judges it. This page is made from `src/pollproof/clauses/` by",
        "`pollproof clauses --kinds --markdown > docs/clause-kinds.md`; change those files, not this one. A kind is",
        "declared in one place: sentence, check, parameters, words, mutants, walks. A new kind is its declaration in a",
        "family file, a contract that uses it, and a test.",
        "",
        "Mutants *by kind* follow from the kind, so a new contract gets them with its clause; for the others the",
        "contract writes them under `breaks`. All kinds about a client are exercised by the scenarios of the gate.",
    ]
    for subject in Subject:
        kinds = [kind for kind in KINDS.values() if kind.subjects[0] is subject]
        lines += ["", f"## About the {subject.value}", ""]
        rows = [
            [f"`{kind.name}`", kind.sentence, _parameters(kind), kind.exercised, _walks(kind), _mutants(kind)]
            for kind in kinds
        ]
        lines += table_lines(["kind", "rule", "parameters", "exercised by", "walks", "mutants"], rows)
    return "\n".join(lines) + "\n"


def _parameters(kind: Kind) -> str:
    return "<br>".join(_parameter_lines(kind))


def _parameter_lines(kind: Kind) -> Iterator[str]:
    for parameter in fields(kind.parameters):
        limit = parameter.metadata.get("limits")
        if limit == "*":
            continue
        if limit is not None:
            yield f"`{parameter.name}` (default: `{limit}` of `[limits]`)"
        elif parameter.default is not MISSING:
            yield f"`{parameter.name}` (default: {parameter.default!r})"
        else:
            yield f"`{parameter.name}`"


def _walks(kind: Kind) -> str:
    return ", ".join(kind.walks)


def _mutants(kind: Kind) -> str:
    return "by kind" if kind.is_breakable else "by contract"
