"""One clause explained in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract
from pollproof.loading.errors import nearest
from pollproof.proof.mutants import mutants_of, variants_of

WIDTH = 100


def _paragraph(label: str, text: str) -> str:
    indent = " " * 11
    return textwrap.fill(text, WIDTH, initial_indent=f"{label:<10} ", subsequent_indent=indent)


def explanation(contract: Contract, clause: Clause) -> str:
    """What a clause asks, where it is documented, how it is judged, and what proves that it can fail."""
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
    parts += [_paragraph("mutant", mutant.name) for mutant in mutants_of(contract, clause)]
    parts += [_paragraph("lawful", f"{variant.name}: {variant.text}") for variant in variants_of(contract, clause)]
    return "\n".join(parts)


def unknown_clause(identifier: str, contracts: Iterable[Contract]) -> str:
    """The sentence for a clause id that no contract has."""
    known = [clause.id for contract in contracts for clause in contract.clauses]
    return f"'{identifier}' is no clause{nearest(identifier, known)} (`pollproof clauses` lists them)"
