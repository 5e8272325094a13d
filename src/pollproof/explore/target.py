"""Targets: what requests are sent to. The embedded reference is called in process, anything else over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
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

PIECE = 65536
"""Bytes that are received at once."""

MAXIMUM_HEADS = 64
"""Heads of requests that are kept written: operations have one each, unless a header differs every time."""


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
    A request with an empty path asks the URL as it is written, and a query of the URL goes with every request;
    `query=False` refuses one. `named` is what errors call the URL.
    """

    def __init__(
        self, base_url: str, timeout: float | None = None, *, named: str = "base URL", query: bool = True
    ) -> None:
        parts = _split(base_url, named, query)
        self.name = base_url
        self._timeout = TIMEOUT if timeout is None else timeout
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._proxy = _proxy_for(parts.scheme, self._host, self._port)
        absolute = self._proxy is not None and not self._secure
        origin = f"http://{parts.netloc}" if absolute else ""
        self._prefix = origin + parts.path.rstrip("/")
        self._itself = origin + (parts.path or "/")
        self._query = parts.query
        self._fixed = self._fixed_headers(parts.netloc if absolute else "")
        self._heads: dict[tuple[tuple[str, str], ...], tuple[bytes, bool]] = {}
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._stirs: Callable[[], object] = bool
        self._used = False

    def _fixed_headers(self, authority: str) -> dict[str, str]:
        """The headers of every request that has none of these names."""
        if not authority:
            host = f"[{self._host.partition('%')[0]}]" if ":" in self._host else self._host
            authority = host if self._port == (443 if self._secure else 80) else f"{host}:{self._port}"
        fixed = {"Host": authority, "Accept-Encoding": "identity"}
        return fixed if self._proxy is None or self._secure else {**fixed, **self._proxy.headers}

    # --------------------------------------------------------------------- requests

    def exchange(self, request: Request) -> Outcome:
        try:
            message = self._message(request)
        except ValueError as error:
            return Outcome(None, _words(error))
        if self._connection is not None and self._stirs():
            self.close()
        for attempt in (1, 2):
            reused = self._connection is not None and self._used
            try:
                connection = self._connection or self._connect()
                connection.sock.sendall(message)
                end = time.monotonic() + self._timeout
                first = connection.sock.recv(PIECE)
                if not first:
                    raise http.client.RemoteDisconnected("")
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
            return self._read(connection.sock, request.method, first, end)
        raise AssertionError("unreachable")

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
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"the request was not sent: its header {name!r} cannot be written")
            text += f"{name}: {value}\r\n"
        return f"{text}\r\n".encode("latin-1"), "content-length" in given or "transfer-encoding" in given

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
        self._connection = connection
        connection.connect()
        self._stirs = _watch(connection.sock)
        return connection

    # ---------------------------------------------------------------------- answers

    def _read(self, connection: socket.socket, method: str, first: bytes, end: float) -> Outcome:
        """The answer that begins with these bytes."""
        try:
            answer = None if method == "HEAD" else _plain(connection, self._timeout, first, end)
            status, headers, body, keep = answer or _any(connection, self._timeout, method, first, end)
            if "content-encoding" in headers:
                body = _decode(body, headers["content-encoding"])
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Outcome(None, _words(error))
        self._used = True
        if not keep:
            self.close()
        return Outcome(Response(status, headers, body), None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._used = False


# ------------------------------------------------------------------------------- addresses


def _split(url: str, named: str, query: bool) -> SplitResult:
    """The parts of a URL; raises `TargetError`. What may be a password is never shown."""
    expected = "expected http://HOST[:PORT][/PATH] or https://..."
    shown = _CREDENTIALS.sub(r"\1***@", url)  # it would stand in every report
    wrong = f"{shown!r} is no {named}"
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        what = "its port is no number from 1 to 65535" if "ort" in str(error) else "its host cannot be read"
        raise TargetError(f"{wrong}: {what}") from None
    if parts.username is not None or parts.password is not None:
        raise TargetError(f"{wrong}: a user name or password does not belong there; {expected}")
    if parts.scheme not in ("http", "https") or not name:
        raise TargetError(f"{wrong}; {expected}")
    if port == 0:
        raise TargetError(f"{wrong}: its port is no number from 1 to 65535")
    if parts.fragment or (parts.query and not query):
        raise TargetError(f"{wrong}: it has a {'fragment' if query else 'query or a fragment'}; {expected}")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise TargetError(f"{wrong}: it has a character that must be percent-encoded")
    if not all(0 < len(label) < 64 for label in name.removesuffix(".").split(".")) or len(name) > 253:
        raise TargetError(f"{wrong}: '{name}' is no host name")
    return parts


_CREDENTIALS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)
"""What stands before the last @ of a URL, after its scheme."""


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


