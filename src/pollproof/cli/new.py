"""`pollproof new`: a contract to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--folder", metavar="DIR", default=".", help="Write the files to this folder. [the current folder]")
@click.option("--openapi", metavar="FILE", help="Begin from an OpenAPI document (3.0 or 3.1, JSON or YAML).")
@click.option(
    "--create", metavar="OPERATION", help="With --openapi: what creates a task, by operationId or 'POST /path'."
)
@click.option("--poll", metavar="OPERATION", help="With --openapi: what polls a task, by operationId or 'GET /path'.")
@click.option("--document", metavar="PAGE.md", help="Lay the lines of a page out as passages, to be accounted for.")
def new_command(
    name: str, folder: str, openapi: str | None, create: str | None, poll: str | None, document: str | None
) -> None:
    """Write a contract, its schemas and its samples to start from, for an API that is not bundled."""
    import shlex

    from pollproof.scaffold import ScaffoldError, write, write_from_document, write_from_openapi

    questions: list[str] = []
    if (openapi is None) != (create is None) or (create is None) != (poll is None):
        raise click.UsageError("--openapi, --create and --poll belong together")
    if document is not None and openapi is not None:
        raise click.UsageError("--document and --openapi begin a contract in different ways; give one of them")
    try:
        if document is not None:
            written = write_from_document(name, Path(folder), Path(document))
        elif openapi is None or create is None or poll is None:
            written = write(name, Path(folder))
        else:
            written, questions = write_from_openapi(name, Path(folder), Path(openapi), create, poll)
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(f"wrote {path}")
    for question in questions:
        click.echo(f"open: {question}")
    file = shlex.quote(str(written[0]))
    click.echo(f"\nNext: pollproof verify {file} judges the reference provider that follows from it.")
    click.echo("Then change the contract and its schemas, part by part, to what your API documents, and verify again;")
    click.echo(f"pollproof verify {file} --base-url URL --api-key KEY judges the API itself.")
