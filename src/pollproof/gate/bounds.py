"""Bounds of one scenario: when a command that does not end by itself is ended, and what that proves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from pollproof.clauses.kinds import limits_of_client
from pollproof.contract.model import Contract, Level, Subject
from pollproof.gate.basis import Basis
from pollproof.gate.clocks import GateClock
from pollproof.gate.real_waits import RealWaits
from pollproof.gate.scenario import Expects
from pollproof.gate.scenario_provider import StagedProvider
from pollproof.gate.server import GateServer
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.reader import Reader
from pollproof.virtualtime import LeapClock

EVIDENT = 40
"""Requests after which a command is ended that is known not to end; where nothing is known of it, requests beyond the
documented poll limit after which a clause that is violated by then is proof enough."""

UNENDING = 250
"""Requests beyond the documented poll limit after which the time of a scenario is put forward."""

LEAST = 310
"""Requests before which it is not: more than the retries of one request that clauses allow by default."""

MAXIMUM_AFTERWARDS = 1_000
"""Further requests after which a command does not end by itself: no task that it created is there any more."""

MAXIMUM_REAL = 5_000
"""Requests after which a command is ended whose time cannot be put forward."""

A_DAY = 86_400.0
"""Seconds of a scenario after which the command is ended where there is no task, or nothing limits its life."""

OVERTIME = 1.5
"""How much longer than a task lives, and than a scenario takes, the command may go on in virtual time."""

MARGIN_SECONDS = 600.0
"""Seconds of virtual time that are added to that."""


PROGRESS = 10.0
"""Real seconds without a request after which a command makes no progress."""

STOPPING = 0.002
"""Real seconds after which processes that were stopped have stopped."""


class End(Enum):
    """Why a command was ended before it ended by itself."""

    PROVED = "proved"  # the most is violated that can be; more requests would prove nothing new
    KNOWN = "known"  # an earlier scenario has shown that the command does not end in this situation
    ENDLESS = "endless"  # it went on after its time was put forward, or for longer than any task lives
    EXCESSIVE = "excessive"  # too many requests, and its time cannot be put forward


def longest(provider: StagedProvider) -> float:
    """Seconds of virtual time after which a command is ended: any conforming client has long ended by itself.

    No document states for how long a client may try to create a task, so before there is one it has longer; so it has
    where no MUST binds it to the lifetime.
    """
    contract = provider.contract
    binding = any(clause.kind == "no-poll-after-lifetime" and clause.level is Level.MUST for clause in contract.clauses)
    lifetime = limits_of_client(contract).lifetime if provider.order and binding else None
    return max(lifetime or A_DAY, provider.scenario.seconds) * OVERTIME + MARGIN_SECONDS


class Bounds:
    """Decides when a command is ended that does not end by itself.

    `endless` are the situations in which earlier scenarios have shown that it does not; what this one shows is added.
    """

    def __init__(
        self,
        server: GateServer,
        clock: GateClock,
        provider: StagedProvider,
        endless: set[str],
        *,
        leaps: bool,
    ) -> None:
        self._server = server
        self._clock = clock
        self.provider = provider
        self._endless = endless
        self._leaps = leaps
        self._began = clock.now()
        self._polls = limits_of_client(provider.contract).polls or 0
        self._next = EVIDENT
        self._forward = 0.0
        self._last: int | None = None
        self.end: End | None = None
        self.obstacle = ""
        self._process: int | None = None
        self._requests = 0, time.monotonic()
        self.real_waits = RealWaits(server, clock)

    def started(self, process: int) -> None:
        """Take note of the process of the command."""
        self._process = process
        self.real_waits.started(process)
        self._server.pausing = self._pausing

    @contextmanager
    def _pausing(self) -> Iterator[None]:
        """Stop the processes of the command, so that it sends nothing meanwhile."""
        if self._process is None:
            yield
            return
        try:
            _signal(self._process, signal.SIGSTOP)
            time.sleep(STOPPING)
            yield
        finally:
            _signal(self._process, signal.SIGCONT)

    @property
    def moment(self) -> float | None:
        """When the time was put forward: what comes later shows no more than whether the command ends."""
        return self._server.moment

    @property
    def elapsed(self) -> float:
        """Seconds of the clock since the command was started."""
        return self._clock.now() - self._began

    def progresses(self) -> bool:
        """Whether a command whose waits are leapt over still sends requests: the bounds are met by them."""
        return self._leaps and time.monotonic() - self._requests[1] < PROGRESS

    def reason(self) -> str | None:
        """Why the command is to be ended now; None where it is not."""
        if self._server.count != self._requests[0]:
            self._requests = self._server.count, time.monotonic()
        if self._leaps:
            self.real_waits.look()
            self.obstacle = self._clock.obstacle() if isinstance(self._clock, LeapClock) else ""
        elapsed, count = self.elapsed, self._server.count
        if elapsed > longest(self.provider) + self._forward:
            return self._ended(End.ENDLESS, f"still running after {elapsed:.0f} s")
        if count <= self._next:
            return None
        end = self._look(count)
        return None if end is None else self._ended(end, f"still polling after {count} requests and {elapsed:.0f} s")

    def _ended(self, end: End, words: str) -> str:
        self.end = end
        if end is End.ENDLESS:
            self._endless.add(self._situation())
        return words

    def _look(self, count: int) -> End | None:
        """Whether so many requests are reason enough to end the command; else when to look again."""
        if self._forward:
            if self.moment is None:  # there was no moment yet in which the client waited for no response
                return End.EXCESSIVE if count > MAXIMUM_REAL else None
            if self._last is None:
                self._last = count + MAXIMUM_AFTERWARDS
            self._next = self._last
            return End.ENDLESS if count > self._last else None
        scenario = self.provider.scenario
        if scenario.expects is not Expects.SUCCESS and self._situation() in self._endless:
            return End.KNOWN
        if count <= self._polls + EVIDENT:
            self._next = self._polls + EVIDENT
            return None
        levels = _violated(self.provider.contract, self._server)
        if Level.MUST in levels:
            return End.PROVED
        if levels and scenario.grounds.basis is not Basis.PRIMARY:
            # Nothing found here is more than a SHOULD.
            self._endless |= {self._situation()} - {"answers"}
            return End.PROVED
        if levels or count > max(self._polls + UNENDING, LEAST):
            if not self._leaps:
                self._next = MAXIMUM_REAL
                return End.EXCESSIVE if count > MAXIMUM_REAL else None
            self._put_forward()
        else:
            self._next = max(self._polls + UNENDING, LEAST)
        return None

    def _situation(self) -> str:
        """In what a command goes on: without a task, after errors, or after answers."""
        if not self.provider.order:
            return "creations"
        trace = self._server.trace()
        response = trace[-1].response if trace else None
        return "errors" if response is None or response.status >= 400 else "answers"

    def _put_forward(self) -> None:
        """Let the time go by in which any client gives up: one that only counts its requests has few left."""
        self._forward = longest(self.provider)
        self._server.put_forward(self._forward)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(OSError):
        os.killpg(group, number)


def _violated(contract: Contract, server: GateServer) -> set[Level]:
    """The levels of the clauses that the trace so far violates."""
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.CLIENT))
    for _ in monitor.observe_all(server.trace()):
        pass
    return {entry.clause.level for entry in monitor.ledger.violated()}
