"""Traceability: every line of a document, and the clauses, observations or open questions that were made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Contract
from pollproof.contract.sources import Citation, Passage

PassageRow = dict[str, Any]


def passage_rows(contract: Contract) -> list[PassageRow]:
    """The passages of a contract's documents, in their order, as tables and JSON show them."""
    reasons = {entry.name: entry.reason for entry in contract.unspecified}
    return [
        {
            "provider": contract.name,
            "document": passage.citation.source.document,
            "lines": passage.citation.lines,
            "place": passage.citation.place,
            "says": passage.gist,
            "rule": not passage.aside,
            "clauses": list(passage.clauses),
            "observations": list(passage.observations),
            "unspecified": [{"name": name, "reason": reasons[name]} for name in passage.unspecified],
        }
        for passage in contract.passages
    ]


def gaps(contract: Contract) -> list[str]:
    """Where lines and clauses do not meet, in sentences; empty where every line and every citation is accounted for.

    Only documents whose lines are counted are looked at: of the others no line is at hand.
    """
    return [*_lines_left_out(contract), *_citations_left_out(contract)]


def _lines_left_out(contract: Contract) -> Iterator[str]:
    for source in contract.sources.values():
        if source.lines is None:
            continue
        seen: set[int] = set()
        for passage in contract.passages:
            if passage.citation.source is source:
                twice = seen.intersection(passage.citation.span)
                if twice:
                    yield f"{source.document}, line {min(twice)}: two passages speak of it"
                seen.update(passage.citation.span)
        for number in sorted(set(range(1, source.lines + 1)) - seen):
            yield f"{source.document}, line {number}: no passage speaks of it"


def _citations_left_out(contract: Contract) -> Iterator[str]:
    cited = [(clause.id, citation) for clause in contract.clauses for citation in clause.citations]
    cited += [(figure.id, citation) for figure in contract.observations for citation in figure.citations]
    for identifier, citation in cited:
        if citation.source.lines is None or not citation.lines:
            continue
        if citation.span[-1] > citation.source.lines:
            yield f"{identifier} cites {citation}, which has {citation.source.lines} lines"
        elif not any(_names(passage, identifier, citation) for passage in contract.passages):
            yield f"{identifier} cites {citation}, and no passage there names it"


def _names(passage: Passage, identifier: str, citation: Citation) -> bool:
    """Whether a passage names a clause or an observation, at a line of that citation."""
    return (
        identifier in (*passage.clauses, *passage.observations)
        and passage.citation.source is citation.source
        and bool(set(passage.citation.span).intersection(citation.span))
    )


def passage_summary(contract: Contract) -> str:
    """One line for one contract."""
    counted = [source for source in contract.sources.values() if source.lines is not None]
    if not counted:
        return f"{contract.name}: none of its documents has its lines counted ([[passages]])"
    rules = [passage for passage in contract.passages if not passage.aside]
    left_open = sum(not passage.clauses and not passage.observations for passage in rules)
    return (
        f"{contract.name}: {sum(source.lines or 0 for source in counted)} lines in {len(rules)} passages with a rule "
        f"({left_open} of them left open) and {len(contract.passages) - len(rules)} without"
    )
