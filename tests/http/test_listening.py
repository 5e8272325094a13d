"""The server of the mocks: what real clients send is answered, what is no request is told so, and nothing hangs."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest

from pollproof.http.server import Listener, listening
from pollproof.trace.exchange import Request, Response

SECONDS = 10.0


def answer(request: Request) -> Response | None:
    """The request in words; no response to one for /silence."""
    if request.path == "/silence":
        return None
    words = f"{request.method} {request.path} {len(request.body)}".encode()
    return Response(204 if request.path == "/nothing" else 200, {"content-type": "text/plain"}, words)


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with listening(answer, 0, lambda: 86_400.5) as url:
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0


def said(address: tuple[str, int], sent: bytes) -> bytes:
    """What is answered to these bytes, and no more, until the server closes."""
    with socket.create_connection(address, SECONDS) as stream:
        stream.sendall(sent)
        stream.shutdown(socket.SHUT_WR)
        received = b""
        while piece := stream.recv(65536):
            received += piece
    return received


def test_a_connection_is_kept_alive_and_the_date_is_that_of_the_providers_clock(address: tuple[str, int]) -> None:
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=SECONDS)) as client:
        client.connect()
        stream = client.sock
        for method, path, body in (("POST", "/a", b"four"), ("GET", "/nothing", None), ("HEAD", "/b", None)):
            client.request(method, path, body)
            response = client.getresponse()
            assert response.read() == (b"POST /a 4" if method == "POST" else b"")
            assert response.headers["Date"] == "Fri, 02 Jan 1970 00:00:00 GMT"
            assert client.sock is stream


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"POST /a 2"),
        (b"POST /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", b"Connection: close"),
        (b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", b"GET /b 0"),
        (b"hello\r\n\r\n", b"HTTP/1.1 400"),
        (b"\x16\x03\x01", b"TLS"),
        (b"POST /a HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /a HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"HTTP/1.1 413"),
        (b"GET /a HTTP/1.1\r\nX: " + b"x" * 300_000, b"HTTP/1.1 431"),
    ],
)
def test_every_request_and_what_is_none_is_answered(address: tuple[str, int], sent: bytes, told: bytes) -> None:
    assert told in said(address, sent)


@pytest.mark.parametrize(
    "sent", [b"GET /silence HTTP/1.1\r\n\r\n", b"", b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_where_there_is_nothing_to_say_the_connection_is_closed(address: tuple[str, int], sent: bytes) -> None:
    assert said(address, sent) == b""


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:80", 200), ("localhost", 200), ("api.localhost:1", 200), ("[::1]:9", 200), ("127.9.9.9", 200),
     ("rebound.example", 421), ("127.0.0.1.example:80", 421), ("10.0.0.1", 421), ("[", 421)],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_not_served(address: tuple[str, int], host: str, status: int) -> None:
    told = said(address, f"GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert told.startswith(b"HTTP/1.1 %d" % status)


def test_nobody_is_served_any_more_when_the_context_ends() -> None:
    with listening(answer, 0, lambda: 0.0) as url:
        address = urlsplit(url).hostname or "", urlsplit(url).port or 0
        stream = socket.create_connection(address, SECONDS)
        stream.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 OK")
    with stream:
        assert stream.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, SECONDS)


def test_a_port_that_is_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = listening(answer, other.getsockname()[1], lambda: 0.0)
        with pytest.raises(OSError, match="in use"), second:
            pass


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The address of a server that takes three connections at a time."""
    monkeypatch.setattr("pollproof.http.server.Listener", partial(Listener, most=3))
    with listening(answer, 0, lambda: 0.0) as url:
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0


def test_connections_that_say_nothing_keep_nobody_out(few: tuple[str, int]) -> None:
    with contextlib.ExitStack() as held:
        silent = [held.enter_context(socket.create_connection(few, SECONDS)) for _ in range(20)]
        silent[-1].sendall(b"GET /half HT")
        assert b"GET /a 0" in said(few, b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert silent[0].recv(1) == b"", "the connection that rests longest is closed"


def test_a_connection_whose_request_is_being_answered_is_not_closed_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow(request: Request) -> Response:
        begun.set()
        ended.wait(SECONDS)
        return Response(200, {}, b"at last")

    monkeypatch.setattr("pollproof.http.server.Listener", partial(Listener, most=1))
    with listening(slow, 0, lambda: 0.0) as url, contextlib.ExitStack() as held:
        address = urlsplit(url).hostname or "", urlsplit(url).port or 0
        stream = held.enter_context(socket.create_connection(address, SECONDS))
        stream.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        assert begun.wait(SECONDS)
        assert said(address, b"") == b"", "there is no room for another one"
        ended.set()
        assert stream.recv(65536).endswith(b"at last")


def test_a_server_that_can_open_nothing_more_serves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    start, failures = threading.Thread.start, iter([True, True])

    def failing(thread: threading.Thread) -> None:
        if thread.name.endswith("(_converse)") and next(failures, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    with listening(answer, 0, lambda: 0.0) as url:
        address = urlsplit(url).hostname or "", urlsplit(url).port or 0
        monkeypatch.setattr(threading.Thread, "start", failing)
        for _ in range(2):
            with contextlib.suppress(OSError):
                assert said(address, b"GET /a HTTP/1.1\r\n\r\n") == b""
        assert b"GET /a 0" in said(address, b"GET /a HTTP/1.1\r\n\r\n")
