"""Waits that the virtual clock does not see: a command that rests in real time while its clock has gone on.

A command that obeys the clock never rests for long: as soon as all of it waits the clock leaps to the end of a wait.
One that waits by a call of its own (such as a raw system call) rests for as long as it wants to, and whatever the clock
has leapt over meanwhile are seconds that did not pass for it.
"""

from __future__ import annotations

import time

from pollproof.gate.clocks import GateClock
from pollproof.gate.server import GateServer
from pollproof.processes.watchdog import born
from pollproof.processes.work import threads_of
from pollproof.virtualtime import LeapClock, SupervisedClock

RESTS = 0.2
"""Real seconds without any work of a command, and without any request, after which it waits in real time."""

LEAPT_SECONDS = 0.5
"""Seconds by which the clock and real time must differ between two requests to be reported."""


class RealWaits:
    """Looks, every few milliseconds of real time, whether a command rests although nothing keeps the clock."""

    def __init__(self, server: GateServer, clock: GateClock) -> None:
        self._server = server
        self._clock = clock
        self._process: int | None = None
        self._work: tuple[int, int] | None = None
        self._since = 0.0
        self._rested: set[int] = set()
        self._is_stranger = False

    def started(self, process: int) -> None:
        """Take note of the process of the command."""
        self._process = process

    def look(self) -> None:
        """Note whether the command has rested since some time."""
        count = self._server.count
        if self._process is None or not count or not self._server.is_idle():
            self._work = None
            return
        if isinstance(self._clock, LeapClock) and not self._clock.has_attached(self._process):
            self._is_stranger = self._is_stranger or born(self._process) != ""
        work = count, _work_of(self._process)
        now = time.monotonic()
        if work != self._work:
            self._work, self._since = work, now
        elif now - self._since >= RESTS:
            self._rested.add(count)

    def disagreement(self) -> str:
        """Where the clock and real time disagree about a wait, as a sentence about the command; empty where nowhere."""
        if isinstance(self._clock, LeapClock) and not isinstance(self._clock, SupervisedClock):
            unseen = self._clock.leaps.unseen
            if self._is_stranger or (unseen and unseen >= self._server.count):
                return "reads another clock than what it starts: it has not loaded the library of the virtual clock"
        for count, real, virtual in self._server.waits():
            if count in self._rested and virtual - real > LEAPT_SECONDS:
                return (
                    f"waited {real:.1f} s by a call that the virtual clock does not see, "
                    f"and the clock went on by {virtual:.1f} s"
                )
        return ""


def _work_of(process: int) -> int:
    """Nanoseconds for which a process and its descendants have run; never the same twice while one of them runs."""
    total = 0
    for thread in threads_of(process):
        if thread.state not in "SI":
            return -time.monotonic_ns()
        total += thread.nanoseconds + thread.number
    return total
