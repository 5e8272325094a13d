"""A number that a clause states itself steers its verdict, the histories, the reference, the walks and the words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pollproof.bundled import folder
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.proof import try_mutant
from pollproof.proof.mutants import mutants_of
from tests.traces import HandWritten, ready

SERVED, ENDED = "capsolver.poll.lifetime-served", "capsolver.poll.lifetime-ended"


def changed(tmp_path: Path, *clauses: str, **numbers: float) -> Contract:
    """CapSolver's contract with numbers of these clauses' own."""
    text = (folder("contracts") / "capsolver.toml").read_text(encoding="utf-8")
    for clause in clauses:
        for name, value in numbers.items():
            text = re.sub(rf'(id = "{re.escape(clause)}"\n)', rf"\g<1>{name} = {value}\n", text)
    text = text.replace('schema = "capsolver/', f'schema = "{folder("schemas")}/capsolver/')
    path = tmp_path / "capsolver.toml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


@pytest.mark.parametrize(("at", "verdict"), [(400.0, Verdict.UNEXERCISED), (606.0, Verdict.VIOLATED)])
def test_an_end_of_its_own_is_the_end_that_is_judged(tmp_path: Path, at: float, verdict: Verdict) -> None:
    contract = changed(tmp_path, ENDED, seconds=600)
    trace = HandWritten(contract)
    trace.create("a")
    trace.poll("a", ready(), at)
    assert trace.ledger[ENDED].verdict is verdict
    assert contract.limits.lifetime == 450  # between what is promised and what ends it all is open
    assert contract.limits.lifetime_slack == 155


def test_a_lifetime_of_the_clauses_own_is_that_of_the_contract(tmp_path: Path) -> None:
    contract = changed(tmp_path, SERVED, ENDED, seconds=600)
    assert (contract.limits.lifetime, contract.limits.lifetime_slack) == (600, 5)
    for identifier in (SERVED, ENDED):
        [mutant] = mutants_of(contract, contract.clause(identifier))
        trial = try_mutant(mutant, examples=0)
        assert trial.killed
        assert "59" in mutant.name or "60" in mutant.name
