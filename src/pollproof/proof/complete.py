"""What a contract must bring to prove its clauses: for each a source, a mutant, a legal variant and a bad history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pollproof.contract.model import Contract
from pollproof.proof.mutants import mutants_of, variants_of

SUFFIXES = (".yaml.gz", ".yaml")
"""What the names of cassettes end in, the longest first."""


def find_missing_proof(contract: Contract, cassettes: Path) -> list[str]:
    """What is not there, in sentences; empty where every clause has all. `cassettes` holds a folder for each API."""
    return list(_missing(contract, cassettes / contract.name / "bad"))


def _missing(contract: Contract, histories: Path) -> Iterator[str]:
    recorded = {_stem(path) for path in histories.iterdir()} if histories.is_dir() else set[str]()
    for clause in contract.clauses:
        if not clause.citations:
            yield f"{clause.id}: no source is given"
        if not mutants_of(contract, clause):
            yield f"{clause.id}: no mutant shows that it can fail"
        if not variants_of(contract, clause):
            yield f"{clause.id}: no legal variant shows what it lets pass"
        if clause.id not in recorded:
            yield f"{clause.id}: no golden bad history shows a violation of it"
    for name in sorted(recorded - {clause.id for clause in contract.clauses}):
        yield f"{name}: a golden bad history of a clause that is not there"


def _stem(path: Path) -> str:
    return next((path.name.removesuffix(end) for end in SUFFIXES if path.name.endswith(end)), path.name)