class _Read(NamedTuple):
    """An answer as it was read, and whether its connection may be used again."""

    status: int
    headers: dict[str, str]
    body: bytes
    keep: bool


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-9][0-9][0-9])(?: [^\r\n]*)?((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*){0,99})\r\n\r\n"
)
"""A whole head without liberties; no more headers than http.client takes."""
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")


def _plain(connection: socket.socket, seconds: float, first: bytes, end: float) -> _Read | None:
    """An answer whose head has come in one piece and which says where it ends, as nearly all do; None for any other."""
    match = _HEAD.match(first)
    if match is None:
        return None
    status, lines = int(match[1]), match[2].decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    size = headers.get("content-length", "")
    body = first[match.end() :]
    if "transfer-encoding" in headers:
        whole = _joined(body) if headers["transfer-encoding"].lower() == "chunked" and not size else None
        if whole is None or status in (204, 304):
            return None
        body, length = whole, len(whole)
    elif status in (204, 304):
        length = 0
    elif size.isascii() and size.isdecimal() and len(size) < 16:
        length = int(size)
    else:
        return None
    if len(headers) != len(lines) - 1 and match[2].lower().count(b"\ncontent-length:") > 1:
        return None
    if length > MAXIMUM_BODY:
        raise _TooLarge
    keep = len(body) <= length and "close" not in headers.get("connection", "").lower()
    if len(body) < length:
        with io.BufferedReader(_Bounded(connection, seconds, length + PIECE, body, end)) as rest:
            body = rest.read(length)
        if len(body) < length:
            raise http.client.IncompleteRead(body)
    return _Read(status, headers, body[:length], keep)


def _joined(chunks: bytes) -> bytes | None:
    """A body in chunks without extensions and trailers that is all there; None for any other."""
    pieces: list[bytes] = []
    place = 0
    while (match := _CHUNK.match(chunks, place)) is not None:
        size, place = int(match[1], 16), match.end()
        if not size:
            return b"".join(pieces) if chunks[place:] == b"\r\n" else None
        pieces.append(chunks[place : place + size])
        place += size
        if chunks[place : place + 2] != b"\r\n":
            return None
        place += 2
    return None


def _any(connection: socket.socket, seconds: float, method: str, first: bytes, end: float) -> _Read:
    """An answer of any kind, read by http.client: chunks, HTTP/1.0, continued headers, interim answers."""
    answer = _Answer(seconds, connection, method=method, first=first, end=end)
    try:
        answer.begin()
        body = answer.read(MAXIMUM_BODY + 1)
        if len(body) > MAXIMUM_BODY:
            raise _TooLarge
        if answer.length:  # read(n) does not complain about a body that ends early
            raise http.client.IncompleteRead(body)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return _Read(answer.status, headers, body, not answer.will_close)
    finally:
        answer.close()


class _Bounded(io.RawIOBase):
    """What a socket receives for one answer, within so many seconds and bytes, however it trickles in."""

    def __init__(self, connection: socket.socket, seconds: float, size: int, first: bytes, end: float | None) -> None:
        self._socket = connection
        self._seconds = seconds
        self._end = time.monotonic() + seconds if end is None else end
        self._left = size
        self._first = first
        self._pieces = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._first:
            view = memoryview(buffer)
            count = min(len(view), len(self._first))
            view[:count] = self._first[:count]
            self._first = self._first[count:]
        else:
            remaining = self._end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._socket.settimeout(remaining)
            self._pieces += 1
            count = self._socket.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise _TooLarge
        return count

    def close(self) -> None:
        if not self.closed and self._pieces:
            with contextlib.suppress(OSError):  # the connection may be closed before its last answer is
                self._socket.settimeout(self._seconds)
        super().close()


class _Source:
    """A socket as `HTTPResponse` uses it: it asks for a file and for nothing else."""

    __slots__ = ("_arguments",)

    def __init__(self, connection: socket.socket, seconds: float, first: bytes, end: float | None) -> None:
        # Twice the body leaves room for the sizes of chunks that are not absurdly small.
        self._arguments = (connection, seconds, 2 * MAXIMUM_BODY + 65536, first, end)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(*self._arguments))


class _Answer(http.client.HTTPResponse):
    """An answer whose time and size are bounded, and whose interim answers (RFC 9110, 15.2) are passed over.

    `first` are the bytes of it that have been received, `end` is when it must be there.
    """

    def __init__(
        self,
        seconds: float,
        connection: socket.socket,
        *arguments: Any,
        first: bytes = b"",
        end: float | None = None,
        **named: Any,
    ) -> None:
        super().__init__(_Source(connection, seconds, first, end), *arguments, **named)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 102 <= status < 200:  # 100 is passed over by http.client itself
                return version, status, reason
            http.client.parse_headers(self.fp)


def _watch(connection: socket.socket) -> Callable[[], object]:
    """Tells whether an idle connection has something to say: that it is closed, or bytes that belong to no answer."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return partial(poll.poll, 0)
    return lambda: select.select([connection], [], [], 0)[0]


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
