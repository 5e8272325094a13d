"""The plan of a live run in words, for people to read before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollproof.contract.model import Subject
from pollproof.monitor.monitor import clauses_of
from pollproof.text import plural
from pollproof.verify.live.planning import SOLVING, LivePlan, PlannedWalk
from pollproof.verify.live.record import walks_made

if TYPE_CHECKING:
    from pollproof.verify.plan import Plan


def plan_lines(plan: Plan, intended: LivePlan) -> list[str]:
    """The plan of a live run, line by line: walks, limits, cost, and what is not judged, with the reason."""
    live = plan.live
    assert live is not None
    lines = [f"plan of the live run against {plan.base_url} ({plan.contract.title})"]
    width = max((len(step.walk.name) for step in intended.steps), default=0)
    lines += [_line(step, width) for step in intended.steps] or ["  no walk fits the limits"]
    lines.append(
        f"  together about {plural(intended.requests, 'request')}, {plural(intended.tasks, 'task')}, "
        f"{duration(intended.seconds)} "
        f"(if a task takes {SOLVING:g} s; latency comes on top)"
    )
    lines.append(
        f"  at most {live.max_requests} requests, {live.max_tasks} tasks, {duration(plan.budget)}; "
        f"{_cost(plan, intended)}"
    )
    every = clauses_of(plan.contract, Subject.PROVIDER)
    lines.append(f"  judges {len(intended.clauses)} of {len(every)} clauses")
    reasons: dict[str, list[str]] = {}
    for clause, (reason, _) in intended.not_run(plan.contract).items():
        reasons.setdefault(reason, []).append(clause)
    lines += [f"  {reason} ({len(names)}): {', '.join(names)}" for reason, names in reasons.items()]
    if live.resume:
        made = ", ".join(walks_made(live.record)) or "none"
        lines.append(f"  by the record these walks were made, and are not made again: {made}")
    lines.append(f"  all that is done is kept in {live.record}")
    return lines


def _line(step: PlannedWalk, width: int) -> str:
    requests, tasks = plural(step.requests, "request"), plural(step.tasks, "task")
    figures = f"{requests:>14}  {tasks:>10}  {duration(step.seconds):>10}"
    return f"  {step.walk.name:<{width}}  {figures}  {step.walk.purpose}"


def _cost(plan: Plan, intended: LivePlan) -> str:
    live = plan.live
    assert live is not None
    if live.price is None:
        return "what a task costs is in the provider's price list (--price tells it here)"
    return f"it costs about {intended.tasks * live.price:g}, and {live.max_tasks * live.price:g} at most"


def duration(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
