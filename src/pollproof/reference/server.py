"""Providers over HTTP: a server of its own for real clients, and a handler for pytest-httpserver.

What is served is the reference provider, or any other function that answers requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pollproof.clock import Clock
from pollproof.contract.model import Contract, Role
from pollproof.http.server import Handler, listening
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.bodies import read_json, write_json
from pollproof.trace.exchange import Request, Response

if TYPE_CHECKING:
    from werkzeug import Request as WerkzeugRequest
    from werkzeug import Response as WerkzeugResponse

ADVANCE = "/_clock/advance"
"""Path of the hook that moves the reference's clock; no provider documents a path like it."""

_EXTRA = "pollproof[httpserver]"
"""The extra that brings pytest-httpserver, and with it Werkzeug."""

MAXIMUM_STEP = 1e9
"""Seconds that one request moves the clock by at most: 31 years, more than any documented lifetime."""

MAXIMUM_NOW = 1e12
"""Seconds that the clock goes to: beyond them it would no longer keep milliseconds apart."""


@dataclass(frozen=True, slots=True)
class Served:
    """A provider that is being served."""

    base_url: str
    advance_url: str


def advance(clock: Clock, body: bytes) -> Response:
    """Answer the clock hook: `{"seconds": N}` moves the clock and is answered with its new time."""
    headers = {"content-type": "application/json"}
    value = read_json(body)
    seconds = value.get("seconds") if isinstance(value, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= MAXIMUM_STEP:
        words = f'expected {{"seconds": N}} with N from 0 to {MAXIMUM_STEP:.0f}'
    elif clock.now() + seconds > MAXIMUM_NOW:
        words = "the clock has been moved as far as it goes; start the server again"
    else:
        clock.advance(seconds)
        return Response(200, headers, write_json({"now": clock.now()}))
    return Response(400, headers, write_json({"error": words}))


def prefix_of(contract: Contract) -> str:
    """The path that base URLs of a provider end in."""
    return urlsplit(contract.base_url).path.rstrip("/")


@contextmanager
def serve(provider: ReferenceProvider, clock: Clock, port: int = 0) -> Iterator[Served]:
    """Serve a provider on loopback (port 0: a free one) until the context ends. Raises OSError for a port in use."""
    prefix, lock, changed = prefix_of(provider.contract), threading.Lock(), threading.Event()
    began = time.time() - clock.now()

    def answer(request: Request) -> Response | None:
        with lock:
            if request.path == ADVANCE and request.method == "POST":
                given = advance(clock, request.body)
            else:
                given = provider.handle(request._replace(path=request.path.removeprefix(prefix)))
        changed.set()
        return given

    # Recordings of a mock must show the time that it lived in.
    with listening(answer, port, lambda: began + clock.now()) as root, calling_back(provider, lock, changed):
        provider.base_url = root + prefix
        yield Served(provider.base_url, root + ADVANCE)


@contextmanager
def serve_handler(handle: Handler, prefix: str = "", port: int = 0) -> Iterator[str]:
    """Serve a function under the path `prefix` until the context ends; its base URL. Raises OSError as `serve` does.

    The function is never called by two threads at once, and there is no clock to move.
    """
    lock = threading.Lock()

    def answer(request: Request) -> Response | None:
        with lock:
            return handle(request._replace(path=request.path.removeprefix(prefix)))

    with listening(answer, port, time.time) as root:
        yield root + prefix


CALLBACK_TIMEOUT = 5.0
"""Seconds that a receiver of callbacks may take."""

CALLBACK_TICK = 0.05
"""Real seconds after which callbacks are looked for although nothing has happened: tasks end by themselves."""


@contextmanager
def calling_back(provider: ReferenceProvider, lock: threading.Lock, changed: threading.Event) -> Iterator[None]:
    """Send the callbacks of a provider from a thread of its own until the context ends.

    `changed` is set whenever something may have become due. A receiver that fails is not called again.
    """
    if provider.contract.operation_of(Role.CALLBACK) is None:
        yield
        return
    from pollproof.http.addresses import TargetError
    from pollproof.http.client import HttpTarget

    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            changed.wait(CALLBACK_TICK)
            changed.clear()
            with lock:
                due = [(address, body, provider.callback_headers(body)) for address, body in provider.due_callbacks()]
            for address, body, headers in due:
                with suppress(TargetError):
                    target = HttpTarget(address, CALLBACK_TIMEOUT)
                    response, _ = target.exchange(Request("POST", "", headers, body))
                    if response is not None and response.status >= 300:
                        with lock:
                            provider.resend(address, body)
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
    Raises `ImportError` where Werkzeug is not installed.
    """
    try:
        from werkzeug import Response as WerkzeugResponse
    except ImportError:
        raise ImportError(f"the handler for pytest-httpserver needs Werkzeug: pip install '{_EXTRA}'") from None

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
