"""`pollproof mutants`: the kill matrix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pollproof.cli.common import console_for, contract_or_exit, todays, writable, write_or_exit
from pollproof.cli.progress import adapted, progress_line
from pollproof.text import json_text

_EPILOG = (
    "Exit status: 0 every mutant is killed by its own clause and no legal variant is accused; 1 a mutant survived, a "
    "clause is unproved, or a clause complains without cause; 2 usage or bad input; 3 interrupted."
)


@click.command(epilog=_EPILOG)
@click.argument("providers", nargs=-1, metavar="[PROVIDER|CONTRACT.toml ...]")
@click.option(
    "-k",
    "keyword",
    metavar="EXPRESSION",
    help="Only clauses and mutants whose names match, as in pytest.",
    callback=todays,
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the state machine.")
@click.option("-n", "workers", type=click.IntRange(1, 64), default=1, metavar="WORKERS", help="Worker processes. [1]")
@click.option("--json", "json_file", metavar="FILE", help="Write the matrix as JSON (- for standard output).")
@click.option("-q", "--quiet", is_flag=True, help="Print what is unproved and the summary only.")
def mutants_command(providers: tuple[str, ...], **options: Any) -> None:
    """Show that every clause can fail, and that none fails without cause: run all mutants and all legal variants.

    A mutant is a reference provider or client with one clause broken, which that clause must find. Its walks are run
    to their end, so that other clauses can complain too; the count is of the exchanges up to the first that its own
    clause held against it. The state machine runs only for what the walks let live. Legal variants do what the
    documents leave open otherwise; no clause may complain of one.
    """
    from pollproof.bundled import bundled
    from pollproof.proof import prove
    from pollproof.proof.document import matrix_document
    from pollproof.proof.matrix import tasks_of
    from pollproof.proof.terminal import print_matrix
    from pollproof.runs.expressions import ExpressionError

    json_file, keyword = options["json_file"], options["keyword"]
    writable(json_file)
    contracts = [contract_or_exit(name) for name in dict.fromkeys(providers or bundled())]
    try:
        contracts = [contract for contract in contracts if tasks_of(contract, keyword)[0]]
    except ExpressionError as error:
        raise click.UsageError(f"-k {error}") from None
    if not contracts:
        raise click.UsageError(f"no clause and no mutant matches -k '{keyword}'")
    console = console_for(sys.stderr if json_file == "-" else sys.stdout)
    matrices = []
    try:
        with progress_line("trying mutants", "mutants and variants", quiet=options["quiet"]) as show:
            progress = adapted(show, lambda name, number, count: (name, number, number / count))
            for contract in contracts:
                matrix = prove(contract, keyword, seed=options["seed"], workers=options["workers"], progress=progress)
                matrices.append(matrix)
                print_matrix(console, matrix, quiet=options["quiet"])
    except KeyboardInterrupt:
        click.echo("interrupted: the matrix is not complete, and is not written", err=True)
        raise SystemExit(3) from None
    document = matrix_document(matrices, seed=options["seed"])
    text = json_text(document) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    elif json_file:
        write_or_exit(Path(json_file), text)
    raise SystemExit(0 if document["outcome"] == "proved" else 1)
