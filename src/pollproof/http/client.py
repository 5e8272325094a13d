"""A target over HTTP: one connection that is kept alive, TLS, proxies."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial

from pollproof.http.addresses import proxy_for, split_url
from pollproof.http.bounds import PIECE
from pollproof.http.responses import NoResponse, RawResponse, decode_body, read_response
from pollproof.http.target import RequestOutcome
from pollproof.trace.exchange import Request, Response
from pollproof.version import __version__

RESPONSE_TIMEOUT = 10.0
"""Seconds that a response may take: ten times what a loaded provider needs for a poll."""

ABANDONED = 0.02
"""Seconds after which a connection is cut whose response nobody waits for: the request has surely arrived."""

MAXIMUM_HEADS = 64
"""Heads of requests that are kept written: operations have one each, unless a header differs every time."""


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Names of headers (RFC 9110, 5.6.2)."""

VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""Values of headers that can be written."""


class Disconnected(ConnectionError):
    """The connection was closed without a response."""


class Wire:
    """One connection to the host of a URL, kept alive, with TLS or through a proxy where the URL says so.

    A response must be there within `seconds` of its request, however slowly its pieces come. Certificates are verified.
    """

    def __init__(self, base_url: str, seconds: float, *, named: str = "base URL", query: bool = True) -> None:
        self.parts = split_url(base_url, named, query)
        self.is_secure = self.parts.scheme == "https"
        self.host = self.parts.hostname or ""
        self.port = self.parts.port or (443 if self.is_secure else 80)
        self.proxy = proxy_for(self.parts.scheme, self.host, self.port)
        self._seconds = seconds
        self._context: ssl.SSLContext | None = None
        self._stream: socket.socket | None = None
        self._stirs: Callable[[], object] = bool
        self._used = False

    def leads_where(self, other: Wire) -> bool:
        """Whether another connection leads to the same host and port in the same way."""
        return (self.is_secure, self.host, self.port) == (other.is_secure, other.host, other.port)

    def send(self, message: bytes, method: str, *, may_resend: bool = True) -> RawResponse:
        """Send a request and read its response; raises `NoResponse` and OSError, after which the connection is closed.

        A server may close an idle connection at any time, also while the next request is under way: with `may_resend` a
        request over a connection that has served before is then sent a second time.
        """
        if self._stream is not None and self._stirs():
            self.close()
        for attempt in (1, 2):
            reused = may_resend and self._stream is not None and self._used
            try:
                stream = self._stream or self.connect()
                stream.sendall(message)
                end = time.monotonic() + self._seconds
                first = stream.recv(PIECE)
                if not first:
                    raise Disconnected
                response = read_response(stream, method, first, end, self._seconds)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.close()
                if reused and attempt == 1:
                    continue
                raise
            except BaseException:
                self.close()
                raise
            self._used = True
            if not response.keeps:
                self.close()
            return response
        raise AssertionError("unreachable")

    def connect(self) -> socket.socket:
        """Open the connection; raises `NoResponse` and OSError."""
        host, port = (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)
        stream = socket.create_connection((host, port), self._seconds)
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.is_secure:
                if self._context is None:  # reading the certificates of the system takes longer than a handshake
                    self._context = ssl.create_default_context()
                if self.proxy is not None:
                    self._open_tunnel(stream, self.proxy.headers)
                stream = self._context.wrap_socket(stream, server_hostname=self.host)
        except BaseException:
            stream.close()
            raise
        self._stream = stream
        self._stirs = watch(stream)
        return stream

    def _open_tunnel(self, stream: socket.socket, headers: Mapping[str, str]) -> None:
        """Have the proxy lead this connection to the host (RFC 9110, 9.3.6)."""
        authority = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": authority, **headers}.items())
        stream.sendall(f"CONNECT {authority} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        end = time.monotonic() + self._seconds
        first = stream.recv(PIECE)
        if not first:
            raise Disconnected
        response = read_response(stream, "CONNECT", first, end, self._seconds)
        if not 200 <= response.status < 300:
            raise OSError(f"Tunnel connection failed: {response.status} {response.reason}")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._used = False


def watch(connection: socket.socket) -> Callable[[], object]:
    """Tells whether an idle connection has something to say: that it is closed, or bytes that belong to no response."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return partial(poll.poll, 0)
    return lambda: select.select([connection], [], [], 0)[0]


