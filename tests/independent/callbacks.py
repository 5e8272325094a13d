"""Sending callbacks at a moment of a service's clock, each of them once.

What Decodo's page on asynchronous requests (S3) says: when the task is complete, a POST request goes to the URL that
the client gave. No document states a timeout, retries or redirects; here one attempt is made, and no redirect followed.
"""

import heapq
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from .serving import Clock, JsonObject, now

TIMEOUT_SECONDS = 5.0
SENDER_COUNT = 8  # so many slow receivers do not hold up the callbacks of the others
MAXIMUM_ANSWER_BYTES = 65536


@dataclass(frozen=True, order=True)
class Callback:
    """A JSON object to be posted to a URL once the clock has reached due; number keeps the order of equal moments."""

    due: float
    number: int
    url: str = field(compare=False)
    body: JsonObject = field(compare=False)


@dataclass
class Outbox:
    """The callbacks that are not yet sent, the earliest first. Everything but the clock is guarded by clock.changed."""

    clock: Clock
    waiting: list[Callback] = field(default_factory=list)
    count: int = 0
    closed: bool = False


def is_callback_url(value: object) -> bool:
    """Whether a callback could be posted there: an absolute http or https URL with a host."""
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def send_later(outbox: Outbox, due: float, url: str, body: JsonObject) -> None:
    """Have the body posted to the URL when the clock has reached due, also if the clock is moved past it."""
    with outbox.clock.changed:
        outbox.count += 1
        heapq.heappush(outbox.waiting, Callback(due, outbox.count, url, body))
        outbox.clock.changed.notify_all()


@contextmanager
def sending(outbox: Outbox) -> Iterator[None]:
    """Send in threads of its own; what is not due on exit is dropped."""
    for _ in range(SENDER_COUNT):
        threading.Thread(target=_send_all, args=(outbox,), daemon=True).start()
    try:
        yield
    finally:
        with outbox.clock.changed:
            outbox.closed = True
            outbox.clock.changed.notify_all()


def _send_all(outbox: Outbox) -> None:
    while (callback := _take(outbox)) is not None:
        with suppress(OSError, HTTPException, ValueError):
            _post(callback)


def _take(outbox: Outbox) -> Callback | None:
    """Wait for the next callback that is due and take it out, so that nobody else sends it; None at the end."""
    with outbox.clock.changed:
        while not outbox.closed:
            remaining = outbox.waiting[0].due - now(outbox.clock) if outbox.waiting else None
            if remaining is not None and remaining <= 0:
                return heapq.heappop(outbox.waiting)
            outbox.clock.changed.wait(remaining)
    return None


def _post(callback: Callback) -> None:
    parts = urlsplit(callback.url)
    connection = _connect(parts)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        content = json.dumps(callback.body, allow_nan=False).encode("ascii")
        connection.request("POST", target, content, {"Content-Type": "application/json", "Connection": "close"})
        connection.getresponse().read(MAXIMUM_ANSWER_BYTES)
    finally:
        connection.close()


def _connect(parts: SplitResult) -> HTTPConnection:
    connection_class = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return connection_class(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
