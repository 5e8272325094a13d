"""One clause explained in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract
from pollproof.proof.mutants import mutants_of, variants_of
from pollproof.report.golden_exchanges import right_example, wrong_example
from pollproof.text import nearest

EXPLAIN_WIDTH = 100


def _paragraph(label: str, text: str) -> str:
    indent = " " * 11
    return textwrap.fill(text, EXPLAIN_WIDTH, initial_indent=f"{label:<10} ", subsequent_indent=indent)


def explanation(contract: Contract, clause: Clause) -> str:
    """What a clause demands, where it is documented, how it is judged and mended, a right and a wrong exchange."""
    kind = KINDS[clause.kind]
    parts = [
        f"{clause.id}   {clause.level.value}, about the {clause.subject.value}",
        _paragraph("rule", clause.text),
    ]
    parts += [_paragraph("source", f"{citation} [{citation.source.basis}]") for citation in clause.citations]
    parts.append(_paragraph("judged", f"kind '{clause.kind}': {kind.sentence}"))
    limits = contract.limits
    if contract.budget_reachable is not None and clause.kind in ("poll-budget", "minimum-wait"):
        reach = "can" if contract.budget_reachable else "cannot"
        parts.append(
            _paragraph(
                "arithmetic",
                f"{limits.polls} polls at {limits.wait:g} s take {(limits.polls or 0) * (limits.wait or 0):g} s, "
                f"the task lives {limits.lifetime:g} s: a client that keeps the wait {reach} reach the budget.",
            )
        )
    context = enumerate(_context(contract, clause))
    parts += [_paragraph("" if number else "document", words) for number, words in context]
    parts += [_paragraph("fix", kind.hint)] if kind.hint else []
    right, wrong = right_example(contract, clause), wrong_example(contract, clause)
    parts += ["right", *(f"  {line}" for line in right)] if right else []
    if wrong is not None:
        expected, got, trace = wrong
        parts += ["wrong", *(f"  {line}" for line in trace)]
        parts += [_paragraph("  expected", expected), _paragraph("  got", got)]
    parts += [_paragraph("mutant", mutant.name) for mutant in mutants_of(contract, clause)]
    parts += [_paragraph("legal", f"{variant.name}: {variant.text}") for variant in variants_of(contract, clause)]
    return "\n".join(parts)


def _context(contract: Contract, clause: Clause) -> Iterator[str]:
    """The lines of the documents that state a clause, each with those before and after it, in our words."""
    passages = contract.passages
    stated = [number for number, passage in enumerate(passages) if clause.id in passage.clauses]
    near = {each for number in stated for each in (number - 1, number, number + 1)}
    for number in sorted(near.intersection(range(len(passages)))):
        citation = passages[number].citation
        if any(passages[one].citation.source is citation.source for one in stated):
            mark = "*" if number in stated else " "
            content = passages[number].gist or passages[number].aside
            yield f"{mark} {citation.source.document}:{citation.lines}  {content}"


def unknown_clause(identifier: str, contracts: Iterable[Contract]) -> str:
    """The sentence for a clause id that no contract has."""
    known = [clause.id for contract in contracts for clause in contract.clauses]
    return f"'{identifier}' is not a clause{nearest(identifier, known)} (`pollproof clauses` lists them)"
