"""`export`: contracts in the formats of other tools, as those tools read them."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pollproof.bundled import bundled
from pollproof.cli.main import cli
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract, Role
from pollproof.export.openapi import openapi_of
from pollproof.export.wiremock import wiremock_of
from pollproof.export.wsdl import wsdl_of
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve

validator = pytest.importorskip(
    "openapi_spec_validator",
    reason="OPENAPI NOT TESTED: openapi-spec-validator is not installed (it is a development dependency)",
)

APIS = sorted((Path(__file__).parents[1] / "apis").glob("*.toml"))
CONTRACTS = [load_contract(name) for name in (*bundled(), *map(str, APIS))]
JSON = [contract for contract in CONTRACTS if contract.body == "json"]
SOAP = [contract for contract in CONTRACTS if contract.body == "soap"]


def named(contract: Contract) -> str:
    return contract.name


@pytest.mark.parametrize("contract", JSON, ids=named)
def test_openapi_is_valid_and_has_every_operation_with_its_schemas_and_an_example_of_each_status(
    contract: Contract,
) -> None:
    document = openapi_of(contract)
    validator.validate(document)
    described = {
        operation["operationId"]
        for methods in (*document["paths"].values(), *document.get("webhooks", {}).values())
        for operation in methods.values()
    }
    assert described == set(contract.operations)
    text = json.dumps(document["paths"])
    for status in contract.path:
        assert f'"{status}"' in text or f'"{contract.statuses[status].phase.value}"' in text
    used = {key for operation in contract.operations.values() for key in (operation.response_schema,) if key}
    for key in used:
        assert key.rpartition("/")[2].removesuffix(".schema.json") in document["components"]["schemas"]


def test_the_validator_refuses_an_openapi_document_that_is_broken() -> None:
    document: dict[str, Any] = copy.deepcopy(openapi_of(JSON[0]))
    del document["info"]["title"]
    with pytest.raises(Exception, match="title"):
        validator.validate(document)


@pytest.mark.parametrize("contract", SOAP, ids=named)
def test_a_soap_client_off_the_shelf_reads_the_wsdl_and_completes_a_task(contract: Contract, tmp_path: Path) -> None:
    zeep = pytest.importorskip("zeep", reason="SOAP CLIENT NOT TESTED: zeep is not installed")
    file = tmp_path / "api.wsdl"
    file.write_bytes(wsdl_of(contract))
    client = zeep.Client(str(file))
    create, poll = contract.operation(Role.CREATE), contract.operation(Role.POLL)
    clock = ShiftedClock()
    with serve(ReferenceProvider(contract, clock), clock) as served:
        service = client.create_service(f"{{{contract.namespace}}}{contract.name}Soap", served.base_url)
        assert {operation.element for operation in contract.operations.values()} == set(service._operations)
        created = service[create.element](uniqueTransferId="11-42225-49853-A")
        clock.advance(60)
        answer = service[poll.element](taskId=created.taskId, callback=False)
    assert answer.taskId == created.taskId
    assert answer.status == contract.path[-1]


@pytest.mark.parametrize("contract", CONTRACTS, ids=named)
def test_wiremock_scenarios_lead_from_the_creation_through_every_status_to_an_end_that_lasts(
    contract: Contract,
) -> None:
    mappings = wiremock_of(contract)["mappings"]
    poll = contract.operation(Role.POLL)
    steps = [
        (mapping["requiredScenarioState"], mapping["newScenarioState"])
        for mapping in mappings
        if "requiredScenarioState" in mapping and mapping["metadata"]["pollproof"]["operation"] == poll.name
    ]
    assert steps[0][0] == "created"
    assert all(before[1] == after[0] for before, after in pairwise(steps))
    assert steps[-1][0] == steps[-1][1]
    (begin,) = (mapping for mapping in mappings if mapping.get("newScenarioState") == "created")
    assert begin["metadata"]["pollproof"]["operation"] == contract.operation(Role.CREATE).name


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("openapi", "cnode"), "its bodies are SOAP; 'export wsdl' can"),
        (("wsdl", "capsolver"), "its bodies are JSON; 'export openapi' can"),
        (("swagger", "capsolver"), "'swagger' is not one of 'openapi', 'wsdl', 'wiremock'"),
        (("openapi", "capsolvr"), "capsolver"),
    ],
)
def test_what_a_format_cannot_carry_is_refused_in_one_sentence(words: tuple[str, ...], why: str) -> None:
    result = CliRunner().invoke(cli, ["export", *words])
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stdout == ""


def test_an_export_is_written_to_a_file_and_says_what_it_does_not_carry(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    result = CliRunner().invoke(cli, ["export", "openapi", "capsolver", "--out", str(file)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "lifetimes" in result.stderr
    assert json.loads(file.read_text()) == openapi_of(load_contract("capsolver"))
