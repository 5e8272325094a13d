"""Starting, supervising and ending a foreign program: the one way, for clients of the gate and for launched servers.

It runs in a session, with a folder for its temporary files, and nothing of either stays behind, however it or this
process ends.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pollproof.errors import RunError
from pollproof.processes.tree import MARK, Tree, adopting
from pollproof.processes.watchdog_client import OWNER, notify_watchdog, owner, temporary_folder


class CannotStart(RunError):
    """The command could not be started; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs. `mark` is what its processes carry in their environment, as `NAME=VALUE`."""

    process: subprocess.Popen[bytes]
    mark: str
    tree: Tree


@contextlib.contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], *, merged: bool = False) -> Iterator[Program]:
    """Run a program until the context ends; raises `CannotStart`. With `merged` its errors go where its output goes."""
    with temporary_folder() as folder, adopting():
        mark = f"{MARK}={folder.name}"
        try:
            process = subprocess.Popen(
                command,
                env={**environment, "TMPDIR": str(folder), MARK: folder.name, OWNER: owner()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CannotStart(f"the command could not be started: {command[0]}: {reason}") from None
        tree = Tree(process, mark)
        notify_watchdog(f"+{process.pid}")
        try:
            yield Program(process, mark, tree)
        finally:
            tree.end()
            notify_watchdog(f"-{process.pid}")
