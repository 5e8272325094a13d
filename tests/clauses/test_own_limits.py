"""A limit that a clause about clients states itself is the one by which clients are judged, and to which they poll."""

from pathlib import Path

import pytest

from pollproof.bundled import folder
from pollproof.clauses.kinds import limits_of_client
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from tests.traces import HandWritten, running

OWN = 7


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """CapSolver, of which a clause allows a client seven polls; the provider still answers 120."""
    text = (folder("contracts") / "capsolver.toml").read_text(encoding="utf-8")
    kind = 'kind = "poll-budget"\n'
    assert text.count(kind) == 1
    changed = tmp_path / "capsolver.toml"
    changed.write_text(text.replace(kind, f"{kind}limit = {OWN}\n"), encoding="utf-8")
    (tmp_path / "schemas").symlink_to(folder("schemas"))
    return load_contract(changed)


@pytest.mark.parametrize(("polls", "broken"), [(OWN, False), (OWN + 1, True)])
def test_a_client_is_judged_by_the_limit_of_its_clause(contract: Contract, polls: int, broken: bool) -> None:
    trace = HandWritten(contract)
    trace.create("6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11")
    for number in range(polls):
        trace.poll("6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11", running(), 3.0 * (number + 1))
    assert trace.violated == ({"client.budget"} if broken else set())


def test_the_limit_of_a_clause_is_a_limit_of_clients_alone(contract: Contract) -> None:
    assert (limits_of_client(contract).polls, contract.limits.polls) == (OWN, 120)
