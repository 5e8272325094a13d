"""The target of the benchmarks: the reference provider over loopback HTTP, in a process of its own, counting.

    python -m tests.benchmarks.target capsolver [--fault NAME] [--tick SECONDS]

It prints its base URL and the URL of its clock hook, one line each, and ends when its standard input does. With a fault
it is that mutant; with a tick each request moves its clock.
`GET /_served` tells how many requests came (clock hook and this one left out), the seconds from the first to the
last, and the processor time of the process.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.trace.exchange import Request, Response

SERVED_PATH = "/_served"

ENDING_SECONDS = 10.0
"""Seconds that a target gets to end before it is killed."""


class Counts(NamedTuple):
    """What a target has served: requests, seconds from the first to the last of them, and its own processor time."""

    requests: int
    seconds: float
    processor: float


def counting(provider: type[ReferenceProvider], tick: float) -> type[ReferenceProvider]:
    """A provider that also tells how much it has served, and whose clock is moved by each request."""

    class CountingProvider(provider):  # type: ignore[valid-type, misc]
        served = 0
        first = last = 0.0

        def handle(self, request: Request) -> Response:
            if request.path == SERVED_PATH:
                counts = Counts(self.served, self.last - self.first, time.process_time())
                return Response(200, {"content-type": "application/json"}, json.dumps(counts).encode())
            self.last = time.perf_counter()
            if not self.served:
                self.first = self.last
            self.served += 1
            if tick:
                self.clock.advance(tick)
            answer: Response = super().handle(request)
            return answer

    return CountingProvider


class Target(NamedTuple):
    """A target that is being served."""

    base_url: str
    advance_url: str

    def counts(self) -> Counts:
        """What it has served so far."""
        with urllib.request.urlopen(self.base_url + SERVED_PATH, timeout=10) as answer:
            return Counts(*json.load(answer))


@contextmanager
def target(provider: str, fault: str | None = None, tick: float = 0.0) -> Iterator[Target]:
    """A fresh target in a process of its own, on the core that this process is bound to, until the context ends."""
    command = [sys.executable, "-m", "tests.benchmarks.target", provider, "--tick", str(tick)]
    command += [] if fault is None else ["--fault", fault]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline().strip() for _ in range(2)]
        if not all(lines):
            raise RuntimeError(f"the target did not start: {' '.join(command)}")
        yield Target(*lines)
    finally:
        process.stdin.close()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main() -> None:
    """Serve until the standard input ends, which it does when the benchmark ends, however it ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.target", description=__doc__)
    parser.add_argument("provider")
    parser.add_argument("--fault")
    parser.add_argument("--tick", type=float, default=0.0)
    asked = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the benchmark, which ends this
    contract, clock = load_contract(asked.provider), ShiftedClock()
    if asked.fault is None:
        provider = counting(ReferenceProvider, asked.tick)(contract, clock)
    else:
        mutant = mutant_named(contract, asked.fault)
        broken = counting(mutant.provider_type, asked.tick)
        provider = broken(mutant.contract, clock, mutant.settings, mutant.changes)
    with serve(provider, clock) as served:
        print(served.base_url, served.advance_url, sep="\n", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
