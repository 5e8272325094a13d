"""HTTP/1 as bytes, on the side of a server: httptools (llhttp) reads requests within bounds, and answers are written.

What leaves open where a message ends is refused, as it is in responses.
"""

from __future__ import annotations

import socket
from collections import deque
from http import HTTPStatus
from typing import NamedTuple

import httptools

from pollproof.http.bounds import MAXIMUM_BODY, MAXIMUM_HEAD, PIECE
from pollproof.http.responses import BODYLESS, TLS, acknowledge
from pollproof.trace.exchange import Request, Response

_UPGRADE = "Pause on CONNECT/Upgrade"


class Malformed(Exception):
    """What came is not an HTTP request: the text says what it was instead; `status` is the response to it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class ReceivedRequest(NamedTuple):
    """A request as it came; `keeps`: whether the connection stays open after its response.

    `target` and `lines`, the headers in their order, are as the client wrote them.
    """

    request: Request
    keeps: bool
    target: str
    lines: list[tuple[str, str]]


class _Asking:
    """What httptools calls while it reads requests; those that are whole wait in `ready`."""

    __slots__ = ("body", "fields", "headers", "is_headed", "must_continue", "parser", "ready", "size", "url")

    def __init__(self) -> None:
        self.ready: deque[ReceivedRequest] = deque()
        self.begin()

    def begin(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.is_headed = self.must_continue = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_headed:
            self.headers.append((name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        self.is_headed = True
        self.fields = fields = {name.lower(): value for name, value in self.headers}
        if int(fields.get("content-length", "0")) > MAXIMUM_BODY:
            self.size = MAXIMUM_BODY + 1
        if "expect" in fields:
            self.must_continue = fields["expect"].lower() == "100-continue"

    def on_body(self, piece: bytes) -> None:
        self.body.append(piece)
        self.size += len(piece)

    def on_message_complete(self) -> None:
        if self.size > MAXIMUM_BODY:
            return
        method = self.parser.get_method().decode("ascii")
        target = self.url.decode("latin-1")
        request = Request(method, _path(target), self.fields, b"".join(self.body))
        self.ready.append(ReceivedRequest(request, self.parser.should_keep_alive(), target, self.headers))
        self.is_headed = self.must_continue = False
        self.size = 0


class Connection:
    """One connection of a client, from which requests are read."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._state = _Asking()
        self._fresh = True
        self._head = 0

    def read(self) -> ReceivedRequest | None:
        """The next request; None where the client has ended. Raises `Malformed` and OSError."""
        state = self._state
        while not state.ready:
            if state.is_headed:
                acknowledge(self._stream)
            data = self._stream.recv(PIECE)
            if not data:
                return None
            if self._fresh and data[0] in TLS:
                raise Malformed(400, "what is TLS, and the base URL begins with http")
            self._fresh = False
            self._feed(data)
            if state.size > MAXIMUM_BODY:
                raise Malformed(413, "a body that is too large")
            self._head = 0 if state.is_headed or state.ready else self._head + len(data)
            if self._head > MAXIMUM_HEAD:
                raise Malformed(431, "headers that are too long")
            if state.must_continue:
                state.must_continue = False
                self._stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        received = state.ready.popleft()
        if received.request.method == "CONNECT":
            raise Malformed(501, "a request for a tunnel")
        return received

    def _feed(self, data: bytes) -> None:
        """Raises `Malformed`, unless a request before was whole, which is answered first."""
        state = self._state
        try:
            while True:
                try:
                    state.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as upgrade:  # which is declined by going on with HTTP/1.1
                    received = state.ready[-1]
                    state.begin()
                    if received.request.method == "CONNECT":
                        return
                    # llhttp takes a body that follows for the other protocol: the request is read as if it had asked
                    # for none.
                    state.ready.pop()
                    data = _without_upgrade(received) + data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if state.ready and (_UPGRADE in str(error) or not state.ready[-1].keeps):
                return
            raise _refused(str(error)) from None


def _without_upgrade(received: ReceivedRequest) -> bytes:
    """The head of a request without its wish for another protocol."""
    close = "" if received.keeps else "Connection: close\r\n"
    lines = [f"{name}: {value}\r\n" for name, value in received.lines if name.lower() not in ("upgrade", "connection")]
    return f"{received.request.method} {received.target} HTTP/1.1\r\n{''.join(lines)}{close}\r\n".encode("latin-1")


def _refused(words: str) -> Malformed:
    if "overflow" in words:
        return Malformed(413, "a body that is too large")
    if "chunk" in words:
        return Malformed(400, "a chunk without a size")
    if words.startswith("Duplicate") or "can't be present" in words:
        return Malformed(400, "headers that leave open where the request ends")
    if "Content-Length" in words:
        return Malformed(400, "a Content-Length that is not a number")
    if "header" in words:
        return Malformed(400, "headers that cannot be read")
    return Malformed(400, "not an HTTP/1 request")


def _path(target: str) -> str:
    """The path of a request target: clients behind a proxy setting send a whole URL."""
    if target.startswith(("http://", "https://")):
        _, _, rest = target.partition("://")
        _, slash, path = rest.partition("/")
        return slash + path
    return target


# ------------------------------------------------------------------------------------------------- writing

_REASONS = {status.value: status.phrase for status in HTTPStatus}


def written(answer: Response, *, keeps: bool, head: bool = False) -> bytes:
    """A response as bytes; `head` for a client that wants the headers alone."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    if "server" not in answer.headers:
        lines.append("Server: pollproof")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status not in BODYLESS and "content-length" not in answer.headers:
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append("Connection: keep-alive" if keeps else "Connection: close")
    body = b"" if head or answer.status in BODYLESS else answer.body
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
