"""The clock of a launched server: the server's own, which the explorer moves."""

from __future__ import annotations

import time

from pollproof.clock import checked
from pollproof.verify.launch.work import ServerWork
from pollproof.virtualtime import Hold, LeapClock

_WAITS_IN_ONE_MOVE = 4_000
"""Waits of the server that are ended one by one in one move of the clock: less than a real second's worth."""

FIRST_STEPS = 150
"""Waits after which it is known how often the server wakes, and so whether the whole move is one of so many steps."""

_PATIENCE = 1.0
"""Real seconds without any step after which a server counts as one that never rests, at its first time."""

LEAST_PATIENCE = 0.04
"""Real seconds that one is waited for that has not rested before."""

STRIDES = 32
"""Parts in which the middle of a move is done where there are too many steps in it."""

IDLE_LOOKS = 3
"""Looks in a row at which nothing works, after which nothing does: one may fall between two pieces of work."""

SETTLING = 0.002
"""Seconds of the clock after a stride in which the waits that it has ended have their effect."""


class FollowedClock:
    """Moves a launched server through time, from one of its waits to the next, so that each timer fires at its time.

    A server that wakes without end (one that looks around ten times a second, moved by a day) or never rests is moved
    in strides through the middle of a long time: what is due there happens as late as a stride is long, which `notes`
    tells. What is due soon after a move begins, or shortly before it ends, happens in time all the same. Work of the
    server that takes a processor, in a child process too, is waited for in real time, as `ServerWork` bounds it.
    """

    def __init__(self, leap: LeapClock, hold: Hold, work: ServerWork) -> None:
        self._leap = leap
        self._hold = hold
        self._work = work
        self._patience = _PATIENCE
        self._longest = 0.0

    def now(self) -> float:
        return self._leap.now()

    def advance(self, seconds: float) -> None:
        begin = self.now()
        end = begin + checked(seconds)
        if self._step(end):
            return
        covered = self.now() - begin
        self._stride(max(end - covered, self.now()))
        if not self._step(end):
            self._stride(end)

    def _step(self, end: float) -> bool:
        """Go from wait to wait; whether the end was reached."""
        begin = self.now()
        begun = last = self._leap.leaps.count
        moved = time.monotonic()
        looks = 0

        def is_too_long() -> bool:
            nonlocal last, moved, looks
            count, now = self._leap.leaps.count, time.monotonic()
            if count != last:
                last, moved, looks = count, now, 0
            if now - moved > self._patience:
                looks = 0 if self._work.goes_on() else looks + 1
                if looks == IDLE_LOOKS:
                    self._patience = max(LEAST_PATIENCE, self._patience / 4)
                    return True
            covered = self.now() - begin
            return count - begun > FIRST_STEPS and (count - begun) * (end - begin) > _WAITS_IN_ONE_MOVE * covered

        return self._hold.sleep(max(end - begin, 0.0), until=is_too_long)

    def _stride(self, end: float) -> None:
        for number in range(STRIDES, 0, -1):
            length = (end - self.now()) / number
            if length <= 0:
                break
            self._longest = max(self._longest, length)
            self._leap.advance(length)
            self._settle()

    def _settle(self) -> None:
        """Let the waits that a stride has ended have their effect."""
        rested = self._leap.leaps.count
        latest = time.monotonic() + LEAST_PATIENCE
        while True:
            self._hold.sleep(SETTLING, until=lambda: time.monotonic() > latest)
            if self._leap.leaps.count != rested or not self._work.goes_on():
                return

    @property
    def notes(self) -> list[str]:
        """What is to be known of how the server was moved, a sentence each."""
        if not self._longest:
            return []
        return [
            "the launched server wakes so often, or rests so seldom, that long times were passed in strides: "
            f"its timers may have been up to {self._longest:.2g} s late"
        ]
