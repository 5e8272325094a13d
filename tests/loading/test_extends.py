"""Contracts that extend another one: what they say themselves stands for what the other has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollproof import load_contract
from pollproof.loading.errors import ContractError

SIBLING = """
extends = "capsolver"
omits = ["sibling.poll.budget-*"]

[provider]
name = "sibling"
title = "Sibling"
base_url = "https://api.sibling.example"

[limits]
lifetime = 600

[[clauses]]
id = "sibling.poll.lifetime-served"
text = "A task is kept for ten minutes."
"""


def test_a_sibling_has_the_clauses_of_the_other_under_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "sibling.toml"
    file.write_text(SIBLING)
    contract, base = load_contract(file), load_contract("capsolver")
    own = {clause.id.removeprefix("sibling.") for clause in contract.clauses}
    omitted = {clause.id.removeprefix("capsolver.") for clause in base.clauses} - own
    assert omitted == {"poll.budget-served", "poll.budget-ended"}
    assert contract.limits.lifetime == 600
    assert contract.clause("sibling.poll.lifetime-served").text == "A task is kept for ten minutes."
    assert contract.base_url == "https://api.sibling.example"
    assert not contract.passages
    assert contract.operations.keys() == base.operations.keys()


def test_a_mistake_in_what_is_its_own_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sibling.toml"
    file.write_text(SIBLING + 'source = ["nowhere, at all"]\n')
    with pytest.raises(ContractError, match=r"line 16: .*unknown source 'nowhere'"):
        load_contract(file)


@pytest.mark.parametrize(("name", "words"), [("capsolvr", "unknown contract"), ("sibling.toml", "extends itself")])
def test_an_unknown_or_circular_extension_is_refused(tmp_path: Path, name: str, words: str) -> None:
    file = tmp_path / "sibling.toml"
    file.write_text(SIBLING.replace('"capsolver"', f'"{name}"'))
    with pytest.raises(ContractError, match=words):
        load_contract(file)


NAMED = """
extends = "capsolver"
omits = ["sources", "errors", "refusals.invalid_request", "operations.*.status", "variants", "probes"]

[provider]
name = "sibling"
title = "Sibling"
base_url = "https://api.sibling.example"

[sources.page]
title = "the page"
document = "page"
basis = "primary"

[clauses]
"""


def test_clauses_that_differ_in_their_source_alone_are_one_line_each(tmp_path: Path) -> None:
    base = load_contract("capsolver")
    names = [f"sibling.{each.id.removeprefix('capsolver.')}" for each in base.clauses]
    kept = [name for name in names if not name.endswith(("untyped-task", "unknown-kind", "poll.order"))]
    gone = ", ".join(f'"{name}"' for name in names if name not in kept)
    file = tmp_path / "sibling.toml"
    text = NAMED.replace('"probes"]', f'"probes", "observations", {gone}]')
    text += "".join(f'"{name}" = {{ source = ["page, {number}"] }}\n' for number, name in enumerate(kept))
    file.write_text(text, encoding="utf-8")
    contract = load_contract(file)
    assert [clause.id for clause in contract.clauses] == kept
    assert {clause.citations[0].source.title for clause in contract.clauses} == {"the page"}
    assert contract.clause("sibling.poll.echo").text == base.clause("capsolver.poll.echo").text
    assert (dict(contract.errors), contract.refusals.invalid_request) == ({}, "")
    assert contract.operations["getTaskResult"].status is None
    assert (contract.variants, contract.probes) == ((), ())


def test_a_clause_that_is_taken_over_with_a_source_that_is_not_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "sibling.toml"
    file.write_text(NAMED + '"sibling.poll.echo" = { source = ["page, 1"] }\n', encoding="utf-8")
    with pytest.raises(ContractError, match=r"unknown source .*; expected one of page"):
        load_contract(file)


def test_a_mistake_in_a_table_of_clauses_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sibling.toml"
    file.write_text(NAMED + '"sibling.poll.echo" = { source = ["page, 1"], kind = "ecko" }\n', encoding="utf-8")
    with pytest.raises(ContractError, match=r"line 16: .*'ecko' is not known"):
        load_contract(file)
