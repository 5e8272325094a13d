"""`pollproof new --openapi`: the contract refers to the document, is green at once, and says what is left open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pollproof.loading import load_contract
from pollproof.loading.lint import lint
from pollproof.proof import prove
from tests.servers import pollproof


def document(version: str) -> dict[str, Any]:
    """A label printer, as a document of that version of OpenAPI."""
    note: dict[str, Any] = {"type": ["string", "null"], "maxLength": 10}
    weight: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0, "maximum": 30}
    if version.startswith("3.0"):
        note = {"type": "string", "nullable": True, "maxLength": 10}
        weight = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 30}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Label"}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    created = {"description": "accepted", "content": content}
    new = {"application/json": {"schema": {"$ref": "#/components/schemas/NewLabel"}}}
    text = {"type": "string"}
    return {
        "openapi": version,
        "info": {"title": "Labels", "version": "1"},
        "servers": [{"url": "https://labels.example.com/v3"}],
        "paths": {
            "/labels": {
                "post": {
                    "operationId": "createLabel",
                    "requestBody": {"content": new},
                    "responses": {"202": created, "422": {"$ref": "#/components/responses/Invalid"}},
                }
            },
            "/labels/{labelId}": {
                "get": {
                    "operationId": "getLabel",
                    "responses": {"200": created, "404": {"$ref": "#/components/responses/Invalid"}},
                }
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {"Invalid": {"description": "an error", "content": error}},
            "schemas": {
                "Error": {"type": "object", "required": ["code"], "properties": {"code": text}},
                "NewLabel": {
                    "type": "object",
                    "required": ["recipient", "weight"],
                    "properties": {
                        "recipient": {"type": "string", "minLength": 1, "maxLength": 40},
                        "weight": weight,
                        "service": {"enum": ["standard", "express"]},
                        "note": note,
                    },
                },
                "Label": {
                    "type": "object",
                    "required": ["labelId", "status", "createdAt"],
                    "properties": {
                        "labelId": text,
                        "status": {"enum": ["queued", "printing", "ready", "failed"]},
                        "createdAt": {"type": "string", "format": "date-time"},
                        "url": text,
                    },
                },
            },
        },
    }


def begun(folder: Path, version: str, name: str) -> Path:
    text = json.dumps(document(version)) if name.endswith(".json") else yaml.safe_dump(document(version))
    (folder / name).write_text(text, encoding="utf-8")
    words = ["--openapi", str(folder / name), "--create", "createLabel", "--poll", "getLabel"]
    done = pollproof("new", "labels", *words, "--folder", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    assert "open: What does the status 'printing' mean?" in done.stdout
    assert "open: How long is a task kept" in done.stdout
    return folder / "out" / "labels.toml"


@pytest.mark.parametrize(("version", "name"), [("3.0.3", "api.yaml"), ("3.1.0", "api.json")])
def test_it_is_green_at_once_and_refers_to_the_document(version: str, name: str, tmp_path: Path) -> None:
    file = begun(tmp_path, version, name)
    contract = load_contract(file)
    assert contract.operations["create"].request_schema == (
        f"{name}#/paths/~1labels/post/requestBody/content/application~1json/schema"
    )
    assert contract.credential.template == "Bearer {credential}"
    assert (contract.base_url, contract.path) == ("https://labels.example.com/v3", ("queued", "printing", "ready"))
    assert [each for each in lint(contract) if each.level != "note"] == []
    done = pollproof("verify", str(file), "--examples", "3", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_clause_of_it_is_proved(tmp_path: Path) -> None:
    matrix = prove(load_contract(begun(tmp_path, "3.1.0", "api.json")))
    assert [trial.name for trial in matrix.mutants if not trial.killed] == []
    assert [trial.name for trial in matrix.variants if trial.bystanders] == []


def test_a_change_of_the_document_is_a_change_of_the_contract(tmp_path: Path) -> None:
    file = begun(tmp_path, "3.1.0", "api.json")
    changed = document("3.1.0")
    changed["components"]["schemas"]["Label"]["required"].append("carrier")
    (file.parent / "api.json").write_text(json.dumps(changed), encoding="utf-8")
    done = pollproof("verify", str(file), "--examples", "0", timeout=120)
    assert done.returncode == 1
    assert "'carrier' is missing" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--create", "createLabl", "--poll", "getLabel"), "did you mean 'createLabel'?"),
        (("--create", "createLabel"), "--openapi, --create and --poll belong together"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document("3.1.0")), encoding="utf-8")
    done = pollproof("new", "labels", "--openapi", str(file), *words, "--folder", str(tmp_path / "out"))
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)
    assert expected in done.stderr


@pytest.mark.parametrize(("text", "expected"), [("{", "is not"), ("swagger: '2.0'", "is not an OpenAPI document")])
def test_a_document_that_is_none_is_one_sentence(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(text, encoding="utf-8")
    done = pollproof("new", "labels", "--openapi", str(file), "--create", "a", "--poll", "b", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
