"""Clocks of the gate: one time for the provider and the client that is judged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from typing import Protocol

from pollproof.clock import Clock
from pollproof.virtualtime import LeapClock, SupervisedClock, supervision_unavailable, unavailable

LOOK_AGAIN = 0.02
"""Real seconds between two looks at whether a sleep is to end early."""

DOUBT = 0.02
"""Seconds by which the time of a request may always be off."""

MOST_AWAKE = 0.25
"""Seconds that a client may have been at work, on a busy machine, between the end of a wait and its next request."""


def span(sent: float, awake: float, answered: float) -> tuple[float, float]:
    """From when on a request may have been meant to leave, and the doubt about that.

    `answered` is when the last response was given: what was sent later was meant to leave later, too.
    """
    doubt = 0.0 if awake == math.inf else min(awake, MOST_AWAKE)
    if sent >= answered:
        doubt = min(doubt, sent - answered)
    doubt = max(doubt, DOUBT)
    return sent - doubt, doubt


Until = Callable[[], bool]


def wall_time(clock: Clock) -> float:
    """What a client under a clock reads as the time of day, in seconds since 1970."""
    return time.time() + clock.now() - time.monotonic()


class ClockHold(Protocol):
    """A moment in which a clock does not leap."""

    def sleep(self, seconds: float, port: int = 0, until: Until | None = None) -> bool:
        """Let that many seconds of the clock pass; whether they did. `until` ends the sleep early."""


class GateClock(Protocol):
    """The time of one scenario."""

    def now(self) -> float:
        """Seconds since an arbitrary moment."""

    def sent(self, port: int) -> tuple[float, float]:
        """When the client, at its `port`, sent the request that is being answered, and for how long it had been awake.

        The seconds are infinite where nobody knows.
        """

    def leapt(self) -> float:
        """Over how many seconds of the client's waits the clock has leapt (NaN for one that does not leap)."""

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass."""

    def held(self) -> AbstractContextManager[ClockHold]:
        """Keep the clock from leaping while a request is answered."""

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment of a client under this clock."""

    def command(self, words: Sequence[str]) -> list[str]:
        """What is to be started for a client under this clock."""


class MachineClock:
    """The machine's own clock, for clients whose runtime cannot be made to leap."""

    def now(self) -> float:
        return time.monotonic()

    def sent(self, port: int) -> tuple[float, float]:
        return time.monotonic(), math.inf

    def leapt(self) -> float:
        return math.nan

    def advance(self, seconds: float) -> None:
        time.sleep(seconds)

    @contextmanager
    def held(self) -> Iterator[ClockHold]:
        yield self

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        return dict(base)

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def sleep(self, seconds: float, port: int = 0, until: Until | None = None) -> bool:
        """Wait in real time, looking every now and then whether to go on waiting."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if until is not None and until():
                return False
            time.sleep(min(left, LOOK_AGAIN))
        return True


class ClockKind(Enum):
    """How the time of a client is moved."""

    PRELOAD = "preload"
    SUPERVISION = "supervise"
    REAL = "real"

    @property
    def leaps(self) -> bool:
        """Whether waits take no time."""
        return self is not ClockKind.REAL

    @property
    def words(self) -> str:
        """Its name in reports."""
        names = {ClockKind.PRELOAD: "leaping, by preload", ClockKind.SUPERVISION: "leaping, by supervision"}
        return names.get(self, "real time")

    def unavailable(self) -> str | None:
        """Why it cannot be had on this machine, as one sentence; None where it can."""
        if self is ClockKind.PRELOAD:
            return unavailable()
        return supervision_unavailable() if self is ClockKind.SUPERVISION else None

    def open(self) -> AbstractContextManager[GateClock]:
        """A clock of this kind, for one run of a client."""
        if self is ClockKind.REAL:
            return nullcontext(MachineClock())
        return LeapClock() if self is ClockKind.PRELOAD else SupervisedClock()


CLOCKS: Mapping[str, tuple[ClockKind, ...]] = {
    "auto": (ClockKind.PRELOAD, ClockKind.SUPERVISION, ClockKind.REAL),
    "leap": (ClockKind.PRELOAD, ClockKind.SUPERVISION),
    "preload": (ClockKind.PRELOAD,),
    "supervise": (ClockKind.SUPERVISION,),
    "real": (ClockKind.REAL,),
}
"""What `--clock` can be: the kinds that are tried, in this order."""
