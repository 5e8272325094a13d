"""Finds the native parts, or compiles them: the preload library with the functions of the clock, the supervisor."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from pollproof.errors import RunError
from pollproof.processes.watchdog_client import temporary_folder
from pollproof.virtualtime.compiling import (
    LIBRARY,
    SUPERVISOR,
    CannotCompile,
    compile_library,
    compile_supervisor,
    digest_of_sources,
    foreign_system,
)

BUILT = Path(__file__).resolve().parent / LIBRARY
"""Where a wheel that was built with a compiler carries the library."""

BUILT_SUPERVISOR = Path(__file__).resolve().parent / SUPERVISOR
"""Where it carries the supervisor."""

SECONDS_TO_TRY = 20.0
"""Real seconds that the trial of the supervisor may take."""


class CannotLeap(RunError):
    """Leaping is not possible here; the message is the sentence of `unavailable`."""


@cache
def unavailable() -> str | None:
    """One sentence why the clock cannot leap on this machine, or None where it can."""
    try:
        library()
    except CannotLeap as reason:
        return str(reason)
    return None


@cache
def library() -> tuple[Path, ctypes.CDLL]:
    """The compiled library: its path, for clients, and its functions, for us; raises CannotLeap."""
    reason = foreign_system()
    if reason is not None:
        raise CannotLeap(f"The clock leaps {reason}.")
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        raise CannotLeap("The clock cannot leap: /proc of this system does not list the children of a process.")
    if BUILT.exists() and (functions := _load(BUILT)) is not None:
        return BUILT, functions
    try:
        path = _compiled(LIBRARY, compile_library)
    except CannotCompile as error:
        raise CannotLeap(f"The clock cannot leap: the installed package has no library for it, and {error}.") from None
    functions = _load(path)
    if functions is None:
        raise CannotLeap("The clock cannot leap: its library was compiled, but cannot be loaded.")
    return path, functions


@cache
def supervisor() -> Path:
    """The supervisor, which has shown on this machine that it works; raises CannotLeap with the right it lacks."""
    library()
    path = BUILT_SUPERVISOR
    if not path.exists() or (reason := _refusal(path)) is not None:
        try:
            path = _compiled(SUPERVISOR, compile_supervisor)
        except CannotCompile as error:
            raise CannotLeap(
                f"The clock cannot supervise: the installed package has no supervisor, and {error}."
            ) from None
        reason = _refusal(path)
    if reason is not None:
        raise CannotLeap(reason)
    return path


@cache
def supervision_unavailable() -> str | None:
    """One sentence why no program can be supervised on this machine, or None where it can."""
    try:
        supervisor()
    except CannotLeap as reason:
        return str(reason)
    return None


def _refusal(path: Path) -> str | None:
    """What stands against the supervisor, found out by a run of it."""
    command = [str(path), "--", "/bin/sh", "-c", "exit 0"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS_TO_TRY, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"The clock cannot supervise: {error}."
    if done.returncode == 0:
        return None
    reason = done.stderr.strip().removeprefix("pollproof: ") or f"the supervisor ended with status {done.returncode}"
    return f"The clock cannot supervise: {reason}."


def _compiled(name: str, compile_into: Callable[[Path], None]) -> Path:
    """A native part in the user's cache, compiled there unless it is there already."""
    folder = _private_folder()
    path = folder / f"{digest_of_sources()}-{name}"
    if not path.exists():
        compile_into(path)
    return path


def _private_folder() -> Path:
    """A folder that nobody else can write to: what lies in it is loaded into, or run before, every client."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "pollproof"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except (OSError, RuntimeError):
        return _temporary_folder()
    is_safe = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return folder if is_safe and os.access(folder, os.W_OK) and can_be_preloaded(folder) else _temporary_folder()


@cache
def _temporary_folder() -> Path:
    """One that lives as long as this process."""
    return _kept.enter_context(temporary_folder("leap-"))


_kept = ExitStack()
atexit.register(_kept.close)


def can_be_preloaded(path: Path) -> bool:
    """Whether the loader takes this path: it splits its list at spaces and colons, without a way to quote."""
    return not any(letter.isspace() or letter in ":$" for letter in str(path))


INTERPRETER, NOTE = 3, 4
"""Kinds of parts of a program: the path of its loader, and notes such as Go's."""


def why_not_preloaded(command: str, search: str | None = None) -> str | None:
    """Why a program cannot load the library, as the rest of a sentence about it; None where it may.

    `search` is the path on which commands are looked for. What a script starts is not looked at.
    """
    path = shutil.which(command, path=search)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head[:4] != b"\x7fELF":
                return None
            if head[4] != 2:
                return "is a program of another word size"
            start, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
            file.seek(start)
            parts = [struct.unpack_from("<IIQQQQ", file.read(size).ljust(56, b"\0")) for _ in range(count)]
            for kind, _, offset, _, _, length in parts:
                file.seek(offset)
                if kind == NOTE and b"\x04\0\0\0" in (note := file.read(min(length, 4096))) and b"Go\0\0" in note:
                    return "is a program of Go"
    except (OSError, IndexError, struct.error):
        return None
    return None if any(kind == INTERPRETER for kind, *_ in parts) else "is linked statically"


def _load(path: Path) -> ctypes.CDLL | None:
    """The functions of the library with their types; None where it does not fit this system."""
    try:
        functions = ctypes.CDLL(str(path), use_errno=True)
        _declare(functions)
    except (OSError, AttributeError):
        return None
    return functions


def _declare(functions: ctypes.CDLL) -> None:
    file, appointment, number = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "create": (file, [ctypes.c_char_p, number]),
        "release": (None, [file]),
        "now": (number, [file]),
        "advance": (None, [file, number]),
        "hold": (None, [file, number]),
        "attached": (number, [file]),
        "leaps": (number, [file]),
        "leapt": (number, [file]),
        "last_target": (number, [file]),
        "sent": (number, [file, ctypes.c_uint32]),
        "strangers": (number, [file]),
        "obstacle": (number, [file]),
        "since": (number, [file]),
        "has_attached": (ctypes.c_int, [file, ctypes.c_int32]),
        "appoint": (appointment, [file, number, ctypes.c_uint32]),
        "await": (ctypes.c_int, [file, appointment, number]),
        "dismiss": (None, [file, appointment]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(functions, f"pollproof_leap_{name}")
        function.restype, function.argtypes = result, arguments
