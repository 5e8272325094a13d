"""Writing files as careful programs do: whole or not at all, and never over what is not a regular file.

Reports, cassettes, baselines and exports are all written by `write_file`.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, SUFFIX = ".pollproof-", ".part"
"""How the name of a file begins and ends that is being written."""

STALE = 300.0
"""Seconds without a change after which such a file belongs to a writer that was killed."""

_DESCRIPTORS = ("/proc/self/fd", "/dev/fd")
"""Folders whose files are the open files of this process."""

_NOT_HERE = {errno.EBUSY, errno.EXDEV}
"""Errors of a renaming over a file that is mounted by itself, as containers do."""


def write_file(path: str | Path, data: str | bytes, *, overwrite: bool = True) -> None:
    """Write a file in one step: whoever reads it, whenever the program ends, there is the old one or the whole new one.

    Text is written as UTF-8. A symbolic link is followed to its end; a file that exists keeps its permissions. A
    device, a pipe or an open file of this process is written to, not replaced. Without `overwrite` a file that exists,
    also one that came into being meanwhile, is kept. Raises OSError (FileExistsError for a file that is kept); what
    the file held before is then still there, whole.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    descriptor = _own_descriptor(path)
    if descriptor is not None:
        _write_through(descriptor, content)
        return
    try:
        there = os.stat(path)
    except FileNotFoundError:
        there = None
    if there is not None and not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if there is not None and not stat.S_ISREG(there.st_mode):
        if stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with open(path, "wb", buffering=0) as stream:
            _write_all(stream.fileno(), content)
        return
    _replace(os.path.realpath(path), content, there, overwrite=overwrite)


def is_replaceable(path: str | Path) -> bool:
    """Whether a file may be written several times, of which only the last counts: a regular one, or one that is not
    there yet. Raises OSError for a path that cannot be looked at.
    """
    if _own_descriptor(path) is not None:
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return True


def refusal(path: str | Path, error: OSError) -> str:
    """Why a file could not be written, in one sentence that says what is there instead."""
    words = f"{path}: cannot be written ({error.strerror or error})"
    with suppress(OSError, ValueError):
        if stat.S_ISREG(os.stat(path).st_mode):
            return f"{words}; what the file holds is not from this run"
    return words


def _own_descriptor(path: str | Path) -> int | None:
    """The open file of this process that a path such as /dev/stdout names, None for any other path."""
    name = os.fspath(path)
    for _ in range(8):
        folder, last = os.path.split(name)
        if last.isdecimal() and (folder in _DESCRIPTORS or os.path.realpath(folder) == f"/proc/{os.getpid()}/fd"):
            return int(last)
        try:
            name = os.path.join(folder, os.readlink(name))
        except (OSError, ValueError):
            return None
    return None


def _write_through(descriptor: int, content: bytes) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    _write_all(descriptor, content)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _replace(path: str, content: bytes, there: os.stat_result | None, *, overwrite: bool) -> None:
    folder, name = os.path.split(path)
    with _opened(folder) as home:
        _sweep(home)
        part = f"{PREFIX}{os.urandom(8).hex()}{SUFFIX}"
        descriptor, is_named = _create(folder, part)
        try:
            _write_all(descriptor, content)
            if there is not None:
                with suppress(OSError):
                    os.fchown(descriptor, there.st_uid, there.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
            os.fsync(descriptor)
            if not is_named:
                _link(descriptor, part, path, content, home, overwrite=overwrite)
            elif overwrite:
                _rename(part, path, content, home)
            else:
                os.link(part, name, src_dir_fd=home, dst_dir_fd=home)
        finally:
            os.close(descriptor)
            if is_named:
                with suppress(OSError):
                    os.unlink(part, dir_fd=home)
        with suppress(OSError):
            os.fsync(home)


def _link(descriptor: int, part: str, path: str, content: bytes, home: int, *, overwrite: bool) -> None:
    """Give a file without a name the name of another one; at once where none has it, else by a name of its own.

    A file without a name vanishes with its process. So one is left behind only by SIGKILL between the two calls of the
    second way, and only until the next file is written there.
    """
    source = f"/proc/self/fd/{descriptor}"
    try:
        os.link(source, os.path.basename(path), dst_dir_fd=home, follow_symlinks=True)
    except FileExistsError:
        if not overwrite:
            raise
        with _undisturbed():
            os.link(source, part, dst_dir_fd=home, follow_symlinks=True)
            try:
                _rename(part, path, content, home)
            finally:
                with suppress(OSError):
                    os.unlink(part, dir_fd=home)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the signals that end a program wait until the context ends."""
    mask = getattr(signal, "pthread_sigmask", None)
    before = mask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}) if mask else None
    try:
        yield
    finally:
        if mask:
            mask(signal.SIG_SETMASK, before)


def _sweep(home: int) -> None:
    """Remove what writers left in a folder that were killed."""
    with suppress(OSError):
        for name in os.listdir(home):
            if name.startswith(PREFIX) and name.endswith(SUFFIX):
                with suppress(OSError):
                    if time.time() - os.stat(name, dir_fd=home, follow_symlinks=False).st_mtime > STALE:
                        os.unlink(name, dir_fd=home)


def _create(folder: str, part: str) -> tuple[int, bool]:
    """A new file in a folder, without a name where the file system has that; whether it has one."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0)
    unnamed = getattr(os, "O_TMPFILE", 0)
    if unnamed and os.path.exists("/proc/self/fd"):
        with suppress(OSError):
            return os.open(folder, flags | unnamed, 0o666), False
    return os.open(os.path.join(folder, part), flags | os.O_CREAT | os.O_EXCL, 0o666), True


def _rename(part: str, path: str, content: bytes, home: int) -> None:
    """Give a new file the place of the old one; a file that is mounted by itself is written where it is."""
    try:
        os.replace(part, os.path.basename(path), src_dir_fd=home, dst_dir_fd=home)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        with open(path, "wb", buffering=0) as stream:
            _write_all(stream.fileno(), content)


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)
