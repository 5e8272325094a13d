"""The machines that are compared: an empty one, ours as it is, and ours with moves that make one exchange each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.http.client import HttpTarget
from pollproof.http.target import InProcessTarget
from pollproof.http.target import Target as Answering
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.verify import state_machine as machine
from pollproof.verify.session import Session
from pollproof.verify.state_machine import MOVES, Actions, Effort, MachineExploration
from pollproof.verify.target_clocks import HookedClock
from tests.benchmarks.target import Target

_NUMBERS = st.integers(0, 1023)

SECONDS = 60.0
"""Seconds after which a machine stops, however many examples it has done."""


class Run(NamedTuple):
    """What a run of a machine did: moves, requests it sent (those to a clock hook too), and the trace it left.

    `processor` are the seconds of processor time of this process alone.
    """

    seconds: float
    processor: float
    moves: int
    requests: int
    trace: list[Exchange]


class Stepper(Actions):
    """Moves of one exchange each, in the proportions of the real table; in process a step of time makes none."""

    def _table(self) -> list[machine.Move]:
        many = (Actions.before_end, Actions.at_end, Actions.after_end, Actions.burst, Actions.poll_all)
        return [move for move in super()._table() if move not in many]

    def finish(self) -> None:
        """Read nothing at the end, so that the count of moves is the count of exchanges."""


class CountingClock:
    """A clock that counts how often it was moved: over HTTP each time is one exchange with the hook."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self._advance = clock.advance
        self.moved = 0

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.moved += 1
        self._advance(seconds)


def run_empty(examples: int, seed: int, *, draws: bool = False) -> Run:
    """A Hypothesis machine whose one rule does nothing, and draws nothing or one number, with the settings of ours."""
    moves = 0

    class Empty(RuleBasedStateMachine):
        @rule()
        def move(self) -> None:
            nonlocal moves
            moves += 1

    class Drawing(RuleBasedStateMachine):
        @rule(choice=_NUMBERS)
        def move(self, choice: int) -> None:
            nonlocal moves
            moves += 1

    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=MOVES,
        deadline=None,
        database=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    started, processor = time.perf_counter(), time.process_time()
    run_state_machine_as_test(hypothesis.seed(seed)(Drawing if draws else Empty), settings=settings)
    return Run(time.perf_counter() - started, time.process_time() - processor, moves, 0, [])


def run_in_process(contract: Contract, mover: type[Actions], examples: int, seed: int) -> Run:
    """Our machine on the embedded reference provider, which forgets everything before each example."""
    clock = VirtualClock()
    provider = ReferenceProvider(contract, clock)
    target = InProcessTarget("the embedded reference provider", provider.handle)
    return _run(contract, mover, target, clock, examples, seed, provider)


def run_over_http(contract: Contract, mover: type[Actions], target: Target, examples: int, seed: int) -> Run:
    """Our machine on a served target whose clock has a hook."""
    with _closing(HttpTarget(target.base_url), HookedClock(target.advance_url)) as (answering, clock):
        return _run(contract, mover, answering, clock, examples, seed, None)


@contextmanager
def _closing(target: HttpTarget, clock: HookedClock) -> Iterator[tuple[HttpTarget, HookedClock]]:
    try:
        yield target, clock
    finally:
        target.close()
        clock.close()


def _run(
    contract: Contract,
    mover: type[Actions],
    target: Answering,
    clock: Clock,
    examples: int,
    seed: int,
    provider: ReferenceProvider | None,
) -> Run:
    clauses = clauses_of(contract, Subject.PROVIDER)
    ledger = Ledger(clauses)
    counting = CountingClock(clock)
    session = Session(target, counting, Monitor(Reader(contract), clauses, ledger))

    def fresh() -> Session:
        if provider is not None:
            provider.reset()
            session.reset()
        return session

    exploration = MachineExploration(fresh, ledger, Effort(examples, SECONDS, seed))
    with patch.object(machine, "Actions", mover):
        started, processor = time.perf_counter(), time.process_time()
        exploration.run()
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
    if ledger.violated():
        raise RuntimeError("the reference provider was accused, so the time of finding is not the time of exploring")
    moved = 0 if provider is not None else counting.moved
    return Run(seconds, processor, exploration.moves, session.exchanges + moved, list(session.monitor.trace))
