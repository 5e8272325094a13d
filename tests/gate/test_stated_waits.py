"""A provider that states a longer wait: a client that waits as long passes, one with a pace of its own does not."""

from __future__ import annotations

import pytest

from pollproof.gate.rehearsal import rehearse
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.verify.reference_client import ReferenceClient
from tests.servers import ROOT


class OwnPace(ReferenceClient):
    """Polls every three seconds, whatever is stated."""

    def wait(self) -> float:
        return 3.0


@pytest.mark.parametrize("name", ["examples/contracts/mcp-tasks.toml", "examples/contracts/azure-lro.toml"])
def test_a_longer_wait_is_stated_and_kept(name: str) -> None:
    contract = load_contract(str(ROOT / name))
    scenario = next(each for each in scenarios(contract) if each.name == "longer-wait-stated")
    for client, found in ((ReferenceClient, False), (OwnPace, True)):
        result, monitor, _ = rehearse(contract, scenario, client)
        assert result is not None
        assert any(entry.clause.kind == "retry-after-kept" for entry in monitor.ledger.violated()) is found
