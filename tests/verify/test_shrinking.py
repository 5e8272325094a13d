"""Shrinking: what was found is shown by few exchanges, next to the limit it is about, and nothing is lost by it."""

from __future__ import annotations

import pytest

from pollproof.clock import ShiftedClock, VirtualClock
from pollproof.contract.model import Contract, Role
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Evidence
from pollproof.monitor.monitor import Monitor
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.exploration import Exploration
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore, explore_part
from pollproof.verify.shrinking import MAXIMUM_REPLAYS, ReplayTarget, Shrinker

CAPSOLVER = load_contract("capsolver")


def explored(name: str, contract: Contract = CAPSOLVER) -> Exploration:
    return explore(Plan(contract, examples=0), provider=mutant_named(contract, name).provider())


def evidence(name: str, contract: Contract = CAPSOLVER) -> Evidence:
    mutant = mutant_named(contract, name)
    found = explored(name, contract).ledger[mutant.clause.id].evidence
    assert found is not None
    return found


def times(found: Evidence) -> list[float]:
    exchanges = found.trace.exchanges
    return [round(exchange.sent - exchanges[0].sent, 6) for exchange in exchanges]


def test_a_lifetime_that_is_too_long_is_shown_by_a_poll_just_after_its_end() -> None:
    assert times(evidence("capsolver.poll.lifetime-ended")) == [0.0, 305.001]


def test_a_lifetime_that_is_too_short_is_shown_by_a_poll_just_before_its_end() -> None:
    assert times(evidence("capsolver.poll.lifetime-served")) == [0.0, 295.0]


def test_a_poll_too_many_is_shown_by_as_many_polls_as_it_takes_in_one_moment() -> None:
    found = evidence("capsolver.poll.budget-ended")
    assert len(found.trace) == 122
    assert len(set(times(found))) <= 3


def test_an_end_that_is_taken_back_is_shown_by_the_reads_that_it_takes() -> None:
    assert len(evidence("running again after the end").trace) == 4, "this mutant forgets at the third read"
    assert len(evidence("succeeded after it had failed").trace) == 3


def test_a_task_whose_creation_the_evidence_lacks_is_created_for_it() -> None:
    decodo = load_contract("decodo")
    found = evidence("decodo.results.available", decodo)
    assert len(found.trace) <= 5
    assert found.trace.exchanges[0].request.method == "POST"


@pytest.mark.parametrize("name", ["capsolver.poll.lifetime-ended", "capsolver.poll.order"])
def test_nothing_but_the_evidence_is_changed_by_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk = explored(name)
    monkeypatch.setattr("pollproof.verify.run._shrink", lambda session, opened: None)
    plain = explored(name)

    def told(exploring: Exploration) -> list[tuple[str, int, int]]:
        return [(key, entry.exercised, entry.violations) for key, entry in exploring.ledger.entries.items()]

    assert told(shrunk) == told(plain)
    assert shrunk.exchanges == plain.exchanges
    long, short = plain.ledger[name].evidence, shrunk.ledger[name].evidence
    assert long is not None
    assert short is not None
    assert len(short.trace) <= len(long.trace)


def test_the_same_run_shows_the_same() -> None:
    one, other = evidence("capsolver.poll.order"), evidence("capsolver.poll.order")
    assert times(one) == times(other)
    assert one.violation == other.violation


def test_a_lawful_target_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("there is nothing to replay")

    monkeypatch.setattr("pollproof.verify.run._shrink", never)
    assert explore(Plan(load_contract("capmonster"), examples=0)).ledger.violated() == []


def test_what_no_replay_shows_keeps_the_evidence_it_had_and_replays_are_counted() -> None:
    found = evidence("capsolver.poll.lifetime-ended")
    benches: list[str] = []

    def lawful(first: str) -> ReplayTarget:
        benches.append(first)
        clock = VirtualClock()
        return ReplayTarget(InProcessTarget("lawful", ReferenceProvider(CAPSOLVER, clock).handle), clock)

    def creation() -> Request:
        return found.trace.exchanges[0].request

    shrinker = Shrinker(CAPSOLVER, CAPSOLVER.clause("capsolver.poll.lifetime-ended"), lawful, creation)
    assert shrinker.shrunk(found) is None
    assert 0 < len(benches) <= MAXIMUM_REPLAYS


