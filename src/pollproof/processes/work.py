"""What the threads of a program and of its descendants do, and for how long they have run, as the kernel shows it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pollproof.processes.watchdog import descendants


class Thread(NamedTuple):
    """A living thread: its number, its state as a letter of ps, and the nanoseconds for which it has run."""

    number: int
    state: str
    nanoseconds: int


def threads_of(process: int) -> Iterator[Thread]:
    """The threads of a process and of its descendants; none where the system does not show them."""
    for number in {process, *descendants(process)}:
        for task in _names(f"/proc/{number}/task"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                place = Path(f"/proc/{number}/task/{task}")
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
                yield Thread(int(task), state, int((place / "schedstat").read_text().split()[0]))


def _names(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []
