"""`pollproof lint`: what of a contract can never be exercised, matched or proved as it is written."""

from __future__ import annotations

from pathlib import Path

import click

from pollproof.cli.common import contract_or_exit
from pollproof.text import json_text


@click.command()
@click.argument("contract", metavar="CONTRACT.toml|OPENAPI.yaml|PROVIDER")
@click.option("--json", "json_file", metavar="FILE", help="Write the findings as JSON (- for standard output).")
@click.option("--sarif", "sarif_file", metavar="FILE", help="Write the findings as SARIF (- for standard output).")
@click.option("--strict", is_flag=True, help="End with status 1 on warnings too.")
def lint_command(contract: str, json_file: str | None, sarif_file: str | None, *, strict: bool) -> None:
    """Find what nothing can exercise or match in a contract, or what an OpenAPI document (.yaml, .json) leaves open.

    In a contract: clauses that nothing can exercise or break, places that fit nothing. In a document: statuses, ids,
    waits, lifetimes and refusals of asynchronous operations that it does not describe.

    Ends with status 1 where there are errors. A contract that cannot be loaded ends with status 2.
    """
    from pollproof.atomic import write_file
    from pollproof.loading.lint import ERROR, WARNING
    from pollproof.loading.lint import lint as linted
    from pollproof.report.lint_sarif import lint_sarif

    if contract.endswith((".yaml", ".yml", ".json")):
        from pollproof.scaffold.errors import ScaffoldError
        from pollproof.scaffold.openapi_lint import lint_openapi

        name = origin = contract
        try:
            findings = lint_openapi(Path(contract))
        except ScaffoldError as error:
            raise click.UsageError(str(error)) from None
    else:
        loaded = contract_or_exit(contract)
        name, origin = loaded.name, loaded.origin
        findings = linted(loaded, Path(origin).read_text(encoding="utf-8"))
    rows = [
        {
            "rule": each.rule,
            "level": each.level,
            "line": each.line,
            "about": each.what,
            "reason": each.reason,
            "remedy": each.remedy,
        }
        for each in findings
    ]
    outputs = [(json_file, json_text({"contract": name, "findings": rows}) + "\n")]
    outputs.append((sarif_file, lint_sarif(findings, origin)))
    for file, content in outputs:
        if file == "-":
            click.echo(content, nl=False)
        elif file is not None:
            try:
                write_file(file, content)
            except OSError as error:
                raise click.UsageError(f"{file}: cannot be written ({error.strerror})") from None
    if "-" not in (json_file, sarif_file):
        for each in findings:
            place = f"{origin}:{each.line}: " if each.line else f"{origin}: "
            click.echo(place + str(each))
        counts = [sum(each.level == level for each in findings) for level in (ERROR, WARNING, "note")]
        counted = zip(counts, ("error", "warning", "note"), strict=True)
        words = [f"{count} {name if count == 1 else name + 's'}" for count, name in counted]
        click.echo(f"{name}: {', '.join(words)}")
    levels = {each.level for each in findings}
    raise SystemExit(1 if ERROR in levels or (strict and WARNING in levels) else 0)
