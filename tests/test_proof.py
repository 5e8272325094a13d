"""Proof that every clause can fail, and that none fails without cause: the kill matrix over all contracts."""

from __future__ import annotations

from functools import cache

import pytest

from pollproof.contract.model import Clause, Contract, Subject, Variant
from pollproof.data import bundled
from pollproof.explore.client import judge_client
from pollproof.explore.run import Exploring, Plan, explore
from pollproof.ledger import Ledger, Verdict
from pollproof.loading import load_contract
from pollproof.mutants import Mutant, mutants, mutants_of, variant_provider, variant_settings, variants_of
from pollproof.report.document import document_of, with_again
from pollproof.report.terminal import violation_lines

CONTRACTS = [load_contract(name) for name in bundled()]
CLAUSES = [(contract, clause) for contract in CONTRACTS for clause in contract.clauses]
BUDGETED = [contract for contract in CONTRACTS if contract.limits.polls is not None]
MUTANTS = [mutant for contract in CONTRACTS for mutant in mutants(contract)]
VARIANTS = [(contract, variant) for contract in CONTRACTS for variant in contract.variants]


def ledger_of(mutant: Mutant) -> Ledger:
    if mutant.subject is Subject.CLIENT:
        return judge_client(mutant.contract, client=mutant.client_type, changes=mutant.changes).ledger
    return explore(Plan(mutant.contract, examples=0), provider=mutant.provider()).ledger


@cache
def explored(contract_index: int, variant_index: int) -> Exploring:
    contract = CONTRACTS[contract_index]
    variant = contract.variants[variant_index]
    return explore(Plan(contract, examples=5), provider=variant_provider(contract, variant))


def exploring_of(contract: Contract, variant: Variant) -> Exploring:
    return explored(CONTRACTS.index(contract), contract.variants.index(variant))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.clause.id}: {mutant.name}")
def test_a_mutant_makes_exactly_its_clause_red(mutant: Mutant) -> None:
    ledger = ledger_of(mutant)
    assert {entry.clause.id for entry in ledger.violated()} == {mutant.clause.id, *mutant.companions}
    evidence = ledger[mutant.clause.id].evidence
    assert evidence is not None
    assert len(evidence.trace) >= 1


@pytest.mark.parametrize(
    ("contract", "variant"), VARIANTS, ids=[f"{contract.name}: {variant.name}" for contract, variant in VARIANTS]
)
def test_a_legal_variant_is_let_pass_by_every_clause(contract: Contract, variant: Variant) -> None:
    exploring = exploring_of(contract, variant)
    assert exploring.error is None
    assert [entry.clause.id for entry in exploring.ledger.violated()] == []
    client = judge_client(contract, settings=variant_settings(variant)).ledger
    assert [entry.clause.id for entry in client.violated()] == []


@pytest.mark.parametrize(("contract", "clause"), CLAUSES, ids=[clause.id for _, clause in CLAUSES])
def test_every_clause_has_a_mutant_a_legal_variant_and_a_source(contract: Contract, clause: Clause) -> None:
    assert clause.citations
    assert mutants_of(contract, clause), "no mutant proves that this clause can fail"
    variants = variants_of(contract, clause)
    assert variants, "no legal variant shows that this clause lets freedom pass"
    exercised = [exploring_of(contract, variant).ledger[clause.id].verdict is Verdict.HELD for variant in variants]
    assert any(exercised), "no legal variant of this clause exercises it"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_embedded_reference_exercises_every_clause_and_breaks_none(contract: Contract) -> None:
    exploring = explore(Plan(contract, examples=5))
    assert [entry.clause.id for entry in exploring.ledger.unexercised()] == []
    assert [entry.clause.id for entry in exploring.ledger.violated()] == []
    assert exploring.error is None


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_state_machine_alone_finds_what_the_walks_find(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.explore.run.WALKS", [])
    for mutant in mutants(contract):
        endless = contract.limits.lifetime is None and "lost" in mutant.name  # no move of the machine loses such a task
        if mutant.clause.kind in ("terminal", "result-stable", "status-order", "lifetime-ended") and not endless:
            exploring = explore(Plan(contract, examples=60), provider=mutant.provider())
            assert mutant.clause.id in {entry.clause.id for entry in exploring.ledger.violated()}, mutant.name


STABLE = [c for c in CONTRACTS if any(clause.kind == "result-stable" for clause in c.clauses)]


@pytest.mark.parametrize("contract", STABLE, ids=lambda contract: contract.name)
def test_the_state_machine_shows_a_violation_in_its_shortest_form(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollproof.explore.run.WALKS", [])
    mutant = next(mutant for mutant in mutants(contract) if mutant.clause.kind == "result-stable")
    exploring = explore(Plan(contract, examples=60), provider=mutant.provider())
    evidence = exploring.ledger[mutant.clause.id].evidence
    assert evidence is not None
    assert len(evidence.trace) <= 5  # created, read, read again, and hardly anything else


@pytest.mark.parametrize("contract", BUDGETED, ids=lambda contract: contract.name)
def test_a_failure_explains_itself(contract: Contract) -> None:
    mutant = next(mutant for mutant in mutants(contract) if mutant.clause.kind == "budget-served")
    document = document_of(explore(Plan(contract, examples=0), provider=mutant.provider()))
    document = with_again(document, "pollproof verify NAME")
    clause = next(clause for clause in document["clauses"] if clause["verdict"] == "violated")
    text = "\n".join(violation_lines(clause))
    assert clause["id"] in text
    assert clause["source"] in text
    assert f"again     pollproof verify NAME -k {clause['id']}" in text
    assert "expected  that the task answers its first 120 polls" in text
    assert "more of the same" in text, "a hundred like polls are folded into one line"
    assert text.count("\n") < 40
    assert contract.credential.sample
    assert contract.credential.sample not in text


@pytest.mark.parametrize("contract", BUDGETED, ids=lambda contract: contract.name)
def test_the_arithmetic_of_budget_wait_and_lifetime_is_what_the_lawful_client_meets(contract: Contract) -> None:
    limits = contract.limits
    assert limits.polls is not None
    assert limits.wait is not None
    assert limits.lifetime is not None
    most = max(history.polls_most for history in judge_client(contract).account.tasks.values())
    if contract.budget_reachable:
        assert limits.wait * limits.polls < limits.lifetime
        assert most == limits.polls
    else:
        assert limits.wait * limits.polls > limits.lifetime
        assert most == limits.lifetime / limits.wait
        assert most < limits.polls
