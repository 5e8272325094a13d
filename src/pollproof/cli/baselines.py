"""The options --baseline and --write-baseline, which verify, check and gate share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.common import check_destination, write_or_exit

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.runs.baselines import Baseline
    from pollproof.runs.outcome import Document


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


class Baselines:
    """What the options name, and what becomes of it. One sentence and exit status 2 for what cannot be used."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._baseline = None if options["baseline"] is None else _read(options["baseline"])
        self._file = options["write_baseline"]
        self._today = today()
        if options.get("shard") is not None and (self._baseline is not None or self._file is not None):
            raise click.UsageError("--baseline and --write-baseline do not go with --shard: no shard sees all clauses")
        if self._file not in (None, "-"):
            check_destination(self._file)
            if Path(self._file).exists():
                raise click.UsageError(f"--write-baseline: {self._file} exists; give the name of a new file")

    @property
    def to_standard_output(self) -> bool:
        """Whether entries are written to standard output."""
        return bool(self._file == "-")

    def marked(self, documents: list[Document], decide: Callable[[Document], Document]) -> list[Document]:
        """The documents with what is known in them; `decide` gives one its outcome anew."""
        if self._baseline is None:
            return documents
        from pollproof.runs.baselines import mark_known

        return [decide(document) for document in mark_known(documents, self._baseline, self._today)]

    def concluded(self, whole: Document, documents: list[Document], *, partial: bool) -> Document:
        """The document of the whole run with what became of each entry, and the outcome that this means."""
        if self._baseline is None:
            return whole
        from pollproof.runs.baselines import judged, outcome_with

        entries = judged(documents, self._baseline, self._today, partial=partial)
        return {**whole, "baseline": entries, "outcome": outcome_with(whole["outcome"], entries)}

    def write(self, documents: list[Document]) -> None:
        """Write entries for what is not known, where an option wants them."""
        if self._file is None:
            return
        from pollproof.runs.baselines import entries_for

        text = entries_for(documents, self._today)
        if self._file == "-":
            sys.stdout.write(text)
        else:
            write_or_exit(Path(self._file), text)

    def stream(self, console: Console) -> Console:
        """Where messages go: not where entries are written."""
        if self.to_standard_output and console.file is sys.stdout:
            from pollproof.cli.common import console_for

            return console_for(sys.stderr)
        return console


def _read(file: str) -> Baseline:
    from pollproof.bundled import folder
    from pollproof.runs.baselines import BaselineError, parse_baseline

    schema = json.loads((folder("schemas") / "pollproof" / "baseline.schema.json").read_text(encoding="utf-8"))
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise click.UsageError(f"{file!r}: cannot be read ({error})") from None
    try:
        return parse_baseline(text, file, schema)
    except BaselineError as error:
        raise click.UsageError(str(error)) from None
