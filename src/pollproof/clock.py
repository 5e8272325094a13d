"""Clocks: seconds that never run backwards. The virtual one stands still until it is moved."""

from __future__ import annotations

import math
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time of a trace and lets it pass."""

    def now(self) -> float:
        """Seconds since an arbitrary moment."""

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass."""


def checked(seconds: float) -> float:
    """The seconds when they are finite and not negative; raises ValueError otherwise."""
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"a clock moves forward by a finite number of seconds, not by {seconds!r}")
    return seconds


class VirtualClock:
    """A clock that moves only when it is moved."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += checked(seconds)


class ShiftedClock:
    """The monotonic clock of the machine plus a shift: it runs by itself and can be moved forward."""

    def __init__(self) -> None:
        self._shift = 0.0

    def now(self) -> float:
        return time.monotonic() + self._shift

    def advance(self, seconds: float) -> None:
        self._shift += checked(seconds)
