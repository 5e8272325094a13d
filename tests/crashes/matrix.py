"""Runs a command and breaks it at one system call: strace injects the signal or the error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "POLLPROOF_CRASH"
OLD = '{"old": true}'
POLLPROOF = [sys.executable, "-m", "pollproof"]
REPORT = ["--json", "report.json", "-q"]
TAPE = str(ROOT / "cassettes" / "capsolver" / "reference.yaml")
CLIENT = [sys.executable, str(ROOT / "tests" / "clients" / "python" / "captcha.py"), "capsolver"]
SERVE = f"{sys.executable} -m pollproof serve capsolver --port {{port}}"
LAUNCHED = ["--base-url", "http://127.0.0.1:{port}", "--api-key", "YOUR_API_KEY", "-k", "capsolver.poll.echo"]
LAUNCHED += ["--profile", "quick", "--examples", "1"]

COMMANDS: dict[str, list[str]] = {
    "check": [*POLLPROOF, "check", "capsolver", TAPE, *REPORT],
    "verify": [*POLLPROOF, "verify", "capsolver", "--examples", "2", *REPORT],
    "launch": [*POLLPROOF, "verify", "capsolver", "--launch", SERVE, *LAUNCHED, *REPORT],
    "gate": [*POLLPROOF, "gate", "capsolver", "--scenario", "smoke", *REPORT, "--", *CLIENT],
}
"""Commands that end with 0 and write a report when nothing happens to them."""

INJECTIONS = {
    "SIGKILL": "signal=SIGKILL:when={}",
    "SIGTERM": "signal=SIGTERM:when={}",
    "SIGINT": "signal=SIGINT:when={}",
    "ENOSPC": "error=ENOSPC:when={}+",
}
CALLS = ("openat", "write", "rename")


@dataclass(frozen=True, slots=True)
class Point:
    """Where a command is broken: at the `when`-th call of `call`, by `how`."""

    command: str
    call: str
    how: str
    when: int


def strace() -> str | None:
    """The strace of this machine, where it may trace."""
    found = shutil.which("strace")
    if found is None:
        return None
    tried = subprocess.run([found, "-o", "/dev/null", "true"], capture_output=True, check=False)
    return None if tried.returncode else found


def _environment(folder: Path, mark: str) -> dict[str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    return {**os.environ, MARK: mark, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}


def count(command: str, call: str) -> int:
    """How often the first process of a command makes a call."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        log = folder / "log"
        words = [str(strace()), "-qq", "-e", f"trace={call}", "-e", "signal=none", "-o", str(log), *COMMANDS[command]]
        done = subprocess.run(
            words, cwd=folder / "work", env=_environment(folder, "count"), capture_output=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return len(log.read_text(encoding="utf-8", errors="replace").splitlines())


def points(number: int, commands: Sequence[str]) -> Iterator[Point]:
    """About so many points for each command, spread over its calls."""
    for command in commands:
        each = max(1, number // (len(CALLS) * len(INJECTIONS)))
        for call in CALLS:
            total = min(count(command, call), 65_000)  # strace counts no further
            for how in INJECTIONS:
                if how == "ENOSPC" and call == "openat":
                    continue
                for part in range(min(each, total)):
                    yield Point(
                        command, call, how, total - part * max(1, total // each) if call != "rename" else part + 1
                    )


def alive(mark: str) -> list[str]:
    """The processes that a command has left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200])
            except OSError:
                continue
    return found


def broken(point: Point) -> list[str]:
    """Break a command at a point; what is not as it must be, in sentences."""
    mark = uuid.uuid4().hex
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = folder / "work"
        work.mkdir()
        report = work / "report.json"
        report.write_text(OLD, encoding="utf-8")
        inject = f"inject={point.call}:{INJECTIONS[point.how].format(point.when)}"
        words = [str(strace()), "-qq", "-e", f"trace={point.call}", "-e", inject, "-o", "/dev/null"]
        done = subprocess.run(
            [*words, *COMMANDS[point.command]],
            cwd=work,
            env=_environment(folder, mark),
            capture_output=True,
            timeout=240,
            check=False,
        )
        text = report.read_text(encoding="utf-8")
        status = done.returncode
        if text == OLD:
            if status == 0:
                problems.append("status 0, and the report is the old one")
        else:
            try:
                document = json.loads(text)
            except ValueError:
                problems.append(f"half a report: {len(text)} characters")
            else:
                if any(clause["verdict"] == "violated" for clause in document["clauses"]):
                    problems.append("a violation of what keeps its contract")
                if status == 0 and document["outcome"] != "passed":
                    problems.append(f"status 0, and the report says {document['outcome']}")
        if status == 1:
            problems.append(f"status 1: {done.stdout[-300:]!r} {done.stderr[-300:]!r}")
        if b"Traceback" in done.stderr:
            problems.append(f"a traceback: {done.stderr[-400:]!r}")
        for _ in range(50):
            left = alive(mark)
            if not left:
                break
            time.sleep(0.1)
        else:
            problems.append(f"a process is left: {left}")
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    try:
                        if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                            os.kill(int(entry.name), signal.SIGKILL)
                    except OSError:
                        continue
        leftover = sorted(path.name for path in work.iterdir() if path != report)
        if leftover:
            problems.append(f"left in the working folder: {leftover}")
        for _ in range(50):  # the watchdog removes what a killed command leaves
            remains = sorted(path.name for path in (folder / "tmp").iterdir())
            if not remains:
                break
            time.sleep(0.1)
        else:
            problems.append(f"left in the folder for temporary files: {remains}")
    return [f"{point.command}, {point.how} at {point.call} {point.when}: {problem}" for problem in problems]
