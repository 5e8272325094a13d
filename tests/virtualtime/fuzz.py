"""Random programs under supervision: python -m tests.virtualtime.fuzz --minutes N [--seed S]

Each is made of waits of every kind, threads, processes and requests, in C, Go, Python, Node and bash. How long it takes
in virtual time is known beforehand: the longest of what goes on at the same time, the sum of what comes one after the
other. The clock must have leapt over no more than that, and no less may have passed.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from pollproof.virtualtime import SupervisedClock, compiling
from tests.leaping.server import serving

PROGRAMS = Path(__file__).resolve().parent / "programs"
LONGEST = 120.0
"""Real seconds after which a program counts as stuck."""

EXACT = 0.005
"""Seconds of virtual time by which each wait may be off: Node rounds up to milliseconds, and more."""

WAYS = {
    "C": "nanosleep absolute poll epoll semaphore timerfd",
    "GO": "sleep timer context nanosleep deadline child",
    "PYTHON": "sleep event select poll epoll async queue receive child timeout hand",
    "NODE": "sleep block interval signal",
    "BASH": "sleep read job",
}


@dataclass
class Program:
    """A random program: its words, the seconds that it takes, and how many waits it has."""

    language: str
    words: list[str] = field(default_factory=list)
    seconds: float = 0.0
    waits: int = 0
    late: float = 0.0
    """Seconds by which it may take longer."""


def languages(folder: Path) -> dict[str, str]:
    """How a program of each language is started, of those that are there."""
    found = {
        "PYTHON": f"{sys.executable} {PROGRAMS / 'waits.py'}",
        "BASH": f"{shutil.which('bash')} {PROGRAMS / 'waits.sh'}",
    }
    if (node := shutil.which("node")) is not None:
        found["NODE"] = f"{node} {PROGRAMS / 'waits.mjs'}"
    if (go := shutil.which("go")) is not None:
        environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"}
        words = [go, "build", "-o", str(folder / "go"), str(PROGRAMS / "waits.go")]
        subprocess.run(words, env=environment, check=True, cwd=folder, timeout=LONGEST * 2)
        found["GO"] = str(folder / "go")
    if (compiler := compiling.compiler()) is not None:
        words = [compiler, "-O2", "-static", "-o", str(folder / "c"), str(PROGRAMS / "waits.c"), "-pthread"]
        subprocess.run(words, check=True, timeout=LONGEST, stderr=subprocess.DEVNULL)
        found["C"] = str(folder / "c")
    return found


def make(chance: random.Random, known: dict[str, str], language: str, depth: int = 0) -> Program:
    """A random program of a language."""
    program = Program(language)
    for _ in range(chance.randint(1, 6 if depth == 0 else 3)):
        dice = chance.random()
        if dice < 0.15 and depth < 2:
            _add_parallel(chance, known, program, depth)
        elif dice < 0.3 and depth < 2:
            part = make(chance, known, chance.choice(sorted(known)), depth + 1)
            program.words += [f"<{part.language}", *part.words, ">"]
            program.seconds += part.seconds
            program.waits += part.waits
            program.late += part.late
        elif dice < 0.5:
            late = chance.choice([0.0, 0.0, 1.5, 20.0])
            program.words.append(
                f"get:/late/{late:g}" if late else chance.choice(["get:/poll", "get:/close", "get:/slow/3"])
            )
            program.seconds += late
            program.waits += 1
        else:
            seconds = round(10 ** chance.uniform(-2, 4.9), 3)
            way = chance.choice(WAYS[language].split())
            if way == "timeout":
                # Python looks twenty times a second whether the child has ended, and so a twentieth too late.
                seconds = min(seconds, 30.0)
                program.late += 0.05
            program.words.append(f"{way}:{seconds}")
            program.seconds += seconds
            program.waits += 1
    return program


def _add_parallel(chance: random.Random, known: dict[str, str], program: Program, depth: int) -> None:
    # A wait that blocks the thread of Node keeps its other parts from going on.
    parts = [make(chance, known, program.language, depth + 1) for _ in range(chance.randint(2, 4))]
    if program.language == "NODE" and any("block:" in word for part in parts for word in part.words):
        return
    program.words.append("{")
    for number, part in enumerate(parts):
        program.words += ["|", *part.words] if number else part.words
    program.words.append("}")
    program.seconds += max(part.seconds for part in parts)
    program.waits += sum(part.waits for part in parts)
    program.late += sum(part.late for part in parts)


def try_program(program: Program, known: dict[str, str]) -> str | None:
    """Run it; what is wrong with the clock, or None."""
    with SupervisedClock() as clock, serving(clock) as server:
        environment = {f"WAITS_{name}": command for name, command in known.items()}
        command = clock.command([*shlex.split(known[program.language]), *program.words])
        begun, real = clock.now(), time.monotonic()
        try:
            done = subprocess.run(
                command,
                env={**clock.environment(), **environment, "WAITS_URL": server.url},
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            passed = clock.now() - begun
            return f"still running after {LONGEST:g} real seconds: {passed:.3f} of {program.seconds:.3f} s passed"
        passed, took, leaps = clock.now() - begun, time.monotonic() - real, clock.leaps
    if done.returncode != 0:
        return f"ended with {done.returncode}: {done.stderr.strip()[-500:]}"
    if leaps.seconds > program.seconds + program.late + EXACT * program.waits:
        return (
            f"the clock leapt over {leaps.seconds:.6f} s, and all waits are {program.seconds:.6f} s (real {took:.3f} s)"
        )
    if passed < program.seconds - EXACT * program.waits:
        return f"{passed:.6f} s passed, and all waits are {program.seconds:.6f} s"
    return None


LEAST = 4
"""Programs that are tried however long they take."""


def fuzz(seconds: float, seed: int, quiet: bool = False) -> tuple[int, int, list[str]]:
    """Try random programs for so many seconds: how many, with how many waits, and what was wrong."""
    wrong = []
    count = waits = 0
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="pollproof-fuzz-") as folder:
        known = languages(Path(folder))
        while time.monotonic() < end or count < LEAST:
            chance = random.Random(f"{seed}-{count}")
            program = make(chance, known, chance.choice(sorted(known)))
            problem = try_program(program, known)
            count += 1
            waits += program.waits
            if problem is not None:
                wrong.append(f"seed {seed}-{count - 1}: {program.language} {shlex.join(program.words)}: {problem}")
                if not quiet:
                    print(wrong[-1], flush=True)
    return count, waits, wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    number, total, problems = fuzz(arguments.minutes * 60, arguments.seed)
    print(f"seed {arguments.seed}: {number} programs with {total} waits, {len(problems)} wrong")
    sys.exit(bool(problems))
