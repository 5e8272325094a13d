"""The published schemas are what the code says, and the published documents keep them."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pollproof.bundled import bundled, folder
from pollproof.loading import load_contract
from pollproof.loading.errors import ContractError
from pollproof.loading.grammar import contract_schema, page
from pollproof.proof.mutants import mutants
from pollproof.report.document import build_document, join_documents
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore


def published(name: str) -> Any:
    return json.loads((folder("schemas") / "pollproof" / name).read_text(encoding="utf-8"))


def test_the_published_schema_of_contracts_is_the_one_the_loader_uses() -> None:
    assert published("contract.schema.json") == contract_schema()
    text = (folder("schemas") / "pollproof" / "contract.schema.json").read_text(encoding="utf-8")
    assert text == page(contract_schema()) + "\n", "written by pollproof.loading.grammar.page"


def test_the_published_schema_of_contracts_says_what_every_key_is() -> None:
    bare: list[str] = []

    def visit(node: Any, path: str) -> None:
        for name, entry in node.get("properties", {}).items() if isinstance(node, dict) else ():
            if path.endswith("/if") or path.startswith("/else"):
                continue
            if "description" not in entry:
                bare.append(f"{path}/{name}")
        for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            visit(child, f"{path}/{key}")

    visit(contract_schema(), "")
    assert bare == []


def test_the_published_schema_of_contracts_reads_like_a_page() -> None:
    """Tables stand once, whoever uses them: no definition is repeated within another."""
    schema = contract_schema()
    tables = [key for key in schema["$defs"] if "properties" in schema["$defs"][key]]
    assert len(tables) > 15
    text = (folder("schemas") / "pollproof" / "contract.schema.json").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 2000


def test_a_mistyped_key_in_a_bundled_contract_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder("contracts"), tmp_path / "contracts")
    (tmp_path / "schemas").symlink_to(folder("schemas"))
    file = tmp_path / "contracts" / "decodo.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[limits]\n", "[limits]\nbatch_waits = 2\n"), encoding="utf-8")
    monkeypatch.setattr("pollproof.loading.load.folder", lambda name: tmp_path / name)
    with pytest.raises(ContractError, match="unknown key 'batch_waits'"):
        load_contract("decodo")


@pytest.mark.parametrize("provider", bundled())
def test_a_bundled_contract_keeps_the_schema(provider: str) -> None:
    text = (folder("contracts") / f"{provider}.toml").read_text(encoding="utf-8")
    assert list(Draft202012Validator(contract_schema()).iter_errors(tomllib.loads(text))) == []


def test_every_schema_is_one() -> None:
    for path in folder("schemas").rglob("*.schema.json"):
        Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_a_report_keeps_its_schema() -> None:
    validator = Draft202012Validator(published("report.schema.json"))
    documents = []
    for name in bundled():
        contract = load_contract(name)
        for provider in (mutants(contract)[12].provider(), *([None] if contract.name == "capsolver" else [])):
            documents.append(build_document(explore(Plan(contract, examples=0), provider=provider)))
    for document in [*documents, join_documents(documents)]:
        assert list(validator.iter_errors(json.loads(json.dumps(document)))) == []
