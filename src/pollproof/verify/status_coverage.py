"""Showing every documented status and transition, where the reference's own tasks have not come to them."""

from __future__ import annotations

from pollproof.contract.model import Contract, Phase, Status
from pollproof.monitor.coverage import CREATED, LOST, Seen, expected
from pollproof.reference.scripted import Script
from pollproof.verify.session import Session

AGAIN = 2
"""Polls of the last status of a script: that it stays is seen too."""


def scripts_for(contract: Contract, seen: Seen) -> list[Script]:
    """What tasks must be seen to do so that nothing is missing: one documented life for each thing missing."""
    wanted = expected(contract, ())
    statuses = contract.statuses
    scripts: list[Script] = []
    for name, _ in wanted.statuses:
        if not seen.statuses[name]:
            end = () if statuses[name].phase.terminal else (_of(contract, Phase.SUCCEEDED),)
            scripts.append((statuses[name], *end))
    for before, after in wanted.transitions:
        if not seen.transitions[before, after] and LOST not in (before, after):
            first = () if before == CREATED else (_of(contract, Phase(before)),)
            scripts.append((*first, _of(contract, Phase(after))))
    return scripts


def _of(contract: Contract, phase: Phase) -> Status:
    """A documented status of a phase; where an error alone tells of it, one without a word."""
    known = contract.statuses.values()
    listed = (status for status in known if status.phase is phase and status.documented)
    return next((status for status in listed if not status.value.endswith("*")), Status("", phase))


def show(session: Session, scripts: list[Script]) -> None:
    """Create and poll one task for each script."""
    kind = session.kinds[0]
    for script in scripts:
        _, handle = session.create(kind)
        if handle is None:
            continue
        if any(status.phase is Phase.CANCELLED for status in script):
            session.cancel(handle)  # so that nobody wonders why it is cancelled
        for _ in range(len(script) - 1 + AGAIN):
            session.advance(session.wait)
            session.poll(handle)
