"""What several commands need: consoles, contracts, files that are written in one step."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from pollproof.atomic import refusal, write_file
from pollproof.text import HIDDEN, shorten, visible

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.contract.model import Contract


Command = TypeVar("Command", bound=Callable[..., Any])
"""A command that a decorator gives options."""


class GroupedOption(click.Option):
    """An option of a group; `mode` is that of its declaration, empty where it has none."""

    def __init__(self, *arguments: Any, group: str = "", mode: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group
        self.mode = mode


def console_for(stream: IO[str]) -> Console:
    """A console on a stream: colour on terminals only, none with NO_COLOR, wide lines where there is no terminal.

    Whatever it prints, hidden characters in a text are written out: only the console itself commands the terminal.
    """
    from pollproof.cli.console import VisibleConsole

    terminal = stream.isatty()
    return VisibleConsole(
        file=stream.beneath if isinstance(stream, VisibleStream) else stream,
        no_color=bool(os.environ.get("NO_COLOR")),
        width=None if terminal else 160,
        highlight=False,
    )


class VisibleStream:
    """Standard output or standard error, with hidden characters written out: nothing that a file, a target or a client
    writes commands a terminal.
    """

    def __init__(self, beneath: IO[str]) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        if isinstance(text, str) and HIDDEN.search(text):
            text = visible(text, None)
        return self.beneath.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


@contextlib.contextmanager
def visible_streams() -> Iterator[None]:
    """Standard output and standard error as `VisibleStream` until the context ends."""
    before = sys.stdout, sys.stderr
    for name, stream in zip(("stdout", "stderr"), before, strict=True):
        if stream is not None and not isinstance(stream, VisibleStream):
            setattr(sys, name, VisibleStream(stream))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def contract_or_exit(name: str) -> Contract:
    """The contract, or one sentence on standard error and exit status 2."""
    from pollproof.loading import ContractError, load_contract

    try:
        return load_contract(name)
    except ContractError as error:
        raise click.UsageError(str(error)) from None


def todays(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """An option that names clauses: ids that were renamed are taken as those that took their place."""
    if not value:
        return value
    from pollproof.loading.identifiers import current

    return current(value) if isinstance(value, str) else tuple(current(each) for each in value)


def writable(*files: str | None) -> None:
    """Refuse paths that cannot be written before the run, not after it; `-` is standard output."""
    for name in files:
        if name and name != "-":
            check_destination(name)


def check_destination(name: str, words: str = "is a folder; expected a file") -> None:
    """End the command with one sentence where a file cannot be written; `words` are the reason for a folder."""
    try:
        path = Path(name).resolve()
        if not path.parent.is_dir():
            raise click.UsageError(f"{name}: the folder {path.parent} does not exist")
        if os.path.isdir(name):
            raise click.UsageError(f"{name}: {words}")
        os.stat(name)
    except FileNotFoundError:
        return
    except (OSError, RuntimeError, ValueError) as error:  # too long a name; a circle of links is a RuntimeError
        why = getattr(error, "strerror", None) or "not a path"
        raise click.UsageError(f"{shorten(name, SHOWN_NAME)}: cannot be written ({why})") from None


SHOWN_NAME = 200
"""Characters of the name of a file that a message shows."""


def write_or_exit(path: Path, text: str) -> None:
    """Write a file whole or not at all; ends the command with one sentence where it cannot be written."""
    try:
        write_file(path, text)
    except OSError as error:
        raise click.UsageError(refusal(path, error)) from None
