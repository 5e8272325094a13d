"""What the supervising clock costs, and how true it is.

As `gate_clock`, with clients under supervision, Go among them: 120 polls that are 3 virtual seconds apart over 120
polls of the same client without any wait and without the clock, start and end of the process included; the virtual
time that is off; the side of a boundary of 24 h. *A trapped call* is one reading of the time of day by a static
program in C, in microseconds: the way to the supervisor and back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from pollproof.virtualtime import SupervisedClock, compiling, supervision_unavailable
from tests.benchmarks import gate_clock
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.gate_clock import FOLDER, LONGEST, Client
from tests.benchmarks.plan import Plan

CALLS, QUICK_CALLS = 200_000, 5_000
BOUNDARY_RUNS, QUICK_BOUNDARY_RUNS = 100, 4

GO = Client("Go, net/http", [], 5, ("go",))
SUPERVISED = (replace(client, name=f"{client.name}, supervised", most=3) for client in gate_clock.CLIENTS)
CLIENTS = (*SUPERVISED, GO)
CALL = Ratio("a trapped call of a static program, microseconds", at_most(5))
BOUNDARY_RIGHT = Ratio("polls of Go just before and just after 24 h that come right, share", at_least(1))
RATIOS = (*(client.leaping for client in CLIENTS), *(client.off for client in CLIENTS), CALL, BOUNDARY_RIGHT)


def build(folder: Path) -> dict[str, str]:
    """The programs that have to be compiled, by name, as far as there are compilers."""
    built = {}
    if shutil.which("go") is not None:
        environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"}
        words = ["go", "build", "-o", str(folder / "polls"), str(FOLDER / "polls.go")]
        subprocess.run(words, env=environment, check=True, cwd=folder, timeout=2 * LONGEST)
        built["go"] = str(folder / "polls")
    if (compiler := compiling.compiler()) is not None:
        words = [compiler, "-O2", "-static", "-o", str(folder / "calls"), str(FOLDER / "clock_calls.c")]
        subprocess.run(words, check=True, timeout=LONGEST)
        built["calls"] = str(folder / "calls")
    return built


def measure_call(program: str, calls: int) -> Sample:
    """What one reading of the clock takes."""
    with SupervisedClock() as clock:
        words = clock.command([program, str(calls)])
        done = subprocess.run(words, env=clock.environment(), capture_output=True, check=True, timeout=LONGEST)
    return CALL.of(float(done.stdout) / 1000, calls=calls)


def measure(plan: Plan) -> Iterator[Sample]:
    """Every client that can run here, by turns; then a trapped call, and the boundary."""
    reason = supervision_unavailable()
    if reason is not None:
        yield from (ratio.without(reason) for ratio in RATIOS)
        return
    with tempfile.TemporaryDirectory(prefix="pollproof-benchmark-") as folder:
        built = build(Path(folder))
        go = [built["go"]] if "go" in built else []
        for _ in plan.rounds():
            for client in CLIENTS:
                if client.missing is None:
                    there = replace(client, command=go) if client is GO else client
                    yield from gate_clock.measure_client(there, SupervisedClock)
                else:
                    yield client.leaping.without(client.missing)
                    yield client.off.without(client.missing)
            if "calls" in built:
                yield measure_call(built["calls"], plan.size(CALLS, QUICK_CALLS))
            else:
                yield CALL.without("there is no C compiler")
        if not go:
            yield BOUNDARY_RIGHT.without("go is not installed")
            return
        runs = plan.size(BOUNDARY_RUNS, QUICK_BOUNDARY_RUNS)
        plan.say(f"24 h boundary, {runs} runs")
        decided = partial(gate_clock.is_decided_right, command=go, kind=SupervisedClock)
        right = [decided(gate_clock.BOUNDARY + (1 if number % 2 else -1)) for number in range(runs)]
        yield BOUNDARY_RIGHT.of(sum(right) / len(right), runs=runs)
