"""`pollproof explain`: the document, a right and a wrong exchange, and how to mend it."""

from __future__ import annotations

import pytest

from pollproof.bundled import bundled
from pollproof.clauses import KINDS
from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.report.explain import explanation
from pollproof.report.golden_exchanges import right_example, wrong_example
from tests.servers import ROOT


@pytest.mark.parametrize("provider", bundled())
@pytest.mark.parametrize("subject", list(Subject))
def test_a_clause_is_explained_by_a_right_and_a_wrong_exchange(provider: str, subject: Subject) -> None:
    contract = load_contract(provider)
    own = [clause for clause in contract.clauses if clause.subject is subject]
    for clause in own[:: max(len(own) // 2, 1)]:
        text = explanation(contract, clause)
        for label in ("right", "wrong"):
            assert f"\n{label}\n" in text, f"{clause.id}: no {label} exchange"
        assert KINDS[clause.kind].hint[:40] in text
        stated = any(clause.id in passage.clauses for passage in contract.passages)
        assert ("\ndocument " in text) is stated, clause.id


def test_a_wrong_exchange_is_one_that_the_clause_accuses() -> None:
    contract = load_contract("capsolver")
    found = wrong_example(contract, contract.clause("capsolver.poll.terminal"))
    assert found is not None
    expected, got, trace = found
    assert (expected, got) == ("status ready (final)", "status 'idle'")
    assert "'ready'" in "".join(trace)
    right = "".join(right_example(contract, contract.clause("capsolver.poll.terminal")))
    assert "'ready'" in right
    assert "'idle'" not in right


def test_a_contract_without_histories_is_explained_by_a_mutant() -> None:
    contract = load_contract(str(ROOT / "tests" / "apis" / "predictions.toml"))
    clause = next(each for each in contract.clauses if each.kind == "terminal")
    text = explanation(contract, clause)
    assert "\nwrong\n" in text
    assert "\nright\n" not in text
