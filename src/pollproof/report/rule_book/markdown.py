"""The rule book as Markdown: every clause with its source and what breaks it, and what is left open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Level, Subject
from pollproof.contract.sources import Citation, Source
from pollproof.proof.mutants import mutants_of, variants_of

TITLES = {
    Subject.PROVIDER: "What the provider owes",
    Subject.CLIENT: "What a client owes",
}

ANY_KIND = "any request"
"""The topic of clauses whose id names none."""


def rule_book(contracts: Sequence[Contract]) -> str:
    """The rule book of these contracts."""
    lines = [
        "# The rule book",
        "",
        "Every rule that pollproof judges by, and what it leaves open. This page is made from the contracts beside it",
        "by `pollproof clauses --markdown > contracts/README.md`; change those, not this.",
        "",
        "A **MUST** that is violated fails a run; a **SHOULD** warns. The rules are stated in words of our own; beside",
        "each stands the line of the document that it comes from (documents marked *adjacent* are pages next to those",
        "at hand), the kind of check that judges it, and the mutants that show that it can fail: implementations in",
        "which exactly this rule is broken. `pollproof explain CLAUSE` shows more, `pollproof mutants` runs the",
        "mutants, and `pollproof clauses --coverage` goes the other way, from each line of a document to its clauses.",
        "",
        *_overview(contracts),
    ]
    for contract in contracts:
        lines += ["", *_provider(contract)]
    lines += ["", *_kinds(contracts)]
    return "\n".join(lines) + "\n"


def _overview(contracts: Iterable[Contract]) -> Iterator[str]:
    rows = []
    for contract in contracts:
        must = sum(clause.level is Level.MUST for clause in contract.clauses)
        clients = sum(clause.subject is Subject.CLIENT for clause in contract.clauses)
        rows.append(
            [
                f"[{contract.title}](#{_anchor(contract.title)})",
                str(len(contract.clauses)),
                f"{must} / {len(contract.clauses) - must}",
                f"{len(contract.clauses) - clients} / {clients}",
                str(sum(len(mutants_of(contract, clause)) for clause in contract.clauses)),
                str(len(contract.variants)),
                str(len(contract.unspecified)),
            ]
        )
    names = ["API", "clauses", "MUST / SHOULD", "provider / client", "mutants", "legal variants", "left open"]
    yield from table_lines(names, rows)


def _provider(contract: Contract) -> Iterator[str]:
    yield f"## {contract.title}"
    yield ""
    yield f"Contract: [`{contract.name}.toml`]({contract.name}.toml). Documents:"
    yield ""
    for source in contract.sources.values():
        yield f"* **{source.key}**: {_document(source)}"
    numbers = list(_numbers(contract))
    if numbers:
        yield ""
        yield f"In numbers: {'; '.join(numbers)}."
    for subject in Subject:
        clauses = [clause for clause in contract.clauses if clause.subject is subject]
        if clauses:
            yield ""
            yield f"### {contract.title}: {TITLES[subject][0].lower()}{TITLES[subject][1:]}"
            yield from _topics(contract, clauses)
    if contract.observations:
        yield ""
        yield f"### {contract.title}: what is measured, and never asserted"
        yield ""
        rows = [[f"`{each.id}`", each.text, _places(each.citations)] for each in contract.observations]
        yield from table_lines(["figure", "in words", "documented at"], rows)
    if contract.unspecified:
        yield ""
        yield f"### {contract.title}: what is left open"
        yield ""
        yield from table_lines(["what", "why nothing is asserted"], [[e.about, e.reason] for e in contract.unspecified])
    if contract.slips:
        yield ""
        yield f"### {contract.title}: slips of the documents"
        yield ""
        rows = [[error.what, error.treatment, _places(error.citations)] for error in contract.slips]
        yield from table_lines(["slip", "what is made of it", "where"], rows)


def _topics(contract: Contract, clauses: Sequence[Clause]) -> Iterator[str]:
    topics: dict[str, list[Clause]] = {}
    for clause in clauses:
        words = clause.id.split(".")
        topic = words[1] if len(words) > 2 and clause.subject is Subject.PROVIDER else ANY_KIND
        topics.setdefault(topic, []).append(clause)
    for topic, members in topics.items():
        if len(topics) > 1:
            yield ""
            yield f"#### {topic[0].upper()}{topic[1:]}"
        yield ""
        rows = [
            [
                f"`{clause.id}`<br>**{clause.level.value}** · [{clause.kind}](#kinds-of-clauses)",
                clause.text,
                _places(clause.citations),
                "<br>".join(mutant.name for mutant in mutants_of(contract, clause)),
                ", ".join(variant.name for variant in variants_of(contract, clause)),
            ]
            for clause in members
        ]
        yield from table_lines(["clause", "rule", "documented at", "mutants", "legal variants"], rows)


def _kinds(contracts: Iterable[Contract]) -> Iterator[str]:
    used = {clause.kind for contract in contracts for clause in contract.clauses}
    yield "## Kinds of clauses"
    yield ""
    yield "What each kind of check looks at, for every API alike."
    yield ""
    rows = [
        [f"`{kind.name}`", kind.subjects[0].value if len(kind.subjects) == 1 else "either", kind.sentence]
        for kind in KINDS.values()
        if kind.name in used
    ]
    yield from table_lines(["kind", "about the", "judged"], rows)


def _numbers(contract: Contract) -> Iterator[str]:
    limits = contract.limits
    if limits.polls is not None:
        yield f"{limits.polls} polls"
    if limits.lifetime is not None:
        slack = f" (give or take {limits.lifetime_slack:g} s)" if limits.lifetime_slack else ""
        yield f"{limits.lifetime:g} s of life from {limits.lifetime_from}{slack}"
    if limits.wait is not None:
        yield f"{limits.wait:g} s between polls"
    if limits.solving is not None:
        yield f"{limits.solving:g} s until an unfinished task fails"
    if limits.batch_size is not None:
        yield f"{limits.batch_size} entries in a batch"
    if limits.batch_wait is not None:
        yield f"{limits.batch_wait:g} s between batches"


def _document(source: Source) -> str:
    name = f"[`{source.document}`]({source.address})" if source.address else f"`{source.document}`"
    return f"{source.title}, {name}" + (" *(adjacent)*" if source.basis == "adjacent" else "")


def _places(citations: Iterable[Citation]) -> str:
    return "<br>".join(
        f"**{each.source.key}**{f' {each.lines}' if each.lines else ''}{f', {each.place}' if each.place else ''}"
        for each in citations
    )


def table_lines(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
