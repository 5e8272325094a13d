"""Runs a command and breaks it at one of its system calls, by a library that is preloaded (faults.c)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pollproof.atomic import write_file
from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.trace.exchange import Request, Response
from pollproof.virtualtime.compiling import compiler
from tests.commands import ROOT, USUAL, run_command

LIBRARY = "POLLPROOF_FAULTS"
"""The variable that names the compiled library, which every process of the matrix has loaded."""

MARK = "POLLPROOF_CRASH"
OLD = '{"old": true}'
SECONDS = 90.0
"""Real seconds that a command may take: each needs about one."""

TAPE = str(ROOT / "cassettes" / "capsolver" / "reference.yaml")
CLIENT = [sys.executable, str(ROOT / "tests" / "clients" / "python" / "captcha.py"), "capsolver"]
SERVE = f"{sys.executable} -m pollproof serve capsolver --port {{port}}"
LAUNCHED = ["--base-url", "http://127.0.0.1:{port}", "--api-key", "YOUR_API_KEY", "-k", "capsolver.poll.echo"]
LAUNCHED += ["--profile", "quick", "--examples", "1"]
SERVED = ["--base-url", "{url}", "--advance-url", "{hook}", "--api-key", "YOUR_API_KEY"]
"""What is replaced by the addresses of a server that is there for one run."""

REPORT, CASSETTE, RECORD = "report.json", "tape.yaml", "live.yaml"

COMMANDS: dict[str, list[str]] = {
    "check": ["check", "capsolver", TAPE, "--json", REPORT],
    "verify": ["verify", "capsolver", "--examples", "2", "--json", REPORT],
    "launch": ["verify", "capsolver", "--launch", SERVE, *LAUNCHED, "--json", REPORT],
    "gate": ["gate", "capsolver", "--scenario", "smoke", "--json", REPORT, "--", *CLIENT],
    "record": ["record", "capsolver", *SERVED, "--out", CASSETTE, "--overwrite"],
    "live": ["verify", "capsolver", *SERVED, "--live", "--yes", "--record", RECORD, "--json", REPORT],
    "merge": ["merge", "{shards}/1.json", "{shards}/2.json", "--json", REPORT],
}
"""Commands that end with 0 when nothing happens to them."""

HOWS = {"SIGKILL": "9", "SIGTERM": "15", "SIGINT": "2", "full disk": "full", "closed output": "closed"}


@dataclass(frozen=True, slots=True)
class Point:
    """Where a command is broken: at the `when`-th of its system calls, by `how`."""

    command: str
    how: str
    when: int


@dataclass(slots=True)
class Run:
    """What a command came to: its status (None for one that did not end), what it printed, answers of the server."""

    status: int | None
    output: str
    answered: int
    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"


def compiled(folder: Path) -> Path | None:
    """The library, compiled into a folder; None where there is no compiler, or another system than Linux."""
    found = compiler() if sys.platform.startswith("linux") else None
    if found is None:
        return None
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([found, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@cache
def _shards() -> tempfile.TemporaryDirectory[str]:
    """A folder with the reports of two shards of a run."""
    folder = tempfile.TemporaryDirectory()
    for number in (1, 2):
        words = ["verify", "capsolver", "--examples", "2", "--shard", f"{number}/2", "--json", f"{number}.json"]
        done = run_command(words, {**os.environ, **USUAL}, folder.name, SECONDS)
        assert Path(folder.name, f"{number}.json").exists(), done.stderr
    return folder


@contextlib.contextmanager
def _served() -> Iterator[tuple[dict[str, str], list[Request]]]:
    """A reference provider on loopback, and the requests that it has answered."""
    clock, answered = ShiftedClock(), list[Request]()
    provider = ReferenceProvider(load_contract("capsolver"), clock)
    handle = provider.handle

    def keeping(request: Request) -> Response | None:
        answered.append(request)
        return handle(request)

    provider.handle = keeping  # type: ignore[method-assign]
    with serve(provider, clock) as served:
        yield {"url": served.base_url, "hook": served.advance_url}, answered


@contextlib.contextmanager
def run(command: str, fault: str, mark: str = "count") -> Iterator[Run]:
    """Run a command with a fault, `HOW:WHEN`, in a folder of its own that goes with the context."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for each in ("work", "tmp"):
            (folder / each).mkdir()
        for each in (REPORT, CASSETTE):
            (folder / "work" / each).write_text(OLD, encoding="utf-8")
        (folder / "token").touch()
        places, answered = {"shards": _shards().name if command == "merge" else ""}, list[Request]()
        if "{url}" in COMMANDS[command]:
            found, answered = stack.enter_context(_served())
            places |= found
        words = [_filled(word, places) for word in COMMANDS[command]]
        known = {MARK: mark, "TMPDIR": str(folder / "tmp"), "CRASH_AT": f"{folder}/token:{fault}"}
        try:
            done = run_command(words, {**os.environ, **USUAL, **known}, folder / "work", SECONDS)
            result = Run(done.returncode, done.stdout[-400:] + done.stderr[-800:], 0, folder)
        except subprocess.TimeoutExpired:
            result = Run(None, "", 0, folder)
        result.answered = len(answered)
        yield result


