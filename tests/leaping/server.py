"""A raw keep-alive HTTP server in this process, which reads the leaping clock and delays answers as the path says.

`/poll` answers at once, `/slow/N` after N real milliseconds, `/split/N` lets so many pass between head and body,
`/late/N` answers after N virtual seconds, `/never` never, `/jump/N` moves the clock
by N seconds until the client goes away, `/close` answers and closes.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from pollproof.virtualtime import LeapClock

BODY = b'{"status": "processing"}'


def head(connection: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(BODY)}"]
    return "\r\n".join([*lines, f"Connection: {connection}", "", ""]).encode()


ANSWER = head("keep-alive") + BODY
"""What every request is answered with that does not ask for something else."""


@dataclass
class Server:
    """What was asked for: the paths, and the virtual time of each, in order."""

    clock: LeapClock
    listener: socket.socket
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    abandoned: list[float] = field(default_factory=list)
    """When clients went away while a response was due."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection: socket.socket) -> None:
        port = connection.getpeername()[1]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection:
            while (path := self.read(connection)) is not None:
                self.paths.append(path)
                self.times.append(self.clock.now())
                if not self.answer(connection, path, port):
                    return

    def read(self, connection: socket.socket) -> str | None:
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(65536)
            if not more:
                return None
            received += more
        first, _, body = received.partition(b"\r\n\r\n")
        lines = first.decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        return lines[0].split(" ")[1]

    def answer(self, connection: socket.socket, path: str, port: int) -> bool:
        kind, _, number = path.strip("/").partition("/")
        with self.clock.held() as hold:
            if kind == "slow":
                time.sleep(int(number) / 1000)
            elif kind == "jump":
                # The first may come before the client looks at the clock and begins to wait.
                while not is_gone(connection, patience=0.2):
                    self.clock.advance(float(number))
                return False
            elif kind in ("late", "never"):
                seconds = float(number) if number else math.inf
                if not hold.sleep(seconds, port, until=lambda: is_gone(connection)):
                    self.abandoned.append(self.clock.now())
                    return False
            closes = kind == "close"
            answer = head("close") + BODY if closes else ANSWER
            if kind == "split":
                connection.sendall(answer[: -len(BODY)])
                time.sleep(int(number) / 1000)
                answer = BODY
            connection.sendall(answer)
            if closes:
                connection.close()
        return not closes


def is_gone(connection: socket.socket, patience: float = 0) -> bool:
    readable, _, _ = select.select([connection], [], [], patience)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


@contextlib.contextmanager
def serving(clock: LeapClock) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = Server(clock, listener)
        threading.Thread(target=server.serve, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
