"""Connections that have been idle for too long are closed, and time waits until their threads have noticed it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pollproof.gate.clocks import ClockHold, MachineClock, Until
from pollproof.gate.server import IDLE_SECONDS, GateServer
from pollproof.trace.exchange import Request


class MovedClock(MachineClock):
    """Goes on by each sleep at once."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept = 0
        self.slept_twice = threading.Event()

    def now(self) -> float:
        return self.time

    @contextmanager
    def held(self) -> Iterator[ClockHold]:
        yield self

    def sleep(self, seconds: float, port: int = 0, until: Until | None = None) -> bool:
        self.time += seconds
        self.slept += 1
        if self.slept > 1:
            self.slept_twice.set()
        return self.slept < 100 and not (until is not None and until())


def never(request: Request) -> object:
    raise AssertionError(f"nothing is sent: {request}")


def test_time_does_not_go_on_while_the_thread_of_an_ended_connection_has_no_processor() -> None:
    ended, has_processor = threading.Event(), threading.Event()

    class Loaded(GateServer):
        def _requests(self, stream: socket.socket, port: int) -> None:
            super()._requests(stream, port)
            ended.set()
            has_processor.wait(10)

    clock = MovedClock()
    server = Loaded(never, "", clock)  # type: ignore[arg-type]
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2]))):
            assert ended.wait(10)
            assert not clock.slept_twice.wait(0.2)
            assert clock.now() == IDLE_SECONDS
    finally:
        has_processor.set()
        server.close()
