"""Receivers of callbacks: a real HTTP server of the suite's own, and a short cut for the embedded reference."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pollproof.clock import Clock
from pollproof.http.bounds import MAXIMUM_BODY
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Request

if TYPE_CHECKING:
    from werkzeug import Request as WerkzeugRequest
    from werkzeug import Response as WerkzeugResponse

    Application = Callable[[WerkzeugRequest], WerkzeugResponse]

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
                    self._provider.send_again(address, body)
                found.append((Request("POST", "/", headers(body), body), now, 500 if refused else 200))
        return found

    def wait(self, seconds: float) -> None:
        """Nothing to wait for: what is due is there at once."""

    def close(self) -> None:
        """Nothing to let go of."""


class HttpCallbacks:
    """A server (pytest-httpserver) that takes callbacks from a foreign provider.

    `patience`: seconds that a callback may take to arrive once its task has ended, many times what loopback needs.
    It listens on loopback; with `public` (an address under which the provider reaches us) on that address's port.
    Raises OSError for a port in use.
    """

    patience = 3.0
    refusing = 0

    def __init__(self, clock: Clock, public: str | None = None) -> None:
        from pytest_httpserver import HTTPServer

        self._clock = clock
        self._arrived: list[tuple[Request, float, int]] = []
        self._bytes = 0
        self._changed = threading.Condition()
        host, port = ("127.0.0.1", 0) if public is None else ("0.0.0.0", urlsplit(public).port or 80)
        # A thread for each connection: one that says nothing must neither hold up the others nor our end.
        self._server = HTTPServer(host=host, port=port, threaded=True)
        setattr(self._server, "application", _bounded(self._server.application))  # noqa: B010 - which it looks up
        self._server.expect_request(re.compile(".*")).respond_with_handler(self._handle)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each callback is nobody's news
        self._server.start()
        self.address = public or self._server.url_for("/callback/of/a/task")
        self.stray = ""
        self._expected = {_path_of(self.address)}

    def address_with(self, query: str) -> str:
        """The address with a query, which is expected with it from now on. `stray` is the last other one called."""
        address = f"{self.address}?{query}"
        self._expected.add(_path_of(address))
        return address

    def _handle(self, request: WerkzeugRequest) -> WerkzeugResponse:
        from werkzeug import Response as WerkzeugResponse

        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.environ.get("REQUEST_URI") or request.full_path.rstrip("?")
        if path not in self._expected:
            self.stray = path[:200]
            return WerkzeugResponse("no callback is expected at this address", 404)
        found = Request(request.method, request.path, headers, request.get_data())
        with self._changed:
            size = len(found.body)
            status = 500 if self.refusing > 0 else 200
            self.refusing -= status == 500
            if len(self._arrived) < MAXIMUM_WAITING and self._bytes + size <= KEPT_CALLBACKS:
                self._arrived.append((found, self._clock.now(), status))
                self._bytes += size
            self._changed.notify_all()
        self._server.log.clear()
        return WerkzeugResponse("", status)

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
        self._server.clear()
        if self._server.is_running():
            self._server.stop()


def _path_of(address: str) -> str:
    """The path of an address with its query, as a request line has it."""
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _bounded(
    application: Callable[[WerkzeugRequest], WerkzeugResponse],
) -> Callable[[WerkzeugRequest], WerkzeugResponse]:
    """The same for requests of bounded size alone: others are answered with HTTP 413 and not read."""

    def answer(request: WerkzeugRequest) -> WerkzeugResponse:
        request.max_content_length = MAXIMUM_BODY
        return application(request)

    return answer
