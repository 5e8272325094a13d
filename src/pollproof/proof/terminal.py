"""The kill matrix on a terminal: a row for each mutant under its clause, and one for each legal variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from pollproof.proof.matrix import Matrix
from pollproof.proof.trials import Trial
from pollproof.text import plural

if TYPE_CHECKING:
    from rich.console import Console


def print_matrix(console: Console, matrix: Matrix, *, quiet: bool = False) -> None:
    """Print a matrix; with `quiet` what is wrong and the summary alone."""
    if not quiet:
        console.print(_mutants(matrix))
        if matrix.variants:
            console.print()
            console.print(_variants(matrix))
        console.print()
    for problem in matrix.problems():
        console.print(f"[red]unproved[/]  {escape(problem)}", soft_wrap=True)
    console.print(escape(_summary(matrix)), soft_wrap=True)


def _summary(matrix: Matrix) -> str:
    """One line for one contract."""
    killed = sum(trial.killed for trial in matrix.mutants)
    accused = sum(bool(trial.violated) for trial in matrix.variants)
    survived = len(matrix.mutants) - killed
    counts = sorted(trial.exchanges_to_kill or 0 for trial in matrix.mutants if trial.killed)
    took = f" (median {counts[len(counts) // 2]} exchanges, at most {counts[-1]})" if counts else ""
    clauses, mutants = plural(len(matrix.clauses), "clause"), plural(len(matrix.mutants), "mutant")
    return (
        f"{matrix.contract.name}: {clauses}, {mutants}: {killed} killed{took}, {survived} survived; "
        f"{plural(len(matrix.variants), 'legal variant')}: {accused} accused"
    )


def _mutants(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", title=matrix.contract.title, title_justify="left")
    table.add_column("clause", no_wrap=True)
    table.add_column("mutant")
    table.add_column("killed by")
    table.add_column("exchanges", justify="right", no_wrap=True)
    last = ""
    for clause in matrix.clauses:
        for trial in matrix.of(clause.id):
            first = "" if clause.id == last else clause.id
            last = clause.id
            count = trial.exchanges_to_kill
            table.add_row(first, escape(trial.name), _killers(trial), "-" if count is None else str(count))
        if not matrix.of(clause.id):
            table.add_row(clause.id, "[red]none[/]", "[red]unproved[/]", "-")
    return table


def _killers(trial: Trial) -> str:
    words = ["its clause" if trial.killed else "[red]SURVIVED[/]"]
    words += [f"{name} (its companion)" for name in trial.companions if name in trial.violated]
    words += [f"[red]{name} (unexpected)[/]" for name in trial.bystanders]
    return ", ".join(words)


def _variants(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("legal variant", no_wrap=True)
    table.add_column("verdict")
    table.add_column("exercises", no_wrap=True)
    table.add_column("exchanges", justify="right", no_wrap=True)
    for trial in matrix.variants:
        verdict = f"[red]ACCUSED by {', '.join(trial.violated)}[/]" if trial.violated else "let pass by every clause"
        exercised = sum(name in trial.held for name in trial.clauses)
        table.add_row(trial.name, verdict, f"{exercised} of the {len(trial.clauses)} it names", str(trial.exchanges))
    return table