def over_connections(*polls: tuple[int, float, float, str]) -> Evidence:
    """The evidence of a trace of one task that was created before polls, each with connection, times and status."""
    codec, create, poll = reader_of(CAPSOLVER).codec, CAPSOLVER.operation(Role.CREATE), CAPSOLVER.operation(Role.POLL)
    task = "6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11"
    body = codec.write({"clientKey": "YOUR_API_KEY", "task": {"type": "AnyTask"}})
    given = Response(200, {}, codec.write({"errorId": 0, "taskId": task}))
    trace = [Exchange(Request("POST", create.path, {}, body), given, 0.0, 0.1)]
    for connection, sent, received, status in polls:
        state = {"errorId": 0, "status": status, **({"solution": {"text": "x"}} if status == "ready" else {})}
        request = Request("POST", poll.path, {}, codec.write({"clientKey": "YOUR_API_KEY", "taskId": task}))
        trace.append(Exchange(request, Response(200, {}, codec.write(state)), sent, received, connection=connection))
    monitor = Monitor(reader_of(CAPSOLVER), (CAPSOLVER.clause("capsolver.poll.terminal"),))
    assert len(list(monitor.observe_all(trace))) == len(trace)
    found = monitor.ledger["capsolver.poll.terminal"].evidence
    assert found is not None
    return found


def test_what_shows_itself_over_several_connections_alone_is_shown_by_the_fewest_of_them() -> None:
    found = over_connections(
        (2, 3.0, 3.2, "processing"),
        (3, 4.0, 5.9, "processing"),  # it may have come before the end
        (1, 5.0, 5.2, "ready"),
        (2, 5.1, 5.8, "ready"),
        (1, 6.0, 6.2, "processing"),
        (3, 9.5, 9.6, "ready"),
    )

    def lawful(_: str) -> ReplayTarget:
        clock = VirtualClock()
        return ReplayTarget(InProcessTarget("lawful", ReferenceProvider(CAPSOLVER, clock).handle), clock)

    clause = CAPSOLVER.clause("capsolver.poll.terminal")
    shorter = Shrinker(CAPSOLVER, clause, lawful, lambda: found.trace.exchanges[0].request).shrunk(found)
    assert {exchange.connection for exchange in found.trace.exchanges} == {1, 2, 3}
    assert shorter is not None
    assert [(exchange.connection, exchange.sent) for exchange in shorter.trace.exchanges] == [(1, 5.0), (1, 6.0)]
    assert shorter.violation.message == found.violation.message


class TickingTime:
    """The time of a machine in which a tenth of a millisecond passes whenever it is looked at."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 0.0001
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def test_a_target_behind_a_clock_hook_is_replayed_with_fresh_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the whole seconds that the hook takes lies what passes by itself, and replays keep to it."""
    ticking = TickingTime()
    for module in ("pollproof.clock", "pollproof.verify.shrinking"):
        monkeypatch.setattr(f"{module}.time", ticking)
    contract = load_contract("capmonster")
    clock = ShiftedClock()
    with serve(mutant_named(contract, "capmonster.poll.lifetime-ended").provider(clock), clock) as served:
        plan = Plan(contract, served.base_url, advance_url=served.advance_url, examples=0)
        found = explore(plan).ledger["capmonster.poll.lifetime-ended"].evidence
    assert found is not None
    created, last = found.trace.exchanges
    assert 360.0 < last.sent - created.received < 360.1


@pytest.mark.parametrize("asked", [1, 7])
def test_an_example_that_makes_no_move_is_none(asked: int) -> None:
    """What Hypothesis shrinks toward is doing nothing; it tries that first, and it explores nothing."""
    plan = Plan(load_contract("capsolver"), examples=asked)
    found = explore_part(plan, plan.parts[1])
    assert found.examples == asked
    assert found.moves > 15 * asked
