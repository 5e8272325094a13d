"""A task that is forgotten once it is cancelled: left open unless a document states how long tasks are kept."""

from __future__ import annotations

import pytest

from pollproof.clauses import KINDS
from pollproof.loading import load_contract
from tests.servers import ROOT


@pytest.mark.parametrize(
    ("name", "is_open"), [("tests/apis/docmill.toml", False), ("examples/contracts/mcp-tasks.toml", True)]
)
def test_forgetting_cancelled_tasks_is_open_where_no_document_keeps_them(name: str, is_open: bool) -> None:
    contract = load_contract(str(ROOT / name))
    clause = next(each for each in contract.clauses if each.kind == "cancel-ends")
    conditional = KINDS["cancel-ends"].conditional
    assert conditional is not None
    assert bool(conditional(contract, clause)) is is_open
