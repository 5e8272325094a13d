"""Ids next to those that were given: none of them finds a task."""

import json
from typing import Any

import pytest

from pollproof.clauses.refusals import TakesIdsInArrays
from pollproof.clock import VirtualClock
from pollproof.contract.model import Subject
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.session import Session
from pollproof.verify.walks.refusals import near_misses, turned_away


class CutsFractions(ReferenceProvider):
    """Looks tasks up by the whole part of a number."""

    def handle(self, request: Request) -> Response:
        return super().handle(request._replace(body=request.body.replace(b".5}", b"}")))


class IgnoresSigns(ReferenceProvider):
    """Looks tasks up by their digits alone."""

    def find(self, identifier: Any) -> Any:
        return super().find(identifier.removeprefix("-") if isinstance(identifier, str) else identifier)


class TakesArrays(TakesIdsInArrays, ReferenceProvider):  # type: ignore[misc]
    """The mutant, as a reference provider."""


class FailsAtOtherTypes(ReferenceProvider):
    """Fails, as programs do, where an id is neither a text nor a number."""

    def handle(self, request: Request) -> Response:
        if isinstance(json.loads(request.body).get("taskId"), list | dict):
            return Response(500, {"content-type": "text/html"}, b"<h1>Internal Server Error</h1>")
        return super().handle(request)


def violated(name: str, provider: type[ReferenceProvider]) -> set[str]:
    """The clauses that a provider breaks whose newest task is polled by all ids that are near its own."""
    contract, clock = load_contract(name), VirtualClock()
    monitor = Monitor(reader_of(contract), clauses_of(contract))
    session = Session(InProcessTarget("the mock", provider(contract, clock).handle), clock, monitor)
    handle = session.create(session.kinds[0])[1]
    for identifier in near_misses(handle, None, typed=contract.name != "decodo"):
        session.probe_near_miss(identifier)
    return {entry.clause.id for entry in monitor.ledger.violated()}


@pytest.mark.parametrize(
    ("name", "provider", "clause"),
    [
        ("capmonster", CutsFractions, "capmonster.poll.unknown-task"),
        ("decodo", IgnoresSigns, "decodo.unknown-task"),
        ("capsolver", TakesArrays, "capsolver.poll.unknown-task"),
        ("capmonster", TakesArrays, "capmonster.poll.unknown-task"),
    ],
)
def test_an_id_with_a_fraction_or_a_sign_or_of_another_type_is_another_id(
    name: str, provider: type[ReferenceProvider], clause: str
) -> None:
    assert violated(name, provider) == {clause}
    assert violated(name, ReferenceProvider) == set()


@pytest.mark.parametrize("name", ["capsolver", "capmonster"])
def test_a_program_that_fails_at_an_id_of_another_type_has_not_taken_it(name: str) -> None:
    assert violated(name, FailsAtOtherTypes) == set()


class CountsFromTheSample(ReferenceProvider):
    """Numbers its tasks from the id that the page shows as its sample, which is one of those that stand for unknown."""

    def new_id(self, number: int) -> int:
        return 7654320 + number


def test_an_id_that_was_given_before_the_trace_began_is_not_an_unknown_one() -> None:
    contract = load_contract("capmonster")
    provider = CountsFromTheSample(contract, VirtualClock())
    for before, violations in (((), {"capmonster.poll.unknown-task"}), ({"7654321"}, set())):
        target, monitor = InProcessTarget("the mock", provider.handle), Monitor(reader_of(contract), contract.clauses)
        Session(target, provider.clock, monitor).create(next(iter(contract.kinds.values())))
        session = Session(target, provider.clock, Monitor(reader_of(contract), clauses_of(contract)))
        session.given_before = before
        session.create(session.kinds[0])
        session.probe_unknown(7654321)
        assert {entry.clause.id for entry in session.monitor.ledger.violated()} == violations


class DropsBlanks(ReferenceProvider):
    """Looks tasks up by their ids without the blanks around them."""

    def find(self, identifier: Any) -> Any:
        return super().find(identifier.strip() if isinstance(identifier, str) else identifier)


@pytest.mark.parametrize(("name", "found"), [("cnode", set()), ("capsolver", {"capsolver.poll.unknown-task"})])
def test_blanks_around_an_id_make_another_id_of_it_in_json_alone(name: str, found: set[str]) -> None:
    contract, clock = load_contract(name), VirtualClock()
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER))
    turned_away(Session(InProcessTarget("the mock", DropsBlanks(contract, clock).handle), clock, monitor))
    assert {entry.clause.id for entry in monitor.ledger.violated()} == found
