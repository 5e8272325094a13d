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


class TooLarge(http.client.HTTPException):
    """More bytes than are read of any answer."""


class _Garbled(http.client.HTTPException):
    """An answer that cannot be read; the text says why."""


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
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")

MAXIMUM_LINE = 65536
"""Bytes of the line that tells the size of a chunk, with its extensions."""

TLS = b"\x15\x16"
"""The first bytes of what a server says that expects TLS: an alert, or a handshake (RFC 8446, 5.1)."""

_NO_HTTP_BUT_TLS = "the answer is no HTTP but TLS: the URL may have to begin with https"


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
        raise TooLarge
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
    if not first.startswith(b"HTTP/"[: len(first)]):
        raise _Garbled(_NO_HTTP_BUT_TLS if first[0] in TLS else "the answer is no HTTP")
    answer = BoundedAnswer(seconds, connection, method=method, first=first, end=end)
    try:
        answer.begin()
        body = answer.read(MAXIMUM_BODY + 1)
        if len(body) > MAXIMUM_BODY:
            raise TooLarge
        if answer.length:  # read(n) does not complain about a body that ends early
            raise http.client.IncompleteRead(body)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return _Read(answer.status, headers, body, not answer.will_close)
    finally:
        answer.close()


class _Bounded(io.RawIOBase):
    """What a socket receives for one answer, within so many seconds and bytes, however it trickles in."""

    def __init__(
        self,
        connection: socket.socket,
        seconds: float,
        size: int,
        first: bytes,
        end: float | None,
        held: io.RawIOBase | None = None,
    ) -> None:
        self._socket = connection
        self._held = held
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
            raise TooLarge
        return count

    def close(self) -> None:
        if not self.closed and self._pieces:
            with contextlib.suppress(OSError):  # the connection may be closed before its last answer is
                self._socket.settimeout(self._seconds)
        if self._held is not None:
            self._held.close()
        super().close()


class _Source:
    """A socket as `HTTPResponse` uses it: it asks for a file and for nothing else."""

    __slots__ = ("_arguments",)

    def __init__(self, connection: socket.socket, seconds: float, first: bytes, end: float | None) -> None:
        # Twice the body leaves room for the sizes of chunks that are not absurdly small.
        self._arguments = (connection, seconds, 2 * MAXIMUM_BODY + 65536, first, end)

    def makefile(self, mode: str) -> io.BufferedReader:
        # http.client closes a connection that will not be used again before the body is read: as long as there is a
        # file of it, the socket stays open.
        return io.BufferedReader(_Bounded(*self._arguments, self._arguments[0].makefile("rb", 0)))


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

    def begin(self) -> None:
        """Read the head; raises `_Garbled` for one that leaves open where the answer ends."""
        super().begin()
        if self.headers.defects:
            raise _Garbled("the headers of the answer cannot be read")
        sizes = {size.strip() for line in self.headers.get_all("content-length", ()) for size in line.split(",")}
        if self.chunked or not sizes:
            return
        if len(sizes) > 1:
            raise _Garbled(f"the answer has {len(sizes)} different values of Content-Length")
        (size,) = sizes
        if not size.isascii() or not size.isdecimal():
            raise _Garbled("the Content-Length of the answer is no number")
        if len(size) > 15 or int(size) > MAXIMUM_BODY:
            raise TooLarge

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(MAXIMUM_LINE + 1)
        if not line:
            raise http.client.IncompleteRead(b"")
        size = line.partition(b";")[0].strip()
        if len(line) > MAXIMUM_LINE or not _SIZE.fullmatch(size):
            raise _Garbled("a chunk of the answer has no size")
        if int(size, 16) > MAXIMUM_BODY:
            raise TooLarge
        return int(size, 16)

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
    """Undo content encodings that nobody asked for, without unpacking more than is read of any answer."""
    words = [word.strip().lower() for word in encoding.split(",", MAXIMUM_ENCODINGS)]
    if len(words) > MAXIMUM_ENCODINGS:
        raise _Garbled(f"the answer has more than {MAXIMUM_ENCODINGS} encodings, one in the other")
    for word in reversed(words):
        if word in ("gzip", "x-gzip", "deflate"):
            body = _unpacked(body, word)
        elif word in ("br", "zstd", "compress", "x-compress"):
            raise _Garbled(f"the answer is encoded with {word}, which was not asked for")
    return body  # any other word is no encoding: some servers put a character set there


def _unpacked(body: bytes, word: str) -> bytes:
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
            raise TooLarge
        if not unpacker.eof:
            raise _Garbled(f"the answer, encoded with {word}, ends early")
        rest = unpacker.unused_data.lstrip(b"\0")  # a gzip file may have several members, and padding behind them
    return plain


MAXIMUM_ENCODINGS = 3
"""Encodings of one answer, one in the other."""

MAXIMUM_MEMBERS = 16
"""Members of one gzip answer that are unpacked: servers send one, and each costs a copy of what follows it."""


def words_of(error: Exception) -> str:
    """Why there was no answer, in words without addresses of objects."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, TooLarge):
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
        why = (error.reason or "the connection was closed").lower().replace("_", " ")
        hint = ", so the URL may have to begin with http:" if why == "wrong version number" else ""
        return f"TLS failed ({why}{hint})"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed in the middle of the answer"
    if isinstance(error, _Garbled):
        return str(error)
    if isinstance(error, http.client.LineTooLong):
        return "the answer is no HTTP: a line of its head is too long"
    if isinstance(error, http.client.BadStatusLine):
        return "the answer is no HTTP: it has no status line"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is no HTTP{': it has more than 100 headers' if 'headers' in str(error) else ''}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
