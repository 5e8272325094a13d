"""Launching: the command under the clock, or in real time where it does not follow."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pollproof.verify.launch.clock import FollowedClock
from pollproof.verify.launch.probe import hindrance
from pollproof.verify.launch.server import LaunchError, Server, free_port, host_and_port, launched
from pollproof.verify.launch.work import ServerWork
from pollproof.virtualtime import LeapClock, SupervisedClock, supervision_unavailable, unavailable

HOST = "127.0.0.1"
PORT = "{port}"


@dataclass(frozen=True, slots=True)
class Launch:
    """What to launch: the words of a command, and the URL at which it then answers.

    `{port}` in either stands for a free port, `{host}` for the host of the URL, `{key}` in the command for the key.
    `text` is the command as it was typed, `is_usual` says that the URL follows from the contract.
    """

    text: str
    command: tuple[str, ...]
    base_url: str
    key: str
    is_usual: bool

    @property
    def is_repeatable(self) -> bool:
        """Whether the command can be run several times at once: it is given its port."""
        return PORT in self.base_url

    def without_key(self) -> str:
        """The command as it was typed, with the place of the key where it has the key itself."""
        return self.text.replace(self.key, "{key}") if self.key else self.text

    def at(self, port: int) -> tuple[list[str], str]:
        """The command and the URL with a port in them."""
        base_url = self.base_url.replace(PORT, str(port))
        host = host_and_port(base_url)[0]
        words = {PORT: str(port), "{host}": host, "{key}": self.key}
        command = []
        for word in self.command:
            for name, value in words.items():
                word = word.replace(name, value)
            command.append(word)
        return command, base_url


@dataclass(frozen=True, slots=True)
class Running:
    """A launched server; `clock` is None where it does not follow one, for the reason that is given."""

    server: Server
    clock: FollowedClock | None
    reason: str = ""


def launch_of(command: str, base_url: str | None, prefix: str, key: str) -> Launch:
    """The launch that options mean; raises ValueError with one sentence.

    `base_url` may be given where it is not HOST with the `prefix` of the paths. It may have a port of its own.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ValueError(f"--launch {command!r} cannot be read: {str(error).lower()}") from None
    if not words:
        raise ValueError("--launch is empty; expected a command, such as 'node server.js {port}'")
    url = f"http://{HOST}:{PORT}{prefix}" if base_url is None else base_url
    if PORT not in command and PORT in url:
        raise ValueError(
            f"--launch {command!r} has no {PORT}, where the command would learn on which port to listen; "
            "give it one, or tell the port on which it listens by --base-url"
        )
    host = urlsplit(url.replace(PORT, "1")).hostname or ""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise ValueError(f"--base-url {url!r} is not on this machine, where --launch starts its command")
    return Launch(command, words, url, key, base_url is None)


@contextlib.contextmanager
def launch(what: Launch) -> Iterator[Running]:
    """Run a command, under a clock that the explorer moves if it can be had; raises `LaunchError`."""
    port = free_port(HOST) if PORT in what.base_url else host_and_port(what.base_url)[1]
    command, base_url = what.at(port)
    reasons: list[str] = []
    for kind, unavailable_because in ((LeapClock, unavailable), (SupervisedClock, supervision_unavailable)):
        reason = unavailable_because()
        if reason is None:
            with kind() as leap, contextlib.ExitStack() as holding:
                hold = holding.enter_context(leap.held())
                with launched(leap.command(command), base_url, leap.environment()) as server:
                    clock = FollowedClock(leap, hold, ServerWork(server, leap))
                    reason = hindrance(server, clock, leap.file if kind is LeapClock else None)
                    if reason is None:
                        yield Running(server, clock)
                    holding.close()  # what the server waits for when it is to end costs no time
                    if reason is None:
                        return
        if reason not in reasons:
            reasons.append(reason)
    reason = "; ".join(reasons)
    with launched(command, base_url, os.environ) as server:
        yield Running(server, None, reason)


__all__ = ["Launch", "LaunchError", "Running", "launch", "launch_of"]
