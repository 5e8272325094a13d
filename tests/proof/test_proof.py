"""Proof that every clause can fail, and that none fails without cause: the kill matrix over all contracts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pollproof.bundled import bundled
from pollproof.contract.model import Clause, Contract, Variant
from pollproof.loading import load_contract
from pollproof.proof import try_mutant, try_variant
from pollproof.proof.mutants import Mutant, mutants, mutants_of, variants_of
from pollproof.report.document import build_document, with_reproduction
from pollproof.report.terminal import violation_lines
from pollproof.verify.plan import Plan
from pollproof.verify.reference_client import judge_client
from pollproof.verify.run import explore
from tests.lanes import a_few, one_of_each


def with_smaller_batches(contract: Contract) -> Contract:
    """The contract with 30 entries for a full batch, which tries of mutants fill again and again; most have 3,000.

    The embedded run of tests/monitor/test_coverage.py fills batches up to the documented limit.
    """
    size = contract.limits.batch_size
    return contract if size is None else replace(contract, limits=replace(contract.limits, batch_size=30))


CONTRACTS = [with_smaller_batches(load_contract(name)) for name in bundled()]
CLAUSES = [(contract, clause) for contract in CONTRACTS for clause in contract.clauses]
BUDGETED = [contract for contract in CONTRACTS if contract.limits.polls is not None]
MUTANTS = [mutant for contract in CONTRACTS for mutant in mutants(contract)]
VARIANTS = [(contract, variant) for contract in CONTRACTS for variant in contract.variants]

ALIKE = "one-solution-for-all"
"""The variant whose results are all alike: of them none can be told to be another task's, so that is not exercised."""


def exercised_by(variant: Variant, contract: Contract) -> set[str]:
    """The clauses that a variant names and exercises, as the next test but one demands."""
    return {name for name in variant.clauses if variant.name != ALIKE or contract.clause(name).kind != "result-own"}


@pytest.mark.parametrize(
    "mutant",
    one_of_each(MUTANTS, lambda mutant: mutant.clause.kind),
    ids=lambda mutant: f"{mutant.clause.id}: {mutant.name}",
)
def test_a_mutant_makes_exactly_its_clause_red(mutant: Mutant) -> None:
    trial = try_mutant(mutant, examples=0)  # by the walks alone
    assert trial.error is None
    assert mutant.clause.id in trial.violated
    assert set(trial.violated) <= {
        mutant.clause.id,
        *mutant.companions,
    }  # companions follow from the kinds: at most these
    assert trial.bystanders == ()
    assert trial.exchanges_to_kill is not None
    assert 1 <= trial.exchanges_to_kill <= trial.exchanges


@pytest.mark.parametrize(
    ("contract", "variant"),
    a_few(VARIANTS, 12),
    ids=[f"{contract.name}: {variant.name}" for contract, variant in VARIANTS],
)
def test_a_legal_variant_is_let_pass_by_every_clause_and_exercises_those_it_names(
    contract: Contract, variant: Variant
) -> None:
    trial = try_variant(contract, variant)
    assert trial.error is None
    assert trial.violated == {}
    assert exercised_by(variant, contract) <= trial.held


@pytest.mark.parametrize(("contract", "clause"), CLAUSES, ids=[clause.id for _, clause in CLAUSES])
def test_every_clause_has_a_mutant_and_a_legal_variant_that_exercises_it(contract: Contract, clause: Clause) -> None:
    assert mutants_of(contract, clause), "no mutant proves that this clause can fail"
    variants = [each for each in variants_of(contract, clause) if clause.id in exercised_by(each, contract)]
    assert variants, "no legal variant shows that this clause lets freedom pass"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_embedded_reference_exercises_every_clause_and_breaks_none(contract: Contract) -> None:
    exploring = explore(Plan(contract, examples=5))
    assert [entry.clause.id for entry in exploring.ledger.unexercised()] == []
    assert [entry.clause.id for entry in exploring.ledger.violated()] == []
    assert exploring.error is None


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_state_machine_alone_finds_what_the_walks_find(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.verify.run.WALKS", [])
    for mutant in mutants(contract):
        # No move of the machine loses a task without a lifetime; and since what is final ends with it, a lost
        # task that is in work again is judged only where its polls have lost it, which is the walks' business.
        endless = "lost" in mutant.name and (contract.limits.lifetime is None or mutant.clause.kind == "terminal")
        if mutant.clause.kind in ("terminal", "result-stable", "status-order", "lifetime-ended") and not endless:
            assert try_mutant(mutant).killed, mutant.name


STABLE = [c for c in CONTRACTS if any(clause.kind == "result-stable" for clause in c.clauses)]


@pytest.mark.parametrize("contract", STABLE, ids=lambda contract: contract.name)
def test_the_state_machine_shows_a_violation_in_its_shortest_form(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollproof.verify.run.WALKS", [])
    mutant = next(mutant for mutant in mutants(contract) if mutant.clause.kind == "result-stable")
    exploring = explore(Plan(contract, examples=25), provider=mutant.provider())
    evidence = exploring.ledger[mutant.clause.id].evidence
    assert evidence is not None
    assert len(evidence.trace) <= 5  # created, read, read again, and hardly anything else


@pytest.mark.parametrize("contract", BUDGETED, ids=lambda contract: contract.name)
def test_a_failure_explains_itself(contract: Contract) -> None:
    mutant = next(mutant for mutant in mutants(contract) if mutant.clause.kind == "budget-served")
    document = build_document(explore(Plan(contract, examples=0), provider=mutant.provider()))
    document = with_reproduction(document, "pollproof verify NAME")
    clause = next(clause for clause in document["clauses"] if clause["verdict"] == "violated")
    text = "\n".join(violation_lines(clause))
    assert clause["id"] in text
    assert clause["source"] in text
    assert f"reproduce pollproof verify NAME -k {clause['id']}" in text
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
