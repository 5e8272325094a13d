"""Ends the programs of a pollproof process that was killed: python watchdog.py NAME=VALUE PARENT|- PATTERN ...

It reads its standard input to the end: `+NUMBER` is a process whose descendants are to be ended, `-NUMBER` one that has
ended, and `done` means that no process is left to end. PARENT is a process all of whose children are programs. It is a
program of its own, and imports nothing of the project, so that it starts in a moment; how it finds processes is how
the process that it watches does.
"""

from __future__ import annotations

import contextlib
import glob
import os
import select
import shutil
import signal
import sys
import time

ROUNDS, PAUSE = 40, 0.05
"""How often processes are looked for that must be ended, and the seconds between."""

_LOOK_SECONDS = 0.1
"""Seconds between two looks at who descends from the programs: afterwards it cannot be known."""


def main(mark: str, parent: str, patterns: list[str]) -> None:
    """Wait for the end of pollproof, and clean up after it where it could not do so itself."""
    seen: dict[int, str] = {}
    groups = until_the_end(seen, int(parent) if parent.isdigit() else None)
    for _ in range(0 if groups is None else ROUNDS):
        for group in groups or ():
            end_group(group)
        known = {number for number, since in seen.items() if born(number) == since}
        known |= {each for number in known for each in descendants(number)}
        left = (known | find_marked(mark)) - {os.getpid()}
        end(left)
        if not left:
            break
        time.sleep(PAUSE)
    for pattern in patterns:
        for found in glob.glob(pattern):
            shutil.rmtree(found, ignore_errors=True)


def until_the_end(seen: dict[int, str], parent: int | None) -> set[int] | None:
    """Look at the programs until pollproof is gone; their processes then, None where it ended by itself."""
    roots: set[int] = set()
    rest = b""
    while True:
        ready = select.select([0], [], [], _LOOK_SECONDS if roots else None)[0]
        data = os.read(0, 4096) if ready else None
        *lines, rest = (rest + (data or b"")).split(b"\n")
        for line in lines:
            if line == b"done":
                return None
            with contextlib.suppress(ValueError):
                (roots.add if line.startswith(b"+") else roots.discard)(int(line[1:]))
        above = roots if parent is None else {*roots, parent}
        found = above.union(*(descendants(number) for number in above))
        for number in found - {parent, os.getpid()}:
            seen.setdefault(number, born(number))
        for number in [each for each, since in seen.items() if born(each) != since]:
            del seen[number]
        if data == b"":  # pollproof is gone, and its children are not yet, or no longer, to be found as such
            return roots


def children(process: int) -> set[int]:
    """The children of a process (none where the system does not list them)."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{process}/task/{thread}/children") as file:
                found |= {int(word) for word in file.read().split()}
    return found


def descendants(process: int) -> set[int]:
    """The children of a process, theirs, and so on."""
    found: set[int] = set()
    waiting = [process]
    while waiting:
        new = children(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def born(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where there is none, or it is a dead one."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{process}/stat") as file:
        words = file.read().rpartition(")")[2].split()
        return "" if words[0] in "ZX" else words[19]
    return ""


def find_marked(mark: str) -> set[int]:
    """The processes that carry a mark, `NAME=VALUE`, in their environment (none where no system lists them)."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{int(name)}/environ", "rb") as file:
                if mark.encode() in file.read().split(b"\0"):
                    found.add(int(name))
    return found


def end(processes: set[int]) -> None:
    """Kill processes, as far as they are there."""
    for number in processes:
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)


def end_group(process: int) -> None:
    """Kill the processes of the group that one leads, where the system has groups."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
