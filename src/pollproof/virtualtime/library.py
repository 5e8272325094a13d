"""Finds the leaping library, or compiles it, and speaks to it."""

from __future__ import annotations

import ctypes
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

from pollproof.errors import RunError
from pollproof.virtualtime.compiling import (
    LIBRARY,
    CannotCompile,
    compile_library,
    digest_of_sources,
    foreign_system,
)

BUILT = Path(__file__).resolve().parent / LIBRARY
"""Where a wheel that was built with a compiler carries the library."""


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
        raise CannotLeap("The clock cannot leap: this system does not tell the children of a process in /proc.")
    if BUILT.exists() and (functions := _load(BUILT)) is not None:
        return BUILT, functions
    try:
        path = _compiled()
    except CannotCompile as error:
        raise CannotLeap(f"The clock cannot leap: the installed package has no library for it, and {error}.") from None
    functions = _load(path)
    if functions is None:
        raise CannotLeap("The clock cannot leap: its library was compiled, but cannot be loaded.")
    return path, functions


def _compiled() -> Path:
    """The library in the user's cache, compiled there unless it is there already."""
    folder = _private_folder()
    path = folder / f"{digest_of_sources()}-{LIBRARY}"
    if not path.exists():
        compile_library(path)
    return path


def _private_folder() -> Path:
    """A folder that nobody else can write to: what lies in it is loaded into every client."""
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
    holder = tempfile.TemporaryDirectory(prefix="pollproof-leap-")
    _kept.append(holder)
    return Path(holder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
"""Temporary folders, which live as long as this process."""


def can_be_preloaded(path: Path) -> bool:
    """Whether the loader can be told this path: it splits its list at spaces and colons, without a way to quote."""
    return not any(letter.isspace() or letter in ":$" for letter in str(path))


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
        "landed": (number, [file]),
        "sent": (number, [file, ctypes.c_uint32]),
        "strangers": (number, [file]),
        "appoint": (appointment, [file, number, ctypes.c_uint32]),
        "await": (ctypes.c_int, [file, appointment, number]),
        "dismiss": (None, [file, appointment]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(functions, f"pollproof_leap_{name}")
        function.restype, function.argtypes = result, arguments
