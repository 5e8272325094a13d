"""OpenAPI 3.1: operations and schemas as they are; what is about time and order goes along as `x-pollproof`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from pollproof.contract.model import Contract, Operation, Role, Subject
from pollproof.export import CannotCarry
from pollproof.export.sample_exchanges import Example, examples_of
from pollproof.trace.bodies import read_json
from pollproof.trace.shapes import Shape
from pollproof.version import __version__

JSON = "application/json"

NOT_IN_OPENAPI = (
    "OpenAPI describes single messages: poll limits, lifetimes, the order of statuses and what stays the same from "
    "poll to poll stand in x-pollproof, which no other tool checks."
)
"""What an OpenAPI document of a contract does not say in words of its own."""


def openapi_of(contract: Contract) -> dict[str, Any]:
    """The OpenAPI document of a contract; raises `CannotCarry`."""
    if contract.body != "json":
        raise CannotCarry(f"OpenAPI cannot carry {contract.name}: its bodies are SOAP; 'export wsdl' can")
    examples = examples_of(contract)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": contract.title,
            "version": __version__,
            "description": f"What {contract.title} documents of its tasks, exported by pollproof. {NOT_IN_OPENAPI}",
        },
        "servers": [{"url": contract.base_url.rstrip("/")}],
        "paths": {},
        "components": {"schemas": {_name(key): _plain(schema, _name(key)) for key, schema in contract.schemas.items()}},
        "x-pollproof": _beyond(contract),
    }
    security = _security(contract)
    if security is not None:
        document["components"]["securitySchemes"] = {"key": security}
        document["security"] = [{"key": []}]
    for operation in contract.operations.values():
        own = [example for example in examples if example.operation is operation]
        if operation.role is Role.CALLBACK:
            document.setdefault("webhooks", {})[operation.name] = {"post": _callback(operation)}
        else:
            methods = document["paths"].setdefault(operation.path, {})
            methods[operation.method.lower()] = _operation(contract, operation, own)
    return document


def _operation(contract: Contract, operation: Operation, examples: list[Example]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": f"{operation.name} ({operation.role.value})",
        "responses": _responses(contract, operation, examples),
    }
    variables = re.findall(r"\{(\w+)\}", operation.path)
    if variables:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables
        ]
    if operation.request is not None:
        content: dict[str, Any] = {"schema": _reference(operation.request_schema)}
        bodies = {example.name: read_json(example.request.body) for example in examples if example.phase is not None}
        if bodies:
            content["examples"] = {name: {"value": body} for name, body in bodies.items()}
        described["requestBody"] = {"required": True, "content": {JSON: content}}
    return described


def _responses(contract: Contract, operation: Operation, examples: list[Example]) -> dict[str, Any]:
    """By HTTP status: those of the examples, and those that the contract's templates of responses have besides."""
    shape = None
    if operation.response_schema is not None:
        shape = Shape(contract.schemas[operation.response_schema])
    statuses = {example.response.status for example in examples}
    statuses |= {answer.http for name, answer in operation.answers.items() if name != "entry"}
    responses: dict[str, Any] = {}
    for status in sorted(statuses):
        own = [example for example in examples if example.response.status == status]
        bodies = {example.name: read_json(example.response.body) for example in own if example.response.body}
        response: dict[str, Any] = {"description": ", ".join(example.name for example in own) or "another response"}
        content: dict[str, Any] = {}
        fits = shape is not None and bodies and not any(shape.check(body) for body in bodies.values())
        if fits or (shape is not None and not bodies and status < 300 and status != 204):
            content["schema"] = _reference(operation.response_schema)
        if bodies:
            content["examples"] = {name: {"value": body} for name, body in bodies.items()}
        if content:
            response["content"] = {JSON: content}
        responses[str(status)] = response
    return responses


def _callback(operation: Operation) -> dict[str, Any]:
    return {
        "operationId": operation.name,
        "summary": f"{operation.name}: sent to the address that the client gave",
        "requestBody": {"required": True, "content": {JSON: {"schema": _reference(operation.request_schema)}}},
        "responses": {"2XX": {"description": "taken"}},
    }


def _security(contract: Contract) -> dict[str, Any] | None:
    """How the key is sent, where that is a header; in a body it is a field of the schema."""
    place = contract.credential.at
    if place is None or place.area != "header":
        return None
    scheme, _, rest = contract.credential.template.partition(" ")
    if place.steps[0] == "authorization" and rest and scheme.lower() in ("basic", "bearer"):
        return {"type": "http", "scheme": scheme.lower()}
    return {"type": "apiKey", "in": "header", "name": place.steps[0]}


def _beyond(contract: Contract) -> dict[str, Any]:
    """What the contract says beyond OpenAPI: limits, statuses with their phases, and the clauses."""
    return {
        "contract": contract.name,
        "limits": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(contract.limits).items()
            if value not in (None, ())
        },
        "statuses": {status.value: status.phase.value for status in contract.statuses.values()},
        "clauses": [
            {"id": clause.id, "level": clause.level.value, "text": clause.text}
            for clause in contract.clauses
            if clause.subject is Subject.PROVIDER
        ],
    }


def _name(key: str) -> str:
    """The component of a schema: its file's name without folders and endings."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", key.rpartition("/")[2].removesuffix(".json").removesuffix(".schema"))


def _reference(key: str | None) -> dict[str, Any]:
    return {} if key is None else {"$ref": f"#/components/schemas/{_name(key)}"}


def _plain(schema: Any, name: str) -> Any:
    """A schema as a component: without an address of its own, and its inner references from the document's root."""
    if isinstance(schema, list):
        return [_plain(item, name) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {key: _plain(value, name) for key, value in schema.items() if key not in ("$schema", "$id", "$comment")}
    reference = plain.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        plain["$ref"] = f"#/components/schemas/{name}{reference[1:]}"
    return plain
