"""HTTP/1.1 as real clients speak it: requests are read from a connection, answers become bytes."""

from __future__ import annotations

import re
import socket
from http import HTTPStatus
from typing import NamedTuple

from pollproof.errors import PollproofError
from pollproof.trace.exchange import Request, Response

MAXIMUM_HEAD = 64 * 1024
"""Bytes of a request line with its headers."""

MAXIMUM_BODY = 16 * 1024 * 1024
"""Bytes of a request body."""

CHUNK = 256 * 1024
"""Bytes that are read at a time."""

TLS = b"\x16"
"""The first byte of a TLS connection (RFC 8446, 5.1): such a client would wait for an answer in kind."""

_LINE = re.compile(r"([A-Z]{1,16}) (\S+) HTTP/1\.([01])")
_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")


class Malformed(PollproofError):
    """What came is no HTTP request: the message says what it was instead; `status` is the answer to it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Asked(NamedTuple):
    """A request as it came; `keeps` tells whether the connection stays open after its answer."""

    request: Request
    keeps: bool


class Connection:
    """One connection of a client, from which requests are read."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._received = b""

    def read(self) -> Asked | None:
        """The next request; None where the client has ended. Raises `Malformed` and OSError."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if self._received[:1] == TLS:
                raise Malformed(400, "what is TLS, and the base URL begins with http")
            if len(self._received) > MAXIMUM_HEAD:
                raise Malformed(431, "headers that are too long")
            if not self._more():
                return None
        head, self._received = self._received[:end], self._received[end + 4 :]
        first, *lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
        match = _LINE.fullmatch(first)
        if match is None:
            raise Malformed(400, "what is no HTTP/1 request")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self._stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(headers)
        if body is None:
            return None
        wish = headers.get("connection", "").lower()
        keeps = "close" not in wish if match[3] == "1" else "keep-alive" in wish
        return Asked(Request(match[1], _path(match[2]), headers, body), keeps)

    def _body(self, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise Malformed(400, "a Content-Length that is no number")
        if len(length) > 12 or int(length) > MAXIMUM_BODY:
            raise Malformed(413, "a body that is too large")
        return self._take(int(length))

    def _chunks(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            line = self._line()
            size = None if line is None else _SIZE.match(line)
            if size is None:
                if line is None:
                    return None
                raise Malformed(400, "a chunk without a size")
            count = int(size[0], 16)
            total += count
            if total > MAXIMUM_BODY:
                raise Malformed(413, "a body that is too large")
            if count == 0:
                while line := self._line():
                    pass  # trailers say nothing that is needed
                return b"".join(parts)
            chunk = self._take(count + 2)
            if chunk is None:
                return None
            parts.append(chunk[:-2])

    def _line(self) -> bytes | None:
        while (end := self._received.find(b"\r\n")) < 0:
            if len(self._received) > MAXIMUM_HEAD:
                raise Malformed(400, "a line that is too long")
            if not self._more():
                return None
        line, self._received = self._received[:end], self._received[end + 2 :]
        return line

    def _take(self, count: int) -> bytes | None:
        if len(self._received) < count:
            parts, have = [self._received], len(self._received)
            while have < count:
                more = self._stream.recv(CHUNK)
                if not more:
                    return None
                parts.append(more)
                have += len(more)
            self._received = b"".join(parts)
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _more(self) -> bool:
        more = self._stream.recv(CHUNK)
        self._received += more
        return bool(more)


def _path(target: str) -> str:
    """The path of a request target: clients behind a proxy setting send a whole URL."""
    if target.startswith(("http://", "https://")):
        _, _, rest = target.partition("://")
        _, slash, path = rest.partition("/")
        return slash + path
    return target


_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BODYLESS = (204, 304)


def written(answer: Response, *, keeps: bool, head: bool = False) -> bytes:
    """An answer as bytes; `head` for a client that asked for the headers alone."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    if "server" not in answer.headers:
        lines.append("Server: pollproof")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status not in _BODYLESS and "content-length" not in answer.headers:
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append("Connection: keep-alive" if keeps else "Connection: close")
    body = b"" if head or answer.status in _BODYLESS else answer.body
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
