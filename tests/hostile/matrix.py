"""Runs a command against a hostile server, and looks at its status, words, time, memory and files."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pollproof.clock import ShiftedClock
from pollproof.http.requests import written
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.text import HIDDEN
from pollproof.trace.exchange import Request
from tests.hostile.servers import SERVERS
from tests.servers import Asked, Line, clean_environment, serving

HONEST = 3
"""Requests that are answered as the reference does before a server turns hostile, where a record is to be kept."""

SERVED = ["--base-url", "{url}", "--api-key", "YOUR_API_KEY"]

COMMANDS: dict[str, list[str]] = {
    "verify": ["verify", "capsolver", *SERVED, "--examples", "1", "--max-wait", "5s", "--json", "report.json"],
    "live": ["verify", "capsolver", *SERVED, "--advance-url", "{hook}", "--live", "--yes", "--record", "live.yaml"],
    "record": ["record", "capsolver", *SERVED, "--advance-url", "{hook}", "--out", "tape.yaml"],
    "check": ["check", "capsolver", "{url}/tape.yaml", "--json", "report.json"],
}
STATUSES = {"verify": {1, 3, 4}, "live": {0, 1, 3, 4}, "record": {0, 3, 4}, "check": {2, 3, 4}}

SECONDS = 150.0
"""Real seconds that a command may take on a machine that does other work: six responses that do not come, at most."""

MEMORY = 400
"""MiB that a command may take."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to; `seconds` are real ones, `memory` is the most that it had, in MiB."""

    status: int
    out: str
    err: str
    seconds: float
    memory: float


def run(words: list[str], folder: Path) -> Done:
    """Run a command in a process of its own, killed after twice the time that it may take."""
    began = time.monotonic()
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
        # The shell is there for the working folder, which a spawned process cannot be given.
        command = ["sh", "-c", f'cd "$0" && exec timeout -s KILL {2 * SECONDS:.0f} "$@"', str(folder), sys.executable]
        command += ["-m", "pollproof", *words]
        process = os.posix_spawn("/bin/sh", command, clean_environment(NO_PROXY="*"), file_actions=actions)
        _, status, usage = os.wait4(process, 0)
    out_text, err_text = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err"))
    seconds = time.monotonic() - began
    return Done(os.waitstatus_to_exitcode(status), out_text, err_text, seconds, usage.ru_maxrss / 1024)


def problems_with(command: str, name: str) -> tuple[list[str], Done]:
    """Run a command against a server; what is not as it must be, in sentences."""
    clock = ShiftedClock()
    provider = ReferenceProvider(load_contract("capsolver"), clock)
    honest = HONEST if command in ("live", "record") else 0
    answered: list[Asked] = []

    def talk(line: Line) -> None:
        while (asked := line.ask()) is not None:
            if len(answered) < honest:
                answered.append(asked)
                method, path, _ = asked.line.split(" ", 2)
                line.say(written(provider.handle(Request(method, path, asked.headers, asked.body)), keeps=True))
            else:
                SERVERS[name](line)
                return

    with tempfile.TemporaryDirectory() as place, serve(provider, clock) as hook, serving(talk) as server:
        folder = Path(place)
        words = [word.format(url=server.url, hook=hook.advance_url) for word in COMMANDS[command]]
        done = run(words, folder)
        return [f"{command}, {name}: {each}" for each in _problems(command, done, folder, len(answered))], done


def _problems(command: str, done: Done, folder: Path, answered: int) -> Iterator[str]:
    if done.status not in STATUSES[command]:
        yield f"status {done.status}: {done.out[-300:]!r} {done.err[-300:]!r}"
    if "Traceback" in done.out + done.err or "the suite itself failed" in done.out + done.err:
        yield f"a traceback: {done.out[-600:]} {done.err[-600:]}"
    if done.seconds > SECONDS:
        yield f"took {done.seconds:.0f} s"
    if done.memory > MEMORY:
        yield f"took {done.memory:.0f} MiB"
    for name in ("out", "err", "report.json"):
        with contextlib.suppress(FileNotFoundError):
            found = HIDDEN.search((folder / name).read_text(encoding="utf-8"))
            if found:
                yield f"{name} has the hidden character {found[0]!r}"
    with contextlib.suppress(FileNotFoundError):
        report = json.loads((folder / "report.json").read_text(), parse_constant=float)
        if report["outcome"] == "passed":
            yield "passed"
    if command in ("live", "record"):
        kept = _kept(folder / ("live.yaml" if command == "live" else "tape.yaml"))
        if kept < answered:
            yield f"{kept} of {answered} answers are kept: {done.out[-300:]!r} {done.err[-300:]!r}"


def _kept(path: Path) -> int:
    if not path.exists():
        return 0
    document: Any = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    return len(document["interactions"] or [])
