"""The watchdog of this process: a program that outlives it if it is killed, and then ends what it had started."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

OWNER = "POLLPROOF_OWNER"
"""The variable by which the programs of one pollproof process are known."""

_LOCK = threading.Lock()

_ALONE: set[int] = set()
"""This process, where every child of it is a program of ours: in the command line, not in pytest."""


@functools.cache
def _watchdog_of(process: int) -> tuple[str, subprocess.Popen[bytes]]:
    """A name for one process, and its watchdog, from now on."""
    import glob  # these take their time to import, and most runs start no program
    import subprocess

    name = f"pollproof-{process}-{os.urandom(4).hex()}"
    folders = (_place(), "/dev/shm")
    parent = str(process) if process in _ALONE else "-"
    watching = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py")), f"{OWNER}={name}", parent),
            *(os.path.join(glob.escape(folder), f"{name}-*") for folder in folders),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_dismiss, process, watching)
    return name, watching


def _place() -> str:
    """The folder for temporary files: Python's own choice, but without the file that it writes there to try it."""
    import tempfile

    if tempfile.tempdir is None:
        named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
        usual = () if os.name == "nt" else ("/tmp", "/var/tmp")
        places = map(os.path.abspath, filter(None, (*named, *usual)))
        tempfile.tempdir = next((place for place in places if os.access(place, os.W_OK | os.X_OK)), None)
    return tempfile.gettempdir()


def be_alone() -> None:
    """Note that every child of this process is a program of ours, so that none of them may survive it."""
    _ALONE.add(os.getpid())


def _dismiss(process: int, watching: subprocess.Popen[bytes]) -> None:
    if os.getpid() != process:  # a fork runs the handlers of its parent
        return
    assert watching.stdin is not None
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends anyway, and must not with a traceback
    with contextlib.suppress(OSError):
        watching.stdin.write(b"done\n")
        watching.stdin.close()
    watching.wait()


def owner() -> str:
    """The name of this process, with which its folders begin and which its programs carry in `OWNER`."""
    return _watchdog_of(os.getpid())[0]


@contextlib.contextmanager
def temporary_folder(kind: str = "", place: str | None = None) -> Iterator[Path]:
    """A new private folder, in that for temporary files or in `place`, one of the watchdog's.

    It goes with the context, and with this process, however that ends. `kind` is a part of its name.
    """
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix=f"{owner()}-{kind}", dir=place)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def notify_watchdog(words: str) -> None:
    """Notify the watchdog of a program: `+NUMBER`, it runs; `-NUMBER`, it has ended."""
    stream = _watchdog_of(os.getpid())[1].stdin
    assert stream is not None
    with _LOCK, contextlib.suppress(OSError):
        stream.write(words.encode() + b"\n")
        stream.flush()
