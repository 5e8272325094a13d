"""Run commands of pollproof in processes of their own, forked from one that has imported what all of them import.

A command that starts from nothing spends most of its time on imports: the tests start hundreds. `run_command` gives
each a new process, with its own environment, folder and streams, as `python -m pollproof` does, and takes that where
a fork could not do the same (other settings of the interpreter, of the loader or of the locale).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Beginnings of the variables that take effect when an interpreter starts, and never after."""

USUAL = {"PYTHONIOENCODING": "utf-8"}
HEAVY = ("hypothesis.stateful", "jsonschema", "rich.live", "rich.table", "vcr", "xmlschema", "yaml")
"""What commands import late."""


def run_command(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: str | os.PathLike[str],
    timeout: float = 90.0,
    *,
    merged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `pollproof` with these words; `timeout` in seconds, after which it is killed and `TimeoutExpired` raised.

    `merged` gives what it writes to standard error with the rest, as its standard output.
    """
    command = [sys.executable, "-m", "pollproof", *words]
    if _settings(environment) != _settings({**os.environ, **USUAL}):
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            timeout=timeout,
            env=environment,
            cwd=folder,
            check=False,
        )
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        status = _forked(words, environment, folder, (out.fileno(), out.fileno() if merged else err.fileno()), timeout)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8").replace("\r\n", "\n"))
    if status is None:
        raise subprocess.TimeoutExpired(command, timeout, *texts)
    return subprocess.CompletedProcess(command, status, *texts)


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(INTERPRETER)}


def _forked(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: str | os.PathLike[str],
    streams: tuple[int, int],
    timeout: float,
) -> int | None:
    """The exit status of a forked command, as `subprocess` has it; None where it was killed for its time."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        order = json.dumps({"words": list(words), "environment": dict(environment), "folder": os.fspath(folder)})
        with tempfile.TemporaryFile() as letter:
            letter.write(order.encode())
            letter.flush()
            socket.send_fds(_server()[0], [b"x"], [letter.fileno(), *streams, theirs.fileno()])
            theirs.close()
            with ours.makefile() as said:
                process = int(said.readline())
                ours.settimeout(timeout)
                try:
                    return int(said.readline())
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                    return None


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The connection to the process that forks, and this process; it ends when the connection does."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands", str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, **USUAL},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours, process


def end_server() -> None:
    """End the process that forks, if one was started."""
    if _server.cache_info().currsize:
        connection, process = _server()
        connection.close()
        process.wait()
        _server.cache_clear()


# ---------------------------------------------------------------------------------------- the process that forks


def serve(connection: socket.socket) -> None:
    """Fork a command for each order, and report its process id and its exit status."""
    import gc

    _import_all()
    gc.freeze()
    waiting: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is connection:
                    data, descriptors, _, _ = socket.recv_fds(connection, 1, 4)
                    if not data:
                        return
                    process = os.fork()
                    if process == 0:
                        selector.close()
                        connection.close()
                        for reply in waiting.values():
                            reply.close()
                        _perform(*descriptors)
                    letter, out, err, answer = descriptors
                    for each in (letter, out, err):
                        os.close(each)
                    reply = socket.socket(fileno=answer)
                    reply.sendall(f"{process}\n".encode())
                    descriptor = os.pidfd_open(process)
                    waiting[descriptor] = reply
                    selector.register(descriptor, selectors.EVENT_READ, process)
                else:
                    _, status = os.waitpid(key.data, 0)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    with waiting.pop(key.fd) as reply, contextlib.suppress(OSError):
                        reply.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _import_all() -> None:
    import pkgutil
    from importlib import import_module

    import pollproof.bundled
    import pollproof.loading

    for module in pkgutil.walk_packages(pollproof.__path__, "pollproof."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                import_module(module.name)
    for name in HEAVY:
        import_module(name)
    for name in pollproof.bundled.bundled():
        pollproof.loading.load_contract(name)


def _perform(letter: int, out: int, err: int, answer: int) -> NoReturn:
    """Be the command, and end as an interpreter does."""
    import atexit
    import random
    import threading

    import pollproof

    os.close(answer)
    with open(letter, "rb") as file:
        file.seek(0)
        order: dict[str, Any] = json.load(file)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    time.tzset()
    random.seed()
    tempfile.tempdir = None
    sys.path[0] = order["folder"]
    sys.argv = [str(Path(pollproof.__file__).with_name("__main__.py")), *order["words"]]
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    status = 1
    try:
        from pollproof.cli.main import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
