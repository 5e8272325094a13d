"""How much faster two worker processes explore than one.

`pollproof verify --profile deep` explores the embedded references of all bundled contracts, a thousand examples each,
once with `-n 1` and once with `-n 2`, by turns: whole commands, from their start to their end. Both do the same parts
and must come to the same report, or the group fails. The start of pytest-xdist and of the workers, and the merging of
what they send, are in it: it is what a user gains. It says nothing of short runs, which gain less: starting a worker
costs about a second of a core. *Without workers* is the same command without `-n`, in one process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.figures import Ratio, Sample, at_least
from tests.benchmarks.plan import Plan
from tests.servers import clean_environment

TWO = Ratio("pollproof verify --profile deep, two workers: how many times faster than one", at_least(1.7))
NONE = Ratio("pollproof verify --profile deep, two workers: how many times faster than without workers")
RATIOS = (TWO, NONE)

MOST = 3
"""Measurements of each at most: they are long."""

LIMIT = 1800.0
"""Seconds after which a command is given up."""


class Verified(NamedTuple):
    """A finished command: its seconds, and what its report says without times."""

    seconds: float
    told: Any
    exchanges: int


def measure(plan: Plan) -> Iterator[Sample]:
    """With two workers, with one, and without, by turns."""
    size = ["capsolver", "--examples", "50"] if plan.quick else ["--profile", "deep"]
    for _ in plan.rounds(most=MOST):
        one, two, none = (verify([*size, *workers]) for workers in (["-n", "1"], ["-n", "2"], []))
        if not one.told == two.told == none.told:
            raise RuntimeError("the reports differ with the number of workers")
        exchanges = two.exchanges / two.seconds
        yield TWO.of(one.seconds / two.seconds, one_s=one.seconds, two_s=two.seconds, exchanges_per_s=exchanges)
        yield NONE.of(none.seconds / two.seconds, none_s=none.seconds, two_s=two.seconds)


def verify(words: list[str]) -> Verified:
    """Run `pollproof verify`."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pollproof", "verify", *words, "--quiet", "--json", str(report)]
        started = time.perf_counter()
        subprocess.run(
            command, cwd=folder, env=clean_environment(), check=True, capture_output=True, timeout=LIMIT, text=True
        )
        seconds = time.perf_counter() - started
        document = json.loads(report.read_text(encoding="utf-8"))
    clauses = [(each["id"], each["verdict"], each["exercised"]) for each in document["clauses"]]
    return Verified(seconds, (clauses, document["examples"], document["exchanges"]), document["exchanges"])
