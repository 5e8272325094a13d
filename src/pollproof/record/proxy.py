"""A recording proxy: listens on loopback, passes requests on to one provider, and keeps every exchange.

It is not an open proxy: whatever a client requests goes to the base URL, or nowhere.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus

from pollproof.http.client import Wire, describe_failure
from pollproof.http.requests import Connection, Malformed, ReceivedRequest
from pollproof.http.responses import NoResponse, RawResponse
from pollproof.http.server import LOOPBACK, Listener, farewell, is_name_of_loopback
from pollproof.recordings.encodings import decoded
from pollproof.trace.exchange import Exchange, Request, Response

_IDLE = 120.0
"""Seconds after which a connection of a client is closed on which nothing comes."""

_TIMEOUT = 30.0
"""Seconds that the provider may take for a response."""

MAXIMUM_KEPT = 512 * 1024 * 1024
"""Bytes of bodies that are kept for one recording; what comes later is passed on all the same."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are about one connection and not passed on (RFC 9110, 7.6.1)."""

_HeaderPairs = Sequence[tuple[str, str]]


class Listening:
    """A proxy that listens: where, and what it has kept so far."""

    def __init__(self, base_url: str, server: _Server) -> None:
        self.base_url = base_url
        self._server = server

    @property
    def problem(self) -> str | None:
        """Why what was kept is not all that came, in one sentence; None where it is."""
        if not self._server.left_out:
            return None
        most = MAXIMUM_KEPT // 1024 // 1024
        return f"{self._server.left_out} exchanges were passed on and not kept, for there were {most} MiB already"

    @property
    def exchanges(self) -> list[Exchange]:
        """The exchanges so far, in the order in which their requests came."""
        with self._server.lock:
            return sorted(self._server.kept, key=lambda exchange: exchange.sent)


class _Server:
    """Talks to clients, each over an upstream connection of its own, and keeps what was said."""

    def __init__(self, base_url: str, now: Callable[[], float]) -> None:
        self._base_url = base_url
        parts = Wire(base_url, _TIMEOUT, query=False).parts
        self.prefix = parts.path.rstrip("/")
        self._provider = {parts.netloc.rpartition("@")[2].lower(), parts.hostname}
        self._now = now
        self.kept: list[Exchange] = []
        self.left_out = 0
        self._bytes = 0
        self.lock = threading.Lock()

    def talk(self, stream: socket.socket, _: int) -> None:
        """Answer the requests of one connection."""
        stream.settimeout(_IDLE)
        connection, wire = Connection(stream), Wire(self._base_url, _TIMEOUT, query=False)
        try:
            while True:
                try:
                    received = connection.read()
                except Malformed as error:
                    stream.sendall(
                        _written(_refusal(error.status, f"expected a request, got {error}"), "", keeps=False)
                    )
                    farewell(stream)
                    return
                if received is None:
                    return
                answer = self._relay(wire, received)
                stream.sendall(_written(answer, received.request.method, keeps=received.keeps))
                if not received.keeps:
                    return
        finally:
            wire.close()

    def _relay(self, wire: Wire, received: ReceivedRequest) -> RawResponse:
        """Pass a request on, and keep it with what came of it."""
        target, prefix = received.target, self.prefix
        host = received.request.headers.get("host", "").lower()
        if not is_name_of_loopback(host) and host not in self._provider:  # a page that had its own name lead here
            return _refusal(421, "this proxy answers to the names of this machine's loopback address alone")
        if not target.startswith("/") or not (target == prefix or target.startswith((f"{prefix}/", f"{prefix}?"))):
            return _refusal(404, "this proxy leads to one base URL alone, and to nothing beside it")
        method, body = received.request.method, received.request.body
        dropped = HOP_BY_HOP | _tokens(received.lines) | {"host", "content-length", "expect"}
        lines = [(name, value) for name, value in received.lines if name.lower() not in dropped]
        headers = {name.lower(): value for name, value in lines}
        request = Request(method, target[len(prefix) :], headers, body)
        sent = self._now()
        try:
            raw = wire.send(_message(wire, method, target, lines, body), method)
        except (OSError, NoResponse, ValueError) as error:
            self._keep(Exchange(request, None, sent, self._now(), describe_failure(error)))
            return _refusal(502, f"the provider gave no response: {describe_failure(error)}")
        self._keep(Exchange(request, Response(raw.status, _joined(raw.headers), _plain(raw)), sent, self._now()))
        return raw

    def _keep(self, exchange: Exchange) -> None:
        size = len(exchange.request.body) + (0 if exchange.response is None else len(exchange.response.body))
        with self.lock:
            if self._bytes + size > MAXIMUM_KEPT:
                self.left_out += 1
            else:
                self.kept.append(exchange)
                self._bytes += size


def _message(wire: Wire, method: str, target: str, lines: _HeaderPairs, body: bytes) -> bytes:
    """A request to the provider as bytes."""
    proxy = None if wire.is_secure else wire.proxy
    own = [("Host", wire.parts.netloc)]
    if body or method in ("POST", "PUT", "PATCH"):
        own.append(("Content-Length", str(len(body))))
    if proxy is not None:
        target = f"http://{wire.parts.netloc}{target}"
        own += proxy.headers.items()
    head = "".join(f"{name}: {value}\r\n" for name, value in [*own, *lines])
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _written(raw: RawResponse, method: str, *, keeps: bool) -> bytes:
    """A response to the client as bytes: as it came, but for what is about one connection."""
    dropped = HOP_BY_HOP | _tokens(raw.headers)
    bare = raw.status in (204, 304) or method == "HEAD"
    lines = [
        f"{name}: {value}\r\n"
        for name, value in raw.headers
        if name.lower() not in dropped and (bare or name.lower() != "content-length")
    ]
    if not bare:
        lines.append(f"Content-Length: {len(raw.body)}\r\n")
    if not keeps:
        lines.append("Connection: close\r\n")
    head = f"HTTP/1.1 {raw.status} {raw.reason}\r\n{''.join(lines)}\r\n"
    return head.encode("latin-1") + (b"" if bare else raw.body)


def _refusal(status: int, words: str) -> RawResponse:
    lines = [("Content-Type", "text/plain; charset=utf-8")]
    return RawResponse(status, HTTPStatus(status).phrase, lines, {}, f"pollproof: {words}\n".encode(), True)


def _tokens(headers: _HeaderPairs) -> frozenset[str]:
    """The headers that a Connection header names as its own."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(","))


def _joined(headers: _HeaderPairs) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _plain(raw: RawResponse) -> bytes:
    """The body without its content encoding, for the recording; the client gets it as it came."""
    encoding = next((value for name, value in raw.headers if name.lower() == "content-encoding"), "")
    try:
        return decoded(raw.body, encoding)
    except ValueError:
        return raw.body


@contextmanager
def listen_and_record(base_url: str, port: int = 0, now: Callable[[], float] = time.monotonic) -> Iterator[Listening]:
    """Listen on loopback (port 0: a free one) until the context ends.

    Raises OSError for a port in use and `TargetError` for a URL that is none.
    """
    server = _Server(base_url, now)
    listener = Listener(server.talk, port=port)
    listener.start()
    try:
        yield Listening(f"http://{LOOPBACK}:{listener.port}{server.prefix}", server)
    finally:
        listener.close()
