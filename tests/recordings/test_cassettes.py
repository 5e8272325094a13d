"""The bundled cassettes: good histories are clean, and each clause has a bad one that exactly it finds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pollproof.bundled import bundled, folder
from pollproof.check.judging import check
from pollproof.contract.model import Clause, Contract, Subject
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger, Verdict
from pollproof.recordings.reading import label_of

CONTRACTS = {name: load_contract(name) for name in bundled()}
HOME = folder("cassettes")
CASSETTES = sorted(HOME.rglob("*.yaml*"))
GOOD = [path for path in CASSETTES if path.parent.name != "bad"]
CLAUSES = [(contract, clause) for contract in CONTRACTS.values() for clause in contract.clauses]


def contract_of(path: Path) -> Contract:
    return CONTRACTS[path.relative_to(HOME).parts[0]]


@cache
def judged(path: Path) -> Ledger:
    checking = check(contract_of(path), [path])
    assert checking.detail.unread == []
    assert checking.detail.tally.matched == checking.detail.tally.entries > 0, "a bundled cassette holds nothing else"
    return checking.ledger


def violated(path: Path, *subjects: Subject) -> set[str]:
    return {entry.clause.id for entry in judged(path).violated() if entry.clause.subject in (subjects or Subject)}


def expected(path: Path) -> set[str]:
    label: Any = label_of(path)
    return set(label["expected"]["violated"])


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: str(path.relative_to(HOME)))
def test_a_cassette_shows_what_its_label_says(path: Path) -> None:
    assert violated(path) == expected(path)
    assert label_of(path)["source"]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: str(path.relative_to(HOME)))
def test_a_good_history_breaks_no_rule_of_the_provider(path: Path) -> None:
    assert violated(path, Subject.PROVIDER) == set()
    if path.name != "walks.yaml.gz":  # which go where a conforming client does not
        assert violated(path) == set()


@pytest.mark.parametrize(("contract", "clause"), CLAUSES, ids=[clause.id for _, clause in CLAUSES])
def test_every_clause_has_a_golden_bad_history(contract: Contract, clause: Clause) -> None:
    path = next(path for path in CASSETTES if path.name in (f"{clause.id}.yaml", f"{clause.id}.yaml.gz"))
    assert contract_of(path) is contract
    assert clause.id in violated(path, clause.subject)
    evidence = judged(path)[clause.id].evidence
    assert evidence is not None
    assert len(evidence.trace.exchanges) == len(evidence.trace.places) > 0


@pytest.mark.parametrize(("contract", "clause"), CLAUSES, ids=[clause.id for _, clause in CLAUSES])
def test_every_clause_is_held_by_a_good_history(contract: Contract, clause: Clause) -> None:
    verdicts = [judged(path)[clause.id].verdict for path in GOOD if contract_of(path) is contract]
    assert Verdict.HELD in verdicts
