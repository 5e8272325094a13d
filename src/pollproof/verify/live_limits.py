"""What a live run may do, and how the times of a provider whose clock is not ours are read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from pollproof.contract.model import Contract

MAXIMUM_REQUESTS = 200
"""Requests of a live run where nothing is said: the conforming walks of a contract take 20 to 160."""

MAXIMUM_TASKS = 10
"""Tasks that a live run creates at most where nothing is said: the conforming walks take up to eight."""

LIVE_BUDGET = 600.0
"""Real seconds of a live run where nothing is said: a task of five minutes of life, and what goes before it."""


@dataclass(frozen=True, slots=True)
class Live:
    """The limits of a live run. `record` is the file that all is kept in; with `resume` it is there already.

    `destructive` allows what providers forbid, `clock_skew` is in seconds, `price` is that of one task. Only the
    clause of the id `only` is to be exercised where there is one.
    """

    record: str
    resume: bool = False
    destructive: bool = False
    max_requests: int = MAXIMUM_REQUESTS
    max_tasks: int = MAXIMUM_TASKS
    clock_skew: float = 0.0
    price: float | None = None
    only: str = ""


LIMITS = tuple(field.name for field in fields(Live) if field.name != "only")
"""The options that go with `--live` alone."""


def with_skew(contract: Contract, seconds: float) -> Contract:
    """The contract as one judges a provider whose clocks may differ by so many seconds: deadlines stay open longer."""
    if not seconds:
        return contract
    limits = replace(contract.limits, lifetime_slack=contract.limits.lifetime_slack + seconds, clock_skew=seconds)
    clauses = tuple(
        replace(clause, parameters=replace(clause.parameters, limits=limits))
        if hasattr(clause.parameters, "limits")
        else clause
        for clause in contract.clauses
    )
    return replace(contract, limits=limits, clauses=clauses)
