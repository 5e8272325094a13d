"""A scenario in process and in virtual time: what it exercises of a conforming client, found out in milliseconds."""

from __future__ import annotations

from typing import Any

from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_provider import StagedProvider
from pollproof.http.target import RequestOutcome
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.exchange import Request
from pollproof.trace.reader import Reader
from pollproof.verify.reference_client import ReferenceClient
from pollproof.verify.session import Session


class StagedTarget:
    """A scenario as a target; a response that does not arrive counts as none."""

    name = "a scenario"

    def __init__(self, provider: StagedProvider) -> None:
        self._provider = provider

    def exchange(self, request: Request) -> RequestOutcome:
        reply = self._provider.play(request)
        self._provider.clock.advance(reply.delay)
        return RequestOutcome(reply.response, None) if reply.arrives else RequestOutcome(None, reply.manner.value)

    def close(self) -> None:
        return None


def rehearse(
    contract: Contract, scenario: Scenario, client: type[ReferenceClient] = ReferenceClient
) -> tuple[Any, Monitor, StagedProvider]:
    """What the client returns, the monitor that has judged it, and the provider that it met."""
    clock = VirtualClock()
    provider = StagedProvider(contract, clock, scenario)
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.CLIENT))
    session = Session(StagedTarget(provider), clock, monitor)
    session.patient = True
    return client(contract, session).run(scenario.kind), monitor, provider


def exercised(contract: Contract, scenario: Scenario) -> frozenset[str]:
    """The ids of the clauses that a scenario exercises of a conforming client."""
    _, monitor, _ = rehearse(contract, scenario)
    return frozenset(name for name, entry in monitor.ledger.entries.items() if entry.exercised)
