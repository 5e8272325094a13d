"""APIs that exist nowhere in the engine: a contract and its schemas are all that it takes to judge them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pollproof.clock import ShiftedClock
from pollproof.contract.model import Role, Subject
from pollproof.loading import load_contract
from pollproof.proof import prove
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.lanes import a_few, long, only
from tests.servers import ROOT, pollproof

FOLDER = Path(__file__).parents[1] / "apis"
CONTRACTS = {path.stem: load_contract(path) for path in sorted(FOLDER.glob("*.toml"))}


@pytest.mark.parametrize("name", a_few(CONTRACTS, 6))
def test_the_reference_exercises_every_clause_and_breaks_none(name: str) -> None:
    exploring = explore(Plan(CONTRACTS[name], examples=5))
    assert exploring.error is None
    assert exploring.ledger.violated() == []
    assert [entry.clause.id for entry in exploring.ledger.unexercised()] == []


LONG = {
    "batches": "file or window",
    "docmill": "pages or link or either or deleted",
    "predictions": "webhook or cancel or removed",
    "press": "webhook or cancel or removed",
}
"""Contracts of which only clauses that nothing else has are proved here: all of one take half a minute."""


@long
@pytest.mark.parametrize("name", LONG)
def test_some_clauses_of_the_long_contracts_kill_their_mutants(name: str) -> None:
    """All of them: `pollproof mutants tests/apis/NAME.toml`."""
    matrix = prove(CONTRACTS[name], LONG[name])
    assert [trial.name for trial in matrix.mutants if not trial.killed] == []


SHORT = {name: contract for name, contract in CONTRACTS.items() if name not in LONG}


@long
@pytest.mark.parametrize("name", SHORT)
def test_every_clause_kills_its_mutants_alone_and_lets_its_legal_variants_pass(name: str) -> None:
    contract = SHORT[name]
    matrix = prove(contract)
    assert matrix.problems() == []
    assert {trial.clauses[0] for trial in matrix.mutants} == {clause.id for clause in contract.clauses}
    assert len(matrix.variants) == len(contract.variants)


@pytest.mark.parametrize("name", only(CONTRACTS, ["press", "scrapeless"]))
def test_it_is_verified_over_http_like_any_other(name: str) -> None:
    clock = ShiftedClock()
    with serve(ReferenceProvider(CONTRACTS[name], clock), clock) as served:
        words = ["--base-url", served.base_url, "--advance-url", served.advance_url, "--examples", "3"]
        key = CONTRACTS[name].credential.sample
        done = pollproof("verify", str(FOLDER / f"{name}.toml"), *words, "--api-key", key, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(clause.subject is Subject.PROVIDER for clause in CONTRACTS[name].clauses)
    assert f"{count} of {count} clauses held" in done.stdout


def test_no_file_of_the_engine_names_them() -> None:
    words = re.compile("oxylabs|scrapeless|press\\.example|googleapis|google-speech|azure|aip-?151", re.IGNORECASE)
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert words.search(path.read_text(encoding="utf-8", errors="replace")) is None, path


def test_what_they_bring_is_what_the_bundled_contracts_do_not_have() -> None:
    names = ("azure-guideline", "google-speech", "oxylabs", "scrapeless")
    assert {CONTRACTS[name].limits.lifetime_from for name in names} == {"completion"}
    assert {"true", "false"} == set(CONTRACTS["google-speech"].statuses)
    assert CONTRACTS["azure-guideline"].operation(Role.CANCEL).method == "POST"
    assert "retry_after" in CONTRACTS["azure-guideline"].operation(Role.POLL).marks
    pending = CONTRACTS["scrapeless"].operation(Role.POLL).phases
    assert [condition.at.area for condition, _ in pending] == ["http"]


def test_a_task_that_has_ended_is_not_called_cancelled_when_it_is_cancelled_too_late() -> None:
    contract = CONTRACTS["azure-guideline"]
    exploring = explore(Plan(contract, examples=0))
    assert {"Succeeded", "Failed", "Canceled"} <= exploring.statuses
