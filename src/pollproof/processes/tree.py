"""The processes of a program: known by a mark and by descent, wherever they hide, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pollproof.processes.watchdog import born, children, descendants, end, end_group, find_marked

MARK = "POLLPROOF_RUN"
"""The variable by which the processes of one program are known, whatever group they are in."""

ATTEMPTS, PAUSE = 200, 0.01
"""How often processes are looked for that must be ended, and the real seconds between."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)

_LOCK = threading.Lock()


class Tree:
    """The processes of one program: its group, those that carry its mark, its descendants, and orphans of theirs.

    On Linux orphans become children of this process while a program runs. With an emptied environment and a session of
    its own an orphan is known by having been seen among the descendants (`look`); one that was never seen is ended
    with the last program that runs.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process = process
        self._mark = mark
        self._seen: set[tuple[int, str]] = set()
        self._ended = False

    def look(self) -> set[int]:
        """Take note of the descendants that live now; their numbers."""
        found = descendants(self._process.pid)
        self._seen |= {(number, born(number)) for number in found}
        return found

    def end(self) -> None:
        """End every process of the program; once none is left, there is nothing more to end."""
        for _ in range(0 if self._ended else ATTEMPTS):
            end_group(self._process.pid)
            if self._process.poll() is None:
                self.look()
                with contextlib.suppress(OSError):
                    self._process.kill()
                self._process.wait()
            left = self._left()
            end(left)
            for number in left:
                with contextlib.suppress(OSError):
                    os.waitpid(number, os.WNOHANG)
            if not left:
                self._ended = True
                break
            time.sleep(PAUSE)

    def _left(self) -> set[int]:
        left = find_marked(self._mark) | {number for number, since in self._seen if since and born(number) == since}
        with _LOCK:  # one that is just being started is a child of this process, too
            return left | (_orphans() if _ADOPTION.programs == 1 else set())


@dataclass(slots=True)
class _Adoption:
    """How many programs run whose orphans come to this process, and how it was before the first of them."""

    programs: int = 0
    children: frozenset[int] = frozenset()
    subreaper: int = 0


_ADOPTION = _Adoption()


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Let orphans of programs become children of this process, so that none can hide."""
    if not sys.platform.startswith("linux"):
        yield
        return
    library = ctypes.CDLL(None)
    with _LOCK:
        _ADOPTION.programs += 1
        if _ADOPTION.programs == 1:
            old = ctypes.c_int()
            library.prctl(_SUBREAPER + 1, ctypes.byref(old), 0, 0, 0)
            _ADOPTION.subreaper = old.value
            _ADOPTION.children = frozenset(children(os.getpid()))
            library.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        with _LOCK:
            _ADOPTION.programs -= 1
            if not _ADOPTION.programs:
                library.prctl(_SUBREAPER, _ADOPTION.subreaper, 0, 0, 0)


def _orphans() -> set[int]:
    """Children of this process that came to it since the first of the running programs was started."""
    own = os.getsid(0)
    return {number for number in children(os.getpid()) - _ADOPTION.children if _session(number) != own}


def _session(number: int) -> int:
    try:
        return os.getsid(number)
    except OSError:
        return -1
