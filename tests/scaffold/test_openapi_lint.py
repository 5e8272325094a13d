"""What an OpenAPI document leaves open of its asynchronous operations is named, and a complete one is let pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pollproof.cli.main import cli
from pollproof.loading import load_contract
from pollproof.scaffold.openapi_lint import lint_openapi
from pollproof.scaffold.passages import passages_of

ERROR_BODY = {"content": {"application/json": {"schema": {"type": "object", "properties": {"error": {}}}}}}
COMPLETE = {
    "openapi": "3.1.0",
    "info": {
        "title": "Labels",
        "description": "A task is kept for 24 hours after it has ended. A task ends within 10 minutes. "
        "Too many requests are answered 429.",
    },
    "paths": {
        "/labels": {
            "post": {
                "operationId": "create",
                "responses": {
                    "202": {
                        "headers": {"Location": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"properties": {"id": {"type": "string"}}}}},
                    },
                    "400": {"description": "refused", **ERROR_BODY},
                },
            }
        },
        "/labels/{id}": {
            "get": {
                "operationId": "poll",
                "responses": {
                    "200": {
                        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Label"}}},
                    },
                    "404": {"description": "unknown", **ERROR_BODY},
                },
            }
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "schemas": {
            "Label": {
                "properties": {
                    "status": {"enum": ["queued", "running", "done", "failed"]},
                    "result": {"type": "string"},
                    "error": {"type": "string"},
                }
            }
        },
    },
}


def _rules(tmp_path: Path, document: object) -> set[str]:
    file = tmp_path / "api.yaml"
    file.write_text(yaml.safe_dump(document))
    return {finding.rule for finding in lint_openapi(file)}


def test_a_complete_document_has_no_findings(tmp_path: Path) -> None:
    assert _rules(tmp_path, COMPLETE) == set()


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (("paths", "/labels/{id}"), "no-poll"),
        (("paths", "/labels/{id}", "get", "responses", "404"), "no-unknown-id"),
        (("paths", "/labels/{id}", "get", "responses", "200", "headers"), "no-retry-after"),
        (("paths", "/labels", "post", "responses", "400"), "no-refusals"),
        (("components", "schemas", "Label", "properties", "status", "enum"), "no-final-states"),
        (("components", "schemas", "Label", "properties", "result"), "no-result"),
        (("components", "schemas", "Label", "properties", "error"), "no-failure"),
        (("components", "securitySchemes"), "no-key"),
        (("info", "description"), "no-lifetime"),
    ],
)
def test_what_is_left_out_is_named(tmp_path: Path, path: tuple[str, ...], rule: str) -> None:
    document = yaml.safe_load(yaml.safe_dump(COMPLETE))
    node = document
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    assert rule in _rules(tmp_path, document)


def test_the_command_says_it_with_line_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    document = yaml.safe_load(yaml.safe_dump(COMPLETE))
    del document["components"]["schemas"]["Label"]["properties"]["status"]["enum"]
    file.write_text(yaml.safe_dump(document))
    result = CliRunner().invoke(cli, ["lint", str(file)])
    assert result.exit_code == 1
    assert "error: GET /labels/{id}: the values of its status are not listed; list all statuses" in result.output
    assert f"{file}:" in result.output.splitlines()[0]


PAGE = """# Labels

A task is kept for
24 hours.

* Poll every two seconds.
* See also [labels](x).

```json
{"id": 1}
```
"""


def test_the_lines_of_a_page_are_laid_out() -> None:
    found = [(each.first, each.last, each.text) for each in passages_of(PAGE)]
    assert found == [
        (1, 1, "# Labels"),
        (3, 4, "A task is kept for 24 hours."),
        (6, 6, "* Poll every two seconds."),
        (7, 7, "* See also [labels](x)."),
        (9, 11, '```json {"id": 1} ```'),
    ]


def test_a_contract_from_a_page_loads_and_accounts_for_all_of_its_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    result = CliRunner().invoke(cli, ["new", "labels", "--folder", str(tmp_path), "--document", str(page)])
    assert result.exit_code == 0, result.output
    contract = load_contract(tmp_path / "labels.toml")
    assert len(contract.passages) == 5
    coverage = CliRunner().invoke(cli, ["clauses", "--coverage", str(tmp_path / "labels.toml")])
    assert coverage.exit_code == 0, coverage.output
