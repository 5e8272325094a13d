"""Targets: what requests are sent to. The embedded reference is called in process, anything else over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import io
import select
import socket
import ssl
import time
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from pollproof.trace import Request, Response

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAXIMUM_BODY = 8 * 1024 * 1024
"""Bytes of an answer that are read; a task's state that is larger is no answer."""

TIMEOUT = 10.0
"""Seconds that an answer may take: ten times what a loaded provider needs for a poll."""


class Outcome(NamedTuple):
    """What came of a request: a response, or why there is none."""

    response: Response | None
    failure: str | None


class Target(Protocol):
    """Something that answers requests."""

    name: str

    def exchange(self, request: Request) -> Outcome:
        """Send a request and wait for its answer. Never raises for what the other side does."""

    def close(self) -> None:
        """Let go of connections."""


class InProcessTarget:
    """A provider that is called directly."""

    def __init__(self, name: str, handle: Callable[[Request], Response]) -> None:
        self.name = name
        self._handle = handle

    def exchange(self, request: Request) -> Outcome:
        return Outcome(self._handle(request), None)

    def close(self) -> None:
        return None


class TargetError(ValueError):
    """A target that cannot be addressed; its text is one sentence for people."""


class HttpTarget:
    """A base URL, over one connection that is kept alive. Proxies are taken from the `*_PROXY` variables.

    An answer must be there within `timeout` seconds of its request, however slowly its pieces come.
    """

    def __init__(self, base_url: str, timeout: float | None = None) -> None:
        parts = _split(base_url)
        self.name = base_url
        self._timeout = TIMEOUT if timeout is None else timeout
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._proxy = _proxy_for(parts.scheme, self._host, self._port)
        self._absolute = f"http://{parts.netloc}" if self._proxy is not None and not self._secure else ""
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._used = False

    def _connect(self) -> http.client.HTTPConnection:
        host, port = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        connection: http.client.HTTPConnection
        if self._secure:
            if self._context is None:  # reading the certificates of the system takes longer than a handshake
                self._context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
            if self._proxy is not None:
                connection.set_tunnel(self._host, self._port, self._proxy.headers)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        connection.response_class = partial(_Answer, self._timeout)  # type: ignore[assignment]
        return connection

    def exchange(self, request: Request) -> Outcome:
        target = self._absolute + (self._prefix + request.path or "/")
        headers: Mapping[str, str] = request.headers
        if self._absolute and self._proxy is not None:
            headers = {**headers, **self._proxy.headers}
        if self._connection is not None and _stirs(self._connection.sock):
            self.close()
        for attempt in (1, 2):
            reused = self._connection is not None and self._used
            try:
                if self._connection is None:
                    self._connection = self._connect()
                connection = self._connection
                connection.request(request.method, target, request.body, headers)
                answer = connection.getresponse()
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
                # A server may close an idle connection at any time, also while the next request is under way:
                # a connection that has served before gets one more chance.
                self.close()
                if reused and attempt == 1:
                    continue
                return Outcome(None, _words(error))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                return Outcome(None, _words(error))
            return self._read(answer)
        raise AssertionError("unreachable")

    def _read(self, answer: http.client.HTTPResponse) -> Outcome:
        try:
            body = answer.read(MAXIMUM_BODY + 1)
            if len(body) > MAXIMUM_BODY:
                raise _TooLarge
            if answer.length:  # read(n) does not complain about a body that ends early
                raise http.client.IncompleteRead(body)
            headers = {name.lower(): value for name, value in answer.getheaders()}
            body = _decode(body, headers.get("content-encoding", ""))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Outcome(None, _words(error))
        self._used = True
        if answer.will_close:
            self.close()
        return Outcome(Response(answer.status, headers, body), None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._used = False


# ------------------------------------------------------------------------------- addresses


def _split(base_url: str) -> SplitResult:
    """The parts of a base URL; raises `TargetError`."""
    expected = "expected http://HOST[:PORT][/PATH] or https://..."
    try:
        parts = urlsplit(base_url)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        what = "its port is no number from 1 to 65535" if "ort" in str(error) else "its host cannot be read"
        raise TargetError(f"{base_url!r} is no base URL: {what}") from None
    if parts.username is not None or parts.password is not None:
        shown = base_url.replace(parts.netloc.rpartition("@")[0], "***")  # it would stand in every report
        raise TargetError(f"{shown!r} is no base URL: a user name or password does not belong there; {expected}")
    if parts.scheme not in ("http", "https") or not name:
        raise TargetError(f"{base_url!r} is no base URL; {expected}")
    if port == 0:
        raise TargetError(f"{base_url!r} is no base URL: its port is no number from 1 to 65535")
    if parts.query or parts.fragment:
        raise TargetError(f"{base_url!r} is no base URL: it has a query or a fragment; {expected}")
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise TargetError(f"{base_url!r} is no base URL: it has a character that must be percent-encoded")
    if not all(0 < len(label) < 64 for label in name.removesuffix(".").split(".")) or len(name) > 253:
        raise TargetError(f"{base_url!r} is no base URL: '{name}' is no host name")
    return parts


class _Proxy(NamedTuple):
    """A proxy of the `*_PROXY` variables, and the headers that open it."""

    host: str
    port: int
    headers: dict[str, str]


def _proxy_for(scheme: str, host: str, port: int) -> _Proxy | None:
    """The proxy for a target, None where it is reached directly; raises `TargetError`. Passwords are never shown."""
    proxies = urllib.request.getproxies()
    text = proxies.get(scheme) or proxies.get("all")
    if not text or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    variable = f"{scheme.upper()}_PROXY" if proxies.get(scheme) else "ALL_PROXY"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        name, number = parts.hostname, parts.port
    except ValueError:
        name = None
    if not name:
        raise TargetError(f"the proxy in {variable} is no URL; expected http://HOST:PORT")
    if parts.scheme != "http":
        raise TargetError(f"the proxy in {variable} is of kind '{parts.scheme}'; expected http://HOST:PORT")
    headers: dict[str, str] = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return _Proxy(name, number or 80, headers)


# --------------------------------------------------------------------------------- answers


class _TooLarge(ValueError):
    """More bytes than are read of any answer."""


class _Bounded(io.RawIOBase):
    """What a socket receives for one answer, within so many seconds and bytes, however it trickles in."""

    def __init__(self, connection: socket.socket, seconds: float, size: int) -> None:
        self._socket = connection
        self._raw = connection.makefile("rb", buffering=0)
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._left = size
        self._pieces = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._pieces:  # the first piece has the timeout of the connection
            remaining = self._end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._socket.settimeout(remaining)
        self._pieces += 1
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise _TooLarge
        return count

    def close(self) -> None:
        if not self.closed:
            if self._pieces > 1:
                with contextlib.suppress(OSError):  # the connection may be closed before its last answer is
                    self._socket.settimeout(self._seconds)
            self._raw.close()
        super().close()


class _Source:
    """A socket as `HTTPResponse` uses it: it asks for a file and for nothing else."""

    __slots__ = ("_connection", "_seconds")

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds

    def makefile(self, mode: str) -> io.BufferedReader:
        # Twice the body leaves room for the sizes of chunks that are not absurdly small.
        return io.BufferedReader(_Bounded(self._connection, self._seconds, 2 * MAXIMUM_BODY + 65536))


class _Answer(http.client.HTTPResponse):
    """An answer whose time and size are bounded, and whose interim answers (RFC 9110, 15.2) are passed over."""

    def __init__(self, seconds: float, connection: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(_Source(connection, seconds), *arguments, **named)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 102 <= status < 200:  # 100 is passed over by http.client itself
                return version, status, reason
            http.client.parse_headers(self.fp)


def _stirs(connection: socket.socket | None) -> bool:
    """Whether an idle connection has something to say: that it is closed, or bytes that belong to no answer."""
    if connection is None:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connection], [], [], 0)[0])


