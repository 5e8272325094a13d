"""Small servers for tests: raw sockets on loopback that say exactly what a script tells them to."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.commands import ROOT, run_command

__all__ = ["ROOT", "run_command"]


class Asked(NamedTuple):
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


class Line:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, server: Server, number: int) -> None:
        self.socket, self.server, self.number = connection, server, number
        self._file = connection.makefile("rb")

    def ask(self) -> Asked | None:
        """Read one request; None when the client has closed the connection."""
        first = self._file.readline()
        if not first:
            return None
        headers: dict[str, str] = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        asked = Asked(first.decode("latin-1").strip(), headers, self._file.read(int(headers.get("content-length", 0))))
        self.server.asked.append(asked)
        return asked

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def until_gone(self) -> None:
        """Keep the connection open, silently, until the client closes it."""
        with contextlib.suppress(OSError):
            while self.socket.recv(65536):
                pass


class Server:
    """Accepts connections and runs the script for each in a thread; `asked` holds all requests, `accepted` counts."""

    def __init__(self, script: Callable[[Line], None], context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.accepted = 0
        self._script = script
        self._context = context
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection, self.accepted), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                self._script(Line(connection, self, number))
            else:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._script(Line(secure, self, number))

    def close(self) -> None:
        # shutdown wakes the threads that are blocked in accept and recv; close alone would leave them there
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def serving(script: Callable[[Line], None], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(script, context)
    try:
        yield server
    finally:
        server.close()


def answering(*pieces: bytes, then: Callable[[Line], None] = lambda line: None) -> Callable[[Line], None]:
    """A script that says the same to every request, and closes the connection after the first unless `then` waits."""

    def script(line: Line) -> None:
        line.ask()
        line.say(*pieces)
        then(line)

    return script


def keeping_alive(answer: Callable[[Asked], bytes]) -> Callable[[Line], None]:
    """A script that answers every request of a connection."""

    def script(line: Line) -> None:
        while (asked := line.ask()) is not None:
            line.say(answer(asked))

    return script


def http(
    body: bytes | dict[str, Any] = b"{}", status: str = "200 OK", *headers: str, length: int | None = None
) -> bytes:
    """One whole response."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = len(content) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + content


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pollproof(*words: str, timeout: float = 90.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as people do."""
    return run_command(words, clean_environment(**environment), ROOT, timeout)


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would change a run: proxies, keys, colours, the settings of pytest."""
    import os

    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    for name in ("POLLPROOF_API_KEY", "NO_COLOR", "FORCE_COLOR", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        ours.pop(name, None)
    return {**ours, "PYTHONIOENCODING": "utf-8", **more}
