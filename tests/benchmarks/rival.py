"""Schemathesis and our own command line, each as a command of its own against a fresh target."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.target import Counts, target

PROVIDER = "capsolver"
DOCUMENT = Path(__file__).resolve().with_name("capsolver.openapi.json")

EXAMPLES = 50
"""Examples of the Schemathesis run: as many as our own default."""

PASSED, FOUND = 0, 1
"""Exit statuses of both commands: nothing was found, something was."""

TICK = 1.0
"""Seconds by which each request moves the clock of a target that Schemathesis looks for faults in."""

LIMIT = 300.0
"""Seconds after which a command is given up."""


class Timed(NamedTuple):
    """A finished command: its wall time from start to end, what its target has served, and what it said."""

    seconds: float
    served: Counts
    status: int
    said: str

    @property
    def rate(self) -> float:
        """Requests per second from the first to the last, so that the start of the program does not count."""
        return (self.served.requests - 1) / self.served.seconds


def find_schemathesis(given: str | None = None) -> str | None:
    """The command that was given, or the one beside this Python, or on the path; None where it is not installed."""
    if given is not None:
        found = shutil.which(given)
        return None if found is None else os.path.abspath(found)
    beside = Path(sys.executable).with_name("schemathesis")
    return str(beside) if beside.exists() else shutil.which("schemathesis")


def run_schemathesis(command: str, seed: int, fault: str | None = None, tick: float = 0.0) -> Timed:
    """A stateful run along the links of the document.

    Its requests are kept within the document, and a refusal of one is not held against the target, since a document
    cannot say which task ids exist: with these two it finds nothing wrong and shrinks nothing, which is its fastest.
    Where it is to find a fault, each request moves the target's clock by a tick, which it cannot do itself, or it would
    see no task that is finished. Ends with an exception where it reports something and there is no fault.
    """
    options = ["--phases", "stateful", "--max-examples", str(EXAMPLES), "--mode", "positive", "--no-color"]
    options += ["--exclude-checks", "positive_data_acceptance", "--seed", str(seed), "--max-failures", "1"]
    with target(PROVIDER, fault=fault, tick=tick) as served:
        return _timed([command, "run", str(DOCUMENT), "--url", served.base_url, *options], served.counts, fault)


def run_verify(seed: int, fault: str | None = None) -> Timed:
    """`pollproof verify` as anyone runs it."""
    with target(PROVIDER, fault=fault) as served:
        options = ["--base-url", served.base_url, "--advance-url", served.advance_url, "--seed", str(seed)]
        options += ["--json", "-"]
        return _timed([sys.executable, "-m", "pollproof", "verify", PROVIDER, *options], served.counts, fault)


def violated(run: Timed) -> set[str]:
    """The clauses that `run_verify` found violated."""
    return {clause["id"] for clause in json.loads(run.said)["clauses"] if clause["verdict"] == "violated"}


def _timed(command: list[str], counts: Callable[[], Counts], fault: str | None) -> Timed:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        seconds = time.perf_counter() - started
    expected = (PASSED,) if fault is None else (PASSED, FOUND)
    if ended.returncode not in expected:
        program, words = Path(command[0]).name, ended.stdout[-2000:] + ended.stderr[-2000:]
        raise RuntimeError(f"{program} ended with {ended.returncode}:\n{words}")
    return Timed(seconds, counts(), ended.returncode, ended.stdout)