def _filled(word: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        word = word.replace("{" + name + "}", value)
    return word


@cache
def count(command: str) -> int:
    """How many system calls a command makes that it can be broken at."""
    with run(command, "count:0") as done:
        assert done.status == 0, done.output
        return (done.folder / "token.calls").stat().st_size


def points(number: int, commands: Sequence[str], hows: Sequence[str]) -> Iterator[Point]:
    """So many points for each command and each fault, at like distances over its calls."""
    for command in commands:
        total = count(command)
        for how in hows:
            for part in range(number):
                yield Point(command, how, 1 + part * total // number)


# ------------------------------------------------------------------------------------------- what must be true


def broken(point: Point) -> list[str]:
    """Break a command at a point; what is not as it must be, in sentences."""
    mark = uuid.uuid4().hex
    with run(point.command, f"{HOWS[point.how]}:{point.when}", mark) as done:
        problems = list(_problems(point, done))
        problems += [f"a process is left: {left}" for left in _waited_for(lambda: _alive(mark))]
        problems += [f"left in the working folder: {name}" for name in _leftovers(point, done.work)]
        # The watchdog removes what a killed command leaves.
        left = _waited_for(lambda: sorted(path.name for path in (done.folder / "tmp").iterdir()))
        problems += [f"left in the folder for temporary files: {name}" for name in left]
        for number in _alive(mark):
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
    return [f"{point.command}, {point.how} at {point.when} of {count(point.command)}: {each}" for each in problems]


def _leftovers(point: Point, work: Path) -> list[str]:
    """What a command has left beside its files; the next file that is written there removes what SIGKILL leaves."""
    if point.how == "SIGKILL":
        for path in work.glob(".pollproof-*.part"):
            os.utime(path, (0, 0))
        write_file(work / REPORT, (work / REPORT).read_bytes())
    return sorted(path.name for path in work.iterdir() if path.name not in (REPORT, CASSETTE, RECORD))


def _problems(point: Point, done: Run) -> Iterator[str]:
    if done.status is None:
        yield "it did not end"
    if done.status == 1:
        yield f"status 1: {done.output!r}"
    if "Traceback" in done.output:
        yield f"a traceback: {done.output!r}"
    if point.command != "record":
        yield from _problems_of_a_report(done)
    if point.command == "record":
        yield from _problems_of_a_cassette(point, done)
    if point.command == "live":
        yield from _problems_of_a_record(done)


def _problems_of_a_report(done: Run) -> Iterator[str]:
    text = (done.work / REPORT).read_text(encoding="utf-8")
    if text == OLD:
        if done.status == 0:
            yield "status 0, and the report is the old one"
        return
    try:
        document = json.loads(text)
    except ValueError:
        yield f"half a report: {len(text)} characters"
        return
    if any(clause["verdict"] == "violated" for clause in document["clauses"]):
        yield "a violation of what keeps its contract"
    if done.status == 0 and document["outcome"] != "passed":
        yield f"status 0, and the report says {document['outcome']}"
    if document["complete"] and document["outcome"] == "passed" and done.status not in (0, 2, 3, 4, -2, -9, -15):
        yield f"status {done.status}, and the report is whole"


def _problems_of_a_cassette(point: Point, done: Run) -> Iterator[str]:
    text = (done.work / CASSETTE).read_text(encoding="utf-8")
    if text == OLD:
        if done.status == 0:
            yield "status 0, and the cassette is the old one"
        if point.how in ("SIGTERM", "SIGINT", "closed output") and done.answered > 1:
            yield f"the answers to {done.answered} requests are lost"
        return
    kept = len(_interactions(text))
    if kept < done.answered - 1:
        yield f"{kept} of {done.answered} answers are in the cassette"


def _problems_of_a_record(done: Run) -> Iterator[str]:
    path = done.work / RECORD
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = len(_interactions(text[: text.rfind("\n") + 1])) if text else 0
    if kept < done.answered - 1:
        yield f"{kept} of {done.answered} answers are in the record"
    if kept:
        judged = run_command(
            ["check", "capsolver", RECORD, "--subject", "provider"], {**os.environ, **USUAL}, done.work, SECONDS
        )
        if judged.returncode not in (0, 3):
            yield f"the record is judged with status {judged.returncode}: {judged.stdout[-300:]}{judged.stderr[-300:]}"


def _interactions(text: str) -> list[Any]:
    try:
        found = yaml.load(text, yaml.CSafeLoader)
        return list(found["interactions"] or [])
    except (yaml.YAMLError, KeyError, TypeError):
        return []


def _alive(mark: str) -> list[int]:
    """The processes that a command has left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def _waited_for(look: Any) -> list[Any]:
    """What is still there after five seconds."""
    for _ in range(50):
        if not (left := look()):
            break
        time.sleep(0.1)
    return list(left)
