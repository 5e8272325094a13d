"""The gate's server: plays one scenario on loopback over HTTP/1.1 and keeps the trace.

It can also misbehave on the wire, which no server for ordinary use can: cut a response short, reset a connection, stay
silent, end an idle connection without a word.
"""

from __future__ import annotations

import math
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from pollproof.gate.clocks import ClockHold, GateClock, span
from pollproof.gate.faults import Manner, Reply
from pollproof.http.requests import Connection, Malformed, ReceivedRequest, written
from pollproof.http.server import Listener
from pollproof.trace.exchange import Exchange, Request, Response

GONE = "the client did not wait for the response"

IDLE_SECONDS = 75.0
"""Seconds of the clock after which a connection without requests is closed, as servers in use do."""

ENDING_SECONDS = 1.0
"""Real seconds within which the thread of a connection that has ended notices it, on a machine with much to do."""

STUCK = 600.0
"""Real seconds after which a connection is closed whose client neither sends nor reads."""

SETTLING_SECONDS = 10.0
"""Real seconds in which answers under way are ended when the server is closed."""

MAXIMUM_BODIES = 256 * 1024 * 1024
"""Bytes of the bodies of one scenario's requests; a client that sends more gets HTTP 413, and nothing after."""

MAXIMUM_CONNECTIONS = 512
"""Connections of a client at a time; a further one is closed at once."""

MAXIMUM_ELSEWHERE = 100
"""Other things that came and are reported."""

_RESET = struct.pack("ii", 1, 0)

_SLASHES = re.compile("^//+")
"""A base URL with a slash at its end and a path with one at its beginning: servers in use take the two for one."""

_NOT_FOUND = Response(404, {"Content-Type": "text/plain"}, b"not found")

Play = Callable[[Request], Reply]
"""Answers one request; never called by two threads at once."""