class HttpTarget:
    """A base URL, over one connection that is kept alive. Proxies are taken from the `*_PROXY` variables.

    A response must be there within `timeout` seconds of its request, however slowly its pieces come.
    A request with an empty path goes to the URL as it is written, and a query of the URL goes with every request;
    `query=False` refuses one. `named` is what errors call the URL. Without `may_resend` no request is ever sent twice,
    which otherwise happens where a connection that has served before is closed under a request.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float | None = None,
        *,
        named: str = "base URL",
        query: bool = True,
        may_resend: bool = True,
        wire: Wire | None = None,
    ) -> None:
        self.name = base_url
        own = Wire(base_url, RESPONSE_TIMEOUT if timeout is None else timeout, named=named, query=query)
        self._wire = own if wire is None or not own.leads_where(wire) else wire
        self._may_resend = may_resend
        wire, parts = own, own.parts
        absolute = wire.proxy is not None and not wire.is_secure
        origin = f"http://{parts.netloc}" if absolute else ""
        self._prefix = origin + parts.path.rstrip("/")
        self._itself = origin + (parts.path or "/")
        self._query = parts.query
        self._fixed = self._fixed_headers(parts.netloc if absolute else "")
        self._heads: dict[tuple[tuple[str, str], ...], tuple[bytes, bool]] = {}

    def _fixed_headers(self, authority: str) -> dict[str, str]:
        """The headers of every request that has none of these names."""
        wire = self._wire
        if not authority:
            host = f"[{wire.host.partition('%')[0]}]" if ":" in wire.host else wire.host
            authority = host if wire.port == (443 if wire.is_secure else 80) else f"{host}:{wire.port}"
        fixed = {"Host": authority, "Accept-Encoding": "identity", "User-Agent": f"pollproof/{__version__}"}
        return fixed if wire.proxy is None or wire.is_secure else {**fixed, **wire.proxy.headers}

    def beside(self, url: str) -> HttpTarget:
        """Another URL, over the same connection where it is of the same host and port."""
        return HttpTarget(url, wire=self._wire)

    # --------------------------------------------------------------------- requests

    def exchange(self, request: Request) -> RequestOutcome:
        try:
            raw = self._wire.send(self._message(request), request.method, may_resend=self._may_resend)
            headers = raw.fields
            body = decode_body(raw.body, headers["content-encoding"]) if "content-encoding" in headers else raw.body
        except (OSError, NoResponse, ValueError) as error:
            return RequestOutcome(None, describe_failure(error))
        return RequestOutcome(Response(raw.status, headers, body), None)

    def abandon(self, request: Request) -> str | None:
        """Send a request over a connection of its own and close that without reading a response.

        Returns why it could not be sent, else None.
        """
        self.close()
        try:
            self._wire.connect().sendall(self._message(request))
            time.sleep(ABANDONED)
        except (OSError, NoResponse, ValueError) as error:
            return describe_failure(error)
        finally:
            self.close()
        return None

    def _message(self, request: Request) -> bytes:
        """Head and body of a request as one piece; raises ValueError for what cannot be sent."""
        target = self._prefix + request.path if request.path else self._itself
        if self._query:
            target += ("&" if "?" in target else "?") + self._query
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"the request was not sent: {target!r} has a character that must be percent-encoded")
        key = tuple(request.headers.items())
        written = self._heads.get(key)
        if written is None:
            if len(self._heads) >= MAXIMUM_HEADS:
                self._heads.clear()
            written = self._heads[key] = self._head(request.headers)
        head, framed = written
        size = "" if framed else f"Content-Length: {len(request.body)}\r\n"
        return f"{request.method} {target} HTTP/1.1\r\n{size}".encode("ascii") + head + request.body

    def _head(self, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """The header lines of a request and the end of its head, and whether they tell how the body is framed."""
        given = {name.lower(): value for name, value in headers.items()}
        fixed = {name: value for name, value in self._fixed.items() if name.lower() not in given}
        text = ""
        for name, value in {**fixed, **given}.items():
            if not _HEADER_NAME.fullmatch(name) or not VALUE.fullmatch(value):
                raise ValueError(f"the request was not sent: its header {name!r} cannot be written")
            text += f"{name}: {value}\r\n"
        return f"{text}\r\n".encode("latin-1"), "content-length" in given or "transfer-encoding" in given

    def close(self) -> None:
        self._wire.close()


def describe_failure(error: Exception) -> str:
    """Why there was no response, in words without addresses of objects."""
    if isinstance(error, NoResponse):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no response in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, Disconnected):
        return "the connection was closed without a response"
    if isinstance(error, ConnectionError):
        return "the connection was reset"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return f"its certificate is not trusted ({why}; SSL_CERT_FILE names a file of others to trust)"
    if isinstance(error, ssl.SSLError):
        why = (error.reason or "the connection was closed").lower().replace("_", " ")
        hint = ", so the URL may have to begin with http:" if why == "wrong version number" else ""
        return f"TLS failed ({why}{hint})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
