"""Record the bundled cassettes over real HTTP: good histories, and one bad history for each clause.

    python -m tests.golden [PROVIDER ...] [--only CLAUSE|NAME]

Every cassette is judged before it is kept: a good one must be clean, a bad one must show its clause (and those that
cannot be kept beside it) and no other of its subject.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pollproof.verify.run as exploring
from pollproof.bundled import bundled, folder
from pollproof.check.judging import check
from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Clause, Contract, Subject
from pollproof.http.client import HttpTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.proof.mutants import Mutant, mutants_of
from pollproof.recordings.writing import write_cassette
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.verify.callbacks import HttpCallbacks
from pollproof.verify.plan import Plan
from pollproof.verify.reference_client import (
    NEVER_READY,
    ChangedSession,
    OverloadedTarget,
    ReferenceClient,
    meet_overload,
)
from pollproof.verify.run import explore
from pollproof.verify.target_clocks import HookedClock
from tests.independent import capmonster_service, capsolver_service, cnode_service, decodo_service, serving

KEY = "YOUR_API_KEY"

SERVICES: dict[str, Any] = {
    "capsolver": capsolver_service,
    "capmonster": capmonster_service,
    "decodo": decodo_service,
    "cnode": cnode_service,
}

LARGE = 200_000
"""Bytes of a cassette from which on it is kept as gzip."""

PORT = 8000
"""The port that stands in the cassettes; the real one was any free one."""


class Kept(Monitor):
    """A monitor that the recorder finds again: its trace is what is recorded."""

    last: Kept
    longest: Kept

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        Kept.last = self
        if not hasattr(Kept, "longest") or Kept.longest.reader.contract is not self.reader.contract:
            Kept.longest = self

    def observe(self, *arguments: Any, **more: Any) -> Any:
        event = super().observe(*arguments, **more)
        if len(self.trace) > len(Kept.longest.trace):
            Kept.longest = self
        return event


class Take(NamedTuple):
    """One cassette to be: a history, and the clauses that it must show as violated.

    With `client` the client's clauses count too; a search for a provider's faults does what no client does.
    """

    name: str
    source: str
    exchanges: Sequence[Exchange]
    violated: frozenset[str]
    client: bool = True
    clause: str = ""


def main() -> None:
    """Record, judge, keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("providers", nargs="*", default=list(bundled()))
    parser.add_argument(
        "--only", help="the history of this clause alone, or this good one (reference, independent, walks)"
    )
    asked = parser.parse_args()
    exploring.Monitor = Kept  # type: ignore[misc]
    failures = 0
    for provider in asked.providers:
        contract = load_contract(provider)
        home = folder("cassettes") / provider
        (home / "bad").mkdir(parents=True, exist_ok=True)
        for name, make in GOOD.items():
            if asked.only in (None, name):
                failures += not keep(contract, home, make(contract))
        for clause in contract.clauses:
            if asked.only in (None, clause.id):
                failures += not any(keep(contract, home, take) for take in bad(contract, clause))
    sys.exit(failures)


def keep(contract: Contract, home: Path, take: Take) -> bool:
    """Write a cassette and judge it; it stays only where the verdict is the expected one."""
    base_url = f"http://127.0.0.1:{PORT}{urlsplit(contract.base_url).path.rstrip('/')}"
    subjects = {clause.id: clause.subject for clause in contract.clauses}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "cassette.yaml")
        seen: list[str] = []
        for _ in range(2):  # once to see what it shows, once with that as its label
            write_cassette(
                path,
                take.exchanges,
                contract,
                base_url=base_url,
                clock="virtual",
                source=take.source,
                expected={"violated": seen},
                overwrite=True,
                secrets=[contract.credential.sample],
                salt=take.name,
            )
            checking = check(contract, [path])
            seen = sorted(entry.clause.id for entry in checking.ledger.violated())
        judged = {clause for clause in seen if take.client or subjects[clause] is Subject.PROVIDER}
        if not (judged <= take.violated and (not take.violated or take.clause in judged)) or checking.detail.unread:
            print(f"REFUSED {take.name}: {seen} instead of {sorted(take.violated)}", checking.detail.unread)
            return False
        data = path.read_bytes()
        target = home / (take.name + (".gz" if len(data) > LARGE else ""))
        target.write_bytes(gzip.compress(data, mtime=0) if target.suffix == ".gz" else data)
        print(f"{target.relative_to(home.parent)}: {len(take.exchanges)} exchanges, {len(data) // 1024} KiB")
    return True


# ------------------------------------------------------------------------------------------- good


def from_reference(contract: Contract) -> Take:
    """What a conforming client saw of the reference."""
    with reference(ReferenceProvider(contract, ShiftedClock())) as served:
        exchanges = client_session(contract, served.base_url, served.advance_url)
    return Take("reference.yaml", "the reference provider, asked by the reference client", exchanges, frozenset())


