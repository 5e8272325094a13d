"""Listening: an HTTP/1.1 server on loopback that answers by a function, with a thread for each connection."""

from __future__ import annotations

import errno
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from functools import lru_cache

from pollproof.http.addresses import is_loopback
from pollproof.http.bounds import PIECE
from pollproof.http.requests import Connection, Malformed, written
from pollproof.trace.exchange import Request, Response

_IDLE = 60.0
"""Real seconds after which a connection is closed on which nothing is asked, or nothing is read."""

_LINGER = 1.0
"""Real seconds that a client may take to go on after it learned that what it sends is not a request."""

PIECES = 256
"""How much of that is read."""

_PAUSE = 0.02
"""Real seconds before the next attempt where the machine can open no further connection."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

LOOPBACK = "127.0.0.1"

_ANY_ADDRESS = ("0.0.0.0", "::", "")
"""Addresses that stand for all of this machine's."""

MISDIRECTED = Response(
    421, {"content-type": "text/plain"}, b"this server answers to the names of this machine's loopback address alone\n"
)

Handler = Callable[[Request], Response | None]
"""Answers one request, also of two threads at once; None closes the connection without a response."""

Today = Callable[[], float]
"""Seconds since 1970, for the Date header."""


Talk = Callable[[socket.socket, int], None]
"""Talks over one connection, given it and the client's port, to its end; OSError ends it too."""


class Listener:
    """Accepts connections and talks over each in a thread of its own, until it is closed.

    Beyond `most` connections at a time, or what the machine can open, the one that rests longest is closed for a new
    one (`rests`). Where none rests the new one is closed at once, and `refused` is called. Raises OSError for a port in
    use.
    """

    def __init__(
        self, talk: Talk, host: str = LOOPBACK, port: int = 0, *, most: int = 512, refused: Callable[[], object] = bool
    ) -> None:
        self._talk, self._most, self._refused = talk, most, refused
        self._listener = socket.create_server((host, port), backlog=256)
        self.connections: dict[socket.socket, float] = {}
        self.is_closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listener.getsockname()[1])

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets on which something may have come that was not read yet."""
        return [self._listener, *self.connections]

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more, and end all connections."""
        self.is_closed = True
        with suppress(OSError):  # wakes the thread that waits in accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.ident is not None:
            self._thread.join()
        for stream in list(self.connections):
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def rests(self, stream: socket.socket, *, is_idle: bool) -> None:
        """Note whether a connection waits for a request, so that it may be closed for another one."""
        self.connections[stream] = time.monotonic() if is_idle else math.inf

    def _accept(self) -> None:
        while not self.is_closed:
            try:
                stream, (_, port, *_) = self._listener.accept()
            except OSError as error:  # the listener is closed, or a client has gone before it was accepted
                if error.errno in _EXHAUSTED:
                    self._make_room()
                    time.sleep(_PAUSE)
                continue
            if len(self.connections) >= self._most and not self._make_room():
                stream.close()
                self._refused()
                continue
            self.connections[stream] = math.inf
            try:
                threading.Thread(target=self._converse, args=(stream, port), daemon=True).start()
            except RuntimeError:  # the machine can start no further thread
                self.connections.pop(stream, None)
                stream.close()
                self._make_room()

    def _make_room(self) -> bool:
        """Close the connection that rests longest; whether there was one."""
        resting = {stream: since for stream, since in list(self.connections.items()) if since < math.inf}
        if not resting:
            return False
        stream = min(resting, key=resting.__getitem__)
        self.connections.pop(stream, None)
        with suppress(OSError):
            stream.shutdown(socket.SHUT_RDWR)
        return True

    def _converse(self, stream: socket.socket, port: int) -> None:
        try:
            with stream, suppress(OSError):  # a client that goes away in the middle is not an error of the server
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.settimeout(_IDLE)
                self._talk(stream, port)
        finally:
            self.connections.pop(stream, None)


@contextmanager
def listening(answer: Handler, port: int, today: Today, host: str = LOOPBACK) -> Iterator[str]:
    """Serve until the context ends (port 0: a free one); the URL on this machine. Raises OSError for a port in use.

    On loopback, requests that name another host are refused: a page that a browser shows may have its own name lead
    here (DNS rebinding).
    """
    is_ours = is_name_of_loopback if host == LOOPBACK else _is_any
    listener = Listener(lambda stream, _: _answer_all(listener, stream, answer, today, is_ours), host, port)
    listener.start()
    try:
        yield f"http://{LOOPBACK if host in _ANY_ADDRESS else host}:{listener.port}"
    finally:
        listener.close()


def _answer_all(
    listener: Listener, stream: socket.socket, answer: Handler, today: Today, is_ours: Callable[[str], bool]
) -> None:
    connection = Connection(stream)
    while True:
        listener.rests(stream, is_idle=True)
        try:
            received = connection.read()
        except Malformed as error:
            response = Response(error.status, {"content-type": "text/plain"}, str(error).encode())
            stream.sendall(written(response, keeps=False))
            farewell(stream)
            return
        if received is None:
            return
        listener.rests(stream, is_idle=False)
        given = answer(received.request) if is_ours(received.request.headers.get("host", "")) else MISDIRECTED
        if given is None:
            return
        date = _date(int(today()))
        dated = given if date is None else given._replace(headers={"date": date, **given.headers})
        stream.sendall(written(dated, keeps=received.keeps, head=received.request.method == "HEAD"))
        if not received.keeps:
            return


def farewell(stream: socket.socket) -> None:
    """Read on for a moment: a connection that is closed with unread bytes is reset, and its last response lost."""
    stream.shutdown(socket.SHUT_WR)
    stream.settimeout(_LINGER)
    for _ in range(PIECES):
        if not stream.recv(PIECE):
            return


def is_name_of_loopback(authority: str) -> bool:
    """Whether the value of a Host header is one of loopback: empty, a name of it, or one of its addresses."""
    try:
        return not authority or is_loopback(f"http://{authority}")
    except ValueError:
        return False


def _is_any(authority: str) -> bool:
    return True


@lru_cache(64)
def _date(second: int) -> str | None:
    """The value of a Date header; None for a second of a year that dates do not have."""
    try:
        return formatdate(second, usegmt=True)
    except (ValueError, OverflowError, OSError):
        return None
