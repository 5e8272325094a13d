"""Whether memory stays flat: very many exchanges through the mock and the monitor.

Each ratio is the resident memory of one process at the end over that after a tenth of the exchanges, when all that is
kept on purpose has been filled (the newest exchanges, the tasks that live in them). Tasks are created, polled to their
ends, read again, left to expire and asked for once more; some are polled to the limit of polls and far beyond, and
requests that are wrong on purpose are among them. The clock of the mock is moved meanwhile, by months in the end.
SOAK_EXCHANGES is their number: with fewer than 200,000 a tenth does not fill what is kept, and the ratio is too large.

* `asking and judging over HTTP`: the process that does, on one trace without end, as on a target that is not made anew.
* `the mock that answers`: the process of `pollproof serve`.
* `mock and judge in one process`: provider and monitor, without HTTP between them.
* `the same with a faulty mock`: a mutant, of whose exchanges one in fifty breaks a clause.

Ids stay known however old they are, because each must be given once alone: some 20 bytes for a task in either process.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pollproof.clock import VirtualClock
from pollproof.contract.model import Subject
from pollproof.http.client import HttpTarget
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.reader import Reader
from pollproof.verify.run import RECENT
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import HookedClock
from tests.benchmarks.figures import Ratio, Sample, at_most
from tests.benchmarks.plan import Plan

FLAT = at_most(1.1)
JUDGE = Ratio("memory of asking and judging over HTTP: multiple of that after a tenth of the exchanges", FLAT)
MOCK = Ratio("memory of the mock that answers: multiple of that after a tenth of the exchanges", FLAT)
BOTH = Ratio("memory of mock and judge in one process: multiple of that after a tenth of the exchanges", FLAT)
FAULTY = Ratio("memory of the same with a faulty mock: multiple of that after a tenth of the exchanges", FLAT)
RATIOS = (JUDGE, MOCK, BOTH, FAULTY)

PROVIDER = "capsolver"
FAULT = "capsolver.poll.terminal"
EXCHANGES = 200_000
"""Exchanges of each soak, unless SOAK_EXCHANGES says otherwise."""

ENDING_SECONDS = 10.0
STATM = Path("/proc/self/statm")
PAGES_PER_MEGABYTE = 256


def lives(session: Session) -> Iterator[None]:
    """Without end: tasks of all sorts from their creation until they are forgotten; a pause after each batch."""
    contract = session.contract
    lifetime, polls = contract.limits.lifetime or 300.0, contract.limits.polls or 100
    number = 0
    while True:
        number += 1
        handles = [handle for _ in range(6) if (handle := session.create(session.kinds[0])[1]) is not None]
        for _ in range(12):
            session.advance(session.wait)
            for handle in handles:
                session.read(handle)
        for handle in handles[:1]:
            for _ in range(polls if number % 50 else 20 * polls):  # now and then far beyond all limits
                session.poll(handle)
        session.advance(lifetime + 1.0)
        for handle in handles:
            session.read(handle)
        session.strangers = 0  # which are counted so that nobody is banned
        session.probe_unknown(contract.task_id["unknown"][0])
        session.probe_credential(session.poll_operation, {"task_id": handles[0].id}, session.wrong_credentials()[0])
        session.probe_malformed(session.poll_operation, {"task_id": handles[0].id}, number)
        yield


def soak(session: Session, exchanges: int, reached: Callable[[], None]) -> None:
    """Exchange that often; `reached` is called after a tenth of it, and at the end."""
    early = exchanges // 10
    for _ in lives(session):
        if early and session.exchanges >= early:
            early = 0
            reached()
        if session.exchanges >= exchanges:
            reached()
            return


def resident(process: int | str = "self") -> float:
    """Megabytes of memory that a process holds."""
    gc.collect()
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) / PAGES_PER_MEGABYTE


# --------------------------------------------------------------------------------- one soak, in a process of its own


def run(way: str, exchanges: int, base_url: str = "", advance_url: str = "", server: int = 0) -> dict[str, list[float]]:
    """One soak: megabytes of this process, and of the server where there is one, early and at the end."""
    contract = load_contract(PROVIDER)
    own: list[float] = []
    others: list[float] = []

    def reached() -> None:
        own.append(resident())
        if server:
            others.append(resident(server))

    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.PROVIDER), recent=RECENT)
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        if way == "http":
            target = stack.enter_context(contextlib.closing(HttpTarget(base_url)))
            hook = stack.enter_context(contextlib.closing(HookedClock(advance_url)))
            session = Session(target, hook, monitor)
        else:
            clock = VirtualClock()
            provider = ReferenceProvider(contract, clock)
            if way == "faulty":
                provider = mutant_named(contract, FAULT).provider(clock)
            session = Session(InProcessTarget("the mock", provider.handle), clock, monitor)
        soak(session, exchanges, reached)
    violations = monitor.ledger.violations
    if bool(violations) is not (way == "faulty"):
        raise RuntimeError(f"{violations} violations on the way '{way}'")
    created = float(session.created)
    figures = {"exchanges": [float(session.exchanges)], "tasks": [created], "violations": [float(violations)]}
    return {**figures, "seconds": [time.perf_counter() - began], "own": own, "server": others}


def started(way: str, exchanges: int, *more: str) -> dict[str, list[float]]:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.soak", "--way", way, "--exchanges", str(exchanges), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def over_http(exchanges: int) -> dict[str, list[float]]:
    """A soak of the mock as people serve it."""
    command = [sys.executable, "-m", "pollproof", "serve", PROVIDER]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        base_url, hook = (server.stdout.readline().split()[-1] for _ in range(2))
        return started("http", exchanges, "--base-url", base_url, "--advance-url", hook, "--server", str(server.pid))
    finally:
        server.terminate()
        try:
            server.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


# -------------------------------------------------------------------------------------------------------- the samples


def measure(plan: Plan) -> Iterator[Sample]:
    """One soak of each sort: they are so long that their spread says little."""
    exchanges = int(os.environ.get("SOAK_EXCHANGES", plan.size(EXCHANGES, 2_000)))
    if not STATM.exists():
        for ratio in RATIOS:
            yield ratio.without("this system does not tell how much memory a process holds")
        return
    for _ in plan.rounds("over HTTP", 1):
        found = over_http(exchanges)
        yield _sample(JUDGE, found, "own")
        yield _sample(MOCK, found, "server")
    for way, ratio in (("inside", BOTH), ("faulty", FAULTY)):
        for _ in plan.rounds("in one process", 1):
            yield _sample(ratio, started(way, exchanges), "own")


def _sample(ratio: Ratio, found: dict[str, list[float]], key: str) -> Sample:
    early, late = found[key]
    parts = {name: found[name][0] for name in ("exchanges", "tasks", "violations", "seconds")}
    return ratio.of(late / early, early_MB=early, late_MB=late, **parts)


def main() -> None:
    """Be the process of one soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak")
    parser.add_argument("--exchanges", type=int, required=True)
    parser.add_argument("--way", choices=["http", "inside", "faulty"], required=True)
    parser.add_argument("--base-url", default="")
    parser.add_argument("--advance-url", default="")
    parser.add_argument("--server", type=int, default=0)
    asked = parser.parse_args()
    print(json.dumps(run(asked.way, asked.exchanges, asked.base_url, asked.advance_url, asked.server)))


if __name__ == "__main__":
    main()
