"""`pollproof merge`: one report of the shards of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.common import console_for, contract_or_exit
from pollproof.cli.options import verbosity
from pollproof.cli.reporting import Reports, output_options, overwriting

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document

_EPILOG = (
    "Exit status: that of the run, had it not been run in shards; 2 for files that are not shards of one run; "
    "3 where a shard is missing or was given twice."
)


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="SHARD.json...")
@output_options()
@click.option("-v", "--verbose", count=True, help="Print the table of clauses and the coverage too.")
@click.option("-q", "--quiet", is_flag=True, help="Print violations and the summary only.")
def merge_command(files: tuple[str, ...], **options: Any) -> None:
    """Make one report of the JSON reports of all shards of a run: what it would have been without shards."""
    from pollproof.report.reading import ReportError, read_report
    from pollproof.report.scenarios import print_scenarios
    from pollproof.report.terminal import print_document, print_summary
    from pollproof.runs.outcome import outcome_of

    reports = Reports.requested(options)
    overwriting(reports, files)
    try:
        document, strict = merge_run([read_report(file) for file in files])
    except ReportError as error:
        raise click.UsageError(str(error)) from None
    console = console_for(reports.stream)
    print_document(console, document, strict=strict, verbosity=verbosity(options))
    if "scenarios" in document:
        print_scenarios(console, document, quiet=options["quiet"])
    print_summary(console, document, verbosity=verbosity(options))
    reports.write(document)
    if document.get("recordings", {}).get("unread"):
        raise SystemExit(1 if document["outcome"] == "violated" else 2)
    raise SystemExit(outcome_of(document).status)


def merge_run(documents: Sequence[Document]) -> tuple[Document, bool]:
    """The report of the whole run, and whether a violated SHOULD fails it; exit status 2 for no shards of one run."""
    from pollproof.check.explaining import explained
    from pollproof.report.merging import MergeError, merge_shards
    from pollproof.runs.outcome import decided
    from pollproof.runs.spec import Policy

    try:
        document = merge_shards(documents)
    except MergeError as error:
        raise click.UsageError(str(error)) from None
    wishes = documents[0]["shard"]["asked"]
    if document["mode"] == "check":
        notes = document["notes"]
        document = explained(document, contract_or_exit(wishes["contracts"][0]))
        document["notes"] = [*(note for note in notes if note.startswith("shard ")), *document["notes"]]
    strict = bool(wishes.get("strict"))
    required = wishes.get("required") or ()
    return (
        decided(
            document,
            Policy(strict, bool(wishes.get("require_all")), tuple(required), tuple(wishes.get("allowed") or ())),
        ),
        strict,
    )


def together(documents: Sequence[Document]) -> list[Document]:
    """The documents, with one in place of all shards of a run."""
    runs: dict[str, list[Document]] = {}
    for number, document in enumerate(documents):
        shard = document.get("shard")
        words = [document[name] for name in ("pollproof", "mode", "provider")]
        run = number if shard is None else [*words, shard["of"], shard["asked"]]
        runs.setdefault(json.dumps(run, sort_keys=True), []).append(document)
    return [merge_run(own)[0] if "shard" in own[0] else own[0] for own in runs.values()]
