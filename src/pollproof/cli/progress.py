"""Progress on a terminal: what is being done, how fast, and how long it will take. Nothing elsewhere, and on CI."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from pollproof.cli.common import console_for
from pollproof.text import shorten

MAXIMUM_LINE = 100
"""Characters of what is being done."""


class ShowProgress(Protocol):
    """Shows what is being done."""

    def __call__(self, words: str, count: int = 0, done: float = 0.0) -> None:
        """Show it.

        Args:
            words: provider and phase, or file, or scenario.
            count: requests, exchanges or scenarios so far.
            done: the part of the whole that is done, from 0 to 1; 0 where nobody knows.
        """


@contextlib.contextmanager
def progress_line(first: str, unit: str, *, quiet: bool) -> Iterator[ShowProgress | None]:
    """A live line on a terminal until the context ends; None elsewhere, with `quiet`, and on CI.

    Args:
        first: what the line shows before anything is known.
        unit: what is counted, such as `requests`.
        quiet: whether nothing is shown.
    """
    console = console_for(sys.stderr)
    if quiet or not console.is_terminal or os.environ.get("CI"):
        yield None
        return
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True) as line:
        task = line.add_task(escape(first), total=None)

        def show(words: str, count: int = 0, done: float = 0.0) -> None:
            rate = count / max(time.monotonic() - began, 0.001)
            text = f"{shorten(words, MAXIMUM_LINE)}: {count:,} {unit}, {rate:,.0f}/s"
            line.update(task, description=escape(text), total=1.0 if done else None, completed=done)

        yield show


def adapted(show: ShowProgress | None, change: Callable[..., tuple[str, int, float]]) -> Callable[..., None] | None:
    """A listener to a run's figures, which `change` turns into what is shown; None for nobody."""
    return None if show is None else lambda *figures: show(*change(*figures))