def _decode(body: bytes, encoding: str) -> bytes:
    """Undo a content encoding that nobody asked for, without unpacking more than is read of any answer."""
    word = encoding.strip().lower()
    if word not in ("gzip", "x-gzip", "deflate"):
        return body
    # 32 + 15: a gzip or a zlib header; -15: none, which some servers call deflate.
    bare = word == "deflate" and (len(body) < 2 or body[0] & 15 != 8 or int.from_bytes(body[:2], "big") % 31 != 0)
    plain, rest = b"", body
    for _ in range(MAXIMUM_MEMBERS):
        if not rest:
            break
        unpacker = zlib.decompressobj(-15 if bare else 32 + 15)
        try:
            plain += unpacker.decompress(rest, MAXIMUM_BODY + 1 - len(plain))
        except zlib.error:
            raise _Garbled(f"the answer says that it is encoded with {word}, and it is not") from None
        if len(plain) > MAXIMUM_BODY:
            raise _TooLarge
        if not unpacker.eof:
            raise _Garbled(f"the answer, encoded with {word}, ends early")
        rest = unpacker.unused_data.lstrip(b"\0")  # a gzip file may have several members, and padding behind them
    return plain


MAXIMUM_MEMBERS = 16
"""Members of one gzip answer that are unpacked: servers send one, and each costs a copy of what follows it."""


class _Garbled(ValueError):
    """An answer that cannot be unpacked; the text says why."""


def _words(error: Exception) -> str:
    """Why there was no answer, in words without addresses of objects."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, _TooLarge):
        return f"the answer is larger than {MAXIMUM_BODY} bytes"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, ConnectionError):
        return "the connection was reset"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return f"its certificate is not trusted ({why}; SSL_CERT_FILE names a file of others to trust)"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'the connection was closed').lower().replace('_', ' ')})"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed in the middle of the answer"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is no HTTP ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
