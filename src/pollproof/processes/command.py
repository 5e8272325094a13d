"""The command under test: started once for each scenario, bounded in everything, and nothing of it survives."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from pollproof.processes import program
from pollproof.processes.watchdog import find_marked

_KEPT_BYTES = 16 * 1024
"""Bytes that are kept of the beginning of each output, and as many of its end."""

_SHOWN_CHARACTERS = 300
"""Characters of the output that a message shows."""

MAXIMUM_OUTPUT = 32 * 1024 * 1024
"""Bytes of both outputs together after which a command is ended."""

MAXIMUM_PROCESSES = 256
"""Processes of one command at a time after which it is ended."""

EXTENSION = 5
"""How many times as long as its time a command may run that makes progress."""

_LOOK_SECONDS = 0.05
"""Real seconds between two looks at a running command."""

COUNT_EVERY = 10
"""Looks between two counts of its processes."""

GRACE = 0.2
"""Real seconds for the rest of the output when the command has ended and a child of its still holds the pipe."""

_REAL_SECONDS = " real seconds"

_TOKEN = re.compile(rb"token-[0-9a-f]{20}")


@dataclass(slots=True)
class Ended:
    """How a command ended.

    `status` is its exit status (minus the number of the signal that ended it), None where it had to be ended; then
    `stopped` says why. `output` is what it printed, in which the solution is looked for, `errors` what it wrote to its
    standard error. `cut`: it was ended because its real time was over, which proves nothing about it.
    """

    status: int | None
    stopped: str | None
    seconds: float
    output: Output
    errors: Output
    cut: bool = False

    @property
    def words(self) -> str:
        """How it ended, in few words."""
        if self.stopped is not None:
            return self.stopped
        if self.status is not None and self.status < 0:
            with contextlib.suppress(ValueError):
                return f"ended by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"

    @property
    def last_words(self) -> str:
        """The last of what it wrote, on one line: of its standard error, where people look for what went wrong."""
        return self.errors.end() or self.output.end()


class Output:
    """What a command wrote to one stream: its beginning and its end, and the one-time tokens in all of it."""

    def __init__(self) -> None:
        self.total = 0
        self._head = b""
        self._tail = b""
        self._found: dict[str, None] = {}
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take in more output."""
        self.total += len(data)
        room = _KEPT_BYTES - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[max(room, 0) :])[-_KEPT_BYTES:]
        seen = self._rest + data
        for match in _TOKEN.finditer(seen):
            self._found.setdefault(match[0].decode())
        self._rest = seen[-32:]

    @property
    def tokens(self) -> list[str]:
        """The one-time tokens, each once, in the order in which they were first written."""
        return list(self._found)

    @property
    def head(self) -> str:
        return self._head.decode("utf-8", "replace")

    @property
    def tail(self) -> str:
        """The end of the output, as far as `head` does not hold it."""
        return self._tail.decode("utf-8", "replace")

    @property
    def left_out(self) -> int:
        """Bytes between the two."""
        return self.total - len(self._head) - len(self._tail)

    def end(self) -> str:
        """The last of it on one line, for messages."""
        lines = [line.strip() for line in (self.head + self.tail).splitlines() if line.strip()]
        return " / ".join(lines)[-_SHOWN_CHARACTERS:]


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float,
    stop: Callable[[], str | None] = lambda: None,
    started: Callable[[int], None] = lambda _: None,
    progresses: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a command to its end, or end it: after `timeout` real seconds, or when `stop` gives a reason.

    While it `progresses` it has `EXTENSION` times as long: the machine may be busy. `started` is called
    with the number of its process. Raises `CannotStart`.
    """
    began = time.monotonic()
    with program.started(command, environment) as running:
        process = running.process
        started(process.pid)
        output, errors = Output(), Output()
        readers = [start_reading(process.stdout, output), start_reading(process.stderr, errors)]
        stopped: str | None = None

        def is_over(seconds: float) -> bool:
            return seconds > timeout and (seconds > EXTENSION * timeout or not progresses())

        try:
            stopped = _watch(running, (output, errors), is_over, timeout, stop)
        finally:
            if stopped is None and process.returncode is not None:
                _join(readers, GRACE)
            running.tree.end()
            _join(readers)
    status = None if stopped is not None else process.returncode
    cut = stopped is not None and stopped.endswith(_REAL_SECONDS)
    return Ended(status, stopped, time.monotonic() - began, output, errors, cut)


def start_reading(source: IO[bytes] | None, output: Output) -> threading.Thread:
    """Take in, in a thread of its own, all that is written to a pipe."""
    assert source is not None
    reader = threading.Thread(target=_read, args=(source, output), daemon=True)
    reader.start()
    return reader


def _read(source: IO[bytes], output: Output) -> None:
    """Take in all that is written to a pipe, and close it."""
    with source as stream, contextlib.suppress(OSError, ValueError):
        while data := os.read(stream.fileno(), 65536):
            output.add(data)


def _join(threads: Iterable[threading.Thread], seconds: float | None = None) -> None:
    """Wait for the end of all threads, no longer than some seconds together."""
    end = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if end is None else max(end - time.monotonic(), 0.0))


def _watch(
    running: program.Program,
    outputs: Sequence[Output],
    is_over: Callable[[float], bool],
    timeout: float,
    stop: Callable[[], str | None],
) -> str | None:
    """Wait for the end of the command; why it must be ended, or None when it has."""
    looks = 0
    began = time.monotonic()
    while True:
        if _has_ended(running.process, _LOOK_SECONDS):
            return None
        looks += 1
        running.tree.look()
        if is_over(seconds := time.monotonic() - began):
            return f"still running after {max(timeout, int(seconds)):g}{_REAL_SECONDS}"
        if sum(output.total for output in outputs) > MAXIMUM_OUTPUT:
            return f"printed more than {MAXIMUM_OUTPUT // 1024 // 1024} MiB"
        if looks % COUNT_EVERY == 0 and len(find_marked(running.mark)) > MAXIMUM_PROCESSES:
            return f"started more than {MAXIMUM_PROCESSES} processes"
        reason = stop()
        if reason is not None:
            return reason


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait that long for the end of a command; whether it has come."""
    if not hasattr(os, "pidfd_open"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.poll() is not None
    # Popen.wait looks at growing intervals, which would cost each scenario some 20 ms.
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return process.poll() is not None
    try:
        select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    return process.poll() is not None
