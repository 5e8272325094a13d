"""From a sentence to a clause: each example of the page is a contract whose clauses the reference provider holds."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.proof.mutants import mutants_of
from pollproof.proof.trials import try_mutant
from pollproof.scaffold import write
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.lanes import a_few
from tests.servers import ROOT

PAGE = (ROOT / "docs" / "from-a-sentence-to-a-clause.md").read_text(encoding="utf-8")
EXAMPLES = [
    (title, tomllib.loads(block))
    for title, block in re.findall(r"^### (.+?)\n(?:(?!^#).)*?^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]


def merged(base: Any, more: Any) -> Any:
    """A table with another put into it; an example replaces the rest, and whole answers."""
    if isinstance(base, dict) and isinstance(more, dict) and not set(base) <= {"http", "body", "headers"}:
        return {**base, **{key: merged(base.get(key), value) for key, value in more.items()}}
    return more


def as_toml(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def contract_of(example: dict[str, Any], folder: Path) -> Any:
    """The contract of `pollproof new` with an example in it, and no other clauses."""
    write("my-api", folder)
    file = folder / "my-api.toml"
    (folder / "schemas" / "my-api" / "anything.schema.json").write_text("{}", encoding="utf-8")
    base = tomllib.loads(file.read_text(encoding="utf-8"))
    for name in ("variants", "unspecified", "observations", "slips", "passages"):
        base.pop(name, None)
    for operation in base["operations"].values():
        operation.pop("response_schema", None)
    whole = merged(base, example)
    file.write_text("\n".join(f"{key} = {as_toml(value)}" for key, value in whole.items()), encoding="utf-8")
    return load_contract(file)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 20
    assert PAGE.count("```toml") == len(EXAMPLES)


@pytest.mark.parametrize(("title", "example"), EXAMPLES, ids=[title[:50] for title, _ in EXAMPLES])
def test_the_reference_holds_the_clauses_of_an_example(title: str, example: dict[str, Any], tmp_path: Path) -> None:
    contract = contract_of(example, tmp_path)
    result = explore(Plan(contract, examples=0))
    assert result.error is None
    verdicts = {entry.clause.id: entry.verdict for entry in result.ledger.entries.values()}
    assert dict.fromkeys(verdicts, Verdict.HELD) == verdicts


@pytest.mark.parametrize(("title", "example"), a_few(EXAMPLES, 10), ids=[title[:50] for title, _ in EXAMPLES])
def test_each_clause_of_an_example_can_fail(title: str, example: dict[str, Any], tmp_path: Path) -> None:
    contract = contract_of(example, tmp_path)
    for clause in contract.clauses:
        found = mutants_of(contract, clause)
        assert found, clause.id
        for mutant in found:
            trial = try_mutant(mutant, examples=0)
            assert (clause.id, mutant.name, trial.killed) == (clause.id, mutant.name, True)
