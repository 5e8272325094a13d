"""The report options that verify, check and gate share, and the files that they ask for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from pollproof.commands.common import write

if TYPE_CHECKING:
    from pollproof.report.document import Document

Command = TypeVar("Command", bound=Callable[..., Any])

STANDARD_OUTPUT = "-"

FORMATS: Mapping[str, str] = {
    "json": "the report as JSON, of which all others are views",
    "junit": "it as JUnit XML",
}
"""The formats of reports: the option of each, and what it writes."""


def output_options(command: Command) -> Command:
    """Give a command one option for each format; the file is in `options["FORMAT_file"]`."""
    for name, what in reversed(list(FORMATS.items())):
        text = f"Write {what} (- for standard output)."
        command = click.option(f"--{name}", f"{name}_file", metavar="FILE", help=text)(command)
    return command


def report_options(command: Command) -> Command:
    """Give a command the options that verify, check and gate share."""
    command = output_options(command)
    command = click.option("--require-all", is_flag=True, help="Every clause must be exercised (exit status 3).")(
        command
    )
    return click.option("--strict", is_flag=True, help="A violated SHOULD fails the run too.")(command)


@dataclass(frozen=True, slots=True)
class Reports:
    """The files that a run is asked to write: format to file, `-` for standard output."""

    files: Mapping[str, str]

    @classmethod
    def asked(cls, options: Mapping[str, Any]) -> Reports:
        """The files that the options ask for; what cannot be written is told before the run, not after it."""
        files = {name: options[f"{name}_file"] for name in FORMATS if options[f"{name}_file"] is not None}
        _check(files)
        return cls(files)

    @property
    def stream(self) -> IO[str]:
        """Where people are told what happens: standard output, unless a report goes there."""
        return sys.stderr if STANDARD_OUTPUT in self.files.values() else sys.stdout

    def write(self, document: Document) -> None:
        """Write all views of a document, each in one step."""
        for name, file in self.files.items():
            text = rendered(name, document)
            if file == STANDARD_OUTPUT:
                sys.stdout.write(text)
            else:
                write(Path(file), text)


def rendered(name: str, document: Document) -> str:
    """A document in one of the formats."""
    if name == "junit":
        from pollproof.report.junit import junit_of

        return junit_of(document)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _check(files: Mapping[str, str]) -> None:
    taken: dict[Path | str, str] = {}
    for name, file in files.items():
        path = file if file == STANDARD_OUTPUT else Path(file).resolve()
        if isinstance(path, Path) and not path.parent.is_dir():
            raise click.UsageError(f"{file}: the folder {path.parent} does not exist")
        if isinstance(path, Path) and path.is_dir():
            raise click.UsageError(f"{file}: is a folder; --{name} takes a file")
        if path in taken:
            what = "standard output" if file == STANDARD_OUTPUT else file
            raise click.UsageError(f"--{taken[path]} and --{name} would both be written to {what}")
        taken[path] = name
