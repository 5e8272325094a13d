"""The work of a launched server that takes real time: no time of the clock is to pass over it."""

from __future__ import annotations

import time

from pollproof.verify.launch.server import Server
from pollproof.virtualtime import LeapClock, SupervisedClock

LONGEST_WORK = 5_000_000_000
"""Nanoseconds without a rest of the server for which a thread may run; after that it counts as one that never rests."""

LONGEST_WAIT = 30.0
"""Real seconds without a rest of the server after which all threads count as such that still run."""

RUNNING = "RD"
"""The states of a thread that has a processor, waits for one, or for a disk."""


class ServerWork:
    """Looks whether threads of the server run, in whatever process: one that computes has not yet done its part."""

    def __init__(self, server: Server, leap: LeapClock) -> None:
        self._server = server
        self._leap = leap
        self._restless = {server.supervisor} if isinstance(leap, SupervisedClock) else set()
        self._begun: dict[int, int] = {}
        self._rests = -1
        self._since = 0.0

    def goes_on(self) -> bool:
        """Whether a thread runs that has not run for too long since the server has rested, as it does at each leap."""
        rests, now = self._leap.leaps.count, time.monotonic()
        if rests != self._rests:
            self._rests, self._since = rests, now
            self._begun.clear()
        running = {each.number: each.nanoseconds for each in self._server.threads() if each.state in RUNNING}
        for number, spent in running.items():
            if spent - self._begun.setdefault(number, spent) > LONGEST_WORK or now - self._since > LONGEST_WAIT:
                self._restless.add(number)
        return not self._restless.issuperset(running)
