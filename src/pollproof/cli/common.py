"""What several commands need: consoles, contracts, files that are written in one step."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from pollproof.atomic import refusal, write_file

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.contract.model import Contract


def console_for(stream: IO[str]) -> Console:
    """A console on a stream: colour on terminals only, none with NO_COLOR, wide lines where there is no terminal."""
    from rich.console import Console

    terminal = stream.isatty()
    return Console(
        file=stream, no_color=bool(os.environ.get("NO_COLOR")), width=None if terminal else 160, highlight=False
    )


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
    """End the command with one sentence where a file cannot be written; `words` say so of a folder."""
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
        raise click.UsageError(f"{_shortened(name)}: cannot be written ({why})") from None


def _shortened(name: str) -> str:
    return name if len(name) <= MAXIMUM_NAME else name[:MAXIMUM_NAME] + "..."


MAXIMUM_NAME = 200
"""Characters of the name of a file that a message shows."""


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all; ends the command with one sentence where it cannot be written."""
    try:
        write_file(path, text)
    except OSError as error:
        raise click.UsageError(refusal(path, error)) from None


@contextlib.contextmanager
def status_line(words: str, told: Callable[..., str], *, quiet: bool) -> Iterator[Callable[..., None] | None]:
    """A live line on a terminal, which begins with `words`: what shows there what `told` makes of its arguments.

    None elsewhere and when `quiet`.
    """
    console = console_for(sys.stderr)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.markup import escape

    with console.status(words) as status:
        yield lambda *figures: status.update(escape(told(*figures)))
