"""`pollproof report`: render JSON reports later, several of them side by side, all shards of a run as one."""

from __future__ import annotations

from typing import Any

import click

from pollproof.cli.common import console_for
from pollproof.cli.merge import together
from pollproof.cli.options import verbosity
from pollproof.cli.reporting import Reports, output_options, overwriting

_EPILOG = (
    "Exit status: that of the worst report: 0 every exercised MUST held; 1 a violation; 3 inconclusive, or a run that "
    "was cut short; 4 a run that failed itself. 2: usage, or a file that is not a report."
)


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE.json...")
@output_options("json")
@click.option("-v", "--verbose", count=True, help="Print the table of clauses and the coverage too.")
@click.option("-q", "--quiet", is_flag=True, help="Print violations and the summary only.")
def report_command(files: tuple[str, ...], **options: Any) -> None:
    """Show JSON reports again, and write views of them; several stand side by side in one matrix.

    The reports of all shards of a run are one report.
    """
    from pollproof.report.phrases import incomplete
    from pollproof.report.reading import ReportError, read_report
    from pollproof.report.terminal import print_document, print_summary
    from pollproof.runs.outcome import outcome_of

    reports = Reports.requested(options)
    overwriting(reports, files)
    try:
        documents = [read_report(file) for file in files]
    except ReportError as error:
        raise click.UsageError(str(error)) from None
    documents = together(documents)
    console = console_for(reports.stream)
    for document in documents:
        strict = bool(document.get("strict"))
        print_document(console, document, strict=strict, verbosity=verbosity(options))
        print_summary(console, document, verbosity=verbosity(options))
    reports.write(*documents)
    alone = len(documents) == len(files)  # of shards there are several files
    for file, document in zip(files if alone else [each["target"] for each in documents], documents, strict=True):
        if incomplete(document):
            click.echo(f"{file}: {incomplete(document)}", err=True)
    raise SystemExit(max((outcome_of(document) for document in documents), key=lambda outcome: outcome.severity).status)
