"""`pollproof drift`: compare two recordings of one API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.common import console_for, contract_or_exit, writable, write_or_exit
from pollproof.text import json_text

if TYPE_CHECKING:
    from pollproof.contract.model import Contract
    from pollproof.drift import Profile
    from pollproof.recordings.files import Recording

_EPILOG = (
    "Exit status: 0 no drift (warnings allowed); 1 drift of severity error (with --strict: a warning too); "
    "2 usage, or a recording that cannot be read; 3 nothing could be compared."
)


@click.command(epilog=_EPILOG)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--provider",
    metavar="NAME|CONTRACT.toml",
    help="Compare by this contract. [the provider that the recordings name]",
)
@click.option(
    "--base-url", metavar="URL", help="Compare traffic below this URL alone. [the provider's hosts, and local ones]"
)
@click.option("--json", "json_file", metavar="FILE", help="Write the findings as JSON (- for standard output).")
@click.option("--markdown", "markdown_file", metavar="FILE", help="Write them as Markdown for a pull request.")
@click.option("--strict", is_flag=True, help="End with status 1 on warnings too.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors, warnings and the summary only.")
def drift_command(old: str, new: str, provider: str | None, base_url: str | None, **options: Any) -> None:
    """Compare two recordings of one API: cassettes or HAR files, or folders of them.

    Only what both show is compared, and what a smaller recording explains is not a change. Values of results, ids and
    keys are never shown.
    """
    from pollproof.drift import compare
    from pollproof.drift.document import EXIT_STATUS, drift_document
    from pollproof.drift.views import markdown_of, print_comparison
    from pollproof.recordings.errors import RecordingError
    from pollproof.recordings.files import find_recordings

    writable(options["json_file"], options["markdown_file"])
    try:
        files = find_recordings([old]), find_recordings([new])
        contract = _contract(provider, *files, base_url)
        profiles = [
            _profile(side, name, paths, contract, base_url)
            for side, name, paths in zip(("OLD", "NEW"), (old, new), files, strict=True)
        ]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    document = drift_document(compare(*profiles), old, new, strict=options["strict"])
    stream = sys.stderr if "-" in (options["json_file"], options["markdown_file"]) else sys.stdout
    print_comparison(console_for(stream), document, quiet=options["quiet"])
    _write(options["json_file"], json_text(document) + "\n")
    _write(options["markdown_file"], markdown_of(document))
    raise SystemExit(EXIT_STATUS[document["outcome"]])


def _contract(provider: str | None, old: list[Recording], new: list[Recording], base_url: str | None) -> Contract:
    """The contract that was given, or the one that the recordings belong to."""
    from pollproof.drift.choosing import Undecided, candidates_of, check_names, choose

    try:
        if provider is None:
            return contract_or_exit(choose(candidates_of(old, base_url), candidates_of(new, base_url)))
        contract = contract_or_exit(provider)
        check_names(contract, old, new)
    except Undecided as error:
        raise click.UsageError(str(error)) from None
    return contract


def _profile(side: str, name: str, files: list[Recording], contract: Contract, base_url: str | None) -> Profile:
    """The profile of one side; nothing of the contract in it is bad input."""
    from pollproof.drift import Profile
    from pollproof.recordings.reading import NoRecording, recorded

    profile = Profile(contract)
    for path in files:
        try:
            profile.add(recorded(path, contract, base_url=base_url))
        except NoRecording:
            if str(path) == name:
                raise  # among the files of a folder there may be others
    if not profile.exchanges:
        where = "" if base_url is None else f" below {base_url}"
        raise click.UsageError(f"{side} holds no traffic of {contract.name}{where}")
    return profile


def _write(name: str | None, text: str) -> None:
    if name == "-":
        sys.stdout.write(text)
    elif name:
        write_or_exit(Path(name), text)
