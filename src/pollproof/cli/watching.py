"""`pollproof verify --watch`: run again whenever the files of the launched server change."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

LOOK_SECONDS = 0.5
"""Seconds between two looks at the files."""

SETTLED = 0.2
"""Seconds after a change in which further files are written, as editors and version control do."""

MAXIMUM_WATCHED = 5_000
"""Files that are looked at."""

SKIPPED = frozenset({"__pycache__", "node_modules", "build", "dist", "target"})
"""Folders that hold what is made, not what is written; hidden ones are skipped too."""

_ENDS = "c cc cjs cpp cs ex exs go h ini java js jsx kt lua mjs php pl py rb rs scala sh sql swift toml ts tsx yaml yml"

WRITTEN = frozenset(f".{end}" for end in _ENDS.split())
"""Ends of names of files that people write; a server's logs, data and reports change while it runs."""

FileStates = Mapping[Path, tuple[int, int]]


def rerun_on_change(words: Sequence[str], command: str | None) -> None:
    """Run `pollproof verify` now, and at each change, until the user interrupts.

    Args:
        words: the words after `pollproof verify`.
        command: the command that is launched; the folders of the files that it names are watched.

    Raises:
        click.UsageError: where nothing is launched, or no file is there to watch.
    """
    if command is None:
        raise click.UsageError("--watch goes with --launch: it runs again when the files of the launched server change")
    folders = _folders(command)
    rest = [word for word in words if word != "--watch"]
    status = 0
    try:
        while True:
            seen = _seen(folders)
            if not seen:
                raise click.UsageError(f"--watch: no source file below {', '.join(map(str, folders))}")
            status = subprocess.run([sys.executable, "-m", "pollproof", "verify", *rest], check=False).returncode
            click.echo(f"watching {len(seen)} files below {', '.join(map(str, folders))}; Ctrl-C ends it", err=True)
            while _seen(folders) == seen:
                time.sleep(LOOK_SECONDS)
            time.sleep(SETTLED)
    except KeyboardInterrupt:
        raise SystemExit(status) from None


def _folders(command: str) -> list[Path]:
    """The folders of the files that a command names; the current one where it names none."""
    found = [Path(word).parent for word in shlex.split(command) if Path(word).is_file() and not _is_program(word)]
    return list(dict.fromkeys(found)) or [Path()]


def _is_program(word: str) -> bool:
    """Whether a word is a program of the machine rather than a file of the server."""
    return Path(word).is_absolute() and not Path(word).resolve().is_relative_to(Path.cwd())


def _seen(folders: Sequence[Path]) -> FileStates:
    """Size and time of change of each file below some folders."""
    seen: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for path in _below(folder):
            try:
                state = path.stat()
            except OSError:
                continue
            seen[path] = state.st_mtime_ns, state.st_size
            if len(seen) >= MAXIMUM_WATCHED:
                return seen
    return seen


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED]
        found += [Path(base, name) for name in names if not name.startswith(".") and Path(name).suffix in WRITTEN]
    return found