def from_independent(contract: Contract) -> Take:
    """What a conforming client saw of an implementation by other hands."""
    with serving.serve(SERVICES[contract.name].create_application(KEY)) as base_url:
        exchanges = client_session(contract, base_url, base_url + "/advance")
    source = "an independent implementation, asked by the reference client"
    return Take("independent.yaml", source, exchanges, frozenset())


def from_walks(contract: Contract) -> Take:
    """What all walks saw of the reference."""
    explore(Plan(contract, examples=0))
    trace = Kept.longest.trace
    source = "the reference provider, explored by all walks"
    return Take("walks.yaml", source, trace, frozenset(), client=False)


GOOD = {"reference": from_reference, "independent": from_independent, "walks": from_walks}


@contextmanager
def reference(provider: ReferenceProvider) -> Iterator[Served]:
    clock = provider.clock
    with serve(provider, clock) as served:
        yield served


def walked(contract: Contract, served: Served, examples: int = 0) -> Monitor:
    """Explore a served provider; the monitor that saw it."""
    explore(Plan(contract, served.base_url, KEY, served.advance_url, examples=examples))
    return Kept.last


def client_session(
    contract: Contract,
    base_url: str,
    advance_url: str,
    client: type[ReferenceClient] = ReferenceClient,
    prepare: Callable[[ChangedSession], None] | None = None,
    rounds: int = 3,
    overload: bool = True,
) -> list[Exchange]:
    """All kinds of tasks and batches by a client over HTTP, and at last an overloaded provider."""
    clock = HookedClock(advance_url)
    monitor = Monitor(Reader(contract), clauses_of(contract))
    target = OverloadedTarget(HttpTarget(base_url))
    session = ChangedSession(target, clock, monitor)
    session.credential = KEY
    if prepare is not None:
        prepare(session)
    receiver = HttpCallbacks(clock)
    session.callbacks = receiver
    try:
        for kind in contract.kinds.values():
            for _ in range(rounds):
                client(contract, session).run(kind)
        client(contract, session).run_batches()
        if overload:
            meet_overload(client(contract, session), target)
    finally:
        receiver.close()
        clock.close()
    return list(monitor.trace)


# -------------------------------------------------------------------------------------------- bad


def bad(contract: Contract, clause: Clause) -> Iterator[Take]:
    """Histories of a clause's mutants: first the exchanges that show it, then everything before it too."""
    for mutant in mutants_of(contract, clause):
        violated = frozenset((clause.id, *mutant.companions))
        source = f"the reference provider with one rule broken: {mutant.name}"
        if clause.subject is Subject.CLIENT:
            source = f"the reference provider, asked by a client with one rule broken: {mutant.name}"
        for exchanges in histories(contract, clause, mutant):
            yield Take(
                f"bad/{clause.id}.yaml", source, exchanges, violated, clause.subject is Subject.CLIENT, clause.id
            )


def histories(contract: Contract, clause: Clause, mutant: Mutant) -> Iterator[Sequence[Exchange]]:
    if clause.subject is Subject.CLIENT:
        yield from client_histories(contract, clause, mutant)
        return
    for examples in (0, 60):
        explore(Plan(contract, examples=examples), provider=mutant.provider(), until=frozenset([clause.id]))
        monitor = Kept.last
        evidence = monitor.ledger[clause.id].evidence
        if evidence is not None:
            yield evidence.trace.exchanges
            last = evidence.trace.numbers[-1]
            yield [each for each in monitor.trace[: last + 1] if each.probe is None]
            yield monitor.trace[: last + 1]


def client_histories(contract: Contract, clause: Clause, mutant: Mutant) -> Iterator[Sequence[Exchange]]:
    def prepare(session: ChangedSession) -> None:
        session.changes = mutant.changes

    for solving in (None, NEVER_READY):
        provider = ReferenceProvider(contract, ShiftedClock(), Settings(solving=solving))
        with reference(provider) as served:
            # The fifth task of the reference fails, which a client that takes failures for success must meet.
            rounds = 1 if solving is NEVER_READY else 5 if clause.kind == "failure-reported" else 3
            overload = clause.kind == "bounded-retries"
            trace = client_session(
                contract, served.base_url, served.advance_url, mutant.client_type, prepare, rounds, overload
            )
        monitor = Monitor(Reader(contract), clauses_of(contract))
        for exchange in trace:
            monitor.observe(exchange)
        evidence = monitor.ledger[clause.id].evidence
        if evidence is not None:
            yield evidence.trace.exchanges
            yield trace[: evidence.trace.numbers[-1] + 1]


if __name__ == "__main__":
    main()
