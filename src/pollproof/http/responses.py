"""HTTP/1 as bytes: httptools (llhttp) reads responses, within bounds of time and size.

What leaves open where a message ends is refused: two lengths, a length beside chunks, sizes that are not numbers,
header lines that are none.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import NamedTuple

import httptools

from pollproof.http.bounds import MAXIMUM_BODY, MAXIMUM_HEAD, MAXIMUM_HEADERS, PIECE
from pollproof.http.codings import KNOWN, Damaged, NotInstalled, TooMuch, undo

TLS = b"\x15\x16"
"""The first bytes of what speaks TLS: an alert, or a handshake (RFC 8446, 5.1)."""

MAXIMUM_CODINGS = 3
"""Content codings of one response, one in the other."""

MAXIMUM_INTERIMS = 1000
"""Interim responses before a final one."""

QUICK_ACKNOWLEDGEMENT = getattr(socket, "TCP_QUICKACK", None)
"""The option of a connection by which what has come is acknowledged without delay; Linux alone has it."""

BODYLESS = (204, 304)
"""HTTP statuses of responses without a body (RFC 9110, 6.4.1)."""

_SWITCHING = 101


class NoResponse(Exception):
    """There is no response that can be read; the text says why."""


class TooLarge(NoResponse):
    """More bytes than are read of any response."""

    def __init__(self) -> None:
        super().__init__(f"the response is larger than {MAXIMUM_BODY} bytes")


# ----------------------------------------------------------------------------------------------- responses


class RawResponse(NamedTuple):
    """A response as it came, its body still encoded; `keeps`: whether its connection may be used again.

    `fields` are the headers by their names in lower case; of several of one name the last.
    """

    status: int
    reason: str
    headers: list[tuple[str, str]]
    fields: dict[str, str]
    body: bytes
    keeps: bool


class _Answering:
    """What httptools calls while it reads a response; interim ones (RFC 9110, 15.2) are passed over."""

    __slots__ = (
        "body", "fields", "framed", "headers", "interims", "is_complete", "is_headed", "is_interim", "keeps", "parser",
        "reason", "size", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        # A line may end with a line feed alone (RFC 9112, 2.2), and what follows a last response is nobody's.
        self.parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_data_after_close=True)
        self.is_complete = False
        self.interims = 0
        self.on_message_begin()

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.keeps = False  # bytes that belong to no response
            return
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.reason = b""
        self.is_headed = self.is_interim = self.keeps = self.framed = False

    def on_status(self, reason: bytes) -> None:
        if not self.is_complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_headed:  # trailers say nothing that is needed
            self.headers.append((name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        if self.is_complete:
            return
        self.status = self.parser.get_status_code()
        self.is_headed = True
        self.is_interim = 100 <= self.status < 200 and self.status != _SWITCHING
        self.fields = fields = {name.lower(): value for name, value in self.headers}
        if "content-length" in fields:
            self.framed = True
            if int(fields["content-length"]) > MAXIMUM_BODY and self.status not in BODYLESS:
                self.size = MAXIMUM_BODY + 1
        elif "transfer-encoding" in fields:
            self.framed = "chunked" in fields["transfer-encoding"].lower()

    def on_body(self, piece: bytes) -> None:
        if not self.is_complete:
            self.body.append(piece)
            self.size += len(piece)

    def on_message_complete(self) -> None:
        if self.is_interim:
            self.interims += 1
        elif not self.is_complete:
            self.is_complete = True
            self.keeps = self.parser.should_keep_alive()


def read_response(stream: socket.socket, method: str, first: bytes, end: float, seconds: float) -> RawResponse:
    """Read the response to a request; `first` are the bytes of it that have come.

    It must be there at the moment `end` of the monotonic clock; `seconds` is the time limit of the connection, which
    is set again. Raises `NoResponse` and OSError.
    """
    state, data, is_late, interims, pending = _Answering(), first, False, 0, 0
    received = 0
    is_bare = method in ("HEAD", "CONNECT")
    if not first.startswith(b"HTTP/"[: len(first)]) and not first.startswith((b"\r\n", b"\n")):
        tls = " but TLS: the URL may have to begin with https"
        raise NoResponse(f"the response is not HTTP{tls if first[0] in TLS else ''}")
    try:
        while True:
            received, pending = received + len(data), pending + len(data)
            _feed(state, data)
            if state.interims != interims:
                interims, pending = state.interims, 0
            if state.size > MAXIMUM_BODY or received > 2 * MAXIMUM_BODY + MAXIMUM_HEAD or interims > MAXIMUM_INTERIMS:
                raise TooLarge
            if len(state.headers) > MAXIMUM_HEADERS:
                raise NoResponse(f"the response is not HTTP: it has more than {MAXIMUM_HEADERS} headers")
            if received > MAXIMUM_HEAD and _is_long(state, pending):
                raise NoResponse("the response is not HTTP: a line of its head is too long")
            if state.is_complete or (is_bare and state.is_headed and not state.is_interim):
                break
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            is_late = True
            stream.settimeout(left)
            acknowledge(stream)
            data = stream.recv(PIECE)
            if not data:
                if state.is_headed and not state.framed:
                    state.keeps = False  # a body that ends with the connection
                    break
                raise NoResponse("the connection was closed in the middle of the response")
    finally:
        if is_late:
            stream.settimeout(seconds)
    return _finished(state, is_bare=is_bare)


def acknowledge(stream: socket.socket) -> None:
    """Acknowledge at once what has come, where the system can (Linux).

    A server that writes head and body apart holds the body back until the head is acknowledged (Nagle's algorithm),
    which systems do after 40 ms unless they are asked to.
    """
    if QUICK_ACKNOWLEDGEMENT is not None:
        with contextlib.suppress(OSError):  # no connection of TCP
            stream.setsockopt(socket.IPPROTO_TCP, QUICK_ACKNOWLEDGEMENT, 1)


def _is_long(state: _Answering, pending: int) -> bool:
    """Whether the head is longer than is read."""
    if not state.is_headed:
        return pending > MAXIMUM_HEAD
    return sum(len(name) + len(value) for name, value in state.headers) > MAXIMUM_HEAD


def _feed(state: _Answering, data: bytes) -> None:
    try:
        state.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        state.keeps = False
    except httptools.HttpParserError as error:
        if not state.is_complete:
            raise _garbled(str(error), is_headed=bool(state.headers or state.reason)) from None
        state.keeps = False


def _finished(state: _Answering, *, is_bare: bool) -> RawResponse:
    if not 100 <= state.status <= 999 or state.parser.get_http_version() not in ("1.0", "1.1"):
        raise NoResponse("the response is not HTTP: it has no status line")
    body = b"" if is_bare or state.status in BODYLESS else b"".join(state.body)
    transfer = state.fields.get("transfer-encoding", "").lower()
    if "," in transfer:
        body = decode_body(body, transfer.removesuffix("chunked").strip(", "))
    keeps = state.keeps if state.is_complete else is_bare and state.parser.should_keep_alive()
    return RawResponse(state.status, state.reason.decode("latin-1"), state.headers, state.fields, body, keeps)


def _garbled(words: str, *, is_headed: bool) -> NoResponse:
    """Why a response cannot be read, from what llhttp says of it."""
    if "overflow" in words:
        return TooLarge()
    if words.startswith("Duplicate Content-Length"):
        return NoResponse("the response has more than one Content-Length")
    if "can't be present" in words:
        return NoResponse("the response has both Content-Length and Transfer-Encoding")
    if "Content-Length" in words:
        return NoResponse("the Content-Length of the response is not a number")
    if "chunk" in words:
        return NoResponse("a chunk of the response has no size")
    if is_headed or "header" in words:
        return NoResponse("the headers of the response cannot be read")
    return NoResponse("the response is not HTTP: it has no status line")


def decode_body(body: bytes, codings: str) -> bytes:
    """A body without its content codings; raises `NoResponse`. Unknown codings are passed over: some servers
    put a character set there.
    """
    words = [word.strip().lower() for word in codings.split(",", MAXIMUM_CODINGS)]
    if len(words) > MAXIMUM_CODINGS:
        raise NoResponse(f"the response has more than {MAXIMUM_CODINGS} encodings, one in the other")
    for word in reversed(words):
        if word in ("compress", "x-compress"):
            raise NoResponse(f"the response is encoded with {word}, which was not requested")
        if word not in KNOWN:
            continue
        try:
            body = undo(body, word, MAXIMUM_BODY)
        except NotInstalled:
            raise NoResponse(f"the response is encoded with {word}, which was not requested") from None
        except TooMuch:
            raise TooLarge from None
        except Damaged as error:
            if error.is_cut:
                raise NoResponse(f"the response, encoded with {word}, ends early") from None
            raise NoResponse(f"the response says that it is encoded with {word}, and it is not") from None
    return body
