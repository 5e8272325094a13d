"""The matrix: clients of this folder go through the gate, and what it says of each is held against what it should."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context

from pollproof.contract.model import Contract
from pollproof.gate.basis import SUFFIX
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from tests.clients.catalogue import Client

PR_SET_PDEATHSIG = 1

TIMEOUT = 300.0
"""Real seconds for one scenario: a thousand requests of a shell take a while on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class ClientScenario:
    """One client in one scenario: the clauses that it broke, with what was seen of each, and how it ended."""

    scenario: str
    violated: dict[str, str]
    ended: str
    output: str
    as_expected: bool
    undecided: str
    virtual: float
    real: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate said of one client. `error` says why it could not be judged."""

    client: Client
    error: str | None
    clock: str
    meetings: list[ClientScenario] = field(default_factory=list)

    @property
    def violated(self) -> frozenset[str]:
        """Every clause that convicted it, by id."""
        return frozenset(clause for meeting in self.meetings for clause in meeting.violated)

    def disagreements(self) -> Iterator[str]:
        """In what the gate said something else of the client than the catalogue does."""
        client = self.client
        if client.fault is not None and client.fault.unsolved:
            if self.error is None or "ordinary task" not in self.error:
                yield f"is judged although it does not solve an ordinary task: {self.error}"
            return
        if self.error is not None:
            # A fault against a SHOULD may keep it from solving anything, which is no working client: both are said.
            if client.clause not in self.violated or "ordinary task" not in self.error:
                yield f"cannot be judged: {self.error}"
            return
        if client.clause is not None and client.clause not in self.violated:
            yield f"is not convicted by {client.clause}"
        for meeting in self.meetings:
            where = f"{meeting.scenario} ({meeting.ended}, {meeting.virtual:.1f} s, {meeting.real:.1f} s real)"
            for clause in sorted(set(meeting.violated) - {client.clause} - client.also):
                yield f"{where} is convicted by {clause}: {meeting.violated[clause]}"
            if client.is_lawful and not meeting.as_expected:
                yield f"{where} does not end as it should; {meeting.output}"
            if meeting.undecided:
                yield f"{where}: {meeting.undecided}"


@cache
def catalogue_of(provider: str) -> tuple[Contract, tuple[Scenario, ...]]:
    """The contract of a provider, and its scenarios."""
    contract = load_contract(provider)
    return contract, tuple(scenarios(contract))


def occasions(client: Client) -> list[str]:
    """The scenarios that give the fault of a client an occasion; all scenarios for a lawful one."""
    known = [scenario.name for scenario in catalogue_of(client.provider)[1]]
    if client.fault is None or client.is_lawful:
        return known
    return [name for name in known if name in client.fault.occasions]


def judged(client: Client, names: Iterable[str]) -> Judged:
    """Let a client meet the scenarios with these names."""
    contract, known = catalogue_of(client.provider)
    chosen = tuple(scenario for scenario in known if scenario.name in set(names))
    gating = judge(Gate(contract, client.command, chosen, known[0], "leap", TIMEOUT))
    return Judged(client, gating.error, gating.clock, list(_meetings(gating)))


def _meetings(gating: Gating) -> Iterator[ClientScenario]:
    for played in gating.detail.played:
        assert played.ended is not None
        violated = {
            entry.clause.id.removesuffix(SUFFIX): "" if entry.evidence is None else entry.evidence.violation.message
            for ledger in (played.ledger, played.robustness)
            for entry in ledger.violated()
        }
        yield ClientScenario(
            played.scenario.name,
            violated,
            played.ended.words,
            played.ended.output.end(),
            played.as_expected,
            played.undecided,
            played.virtual,
            played.ended.seconds,
        )


def _one(task: tuple[Client, tuple[str, ...]]) -> Judged:
    return judged(*task)


def _end_with(parent: int) -> None:
    """End this worker when its parent does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def run(tasks: Iterable[tuple[Client, tuple[str, ...]]], workers: int) -> Iterator[Judged]:
    """Judge many clients in several processes, in the order in which they are done."""
    with ProcessPoolExecutor(workers, get_context("spawn"), _end_with, (os.getpid(),)) as pool:
        waiting = [pool.submit(_one, task) for task in tasks]
        for future in as_completed(waiting):
            yield future.result()
