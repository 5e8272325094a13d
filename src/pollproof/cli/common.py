"""What several commands need: consoles, contracts, files that are written in one step."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

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
    """Bad paths are told before the run, not after it."""
    for name in files:
        if name and name != "-" and not Path(name).resolve().parent.is_dir():
            raise click.UsageError(f"{name}: the folder {Path(name).resolve().parent} does not exist")


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that a killed run leaves the old one or the new one, never half of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


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
