"""A second opinion: implementations written from the documents alone, over real HTTP."""

from __future__ import annotations

import re
import sys
import threading
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import ADVANCE, calling_back, serve, werkzeug_handler
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.independent import capmonster_service, capsolver_service, cnode_service, decodo_service, serving
from tests.lanes import only

SERVICES: dict[str, Any] = {
    "capsolver": capsolver_service,
    "capmonster": capmonster_service,
    "decodo": decodo_service,
    "cnode": cnode_service,
}
OPEN = {
    "capsolver": {"capsolver.poll.known-status", "capsolver.poll.error-is-final"},
    "capmonster": {"capmonster.poll.echo"},
    "decodo": set[str](),
    "cnode": set[str](),
}
"""Clauses that what the documents leave open may leave unexercised: a status never said, an id never repeated."""

KEY = "YOUR_API_KEY"


def explored(contract: Contract, base_url: str, advance_url: str, examples: int) -> Ledger:
    """What is said of a server, which keeps all clauses."""
    exploring = explore(Plan(contract, base_url, KEY, advance_url, examples=examples))
    assert exploring.error is None
    assert [(e.clause.id, e.evidence) for e in exploring.ledger.violated()] == []
    return exploring.ledger


@pytest.mark.parametrize("provider", only(SERVICES, ["capmonster", "cnode"]))
def test_the_reference_and_the_independent_implementation_agree(provider: str) -> None:
    contract = load_contract(provider)
    clock = ShiftedClock()
    with serving.serve(SERVICES[provider].create_application(KEY)) as base_url:
        other = explored(contract, base_url, base_url + "/advance", 5)
    assert {entry.clause.id for entry in other.unexercised()} <= OPEN[provider]
    with serve(ReferenceProvider(contract, clock), clock) as own:
        assert explored(contract, own.base_url, own.advance_url, 0).unexercised() == []


@pytest.mark.parametrize("provider", only(SERVICES, ["decodo"]))
def test_the_reference_is_served_by_pytest_httpserver(provider: str, httpserver: HTTPServer) -> None:
    contract = load_contract(provider)
    clock = ShiftedClock()
    reference = ReferenceProvider(contract, clock)
    lock = threading.Lock()
    httpserver.expect_request(re.compile(".*")).respond_with_handler(werkzeug_handler(reference, clock, lock))
    base_url = httpserver.url_for("").rstrip("/")
    with calling_back(reference, lock, threading.Event()):
        exploring = explore(Plan(contract, base_url, KEY, base_url + ADVANCE, examples=0))
    assert exploring.error is None
    assert exploring.ledger.violated() == []
    assert exploring.ledger.unexercised() == []


def test_the_handler_without_werkzeug_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    with pytest.raises(ImportError, match=r"needs Werkzeug: pip install 'pollproof\[httpserver\]'"):
        werkzeug_handler(ReferenceProvider(load_contract("decodo"), ShiftedClock()), ShiftedClock())
