"""Clients in Python, Node and shell: a fault is detected by its clause alone, a conforming client passes.

The sample here has a fault for each kind of client clause. The whole matrix, some 300 clients: python -m tests.clients.
"""

from __future__ import annotations

import shutil

import pytest

from pollproof.bundled import bundled
from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.virtualtime import unavailable
from tests.clients.catalogue import CLIENTS, FAULTY, LANGUAGES, LAWFUL, Client
from tests.clients.matrix import catalogue_of, judged, occasions
from tests.lanes import a_few

CLAUSES = [clause for name in bundled() for clause in load_contract(name).clauses if clause.subject is Subject.CLIENT]
NEEDED = {"python": (), "node": ("node",), "shell": ("bash", "curl", "jq")}

GUILTY = {
    "capsolver-node-another-id": "smoke",
    "capsolver-shell-half-wait": "ready-after-one-poll",
    "capsolver-node-over-budget": "never-ready",
    "capmonster-node-over-lifetime": "never-ready",
    "capsolver-shell-polls-inline": "result-in-the-creation",
    "cnode-python-failure-as-pending": "task-failed",
    "cnode-shell-matches-text": "variant-older-form",
    "cnode-node-hot-on-error": "html-503-for-ever",
    "cnode-python-unknown-as-success": "status-series-finished",
    "decodo-shell-no-url": "smoke",
    "decodo-node-hot": "never-ready",
    "decodo-python-hasty-batches": "batch",
    "decodo-python-polls-on-after-faulted": "task-failed",
    "decodo-shell-bearer": "smoke",
}
INNOCENT = {
    "capsolver-shell": ("truncated-answer", "error-error-rate-limit-400"),
    "capmonster-node": ("id-2-to-the-63", "reset-connection"),
    "capmonster-shell-extra-fields": ("variant-error-fields-null",),
    "cnode-python": ("variant-older-form", "fault-500"),
    "decodo-node": ("batch", "result-gone"),
}
BY_NAME = {client.name: client for client in CLIENTS}


def started(name: str) -> Client:
    """A client of the catalogue; skips the test, saying so, where this machine cannot run it."""
    client = BY_NAME[name]
    missing = [program for program in NEEDED[client.language] if shutil.which(program) is None]
    if missing:
        pytest.skip(f"CLIENTS IN {client.language.upper()} ARE NOT JUDGED HERE: there is no {' and no '.join(missing)}")
    if unavailable() is not None:
        pytest.skip(f"NO CLIENT IS JUDGED HERE: {unavailable()}")
    return client


@pytest.mark.parametrize("name", a_few(GUILTY, 7))
def test_a_fault_is_convicted_by_exactly_its_clause(name: str) -> None:
    verdict = judged(started(name), [GUILTY[name]])
    assert verdict.error is None
    assert list(verdict.disagreements()) == []
    assert verdict.client.clause in verdict.violated


@pytest.mark.parametrize("name", INNOCENT)
def test_a_lawful_client_is_acquitted(name: str) -> None:
    verdict = judged(started(name), INNOCENT[name])
    assert len(verdict.meetings) == len(INNOCENT[name])
    assert list(verdict.disagreements()) == []
    assert verdict.violated == frozenset()


def test_the_sample_has_a_fault_for_each_kind_and_clients_of_each_language_and_provider() -> None:
    kinds = {clause.id: clause.kind for clause in CLAUSES}
    assert {kinds[str(BY_NAME[name].clause)] for name in GUILTY} == set(kinds.values())
    for sample in (GUILTY, INNOCENT):
        chosen = [BY_NAME[name] for name in sample]
        assert {client.language for client in chosen} == set(LANGUAGES)
        assert {client.provider for client in chosen} == set(bundled())


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_each_client_clause_has_a_client_that_it_convicts_in_each_language(clause) -> None:
    assert {client.language for client in FAULTY if client.clause == clause.id} == set(LANGUAGES)


def test_each_provider_has_a_lawful_client_in_each_language() -> None:
    lawful = {(client.provider, client.language) for client in LAWFUL}
    assert lawful == {(provider, language) for provider in bundled() for language in LANGUAGES}


def test_each_fault_has_an_occasion_among_the_scenarios_of_its_provider() -> None:
    for client in FAULTY:
        known = [scenario.name for scenario in catalogue_of(client.provider)[1]]
        assert set(occasions(client)) & set(known), f"{client.name}: no scenario gives its fault an occasion"


def test_a_fault_that_keeps_a_client_from_solving_anything_is_said_beside_that() -> None:
    """CapMonster's wait is a SHOULD: a client that spends its polls in a moment solves nothing, and is told why."""
    client = started("capmonster-python-milliseconds")
    verdict = judged(client, ["smoke"])
    assert verdict.error is not None
    assert "does not solve an ordinary task" in verdict.error
    assert verdict.violated == {client.clause}
    assert list(verdict.disagreements()) == []
