"""What walks take and exercise, found out on the embedded reference in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.http.target import InProcessTarget, Target
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.reader import reader_of
from pollproof.verify.callbacks import EmbeddedCallbacks
from pollproof.verify.session import Session
from pollproof.verify.walks import WALKS, Walk

Opened = TypeVar("Opened", bound=Session)

MARGIN = 1.2
"""How much longer than on the reference walks may take on a target."""


def waits_of(contract: Contract, names: frozenset[str]) -> tuple[frozenset[str], float]:
    """The clauses that the walks of these names exercise, and the seconds that all walks together wait."""
    exercised, seconds, _ = _rehearsed(contract)
    return frozenset().union(*(exercised.get(name, frozenset()) for name in names)), seconds * MARGIN


def requests_of(contract: Contract) -> int:
    """The requests that all walks together send."""
    return math.ceil(_rehearsed(contract)[2] * MARGIN)


def _rehearsed(contract: Contract) -> tuple[dict[str, frozenset[str]], float, int]:
    session = rehearsal_session(ReferenceProvider(contract, VirtualClock()), Session)
    began = session.clock.now()
    exercised = {walk.name: exercised_by(walk, session) for walk in WALKS if walk.applies(contract)}
    return exercised, session.clock.now() - began, session.exchanges


def rehearsal_session(
    provider: ReferenceProvider, opened: Callable[[Target, Clock, Monitor], Opened], ledger: Ledger | None = None
) -> Opened:
    """A session with an embedded provider, in virtual time, that judges the provider alone, into a ledger."""
    contract, clock = provider.contract, provider.clock
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER), ledger)
    session = opened(InProcessTarget("the reference provider", provider.handle), clock, monitor)
    if session.callback_operation is not None:
        session.callbacks = EmbeddedCallbacks(provider, clock)
    return session


def exercised_by(walk: Walk, session: Session) -> frozenset[str]:
    """Make a walk; the clauses that it has exercised."""
    entries = session.monitor.ledger.entries
    before = {name: entry.exercised for name, entry in entries.items()}
    walk.run(session)
    return frozenset(name for name, entry in entries.items() if entry.exercised > before[name])


def in_units(seconds: float) -> str:
    """A duration as options take it, rounded up: 45s, 6m, 25h."""
    if seconds <= 90:
        return f"{math.ceil(seconds)}s"
    return f"{math.ceil(seconds / 60)}m" if seconds <= 5400 else f"{math.ceil(seconds / 3600)}h"
