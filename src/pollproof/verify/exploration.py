"""The result of exploring a target, from before anything has happened, and how the results of parts are joined."""

from __future__ import annotations

from typing import Any

from pollproof.contract.model import Subject
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import clauses_of
from pollproof.runs.result import NoDetail, RunResult
from pollproof.secrets.redact import Redactor
from pollproof.verify.plan import Plan


class LiveDetail(NoDetail):
    """What a report says of a live run: its limits and what it did; nothing of other runs."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def sections(self, redactor: Redactor) -> dict[str, Any]:
        return {"live": redactor.value(self.facts)} if self.facts else {}


Exploration = RunResult[Plan, LiveDetail]
"""The result of verifying one target."""


def begin_exploration(plan: Plan, *, client: bool = True) -> Exploration:
    """The result of exploring before anything has happened: every clause that will be judged, none exercised.

    Without `client` no reference client is judged, even where the reference provider is the target.
    """
    return RunResult(plan, ledger_of(plan, client=client), LiveDetail())


def ledger_of(plan: Plan, *, client: bool = True) -> Ledger:
    """An empty ledger of all clauses that exploring a plan can say anything of, with or without a reference client."""
    contract = plan.contract
    judges_client = client and plan.base_url is None
    return Ledger(clauses_of(contract) if judges_client else clauses_of(contract, Subject.PROVIDER))


def join(result: Exploration, part: Exploration) -> None:
    """Add what came of a part to what came of those before it; of equally short evidence the earlier stays."""
    result.ledger.absorb(part.ledger)
    for name in ("exchanges", "examples", "moves", "seconds"):
        setattr(result, name, getattr(result, name) + getattr(part, name))
    for name in ("walks", "notes", "cuts", "solving", "unreached"):
        getattr(result, name).extend(getattr(part, name))
    result.statuses |= part.statuses
    result.idle |= part.idle
    result.error = result.error or part.error
    result.complete = result.complete and part.complete
    result.clock = part.clock


def violated(result: Exploration) -> frozenset[str]:
    """The ids of the clauses that a result shows to be violated."""
    return frozenset(entry.clause.id for entry in result.ledger.violated())
