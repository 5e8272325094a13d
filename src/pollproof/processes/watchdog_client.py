"""Guarding: a program that outlives this process if it is killed, and then ends what it had started."""

from __future__ import annotations

import atexit
import contextlib
import functools
import glob
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

GUARDIAN = Path(__file__).with_name("watchdog.py")

OWNER = "POLLPROOF_OWNER"
"""The variable by which the commands of one pollproof process are known."""


def guardian(variable: str, patterns: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a guardian: at the end of its input it ends what has `NAME=VALUE` in its environment, and removes files.

    It does nothing when it was told `done` before. `patterns` are glob patterns of folders.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARDIAN), variable, *patterns],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(watching: subprocess.Popen[bytes]) -> None:
    """Tell a guardian that nothing is left to do, and wait for its end."""
    assert watching.stdin is not None
    with contextlib.suppress(OSError):
        watching.stdin.write(b"done\n")
        watching.stdin.close()
    watching.wait()


@functools.cache
def _owner_of(process: int) -> str:
    """A name for one process, which has a guardian from now on."""
    token = f"pollproof-gate-{process}-{secrets.token_hex(4)}"
    folders = (tempfile.gettempdir(), "/dev/shm")
    watching = guardian(f"{OWNER}={token}", [os.path.join(glob.escape(folder), f"{token}-*") for folder in folders])
    atexit.register(_leave, process, watching)
    return token


def _leave(process: int, watching: subprocess.Popen[bytes]) -> None:
    if os.getpid() == process:  # a fork runs the handlers of its parent
        dismiss(watching)


def owner() -> str:
    """The name of this process, with which its folders begin and which its commands carry in `OWNER`."""
    return _owner_of(os.getpid())
