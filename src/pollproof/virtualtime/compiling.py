"""Compiles the native parts: the preload library and the supervisor.

Of the project it imports the errors alone: the build of the package runs it too, where nothing is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pollproof.errors import RunError

LIBRARY = "libpollproof_leap.so"
"""The file name of the compiled preload library."""

SUPERVISOR = "pollproof-supervisor"
"""The file name of the compiled supervisor."""

SOURCES = Path(__file__).resolve().parent / "native"
"""The folder of the C sources."""

_COMPILER_OPTIONS = (
    "-shared",
    "-fPIC",
    "-O2",
    "-std=gnu11",
    "-fvisibility=hidden",
    # Thread-local variables must need no allocation: hooks run in signal handlers.
    "-ftls-model=initial-exec",
    # Callers give null pointers where the headers of libc promise that there are none.
    "-fno-delete-null-pointer-checks",
    # Some distributions switch it on; it would put other functions before the ones that are defined here.
    "-U_FORTIFY_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wno-nonnull-compare",
)

SUPERVISOR_OPTIONS = ("-O2", "-std=gnu11", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra")

SECONDS_TO_COMPILE = 120.0


class CannotCompile(RunError):
    """There is no compiler, or it refused the sources; the message is a sentence."""


def compiler() -> str | None:
    """The C compiler of this machine: what CC names, or cc, gcc or clang."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


def foreign_system() -> str | None:
    """What is wrong with this system, as the end of a sentence; None where the library could work."""
    if not sys.platform.startswith("linux"):
        return f"on Linux only, and this is {sys.platform}"
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        library = ""
    if not library.startswith("glibc"):
        return "where glibc is the C library, and this Python uses another one"
    if sys.maxsize < 2**32:
        return "on 64-bit systems only"
    return None


def digest_of_sources() -> str:
    """A short text that changes whenever the library or the supervisor would."""
    digest = hashlib.sha256(" ".join((*_COMPILER_OPTIONS, *SUPERVISOR_OPTIONS, os.uname().machine)).encode())
    for path in sorted(SOURCES.rglob("*.[ch]")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def compile_library(target: Path) -> None:
    """Compile the preload library into `target`, which appears whole or not at all; raises CannotCompile."""
    _compile(target, _COMPILER_OPTIONS, SOURCES, ("-ldl", "-pthread"))


def compile_supervisor(target: Path) -> None:
    """Compile the supervisor into `target`, which appears whole or not at all; raises CannotCompile."""
    _compile(target, SUPERVISOR_OPTIONS, SOURCES / "supervisor", ())


def _compile(target: Path, options: Sequence[str], folder: Path, libraries: Sequence[str]) -> None:
    found = compiler()
    if found is None:
        raise CannotCompile("there is no C compiler")
    sources = sorted(str(path) for path in folder.glob("*.c"))
    handle, unfinished = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        command = [found, *options, "-o", unfinished, *sources, *libraries]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS_TO_COMPILE, check=False
        )
        if done.returncode != 0:
            first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            raise CannotCompile(f"the C compiler refused {target.name}: {first.strip()}")
        os.chmod(unfinished, 0o755)
        os.replace(unfinished, target)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotCompile(f"the C compiler could not be run: {error}") from None
    finally:
        Path(unfinished).unlink(missing_ok=True)
