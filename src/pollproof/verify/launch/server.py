"""The launched command: started on a free port, waited for until it listens, and nothing of it survives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pollproof.errors import RunError
from pollproof.processes.command import Output, start_reading
from pollproof.processes.program import CannotStart, Program, started
from pollproof.processes.watchdog import find_marked
from pollproof.processes.work import Thread, threads_of

READY = 30.0
"""Real seconds without any work, before it listens, after which a command is given up."""

LATEST = 300.0
"""Real seconds after which it is given up although it works."""

LEAST_WORK = 0.05
"""The part of a second for which a command runs that works: one that only looks around runs for less."""

WORK_SECONDS = 1.0
"""Seconds between two looks at whether it works."""

_LOOK_SECONDS = 0.01
"""Real seconds between two looks at whether it listens."""

ENDING = 2.0
"""Real seconds that a command may take to end after it has closed its connections."""

LAST_WORDS = 5.0
"""Real seconds in which what an ended command has printed is read, at the latest."""

_GRACE = 1.0
"""Real seconds that a command may take to end itself after SIGTERM."""


class LaunchError(RunError):
    """The command could not be launched; the message is one sentence."""


class Server:
    """A launched command that listens at `base_url`."""

    def __init__(self, program: Program, base_url: str) -> None:
        self.base_url = base_url
        self._program = program
        self._process = program.process
        self._output = Output()
        self._reader = start_reading(self._process.stdout, self._output)

    @property
    def address(self) -> tuple[str, int]:
        return host_and_port(self.base_url)

    @property
    def processes(self) -> set[int]:
        """The living processes of the command."""
        return find_marked(self._program.mark)

    @property
    def supervisor(self) -> int:
        """The process that was started: of a supervised command, the supervisor."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None and not self.processes

    def words(self, patience: float = ENDING) -> str:
        """How the command ended, if it has or is about to, and what it printed last, as the rest of a sentence."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        status = self._process.returncode
        if not self.has_ended or status is None:
            how = "the command still runs"
        else:
            how = f"the command ended with status {status}"
            with contextlib.suppress(ValueError):
                how = f"the command was ended by {signal.Signals(-status).name}" if status < 0 else how
            self._reader.join(LAST_WORDS)
        printed = self._output.end()
        return f"{how}; its output ends with: {printed}" if printed else f"{how} and printed nothing"

    def until_ready(self, patience: float) -> None:
        """Wait until a connection is accepted; raises `LaunchError`.

        A command that does not work for `patience` real seconds is given up, and one that works at `LATEST`.
        """
        host, port = self.address
        begun = worked = looked = time.monotonic()
        spent = 0
        while not accepts(host, port):
            self._program.tree.look()
            now = time.monotonic()
            if self.has_ended:
                raise LaunchError(f"nothing listened on {host}:{port}: {self.words()}")
            if now - looked >= WORK_SECONDS:
                before, spent = spent, sum(thread.nanoseconds for thread in self.threads())
                worked = now if abs(spent - before) > LEAST_WORK * (now - looked) * 1e9 else worked
                looked = now
            if now - worked > patience:
                raise LaunchError(
                    f"nothing listened on {host}:{port} within {now - begun:.3g} s, and the command did nothing for "
                    f"the last {patience:g} s: {self.words(0)}"
                )
            if now - begun > LATEST:
                raise LaunchError(f"nothing listened on {host}:{port} within {LATEST:g} s of work: {self.words(0)}")
            time.sleep(_LOOK_SECONDS)

    def threads(self) -> Iterator[Thread]:
        """The living threads of the command and of its descendants."""
        return threads_of(self._process.pid)

    def join(self) -> None:
        """Wait until all that the command has printed is read."""
        self._reader.join()

    def dismiss(self) -> None:
        """Tell the command to end, and wait a moment for that."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def free_port(host: str) -> int:
    """A port of this machine that nothing listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def launched(
    command: Sequence[str], base_url: str, environment: Mapping[str, str], ready: float = READY
) -> Iterator[Server]:
    """Run a command that is to listen at a URL, within `ready` real seconds; raises `LaunchError`.

    However this process ends, even killed, no process of the command stays behind, nor its temporary files.
    """
    host, port = host_and_port(base_url)
    if accepts(host, port):
        raise LaunchError(f"another program listens on {host}:{port} already")
    try:
        with started(command, environment, merged=True) as program:
            server = Server(program, base_url)
            try:
                server.until_ready(ready)
                yield server
                server.dismiss()
            finally:
                program.tree.end()
                server.join()
    except CannotStart as error:
        raise LaunchError(str(error)) from None
