"""Several connections to one target: requests at the same time, and connections that are cut."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pollproof.clock import Clock
from pollproof.http.client import HttpTarget
from pollproof.trace.exchange import Exchange, Request
from pollproof.verify.session import CUT

MAXIMUM = 8
"""Requests that are sent at the same time: as many as a busy client has connections."""


class Connections:
    """Connections of their own for requests that overlap. `connect` opens one more connection to the target."""

    def __init__(self, connect: Callable[[], HttpTarget], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._targets: list[HttpTarget] = []
        self._threads = ThreadPoolExecutor(MAXIMUM, thread_name_prefix="pollproof-connection")

    def exchange(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send at most `MAXIMUM` requests at the same time, each over another connection; what came of them."""
        while len(self._targets) < len(requests):
            self._targets.append(self._connect())
        together = threading.Barrier(len(requests))

        def send(number: int) -> Exchange:
            target, request = self._targets[number], requests[number]
            together.wait()
            sent = self._clock.now()
            response, failure = target.exchange(request)
            return Exchange(request, response, sent, self._clock.now(), failure, connection=number + 2)

        return list(self._threads.map(send, range(len(requests))))

    def abandon(self, request: Request) -> Exchange:
        """Send a request and cut its connection before an answer; it may have been served, or not."""
        if not self._targets:
            self._targets.append(self._connect())
        sent = self._clock.now()
        failure = self._targets[0].abandon(request) or CUT
        return Exchange(request, None, sent, self._clock.now(), failure, connection=2)

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown()
        for target in self._targets:
            target.close()
