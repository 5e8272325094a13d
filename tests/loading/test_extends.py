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
