"""Ids as a language without 64-bit integers would write them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from pollproof.trace.bodies import read_real
from pollproof.trace.events import task_key


class RoundedIds:
    """Tasks by the number that their id becomes where all numbers are floating-point numbers."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[float, str] = {}

    def add(self, task: str) -> None:
        """Remember the id of a task."""
        rounded = _rounded(task)
        if rounded is not None:
            self._tasks[rounded] = task

    def discard(self, task: str) -> None:
        """Forget the id of a task, unless a later one rounds to the same number."""
        rounded = _rounded(task)
        if rounded is not None and self._tasks.get(rounded) == task:
            del self._tasks[rounded]

    def find(self, raw: Any) -> str | None:
        """The task whose id became this one by rounding; None for an id of its own.

        Ids near to each other round to the same number: only that number itself, as such a language writes it, shows
        that an id was rounded.
        """
        key = task_key(raw)
        rounded = _rounded(key)
        if rounded is None or (type(raw) is not float and key not in _written(rounded)):
            return None
        return self._tasks.get(rounded)


def _written(rounded: float) -> tuple[str, ...]:
    """A rounded id as languages write it: with all digits, or with as few as distinguish it from its neighbours."""
    if not math.isfinite(rounded):
        return ()
    return str(int(rounded)), f"{Decimal(repr(rounded)):f}".removesuffix(".0"), repr(rounded)


def _rounded(key: str | None) -> float | None:
    """An id as a language without 64-bit integers would keep it; None for one that is not a number."""
    if key is None:
        return None
    try:
        return read_real(key)
    except ValueError:
        return None