class GateServer:
    """What is being served: the trace so far, in the order in which requests came."""

    def __init__(self, play: Play, prefix: str, clock: GateClock) -> None:
        self._play = play
        self._prefix = prefix
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: list[Exchange] = []
        self._waits: list[tuple[int, float, float]] = []
        self._last: tuple[float, float] | None = None
        self._idle: dict[socket.socket, float] = {}
        self._opened = threading.Event()
        self._closed = False
        self._listener = Listener(self._requests, most=MAXIMUM_CONNECTIONS, refused=self._refuse)
        self.address = f"http://127.0.0.1:{self._listener.port}"
        self._answered = -math.inf
        self._answering = 0
        self._bytes = 0
        self._settled = threading.Condition(self._lock)
        self._forward = 0.0
        self.pausing: Callable[[], AbstractContextManager[None]] = nullcontext
        """Keeps the client from running, for a moment."""
        self.moment: float | None = None
        """When the time was put forward; None where it was not."""
        self.contacts = 0
        self.exceeded = ""
        """Which bound of the server the client went beyond, as the rest of a sentence about it."""
        self.elsewhere: list[str] = []
        """What came besides, in words: other paths, and what is not HTTP."""

    @property
    def base_url(self) -> str:
        """What stands in for the base URL of the contract."""
        return self.address + self._prefix

    @property
    def count(self) -> int:
        """How many requests were answered so far."""
        return len(self._kept)

    def trace(self) -> list[Exchange]:
        """The exchanges so far, in the order in which their requests came."""
        with self._lock:
            return sorted(self._kept, key=_sent)

    def waits(self) -> list[tuple[int, float, float]]:
        """How long the client let pass before its requests: exchanges by then, real seconds, seconds of the clock."""
        with self._lock:
            return list(self._waits)

    def is_idle(self) -> bool:
        """Whether no request is being answered, and none has come that was not read yet."""
        with self._lock:
            return not self._answering and not _is_readable(*self._listener.sockets)

    def keep(self, exchange: Exchange) -> None:
        """Take an exchange into the trace that another way than this server has seen."""
        with self._lock:
            self._kept.append(exchange)

    def start(self) -> None:
        """Serve until the server is closed."""
        self._listener.start()
        threading.Thread(target=self.tidy, daemon=True).start()

    def _refuse(self) -> None:
        self.exceeded = f"opened more than {MAXIMUM_CONNECTIONS} connections at a time"
        self._record_failure(self.exceeded)

    def tidy(self) -> None:
        """Close connections that have been idle for too long, until the server is closed."""
        while not self._closed:
            self._opened.wait()
            # Held but for the sleeps: whoever waits for the end of a connection must hear of it before time goes on.
            with self._clock.held() as hold:
                while (left := self._close_idle()) is not None:
                    if self._await_ends() and left == 0:
                        continue
                    if not hold.sleep(left or IDLE_SECONDS, until=lambda: self._closed):
                        return

    def _await_ends(self) -> bool:
        """Wait in real time until each connection is idle, has a request or is gone; whether that came about.

        The thread of a connection that has ended may have to wait for a processor, and time must not go on meanwhile:
        the client may rest in a wait of its own that no virtual clock sees.
        """
        ends = time.monotonic() + ENDING_SECONDS
        while time.monotonic() < ends and not self._closed:
            with self._lock:
                if len(self._listener.connections) <= len(self._idle) + self._answering:
                    return True
            time.sleep(0.001)
        return False

    def _close_idle(self) -> float | None:
        """Close what has been idle for too long; the seconds to the next look, None while nobody is connected.

        0 where connections are left that are neither idle nor have a request: they begin, or have just ended.
        """
        with self._lock:
            if not self._listener.connections or self._closed:
                self._opened.clear()
                return None
            now = self._clock.now()
            for stream, since in list(self._idle.items()):
                if now >= since + IDLE_SECONDS:
                    del self._idle[stream]
                    with suppress(OSError):
                        stream.shutdown(socket.SHUT_RDWR)
            # Who becomes idle later is looked at again before its time has come, and then to the moment.
            left = min([since + IDLE_SECONDS - now for since in self._idle.values()], default=IDLE_SECONDS)
            return left if self._idle or self._answering else 0.0

    def put_forward(self, seconds: float) -> None:
        """Let that much time pass at once after the next response, while the client waits for none.

        In that time no connection is taken for an idle one.
        """
        with self._lock:
            self._forward = seconds

    def _put_forward(self, moment: float) -> None:
        """Put the time forward, unless the client has a request under way: its own time limit would end that."""
        with self._lock, self.pausing():
            if self._answering > 1 or _is_readable(*self._listener.sockets):
                return
            self._clock.advance(self._forward)
            self._idle = dict.fromkeys(self._idle, self._clock.now())
            self.moment, self._forward = moment, 0.0

    def close(self) -> None:
        """End all connections and take no more."""
        self._closed = True
        self._opened.set()
        self._listener.close()
        with self._lock:
            # A client may have ended at its last response, before the thread that gave it has kept the exchange.
            self._settled.wait_for(lambda: not self._answering, SETTLING_SECONDS)

    # ----------------------------------------------------------------------------------- one connection

    def _requests(self, stream: socket.socket, port: int) -> None:
        with self._lock:
            self.contacts += 1
            self._idle[stream] = self._clock.now()
            self._opened.set()
        stream.settimeout(STUCK)
        try:
            self._converse(stream, port)
        finally:
            with self._lock:
                self._idle.pop(stream, None)

    def _converse(self, stream: socket.socket, port: int) -> None:
        connection = Connection(stream)
        while True:
            try:
                incoming = connection.read()
                if incoming is not None:
                    self._count_bytes(len(incoming.request.body))
            except Malformed as error:
                words = str(error).encode()
                self._record_failure(f"sent {error}")
                stream.sendall(written(Response(error.status, {"Content-Type": "text/plain"}, words), keeps=False))
                return
            if incoming is None:
                return
            with self._clock.held() as hold:
                with self._lock:
                    self._idle.pop(stream, None)
                    self._answering += 1
                try:
                    if not self._answer(stream, port, incoming, hold):
                        # Before the clock may leap: a client may wait for the end of the connection, too.
                        stream.close()
                        return
                finally:
                    with self._lock:
                        self._answering -= 1
                        self._settled.notify_all()
                with self._lock:
                    self._idle[stream] = self._clock.now()

    def _record_failure(self, words: str) -> None:
        with self._lock:
            if len(self.elsewhere) < MAXIMUM_ELSEWHERE:
                self.elsewhere.append(words)

    def _count_bytes(self, count: int) -> None:
        """Raises `Malformed` once the bodies are too much to be kept."""
        with self._lock:
            self._bytes += count
            if self._bytes > MAXIMUM_BODIES:
                self.exceeded = f"sent more than {MAXIMUM_BODIES // 1024 // 1024} MiB in one scenario"
                raise Malformed(413, f"more than {MAXIMUM_BODIES // 1024 // 1024} MiB in all")

    def _answer(self, stream: socket.socket, port: int, incoming: ReceivedRequest, hold: ClockHold) -> bool:
        """Answer one request; whether the connection stays open."""
        moment, awake = self._clock.sent(port)
        sent, precision = span(moment, awake, self._answered)
        leapt = self._clock.leapt()
        request = incoming.request
        with self._lock:
            if self._last is not None:
                real, virtual = self._last
                self._waits.append((len(self._kept), time.monotonic() - real, moment - virtual))
            if not request.path.startswith(self._prefix) or "/@" in request.path:
                if len(self.elsewhere) < MAXIMUM_ELSEWHERE:
                    self.elsewhere.append(f"requested {request.method} {request.path}"[:80])
                stream.sendall(written(_NOT_FOUND, keeps=incoming.keeps))
                return incoming.keeps
            request = request._replace(path=_SLASHES.sub("/", request.path.removeprefix(self._prefix), count=1))
            reply = self._play(request)
        waited = self._delay(stream, port, reply, hold)
        # The client may have the response, and send the next request, before this thread runs on.
        received = self._clock.now()
        failure = self._send(stream, incoming, reply) if waited else GONE
        if self._forward:
            self._put_forward(received)
        response = reply.response if failure is None else None
        exchange = Exchange(request, response, sent, received, failure, None, precision, leapt)
        with self._lock:
            self._answered = received
            self._last = time.monotonic(), received
            self._kept.append(exchange)
        return incoming.keeps and failure is None and reply.manner is Manner.WHOLE

    def _delay(self, stream: socket.socket, port: int, reply: Reply, hold: ClockHold) -> bool:
        """Do what comes before a response; whether the client has waited for it."""
        if reply.before is not None:
            reply.before()
        return not reply.delay or hold.sleep(reply.delay, port, lambda: self._closed or is_gone(stream))

    def _send(self, stream: socket.socket, incoming: ReceivedRequest, reply: Reply) -> str | None:
        """Send the response in its manner; why the client has none, or None."""
        if reply.manner is Manner.SILENT:
            return str(reply.manner.value)
        if reply.manner is Manner.RESET:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return str(reply.manner.value)
        # A client that is to meet a stale connection must not hear that it ends.
        keeps = incoming.keeps or reply.manner is Manner.STALE
        data = written(reply.response, keeps=keeps, head=incoming.request.method == "HEAD")
        if reply.manner is Manner.CUT:
            data = data[: len(data) - (len(reply.response.body) + 1) // 2]
        try:
            stream.sendall(data)
        except OSError:
            return GONE
        return None if reply.arrives else str(reply.manner.value)


def is_gone(stream: socket.socket) -> bool:
    """Whether the client has ended a connection on which a response is due."""
    readable, _, _ = select.select([stream], [], [], 0)
    if not readable:
        return False
    try:
        return stream.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _is_readable(*sockets: socket.socket) -> bool:
    """Whether something has come to one of these, or has ended there."""
    poller = select.poll()
    for descriptor in (each.fileno() for each in sockets):
        if descriptor >= 0:
            poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


def _sent(exchange: Exchange) -> float:
    return exchange.sent


@contextmanager
def serving(play: Play, prefix: str, clock: GateClock) -> Iterator[GateServer]:
    """Serve on a free port of loopback until the context ends."""
    server = GateServer(play, prefix, clock)
    server.start()
    try:
        yield server
    finally:
        server.close()
