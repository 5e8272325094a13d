"""The wire: reading one HTTP answer within bounds of time and size, and saying in words why there is none.

The answers of nearly all servers come in one piece and are read by one strict pattern; http.client reads all others.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAXIMUM_BODY = 8 * 1024 * 1024
"""Bytes of an answer that are read; a task's state that is larger is no answer."""

PIECE = 65536
"""Bytes that are received at once."""


class _TooLarge(ValueError):
    """More bytes than are read of any answer."""


class _Read(NamedTuple):
    """An answer as it was read, and whether its connection may be used again."""

    status: int
    headers: dict[str, str]
    body: bytes
    keep: bool


TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-9][0-9][0-9])(?: [^\r\n]*)?((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*){0,99})\r\n\r\n"
)
"""A whole head without liberties; no more headers than http.client takes."""
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")


def read_plain(connection: socket.socket, seconds: float, first: bytes, end: float) -> _Read | None:
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


def read_any(connection: socket.socket, seconds: float, method: str, first: bytes, end: float) -> _Read:
    """An answer of any kind, read by http.client: chunks, HTTP/1.0, continued headers, interim answers."""
    answer = BoundedAnswer(seconds, connection, method=method, first=first, end=end)
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


class BoundedAnswer(http.client.HTTPResponse):
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


def watch(connection: socket.socket) -> Callable[[], object]:
    """Tells whether an idle connection has something to say: that it is closed, or bytes that belong to no answer."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return partial(poll.poll, 0)
    return lambda: select.select([connection], [], [], 0)[0]


def decoded(body: bytes, encoding: str) -> bytes:
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


def words_of(error: Exception) -> str:
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
