"""A recording proxy: listens on loopback, passes requests on to one provider, and keeps every exchange.

It is no open proxy: whatever a client asks for goes to the base URL, or nowhere.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pollproof.http.addresses import proxy_for, split
from pollproof.http.parser import MAXIMUM_BODY, BoundedAnswer, TooLarge, watch, words_of
from pollproof.recordings.encodings import decoded
from pollproof.trace.exchange import Exchange, Request, Response

TIMEOUT = 30.0
"""Seconds that the provider may take for an answer."""

MAXIMUM_LINE = 1024
"""Bytes of the line that tells the size of a chunk."""

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

Headers = Sequence[tuple[str, str]]


class Told(NamedTuple):
    """An answer as it came, its body still encoded."""

    status: int
    reason: str
    headers: Headers
    body: bytes


class Upstream:
    """The provider, over one connection that is kept alive. Certificates are verified."""

    def __init__(self, base_url: str) -> None:
        parts = split(base_url, "base URL", False)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._authority = parts.netloc
        self._proxy = proxy_for(parts.scheme, self._host, self._port)
        self._connection: http.client.HTTPConnection | None = None
        self._stirs: Callable[[], object] = bool

    def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Told:
        """Pass a request on and wait for the answer; raises OSError, ValueError or HTTPException."""
        if self._connection is not None and self._stirs():
            self.close()
        for attempt in (1, 2):
            fresh = self._connection is None
            try:
                return self._ask(self._connection or self._connect(), method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()  # a connection that was kept may be closed at any time, and gets one more chance
                if fresh or attempt == 2:
                    raise
            except BaseException:
                self.close()
                raise
        raise AssertionError("unreachable")

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, target: str, headers: Headers, body: bytes
    ) -> Told:
        if self._proxy is not None and not self._secure:
            target = f"http://{self._authority}{target}"
            headers = [*headers, *self._proxy.headers.items()]
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self._authority)
        for name, value in headers:
            connection.putheader(name, value.encode("latin-1"))
        if body or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        with connection.getresponse() as answer:
            content = answer.read(MAXIMUM_BODY + 1)
            if len(content) > MAXIMUM_BODY:
                raise TooLarge
            if answer.length:
                raise http.client.IncompleteRead(content)
            told = Told(answer.status, answer.reason, answer.getheaders(), content)
            if answer.will_close:
                self.close()
        return told

    def _connect(self) -> http.client.HTTPConnection:
        host, port = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        connection: http.client.HTTPConnection
        if self._secure:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
            if self._proxy is not None:
                connection.set_tunnel(self._host, self._port, self._proxy.headers)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        connection.response_class = partial(BoundedAnswer, TIMEOUT)  # type: ignore[assignment]
        connection.connect()
        self._connection = connection
        self._stirs = watch(connection.sock)
        return connection

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for head and body
    disable_nagle_algorithm = True
    timeout = 120
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream = Upstream(self.server.base_url)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _relay(self) -> None:
        prefix = self.server.prefix
        below = self.path == prefix or self.path.startswith((f"{prefix}/", f"{prefix}?"))
        if not self.path.startswith("/") or not below:
            self._refuse(404, "this proxy leads to one base URL alone, and to nothing beside it")
            return
        body = self._body()
        if body is None:
            return
        dropped = HOP_BY_HOP | _tokens(self.headers.get_all("connection", []))
        asked = [
            (name, value)
            for name, value in self.headers.items()
            if name.lower() not in dropped | {"host", "content-length", "expect"}
        ]
        path = self.path[len(prefix) :]
        request = Request(self.command, path, {name.lower(): value for name, value in asked}, body)
        sent = self.server.now()
        try:
            told = self._upstream.ask(self.command, self.path, asked, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.server.keep(Exchange(request, None, sent, self.server.now(), words_of(error)))
            self._refuse(502, f"the provider gave no answer: {words_of(error)}")
            return
        response = Response(told.status, _joined(told.headers), _plain(told))
        self.server.keep(Exchange(request, response, sent, self.server.now()))
        self._write(told)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _relay  # noqa: N815 - http.server's names

    def _body(self) -> bytes | None:
        """The body of the request; None where it was refused."""
        size = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers:
            body = self._chunks() if self.headers["transfer-encoding"].strip().lower() == "chunked" else None
        else:
            length = int(size) if size.isascii() and size.isdecimal() and len(size) < 16 else -1
            body = self.rfile.read(length) if 0 <= length <= MAXIMUM_BODY else None
            if body is not None and len(body) < length:
                body = None
        if body is None:
            self.close_connection = True
            self._refuse(413, f"expected a body of at most {MAXIMUM_BODY} bytes, with its length or in chunks")
        return body

    def _chunks(self) -> bytes | None:
        whole = b""
        while True:
            line = self.rfile.readline(MAXIMUM_LINE)
            digits = line.partition(b";")[0].strip()
            if not line.endswith(b"\n") or not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
                return None
            size = int(digits, 16)
            if len(whole) + size > MAXIMUM_BODY:
                return None
            if size == 0:
                while self.rfile.readline(MAXIMUM_LINE).strip():  # trailers
                    pass
                return whole
            piece = self.rfile.read(size)
            if len(piece) < size or self.rfile.readline(3).strip():
                return None
            whole += piece

    def _write(self, told: Told) -> None:
        dropped = HOP_BY_HOP | _tokens([value for name, value in told.headers if name.lower() == "connection"])
        bare = told.status in (204, 304) or self.command == "HEAD"
        self.send_response_only(told.status, told.reason)
        for name, value in told.headers:
            if name.lower() not in dropped and (bare or name.lower() != "content-length"):
                self.send_header(name, value)
        if not bare:
            self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        if not bare:
            self.wfile.write(told.body)
        self.wfile.flush()

    def _refuse(self, status: int, words: str) -> None:
        self._write(Told(status, "", [("Content-Type", "text/plain; charset=utf-8")], f"pollproof: {words}\n".encode()))

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
        """Print nothing: the exchanges are kept."""


def _tokens(values: Sequence[str]) -> frozenset[str]:
    """The headers that a Connection header names as its own."""
    return frozenset(token.strip().lower() for value in values for token in value.split(","))


def _joined(headers: Headers) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _plain(told: Told) -> bytes:
    """The body without its content encoding, for the recording; the client gets it as it came."""
    encoding = next((value for name, value in told.headers if name.lower() == "content-encoding"), "")
    try:
        return decoded(told.body, encoding)
    except ValueError:
        return told.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, base_url: str, port: int, now: Callable[[], float]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.base_url = base_url
        self.prefix = urlsplit(base_url).path.rstrip("/")
        self.now = now
        self.kept: list[Exchange] = []
        self.left_out = 0
        self._bytes = 0
        self.lock = threading.Lock()

    def keep(self, exchange: Exchange) -> None:
        """Take one more exchange in."""
        size = len(exchange.request.body) + (0 if exchange.response is None else len(exchange.response.body))
        with self.lock:
            if self._bytes + size > MAXIMUM_KEPT:
                self.left_out += 1
            else:
                self.kept.append(exchange)
                self._bytes += size

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no error of the proxy."""


@contextmanager
def listening(base_url: str, port: int = 0, now: Callable[[], float] = time.monotonic) -> Iterator[Listening]:
    """Listen on loopback (port 0: a free one) until the context ends.

    Raises OSError for a port in use and `TargetError` for a URL that is none.
    """
    Upstream(base_url)  # a URL that cannot be used is told now
    server = _Server(base_url, port, now)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Listening(f"http://127.0.0.1:{server.server_port}{server.prefix}", server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
