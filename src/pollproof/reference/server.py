"""Providers over HTTP: a server of its own for real clients, and a handler for pytest-httpserver.

What is served is the reference provider, or any other function that answers requests.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pollproof.clock import Clock
from pollproof.contract.model import Contract, Role
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace import Request, Response

if TYPE_CHECKING:
    from werkzeug import Request as WerkzeugRequest
    from werkzeug import Response as WerkzeugResponse

ADVANCE = "/_clock/advance"
"""Path of the hook that moves the reference's clock; no provider documents a path like it."""

MAXIMUM_REQUEST = 8 * 1024 * 1024
"""Bytes of a request body that are read."""

Handle = Callable[[Request], Response | None]
"""Answers one request; None closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Served:
    """A provider that is being served."""

    base_url: str
    advance_url: str


def advance(clock: Clock, body: bytes) -> Response:
    """Answer the clock hook: `{"seconds": N}` moves the clock and is answered with its new time."""
    headers = {"content-type": "application/json"}
    try:
        seconds = json.loads(body)["seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise ValueError("seconds is no number")
        clock.advance(seconds)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        words = f'expected {{"seconds": N}} with N from 0 on ({error})'
        return Response(400, headers, json.dumps({"error": words}).encode())
    return Response(200, headers, json.dumps({"now": clock.now()}).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for head and body: two would wait for each other (Nagle and delayed acknowledgement)
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def _answer(self) -> None:
        length = self.headers.get("content-length", "0")
        size = int(length) if length.isdigit() else -1
        if "transfer-encoding" in self.headers or not 0 <= size <= MAXIMUM_REQUEST:
            self.close_connection = True
            self._write(
                Response(411 if size <= 0 else 413, {"content-type": "text/plain"}, b"a Content-Length is required")
            )
            return
        body = self.rfile.read(size)
        clock = self.server.clock
        if clock is not None and self.path == ADVANCE and self.command == "POST":
            with self.server.lock:
                moved = advance(clock, body)
            self.server.changed.set()
            self._write(moved)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            path = self.path.removeprefix(self.server.prefix)
            answer = self.server.handle(Request(self.command, path, headers, body))
        self.server.changed.set()
        if answer is None:
            self.close_connection = True
        else:
            self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names that http.server looks for

    def _write(self, answer: Response) -> None:
        self.send_response_only(answer.status)
        if "server" not in answer.headers:
            self.send_header("server", self.version_string())
        self.send_header("date", self.date_time_string(self.server.today()))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if answer.status not in (204, 304):
            self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
        """Print nothing: the trace of a run is kept elsewhere."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handle: Handle, prefix: str, clock: Clock | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.handle = handle
        self.clock = clock
        self.lock = threading.Lock()
        self.changed = threading.Event()
        self.prefix = prefix
        self._shift = 0.0 if clock is None else time.time() - clock.now()

    def today(self) -> float:
        """Seconds since 1970 on the provider's own clock: recordings of a mock must show the time that it lived in."""
        return time.time() if self.clock is None else self._shift + self.clock.now()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no error of the server."""


def prefix_of(contract: Contract) -> str:
    """The path that base URLs of a provider end in."""
    return urlsplit(contract.base_url).path.rstrip("/")


@contextmanager
def serve(provider: ReferenceProvider, clock: Clock, port: int = 0) -> Iterator[Served]:
    """Serve a provider on loopback (port 0: a free one) until the context ends. Raises OSError for a port in use."""
    with _running(_Server(port, provider.handle, prefix_of(provider.contract), clock)) as server:
        root = f"http://127.0.0.1:{server.server_port}"
        with calling_back(provider, server.lock, server.changed):
            yield Served(root + server.prefix, root + ADVANCE)


@contextmanager
def serve_handler(handle: Handle, prefix: str = "", port: int = 0) -> Iterator[str]:
    """Serve a function under the path `prefix` until the context ends; its base URL. Raises OSError as `serve` does.

    The function is never called by two threads at once, and there is no clock to move.
    """
    with _running(_Server(port, handle, prefix, None)) as server:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"


@contextmanager
def _running(server: _Server) -> Iterator[_Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CALLBACK_TIMEOUT = 5.0
"""Seconds that a receiver of callbacks may take."""

CALLBACK_TICK = 0.05
"""Real seconds after which callbacks are looked for although nothing has happened: tasks end by themselves."""


@contextmanager
def calling_back(provider: ReferenceProvider, lock: threading.Lock, changed: threading.Event) -> Iterator[None]:
    """Send the callbacks of a provider from a thread of its own until the context ends.

    `changed` is set whenever something may have become due. A receiver that fails is not asked again.
    """
    if provider.contract.operation_of(Role.CALLBACK) is None:
        yield
        return
    from pollproof.transport.addresses import TargetError
    from pollproof.transport.http import HttpTarget

    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            changed.wait(CALLBACK_TICK)
            changed.clear()
            with lock:
                due = provider.due_callbacks()
            for address, body in due:
                with suppress(TargetError):
                    target = HttpTarget(address, CALLBACK_TIMEOUT)
                    target.exchange(Request("POST", "", {"content-type": "application/json"}, body))
                    target.close()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        changed.set()
        thread.join()


def werkzeug_handler(
    provider: ReferenceProvider, clock: Clock, lock: threading.Lock | None = None
) -> Callable[[WerkzeugRequest], WerkzeugResponse]:
    """A handler for `httpserver.expect_request(re.compile(".*")).respond_with_handler(...)` of pytest-httpserver.

    Where the provider calls back, use `calling_back` beside it, with the same lock.
    """
    from werkzeug import Response as WerkzeugResponse

    lock = lock or threading.Lock()
    prefix = prefix_of(provider.contract)

    def handle(request: WerkzeugRequest) -> WerkzeugResponse:
        body = request.get_data()
        with lock:
            if request.path == ADVANCE:
                answer = advance(clock, body)
            else:
                headers = {name.lower(): value for name, value in request.headers.items()}
                path = request.path.removeprefix(prefix)
                answer = provider.handle(Request(request.method, path, headers, body))
        return WerkzeugResponse(answer.body, answer.status, dict(answer.headers))

    return handle
