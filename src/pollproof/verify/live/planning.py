"""Planning a live run: each walk is rehearsed on the embedded reference, and the limits say which are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pollproof.clauses.faults import Settings
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.runs.result import Idle
from pollproof.verify.live.quota import Quota
from pollproof.verify.live.session import LiveSession
from pollproof.verify.rehearsal import exercised_by, rehearsal_session
from pollproof.verify.walks import WALKS, Walk

if TYPE_CHECKING:
    from pollproof.verify.live_limits import Live
    from pollproof.verify.plan import Plan

SOLVING = 10.0
"""Seconds that a task takes in a rehearsal: providers that say how long tasks take name 1 to 30 s."""


@dataclass(frozen=True, slots=True)
class PlannedWalk:
    """A walk of a live run: requests, tasks and seconds that it takes about, and the clauses that it exercises.

    `permitted` tells whether the part that breaks the provider's rules belongs to it. `skipped` says why it is not
    made, None where it is.
    """

    walk: Walk
    permitted: bool
    requests: int
    tasks: int
    seconds: float
    clauses: frozenset[str]
    skipped: Idle | None = None


@dataclass(frozen=True, slots=True)
class LivePlan:
    """What a live run does, in order, and what it leaves out."""

    steps: tuple[PlannedWalk, ...]
    left_out: tuple[PlannedWalk, ...]

    @property
    def requests(self) -> int:
        """Requests of all walks that are made, about."""
        return sum(step.requests for step in self.steps)

    @property
    def tasks(self) -> int:
        """Tasks of all walks that are made, about."""
        return sum(step.tasks for step in self.steps)

    @property
    def seconds(self) -> float:
        """Seconds of all walks that are made, about."""
        return sum(step.seconds for step in self.steps)

    @property
    def clauses(self) -> frozenset[str]:
        """The clauses that are exercised."""
        return frozenset().union(*(step.clauses for step in self.steps))

    def not_run(self, contract: Contract) -> dict[str, Idle]:
        """The clauses that are not exercised, each with the reason."""
        reasons: dict[str, Idle] = {}
        for clause in clauses_of(contract, Subject.PROVIDER):
            if clause.id not in self.clauses:
                found = next((step.skipped for step in self.left_out if clause.id in step.clauses), None)
                reasons[clause.id] = found or _NOT_LIVE
        return reasons


_NOT_LIVE = Idle(
    "not part of a live run: it takes more requests than one makes, or a response that cannot be requested",
    "deselected",
)


def planned(plan: Plan) -> LivePlan:
    """The plan of a live run: the walks that its limits allow, in order."""
    live = plan.live
    assert live is not None
    steps = list(rehearsed(ReferenceProvider(plan.contract, VirtualClock(), Settings(solving=SOLVING, failing=False))))
    idle: tuple[PlannedWalk, ...] = ()
    if live.only:
        steps, idle = _only(steps, live)
    chosen: list[PlannedWalk] = []
    left: list[PlannedWalk] = []
    # The part of a walk that breaks no rule comes after the whole of it: it is made where that is not.
    for step in sorted(steps, key=lambda step: live.destructive and bool(step.walk.breaks) and not step.permitted):
        if any(step.walk is other.walk for other in chosen):
            if step.permitted:
                left.append(replace(step, skipped=_why_not(step, plan, live, [])))
            continue
        why = _why_not(step, plan, live, chosen)
        if why is not None:
            left.append(replace(step, skipped=why))
        else:
            chosen.append(step)
    chosen.sort(key=lambda step: step.permitted)
    return LivePlan(tuple(chosen), (*left, *idle))


def _only(steps: list[PlannedWalk], live: Live) -> tuple[list[PlannedWalk], tuple[PlannedWalk, ...]]:
    """Of these steps the one that exercises the requested clause for the least money and time; and the others."""
    fit = [step for step in steps if live.only in step.clauses]
    conforming = [step for step in fit if not step.permitted]
    best = min(conforming or fit, key=lambda step: (step.tasks, step.seconds), default=None)
    why = Idle(f"not run: -k selects {live.only} alone", "deselected")
    return [step for step in steps if step is best], tuple(
        replace(step, skipped=why) for step in steps if step is not best
    )


def _why_not(step: PlannedWalk, plan: Plan, live: Live, chosen: list[PlannedWalk]) -> Idle | None:
    """Why a walk is not made; None where it is."""
    name = f"'{step.walk.name}'"
    if step.walk.needs == "callbacks" and plan.callback_url is None:
        why = f"not run: {name} needs --callback-url, an address under which the provider reaches this machine"
        return Idle(why, "deselected")
    if step.permitted and not live.destructive:
        return Idle(f"not run without --destructive: {name} {step.walk.breaks}", "deselected")
    limits = {"requests": live.max_requests, "tasks": live.max_tasks, "seconds": plan.budget}
    for what, limit in limits.items():
        needed = sum(getattr(each, what) for each in (*chosen, step))
        if needed > limit:
            option = f"--budget {needed:.0f}s" if what == "seconds" else f"--max-{what} {needed:.0f}"
            return Idle(f"not run: {name} goes beyond the limits; {option} would let it", "time")
    return None


def rehearsed(provider: ReferenceProvider, ledger: Ledger | None = None) -> Iterator[PlannedWalk]:
    """Make all live walks on an embedded provider, one after another in one trace in virtual time, into a ledger.

    First come those that break no rule, then the others in full.
    """
    allowance = Quota()
    session = rehearsal_session(provider, partial(LiveSession, allowance=allowance), ledger)
    clock = session.clock
    walks = [walk for walk in WALKS if walk.live and walk.applies(provider.contract)]
    for walk, permitted in [(walk, False) for walk in walks] + [(walk, True) for walk in walks if walk.breaks]:
        session.permitted = permitted
        before = (allowance.requests, allowance.tasks, clock.now())
        exercised = exercised_by(walk, session)
        requests, tasks = allowance.requests - before[0], allowance.tasks - before[1]
        if requests:  # some walks do nothing that is not to be permitted
            yield PlannedWalk(walk, permitted, requests, tasks, clock.now() - before[2], exercised)
