"""Listening: an HTTP/1.1 server on loopback that answers by a function, with a thread for each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from functools import lru_cache

from pollproof.http.conversation import Connection, Malformed, written
from pollproof.trace.exchange import Request, Response

IDLE = 60.0
"""Real seconds after which a connection is closed on which nothing is asked, or nothing is read."""

FAREWELL = 1.0
"""Real seconds that a client may take to go on after it was told that what it sends is no request."""

PIECES, PIECE = 256, 65536
"""How much of that is read."""

Answer = Callable[[Request], Response | None]
"""Answers one request, also of two threads at once; None closes the connection without an answer."""

Today = Callable[[], float]
"""Seconds since 1970, for the Date header."""


@contextmanager
def listening(answer: Answer, port: int, today: Today) -> Iterator[str]:
    """Serve on loopback (port 0: a free one) until the context ends; the URL. Raises OSError for a port in use."""
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    connections: set[socket.socket] = set()
    thread = threading.Thread(target=_accept, args=(listener, connections, answer, today), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):  # wakes the thread that waits in accept
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for stream in list(connections):
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, connections: set[socket.socket], answer: Answer, today: Today) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            stream, _ = listener.accept()
            connections.add(stream)
            threading.Thread(target=_converse, args=(stream, connections, answer, today), daemon=True).start()


def _converse(stream: socket.socket, connections: set[socket.socket], answer: Answer, today: Today) -> None:
    try:
        with stream, suppress(OSError):  # a client that goes away in the middle is no error of the server
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream.settimeout(IDLE)
            _answer_all(stream, answer, today)
    finally:
        connections.discard(stream)


def _answer_all(stream: socket.socket, answer: Answer, today: Today) -> None:
    connection = Connection(stream)
    while True:
        try:
            asked = connection.read()
        except Malformed as error:
            response = Response(error.status, {"content-type": "text/plain"}, str(error).encode())
            stream.sendall(written(response, keeps=False))
            _drain(stream)
            return
        if asked is None:
            return
        given = answer(asked.request)
        if given is None:
            return
        date = _date(int(today()))
        dated = given if date is None else given._replace(headers={"date": date, **given.headers})
        stream.sendall(written(dated, keeps=asked.keeps, head=asked.request.method == "HEAD"))
        if not asked.keeps:
            return


def _drain(stream: socket.socket) -> None:
    """Read on for a moment: a connection that is closed with unread bytes is reset, and its last answer lost."""
    stream.shutdown(socket.SHUT_WR)
    stream.settimeout(FAREWELL)
    for _ in range(PIECES):
        if not stream.recv(PIECE):
            return


@lru_cache(64)
def _date(second: int) -> str | None:
    """The value of a Date header; None for a second of a year that dates do not have."""
    try:
        return formatdate(second, usegmt=True)
    except (ValueError, OverflowError, OSError):
        return None
