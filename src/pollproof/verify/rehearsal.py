"""What walks take and exercise, found out on the embedded reference in virtual time."""

from __future__ import annotations

import math

from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.http.target import InProcessTarget
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.reader import reader_of
from pollproof.verify.callbacks import EmbeddedCallbacks
from pollproof.verify.session import Session
from pollproof.verify.walks import WALKS

MARGIN = 1.2
"""How much longer than on the reference walks may take on a target."""


def waits_of(contract: Contract, names: frozenset[str]) -> tuple[frozenset[str], float]:
    """The clauses that the walks of these names exercise, and the seconds that all walks together wait."""
    exercised, seconds = _rehearsed(contract)
    return frozenset().union(*(exercised.get(name, frozenset()) for name in names)), seconds * MARGIN


def _rehearsed(contract: Contract) -> tuple[dict[str, frozenset[str]], float]:
    clock = VirtualClock()
    provider = ReferenceProvider(contract, clock)
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER))
    session = Session(InProcessTarget("the reference provider", provider.handle), clock, monitor)
    if session.callback_operation is not None:
        session.callbacks = EmbeddedCallbacks(provider, clock)
    began, exercised = clock.now(), {}
    for walk in WALKS:
        if walk.applies(contract):
            before = {name: entry.exercised for name, entry in monitor.ledger.entries.items()}
            walk.run(session)
            exercised[walk.name] = frozenset(
                name for name, entry in monitor.ledger.entries.items() if entry.exercised > before[name]
            )
    return exercised, clock.now() - began


def in_units(seconds: float) -> str:
    """A duration as options take it, rounded up: 45s, 6m, 25h."""
    if seconds <= 90:
        return f"{math.ceil(seconds)}s"
    return f"{math.ceil(seconds / 60)}m" if seconds <= 5400 else f"{math.ceil(seconds / 3600)}h"
