"""The report options that verify, check and gate share, and the files that they name."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from pollproof.atomic import is_replaceable, refusal, write_file
from pollproof.cli.common import Command, GroupedOption, check_destination

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document

STANDARD_OUTPUT = "-"

REPORT_FORMATS: Mapping[str, str] = {
    "json": "the report as JSON, of which all others are views",
    "html": "one HTML page that works offline",
    "markdown": "Markdown, short enough for a pull request",
    "junit": "JUnit XML",
    "sarif": "SARIF 2.1.0, for code scanning",
    "gitlab": "GitLab Code Quality",
    "github": "GitHub annotations",
}
"""The formats of reports: the option of each, and what it writes."""

REFRESH_SECONDS = 2.0
"""Real seconds between two reports of an unfinished run, at least."""

SHARE = 20
"""How many times longer a run goes on before the next one than writing the last took: it costs a twentieth at most."""


def output_options(*left_out: str) -> Callable[[Command], Command]:
    """Give a command one option for each format; the file is in `options["FORMAT_file"]`."""

    def decorate(command: Command) -> Command:
        for name, what in reversed(list(REPORT_FORMATS.items())):
            if name not in left_out:
                text = f"Write {what}, to this file (- for standard output)."
                command = click.option(
                    f"--{name}", f"{name}_file", metavar="FILE", help=text, cls=GroupedOption, group="Reports"
                )(command)
        return command

    return decorate


@dataclass(frozen=True, slots=True)
class Reports:
    """The files that a run is to write: format to file, `-` for standard output."""

    files: Mapping[str, str]

    @classmethod
    def requested(cls, options: Mapping[str, Any]) -> Reports:
        """The files that the options name; what cannot be written is refused before the run, not after it."""
        files = {name: options[key] for name in REPORT_FORMATS if options.get(key := f"{name}_file") is not None}
        _check(files)
        return cls(files)

    @property
    def stream(self) -> IO[str]:
        """Where messages go: standard output, unless a report goes there."""
        return sys.stderr if STANDARD_OUTPUT in self.files.values() else sys.stdout

    def write(self, *documents: Document) -> None:
        """Write all views, each in one step. Ends the command with one sentence for the files that cannot be written,
        after all others have been.
        """
        problems = []
        for name, file in self.files.items():
            text = _rendered(name, documents)
            if file == STANDARD_OUTPUT:
                sys.stdout.write(text)
            else:
                try:
                    write_file(file, text)
                except OSError as error:
                    problems.append(refusal(file, error))
        if problems:
            raise click.UsageError("; ".join(problems))

    def annotate(self, *documents: Document) -> None:
        """Print the annotations of a job where the command runs as a step of GitHub Actions."""
        if os.environ.get("GITHUB_ACTIONS") == "true" and "github" not in self.files:
            click.echo(_rendered("github", documents), nl=False, file=self.stream)

    def unfinished(self, document: Callable[[], Document]) -> UnfinishedReports:
        """Begin a run: from now on the files state that it is incomplete, until `write` replaces them."""
        # What goes to a pipe, a device or standard output is written once, at the end.
        replaceable = {
            name: file for name, file in self.files.items() if file != STANDARD_OUTPUT and is_replaceable(file)
        }
        return UnfinishedReports(Reports(replaceable), document)


class UnfinishedReports:
    """Reports of a run that goes on: whenever it is killed, its files are there and state that it is incomplete.

    `document` gives what is known so far. A report of an earlier run is replaced at once, so that it is not taken for
    this one's.
    """

    def __init__(self, reports: Reports, document: Callable[[], Document]) -> None:
        self._reports = reports
        self._document = document
        self._due = 0.0
        self.write()

    def refresh(self) -> None:
        """Write what is known so far, unless that was done a moment ago. A full disk is reported at the end."""
        if time.monotonic() >= self._due:
            with contextlib.suppress(click.UsageError):
                self.write()

    def write(self) -> None:
        """Write what is known so far."""
        if not self._reports.files:
            self._due = float("inf")
            return
        from pollproof.runs.outcome import unfinished

        began = time.monotonic()
        self._reports.write(unfinished(self._document()))
        now = time.monotonic()
        self._due = now + max(REFRESH_SECONDS, SHARE * (now - began))


def notify_all(*listeners: Callable[..., None] | None) -> Callable[..., None]:
    """One listener to progress that notifies several; `None` is nobody."""
    given = [listener for listener in listeners if listener is not None]

    def notify(*words: Any) -> None:
        for listener in given:
            listener(*words)

    return notify


def _rendered(name: str, documents: Sequence[Document]) -> str:
    from pollproof.report.formats import VIEWS

    return VIEWS[name](documents)


def _check(files: Mapping[str, str]) -> None:
    taken: dict[Path | str, str] = {}
    for name, file in files.items():
        if file != STANDARD_OUTPUT:
            check_destination(file, f"is a folder; --{name} takes a file")
        path = file if file == STANDARD_OUTPUT else Path(file).resolve()
        if path in taken:
            what = "standard output" if file == STANDARD_OUTPUT else file
            raise click.UsageError(f"--{taken[path]} and --{name} would both be written to {what}")
        taken[path] = name


def overwriting(reports: Reports, sources: Iterable[str]) -> None:
    """A report never replaces the file that it is made from."""
    read = {Path(source).resolve() for source in sources}
    for name, file in reports.files.items():
        if file != STANDARD_OUTPUT and Path(file).resolve() in read:
            raise click.UsageError(f"--{name} {file}: would replace the report that it is made from")
