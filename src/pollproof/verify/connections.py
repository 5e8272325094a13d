"""Several connections to one target: requests at the same time, and connections that are cut."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from pollproof.clock import Clock
from pollproof.http.client import HttpTarget
from pollproof.trace.exchange import CONNECTION_CUT, Exchange, Request

MAXIMUM = 6
"""Requests that are sent at the same time: as many as a browser sends to one host."""

PROBE = 1.5
"""Real seconds in which a target must respond over a further connection while others are open."""


class Connections:
    """Connections of their own for requests that overlap. `connect` opens one more, with a time-out in seconds.

    A server may serve one connection at a time, or a few, and wait for those to be closed: then each is closed after
    its response.
    """

    most = MAXIMUM

    def __init__(self, connect: Callable[[float | None], HttpTarget], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._targets: list[HttpTarget] = []
        self._threads = ThreadPoolExecutor(MAXIMUM, thread_name_prefix="pollproof-connection")

    @cached_property
    def keep(self) -> bool:
        """Whether the target responds over `MAXIMUM` connections that are all kept open."""
        probes: list[HttpTarget] = []
        try:
            for _ in range(MAXIMUM + 1):
                probes.append(self._connect(PROBE))
                if probes[-1].exchange(Request("GET", "", {}, b"")).response is None:
                    return False
        finally:
            for probe in probes:
                probe.close()
        return True

    def _target(self, number: int) -> HttpTarget:
        while len(self._targets) <= number:
            self._targets.append(self._connect(None))
        return self._targets[number]

    def exchange(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests at the same time, each over another connection; what came of them."""
        targets = [self._target(number) for number in range(len(requests))]
        together = threading.Barrier(len(requests))

        def send(number: int) -> Exchange:
            together.wait()
            sent = self._clock.now()
            response, failure = targets[number].exchange(requests[number])
            received = self._clock.now()
            if not self.keep:
                targets[number].close()
            return Exchange(requests[number], response, sent, received, failure, connection=number + 2)

        return list(self._threads.map(send, range(len(requests))))

    def abandon(self, request: Request) -> Exchange:
        """Send a request and cut its connection before a response; it may have been served, or not."""
        sent = self._clock.now()
        failure = self._target(0).abandon(request) or CONNECTION_CUT
        return Exchange(request, None, sent, self._clock.now(), failure, connection=2)

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown()
        for target in self._targets:
            target.close()
