"""Schemathesis and our own command line, each as a command of its own against a fresh target."""

from __future__ import annotations

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

LIMIT = 300.0
"""Seconds after which a command is given up."""


class Timed(NamedTuple):
    """A finished command: its wall time from start to end, and what its target has served."""

    seconds: float
    served: Counts

    @property
    def rate(self) -> float:
        """Requests per second from the first to the last, so that the start of the program does not count."""
        return (self.served.requests - 1) / self.served.seconds


def find_schemathesis() -> str | None:
    """The command beside this Python, or on the path; None where it is not installed."""
    beside = Path(sys.executable).with_name("schemathesis")
    return str(beside) if beside.exists() else shutil.which("schemathesis")


def run_schemathesis(command: str, seed: int) -> Timed:
    """A stateful run along the links of the document.

    Its requests are kept within the document, and a refusal of one is not held against the target, since a document
    cannot say which task ids exist: with these two it finds nothing wrong and shrinks nothing, which is its fastest.
    """
    options = ["--phases", "stateful", "--max-examples", str(EXAMPLES), "--mode", "positive", "--no-color"]
    options += ["--exclude-checks", "positive_data_acceptance", "--seed", str(seed)]
    with target(PROVIDER) as served:
        return _timed([command, "run", str(DOCUMENT), "--url", served.base_url, *options], served.counts)


def run_verify(seed: int) -> Timed:
    """`pollproof verify` as anyone runs it."""
    with target(PROVIDER) as served:
        options = ["--base-url", served.base_url, "--advance-url", served.advance_url, "--seed", str(seed)]
        return _timed([sys.executable, "-m", "pollproof", "verify", PROVIDER, *options], served.counts)


def _timed(command: list[str], counts: Callable[[], Counts]) -> Timed:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        seconds = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"{command[0]} ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return Timed(seconds, counts())
