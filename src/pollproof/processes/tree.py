"""The processes of a command: known by a mark, wherever they hide, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MARK = "POLLPROOF_RUN"
"""The variable by which the processes of one run are known, whatever group they are in."""

ATTEMPTS, PAUSE = 200, 0.01
"""How often processes are looked for that must be ended, and the real seconds between."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


RUNNING: set[str] = set()
"""The marks of the commands that this process runs: one may be launched while another is."""


def end_all(process: subprocess.Popen[bytes], mark: str, adopted: Callable[[], set[int]]) -> None:
    """End every process of the command: its group, those that carry its mark, and orphans that came to us.

    Orphans of another command of ours are let live.
    """
    for _ in range(ATTEMPTS):
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.poll() is None:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
        left = marked(mark) | adopted()
        for other in RUNNING - {mark} if left else ():
            left -= marked(other)
        for number in left:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        for number in left:
            with contextlib.suppress(OSError):
                os.waitpid(number, os.WNOHANG)
        if not left:
            return
        time.sleep(PAUSE)


def marked(mark: str) -> set[int]:
    """The processes that carry the mark of a run in their environment (none where the system does not tell)."""
    found: set[int] = set()
    wanted = f"{MARK}={mark}".encode()
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                        found.add(int(name))
    return found


@contextlib.contextmanager
def adopting() -> Iterator[Callable[[], set[int]]]:
    """Let orphans of the command become children of this process, so that none can hide; which those are."""
    if not sys.platform.startswith("linux"):
        yield set
        return
    before = _children()
    library = ctypes.CDLL(None)
    old = ctypes.c_int()
    library.prctl(_SUBREAPER + 1, ctypes.byref(old), 0, 0, 0)
    library.prctl(_SUBREAPER, 1, 0, 0, 0)

    def orphans() -> set[int]:
        return {number for number in _children() - before if _session(number) != os.getsid(0)}

    try:
        yield orphans
    finally:
        library.prctl(_SUBREAPER, old.value, 0, 0, 0)


def _children() -> set[int]:
    """The children of this process."""
    found: set[int] = set()
    own = os.getpid()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{own}/task"):
            with contextlib.suppress(OSError):
                found |= {int(word) for word in Path(f"/proc/{own}/task/{thread}/children").read_text().split()}
    return found


def _session(number: int) -> int:
    try:
        return os.getsid(number)
    except OSError:
        return -1
