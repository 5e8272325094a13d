"""`pollproof clauses` and `pollproof explain`: what is judged, where it is documented, and what is left open."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.common import console_for, contract_or_exit, todays
from pollproof.text import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollproof.contract.model import Contract

ClauseRow = dict[str, Any]


@click.command()
@click.argument("providers", nargs=-1, metavar="[PROVIDER|CONTRACT.toml ...]")
@click.option("--kinds", is_flag=True, help="List the kinds of clauses instead, with the sentence each enforces.")
@click.option(
    "--coverage", is_flag=True, help="List the lines of the documents instead, with what was made of each (1: gaps)."
)
@click.option(
    "--markdown",
    is_flag=True,
    help="Print the rule book (contracts/README.md), or with --kinds the page of kinds (docs/clause-kinds.md).",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def clauses_command(providers: tuple[str, ...], *, kinds: bool, coverage: bool, markdown: bool, as_json: bool) -> None:
    """List the clauses of the contracts: id, level, subject and text."""
    from pollproof.bundled import bundled

    if (kinds or markdown) and coverage:
        raise click.UsageError("--coverage excludes --kinds and --markdown")
    if markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    if kinds and markdown:
        from pollproof.report.rule_book.kinds import kinds_page

        click.echo(kinds_page(), nl=False)
        return
    if kinds:
        _show(_kinds(), as_json=as_json)
        return
    contracts = [contract_or_exit(name) for name in dict.fromkeys(providers or bundled())]
    if coverage:
        raise SystemExit(_coverage(contracts, as_json=as_json))
    if markdown:
        from pollproof.report.rule_book.markdown import rule_book

        click.echo(rule_book(contracts), nl=False)
        return
    _show([_row(contract, index) for contract in contracts for index in range(len(contract.clauses))], as_json=as_json)


def _kinds() -> list[ClauseRow]:
    from pollproof.clauses import KINDS

    return [{"kind": kind.name, "subject": kind.subjects[0].value, "text": kind.sentence} for kind in KINDS.values()]


def _row(contract: Contract, index: int) -> ClauseRow:
    clause = contract.clauses[index]
    return {
        "id": clause.id,
        "level": clause.level.value,
        "subject": clause.subject.value,
        "kind": clause.kind,
        "text": clause.text,
        "source": "; ".join(str(citation) for citation in clause.citations),
    }


def _show(rows: Sequence[ClauseRow], *, as_json: bool) -> None:
    """Rows as a table without their sources, or as JSON with them."""
    if as_json:
        click.echo(json_text(rows))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in [key for key in rows[0] if key != "source"]:
        table.add_column(column, no_wrap=column != "text")
    for row in rows:
        table.add_row(*[row[key] for key in row if key != "source"])
    console_for(sys.stdout).print(table)


def _coverage(contracts: Sequence[Contract], *, as_json: bool) -> int:
    """Print the passages of the documents; the exit status: 1 where lines and clauses do not meet."""
    from pollproof.report.rule_book.coverage import gaps, passage_rows, passage_summary

    rows = [row for contract in contracts for row in passage_rows(contract)]
    missing = [gap for contract in contracts for gap in gaps(contract)]
    if as_json:
        click.echo(json_text({"passages": rows, "gaps": missing}))
        return 1 if missing else 0
    from rich.markup import escape
    from rich.table import Table

    console = console_for(sys.stdout)
    for contract in contracts:
        own = [row for row in rows if row["provider"] == contract.name]
        for document in dict.fromkeys(row["document"] for row in own):
            table = Table(box=None, pad_edge=False, header_style="dim", title=document, title_justify="left")
            for column in ("lines", "says", "judged by"):
                table.add_column(column, no_wrap=column == "lines")
            for row in own:
                if row["document"] == document:
                    table.add_row(row["lines"], escape(row["says"]), escape(_made_of(row)))
            console.print(table)
            console.print()
        console.print(escape(passage_summary(contract)), soft_wrap=True)
    for gap in missing:
        click.echo(f"gap: {gap}", err=True)
    return 1 if missing else 0


def _made_of(row: ClauseRow) -> str:
    if not row["rule"]:
        return "no rule"
    words = [*row["clauses"], *(f"{name} (measured)" for name in row["observations"])]
    words += [f"open: {entry['name']}" for entry in row["unspecified"]]
    return ", ".join(words)


@click.command()
@click.argument("clause_id", metavar="CLAUSE", callback=todays)
@click.option("--contract", metavar="CONTRACT.toml", help="Read the clause from this contract file.")
def explain_command(clause_id: str, contract: str | None) -> None:
    """Explain one clause: its rule, where it is documented, how it is judged, what breaks it, what is left open."""
    from pollproof.bundled import bundled
    from pollproof.report.explain import explanation, unknown_clause

    contracts = [contract_or_exit(name) for name in ([contract] if contract else bundled())]
    for found in contracts:
        with contextlib.suppress(LookupError):
            click.echo(explanation(found, found.clause(clause_id)))
            return
    raise click.UsageError(unknown_clause(clause_id, contracts))
