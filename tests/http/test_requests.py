"""Requests as clients of all kinds send them, in whatever pieces, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollproof.http.bounds import MAXIMUM_BODY
from pollproof.http.requests import Connection, Malformed

UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEA\r\nUpgrade: h2c\r\n"


class Pieces:
    """A connection on which these pieces come."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.sent = b""

    def recv(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def setsockopt(self, *_: int) -> None:
        raise OSError("these pieces do not come by TCP")


def requests_of(*pieces: bytes) -> list[tuple[str, str, bytes, bool]]:
    stream: Any = Pieces(*pieces)
    connection, found = Connection(stream), []
    while (asked := connection.read()) is not None:
        found.append((asked.request.method, asked.request.path, asked.request.body, asked.keeps))
    return found


WHOLE = {
    "lengths": (
        "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\n",
        [("POST", "/a", b"ab", True), ("GET", "/b", b"", True)],
    ),
    "chunks": (
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n1\r\nb\r\n0\r\nT: 1\r\n\r\n"
        "GET /b HTTP/1.1\r\n\r\n",
        [("POST", "/a", b"ab", True), ("GET", "/b", b"", True)],
    ),
    "an upgrade with a length, as Java's client sends it": (
        f"POST /a HTTP/1.1\r\n{UPGRADE}Content-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\n",
        [("POST", "/a", b"ab", True), ("GET", "/b", b"", True)],
    ),
    "an upgrade with chunks": (
        f"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{UPGRADE}\r\n2\r\nab\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        [("POST", "/a", b"ab", True), ("GET", "/b", b"", True)],
    ),
    "an upgrade without a body": (
        f"GET /a HTTP/1.1\r\n{UPGRADE}\r\nGET /b HTTP/1.1\r\n\r\n",
        [("GET", "/a", b"", True), ("GET", "/b", b"", True)],
    ),
    "a whole URL": ("GET http://host:1/a?b HTTP/1.1\r\n\r\n", [("GET", "/a?b", b"", True)]),
    "the last one": ("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", [("GET", "/a", b"", False)]),
    "HTTP/1.0": ("GET /a HTTP/1.0\r\n\r\n", [("GET", "/a", b"", False)]),
    "HTTP/1.0 that goes on": ("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [("GET", "/a", b"", True)]),
}


@pytest.mark.parametrize("name", WHOLE)
@given(st.lists(st.integers(1, 400), max_size=6))
def test_requests_are_the_same_in_whatever_pieces_they_come(name: str, cuts: list[int]) -> None:
    text, expected = WHOLE[name]
    data = text.encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    assert requests_of(*(data[low:high] for low, high in pairwise(places))) == expected


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it() -> None:
    stream: Any = Pieces(b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"ab")
    asked = Connection(stream).read()
    assert asked is not None
    assert (asked.request.body, stream.sent) == (b"ab", b"HTTP/1.1 100 Continue\r\n\r\n")


def test_names_of_headers_are_lower_case_and_the_lines_are_kept_as_they_came() -> None:
    stream: Any = Pieces(b"GET /a HTTP/1.1\r\nX-One: 1 \t\r\nx-ONE:2\r\n\r\n")
    asked = Connection(stream).read()
    assert asked is not None
    assert asked.request.headers == {"x-one": "2"}
    assert asked.lines == [("X-One", "1"), ("x-ONE", "2")]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: +2\r\n\r\nab", 400),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /a HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nX: a\0b\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x00", 400),
        (b"CONNECT host:1 HTTP/1.1\r\n\r\n", 501),
        (b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAXIMUM_BODY + 1), 413),
        (b"POST /a HTTP/1.1\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n", 413),
        (b"GET /a HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
)
def test_what_leaves_open_where_a_request_ends_is_refused(sent: bytes, status: int) -> None:
    with pytest.raises(Malformed) as caught:
        requests_of(sent)
    assert caught.value.status == status
