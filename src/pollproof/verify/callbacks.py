"""Receivers of callbacks: a real HTTP server of the suite's own, and a short cut for the embedded reference."""

from __future__ import annotations

import contextlib
import threading
import time
from urllib.parse import unquote, urlsplit

from pollproof.clock import Clock
from pollproof.http.server import LOOPBACK, listening
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Request, Response

MAXIMUM_WAITING = 10_000
"""Callbacks that are kept until they are judged; a target that sends more than that floods us."""

KEPT_CALLBACKS = 64 * 1024 * 1024
"""Bytes of callbacks that are kept until they are judged."""


class EmbeddedCallbacks:
    """The callbacks of a reference provider that is called in process."""

    address = "http://callback.invalid/"
    patience = 0.0
    stray = ""
    refusing = 0
    """How many of the next callbacks are answered with HTTP 500."""

    def __init__(self, provider: ReferenceProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._expected = {self.address}

    def address_with(self, query: str) -> str:
        """The address with a query, which is expected with it from now on."""
        self._expected.add(f"{self.address}?{query}")
        return f"{self.address}?{query}"

    def take(self) -> list[tuple[Request, float, int]]:
        """The callbacks that are due, each with the moment of its arrival and the status that it was answered with."""
        now, headers = self._clock.now(), self._provider.callback_headers
        found = []
        for address, body in self._provider.due_callbacks():
            if address in self._expected:
                refused = self.refusing > 0
                self.refusing -= refused
                if refused:
                    self._provider.resend(address, body)
                found.append((Request("POST", "/", headers(body), body), now, 500 if refused else 200))
        return found

    def wait(self, seconds: float) -> None:
        """Nothing to wait for: what is due is there at once."""

    def close(self) -> None:
        """Nothing to let go of."""


class HttpCallbacks:
    """A server that takes callbacks from a foreign provider.

    `patience`: seconds that a callback may take to arrive once its task has ended, many times what loopback needs.
    It listens on loopback; with `public` (an address under which the provider reaches us) on that address's port.
    Raises OSError for a port in use.
    """

    patience = 3.0
    refusing = 0

    def __init__(self, clock: Clock, public: str | None = None) -> None:
        self._clock = clock
        self._arrived: list[tuple[Request, float, int]] = []
        self._bytes = 0
        self._changed = threading.Condition()
        host, port = (LOOPBACK, 0) if public is None else ("0.0.0.0", urlsplit(public).port or 80)
        self._stack = contextlib.ExitStack()
        root = self._stack.enter_context(listening(self._handle, port, time.time, host))
        self.address = public or f"{root}/callback/of/a/task"
        self._branch = "" if public else "/asked"  # so that a callback without the query finds nobody
        self.stray = ""
        self._expected = {_path_of(self.address)}

    def address_with(self, query: str) -> str:
        """The address with a query, which is expected with it from now on. `stray` is the last other one called."""
        address = f"{self.address}{self._branch}?{query}"
        self._expected.add(_path_of(address))
        return address

    def _handle(self, request: Request) -> Response:
        if request.path not in self._expected:
            self.stray = request.path[:200]
            return Response(404, {}, b"no callback is expected at this address")
        found = request._replace(path=unquote(request.path.partition("?")[0]))
        with self._changed:
            size = len(found.body)
            status = 500 if self.refusing > 0 else 200
            self.refusing -= status == 500
            if len(self._arrived) < MAXIMUM_WAITING and self._bytes + size <= KEPT_CALLBACKS:
                self._arrived.append((found, self._clock.now(), status))
                self._bytes += size
            self._changed.notify_all()
        return Response(status, {}, b"")

    def take(self) -> list[tuple[Request, float, int]]:
        """The callbacks that came since the last call, as `EmbeddedCallbacks` gives them."""
        if not self._arrived:
            return []
        with self._changed:
            arrived, self._arrived, self._bytes = self._arrived, [], 0
        return arrived

    def wait(self, seconds: float) -> None:
        """Wait at most that long for a callback that was not taken yet."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._arrived), seconds)

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()


def _path_of(address: str) -> str:
    """The path of an address with its query, as a request line has it."""
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
