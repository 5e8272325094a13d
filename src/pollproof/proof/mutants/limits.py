"""Limits that are missed by a little, and losses that do not last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Clause, Contract, Operation, Phase, Role
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Settings, Task
from pollproof.trace.exchange import Response


class ComesBack(ReferenceProvider):
    """Gives the result of a lost task once it has said that it is lost."""

    def lost(self, operation: Operation, task: Task) -> Response:
        task.seen.append("lost")
        if task.seen.count("lost") > 1 and not task.fails:
            return self.state(operation, task, Phase.SUCCEEDED)
        return super().lost(operation, task)


class ShortLivedResults(ReferenceProvider):
    """Forgets results, though not their tasks, before their time is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        limits = self.contract.limits
        if task is not None and self.clock.now() - task.created > (limits.lifetime or 0) - limits.lifetime_slack - 2:
            return self.lost(operation, task)
        return super().fetch(operation, identifier)


@mutates("budget-served")
def _budget_served(contract: Contract, clause: Clause) -> Iterator[Fault]:
    limit = clause.parameters.limit - 1
    yield Fault(f"lost after {limit} polls", settings=Settings(polls=limit))


@mutates("budget-ended")
def _budget_ended(contract: Contract, clause: Clause) -> Iterator[Fault]:
    limit = clause.parameters.limit + 1
    yield Fault(f"{limit} polls are answered", settings=Settings(polls=limit))


def _margin(contract: Contract) -> float:
    """Seconds by which a wrong lifetime differs: more than is left open about when it began."""
    limits = contract.limits
    return 2.0 if limits.lifetime_from == "creation" else 2.0 + 2 * (limits.wait or 1.0)


@mutates("lifetime-served")
def _lifetime_served(contract: Contract, clause: Clause) -> Iterator[Fault]:
    seconds = clause.parameters.seconds - contract.limits.lifetime_slack - _margin(contract)
    if contract.operation_of(Role.FETCH) is not None:
        yield Fault(f"results are lost after {seconds:g} s", ShortLivedResults)
    else:
        yield Fault(f"lost after {seconds:g} s", settings=Settings(lifetime=seconds))


@mutates("lifetime-ended")
def _lifetime_ended(contract: Contract, clause: Clause) -> Iterator[Fault]:
    seconds = clause.parameters.seconds + contract.limits.lifetime_slack + _margin(contract)
    yield Fault(f"there for {seconds:g} s", settings=Settings(lifetime=seconds))


@mutates("lost-stays-lost")
def _lost_stays_lost(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a lost task comes back", ComesBack)
