"""Whether a launched server follows the clock: its Date header moves along, and who listens has loaded the library."""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from pollproof.http.client import HttpTarget
from pollproof.trace.exchange import Request
from pollproof.verify.launch.clock import FollowedClock
from pollproof.verify.launch.server import Server

MOVE = 60.0
"""Seconds by which the clock is moved, of which the Date header must show the most."""

SECONDS = 5.0
"""Real seconds that the response of the probe may take."""


def hindrance(server: Server, clock: FollowedClock, file: Path | None) -> str | None:
    """Why the server does not follow the clock; None where it does.

    `file` is the one that the preload library maps into each process, None for a supervised server.
    """
    strangers = [] if file is None else [each for each in _listeners(server) if not _has_mapped(each, file)]
    if strangers:
        return (
            f"{_name(strangers[0])}, which listens, has not loaded the library of the clock; "
            "Go, static programs and emptied environments cannot"
        )
    before = _date(server)
    begun = clock.now()
    clock.advance(MOVE)
    after = _date(server)
    if before is None or after is None:
        return None
    shown = (after - before).total_seconds()
    if shown < MOVE / 2:
        moved = clock.now() - begun
        return f"its clock was moved by {moved:.0f} s, of which its Date header shows {shown:.0f}"
    return None


def _date(server: Server) -> datetime | None:
    target = HttpTarget(server.base_url, SECONDS)
    try:
        response = target.exchange(Request("GET", "", {}, b"")).response
    finally:
        target.close()
    try:
        found = parsedate_to_datetime("" if response is None else response.headers.get("date", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _listeners(server: Server) -> set[int]:
    """The processes that have the listening socket, whatever environment they were given; none where none is known."""
    sockets = _listening(server.address[1])
    found = set()
    for number in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{number}/fd"):
                with contextlib.suppress(OSError):
                    status = os.stat(f"/proc/{number}/fd/{descriptor}")
                    if stat.S_ISSOCK(status.st_mode) and status.st_ino in sockets:
                        found.add(number)
    return found


def _listening(port: int) -> set[int]:
    """The inodes of the sockets that listen on a port."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path("/proc/net", name).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(int(words[9]))
    return found


def _has_mapped(number: int, file: Path) -> bool:
    try:
        return str(file) in Path(f"/proc/{number}/maps").read_text()
    except OSError:
        return True  # not known


def _name(number: int) -> str:
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return "the process"
