"""A result without entries: a success where the contract reads it as a result, nothing to return where it does not."""

from __future__ import annotations

import pytest

from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from tests.servers import ROOT

EMPTY = "ready-with-an-empty-list"


@pytest.mark.parametrize("name", ["contracts/decodo.toml", "tests/apis/batches.toml", "tests/apis/docmill.toml"])
def test_an_empty_list_that_is_no_result_is_no_success(name: str) -> None:
    assert EMPTY in {each.name for each in scenarios(load_contract(str(ROOT / name)))}


@pytest.mark.parametrize("name", ["examples/contracts/mcp-tasks.toml", "tests/apis/signet.toml"])
def test_an_empty_list_that_is_a_result_is_held_against_nobody(name: str) -> None:
    names = {each.name for each in scenarios(load_contract(str(ROOT / name)))}
    assert EMPTY not in names
    assert "ready-with-a-null-solution" in names
