"""APIs that exist nowhere in the engine: a contract and its schemas are all that it takes to judge them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract, Role, Subject
from pollproof.explore.client import judge_client
from pollproof.explore.run import Exploring, Plan, explore
from pollproof.ledger import Ledger, Verdict
from pollproof.loading import load_contract
from pollproof.mutants import Mutant, mutants, mutants_of, variant_provider, variant_settings, variants_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from tests.servers import ROOT, pollproof

FOLDER = Path(__file__).parent / "apis"
CONTRACTS = {path.stem: load_contract(path) for path in sorted(FOLDER.glob("*.toml"))}
MUTANTS = [mutant for contract in CONTRACTS.values() for mutant in mutants(contract)]
VARIANTS = [(name, variant.name) for name, contract in CONTRACTS.items() for variant in contract.variants]
CLAUSES = [(name, clause.id) for name, contract in CONTRACTS.items() for clause in contract.clauses]


def broken(ledger: Ledger) -> set[str]:
    return {entry.clause.id for entry in ledger.violated()}


def ledger_of(mutant: Mutant) -> Ledger:
    if mutant.subject is Subject.CLIENT:
        return judge_client(mutant.contract, client=mutant.client_type, changes=mutant.changes).ledger
    return explore(Plan(mutant.contract, examples=0), provider=mutant.provider()).ledger


@cache
def explored(name: str, variant_name: str) -> Exploring:
    contract = CONTRACTS[name]
    variant = next(variant for variant in contract.variants if variant.name == variant_name)
    return explore(Plan(contract, examples=5), provider=variant_provider(contract, variant))


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_reference_exercises_every_clause_and_breaks_none(contract: Contract) -> None:
    exploring = explore(Plan(contract, examples=5))
    assert exploring.error is None
    assert broken(exploring.ledger) == set()
    assert [entry.clause.id for entry in exploring.ledger.unexercised()] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.clause.id}: {mutant.name}")
def test_a_mutant_makes_exactly_its_clause_red(mutant: Mutant) -> None:
    assert broken(ledger_of(mutant)) == {mutant.clause.id, *mutant.companions}


@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=[f"{name}: {variant}" for name, variant in VARIANTS])
def test_a_legal_variant_is_let_pass_by_every_clause(name: str, variant: str) -> None:
    exploring = explored(name, variant)
    assert exploring.error is None
    assert broken(exploring.ledger) == set()
    settings = variant_settings(next(found for found in CONTRACTS[name].variants if found.name == variant))
    assert broken(judge_client(CONTRACTS[name], settings=settings).ledger) == set()


@pytest.mark.parametrize(("name", "clause_id"), CLAUSES, ids=[clause_id for _, clause_id in CLAUSES])
def test_every_clause_has_a_mutant_and_a_legal_variant_that_exercises_it(name: str, clause_id: str) -> None:
    contract = CONTRACTS[name]
    clause = contract.clause(clause_id)
    assert clause.citations
    assert mutants_of(contract, clause)
    ledgers = [explored(name, variant.name).ledger for variant in variants_of(contract, clause)]
    assert any(ledger[clause_id].verdict is Verdict.HELD for ledger in ledgers)


@pytest.mark.parametrize("name", CONTRACTS)
def test_it_is_verified_over_http_like_any_other(name: str) -> None:
    clock = ShiftedClock()
    with serve(ReferenceProvider(CONTRACTS[name], clock), clock) as served:
        words = ["--base-url", served.base_url, "--advance-url", served.advance_url, "--examples", "3"]
        key = CONTRACTS[name].credential.sample
        done = pollproof("verify", str(FOLDER / f"{name}.toml"), *words, "--api-key", key, "--require-all", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_of_the_engine_names_them() -> None:
    words = re.compile("oxylabs|scrapeless|googleapis|google-speech|azure|aip-?151", re.IGNORECASE)
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert words.search(path.read_text(encoding="utf-8", errors="replace")) is None, path


def test_what_they_bring_is_what_the_bundled_contracts_do_not_have() -> None:
    assert {contract.limits.lifetime_from for contract in CONTRACTS.values()} == {"completion"}
    assert {"true", "false"} == set(CONTRACTS["google-speech"].statuses)
    assert CONTRACTS["azure-guideline"].operation(Role.CANCEL).method == "POST"
    assert "retry_after" in CONTRACTS["azure-guideline"].operation(Role.POLL).marks
    pending = CONTRACTS["scrapeless"].operation(Role.POLL).phases
    assert [condition.at.area for condition, _ in pending] == ["http"]


def test_a_task_that_has_ended_is_not_called_cancelled_when_it_is_cancelled_too_late() -> None:
    contract = CONTRACTS["azure-guideline"]
    exploring = explore(Plan(contract, examples=0))
    assert {"Succeeded", "Failed", "Canceled"} <= exploring.statuses
