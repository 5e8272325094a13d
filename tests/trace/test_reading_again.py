"""What is kept of earlier exchanges saves time and changes nothing: neither how one is read nor what is found in it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pollproof.bundled import bundled
from pollproof.clauses import KINDS
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.proof.mutants import mutants
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.session import Session
from pollproof.verify.state_machine import MOVES, Actions

APIS = Path(__file__).parents[1] / "apis"


def explored(contract: Contract, provider: ReferenceProvider, clock: VirtualClock) -> Monitor:
    """The monitor of some examples of the state machine, in one trace."""
    clauses = clauses_of(contract, Subject.PROVIDER)
    target = InProcessTarget("the embedded reference provider", provider.handle)
    session = Session(target, clock, Monitor(Reader(contract), clauses, Ledger(clauses)))
    choices = random.Random(1)
    for _ in range(4):
        mover = Actions(session)
        for _ in range(MOVES):
            mover.moves[choices.randrange(256) % len(mover.moves)](mover, choices.randrange(256))
        mover.finish()
    return session.monitor


def counts(monitor: Monitor) -> dict[str, tuple[int, int]]:
    return {name: (entry.exercised, entry.violations) for name, entry in monitor.ledger.entries.items()}


@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("provider", [*bundled(), str(APIS / "azure-guideline.toml")])
def test_an_exchange_is_read_and_judged_as_if_it_were_the_first(
    provider: str, faulty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, clock = load_contract(provider), VirtualClock()
    tested = ReferenceProvider(contract, clock)
    if faulty:
        own = [each for each in mutants(contract) if each.subject is Subject.PROVIDER]
        tested = next(each for each in own if each.clause.kind == "shape").provider()
        tested.clock = clock
    monitor = explored(contract, tested, clock)
    assert (monitor.ledger.violations > 0) is faulty
    monkeypatch.setitem(KINDS, "shape", replace(KINDS["shape"], alike=None))
    reader = Reader(contract)
    again = Monitor(reader, monitor.clauses, Ledger(monitor.clauses))
    for number, exchange in enumerate(monitor.trace):
        reader.forget()
        assert again.observe(exchange) == monitor.reader.read(exchange, number)
    assert counts(again) == counts(monitor)


def test_the_same_bytes_with_other_headers_are_another_answer_where_a_contract_reads_headers() -> None:
    contract = load_contract(str(APIS / "azure-guideline.toml"))
    reader, polls = Reader(contract), next(each for each in contract.operations.values() if each.marks)
    request = Request(polls.method, polls.path.replace("{id}", "1"), {}, b"")
    told = []
    for seconds in ("7", "9"):
        answer = Response(200, {"retry-after": seconds}, b'{"status": "Running"}')
        event = reader.read(Exchange(request, answer, 0.0, 0.0), 0)
        assert event is not None
        told.append(event.marks["retry_after"])
    assert told == ["7", "9"]


def test_what_is_kept_is_bounded() -> None:
    contract = load_contract("capsolver")
    reader, create = Reader(contract), next(iter(contract.operations.values()))
    provider = ReferenceProvider(contract, VirtualClock())
    for number in range(2000):
        request = Request(create.method, create.path, {}, b'{"clientKey": "a", "task": %d}' % number)
        reader.read(Exchange(request, provider.handle(request), 0.0, 0.0), number)
    assert 0 < reader.kept < 1000
    request = request._replace(body=b"[" + b"0," * 5000 + b"0]")
    before = reader.kept
    reader.read(Exchange(request, None, 0.0, 0.0), 0)
    assert reader.kept == before
