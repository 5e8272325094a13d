"""Structure: what a contract knows of an answer's fields, from its schemas, its answers and its sample results.

What it knows the fields of is a record, and records are compared field by field; all else is one value, for the keys
of a free-form table are as many as there are tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pollproof.contract.model import Contract, Operation, Role

MAXIMUM_DEPTH = 12
"""Levels of a schema that are looked into; one that refers to itself has no end."""


@dataclass(slots=True)
class Node:
    """What is known of the value at one place.

    `types` are the documented ones (none: not documented), `anything` that a schema lets any type pass. `listed` tells
    whether `members` are from a schema, which may be trusted to mean a record. `result` marks the result of a task.
    """

    types: set[str] = field(default_factory=set)
    anything: bool = False
    listed: bool = False
    required: set[str] = field(default_factory=set)
    members: dict[str, Node] = field(default_factory=dict)
    items: Node | None = None
    result: bool = False

    def member(self, name: str) -> Node:
        """The node of a member, made where there is none."""
        return self.members.setdefault(name, Node())

    def element(self) -> Node:
        """The node of the elements of an array, made where there is none."""
        if self.items is None:
            self.items = Node()
        return self.items

    def allows(self, kind: str) -> bool:
        """Whether the documents name this type for the place."""
        return kind in self.types or (kind == "integer" and "number" in self.types)

    @property
    def record(self) -> bool:
        """Whether anything is known of its members."""
        return bool(self.members)


def structure_of(contract: Contract, operation: Operation) -> Node:
    """What is known of the answers of an operation (of its requests, where the provider is the one who asks)."""
    root = Node()
    name = operation.request_schema if operation.role is Role.CALLBACK else operation.response_schema
    schema = None if name is None else contract.schemas[name]
    if isinstance(schema, Mapping):
        _schema(root, schema, schema, 0)
    results = [kind.result for kind in contract.kinds.values()]
    entry = operation.answers.get("entry")
    for answer in operation.answers.values():
        if answer is not entry:
            _template(root, answer.body, results, None if entry is None else entry.body)
    if operation.result is not None and operation.result.area == "body" and operation.result.part == "response":
        node = root
        for step in operation.result.steps:
            node = node.member(step)
        node.result = True
    return root


def _schema(node: Node, schema: Any, whole: Mapping[str, Any], depth: int) -> None:
    """Take in a subschema, wherever it is applied: conditions tell when, and that does not matter here."""
    if not isinstance(schema, Mapping) or depth > MAXIMUM_DEPTH:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = whole
        for step in reference[2:].split("/"):
            target = target.get(step) if isinstance(target, Mapping) else None
        _schema(node, target, whole, depth + 1)
    kinds = _types(schema)
    node.types |= kinds
    if not kinds and not any(word in schema for word in ("properties", "required", "not", "allOf", "if", "$ref")):
        node.anything = True
    if depth == 0 or "properties" in schema:
        node.required |= {name for name in schema.get("required", ()) if depth == 0 or node.listed}
    for name, inner in (schema.get("properties") or {}).items():
        node.listed = True
        _schema(node.member(name), inner, whole, depth + 1)
    if isinstance(schema.get("items"), Mapping):
        _schema(node.element(), schema["items"], whole, depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(word, ()):
            _applied(node, inner, whole, depth)
    for word in ("then", "else"):
        _applied(node, schema.get(word), whole, depth)


def _applied(node: Node, schema: Any, whole: Mapping[str, Any], depth: int) -> None:
    """A subschema for the same value, that holds at times: what it requires is not always required."""
    required = set(node.required)
    _schema(node, schema, whole, depth + 1)
    node.required = required


def _types(schema: Mapping[str, Any]) -> set[str]:
    kinds = schema.get("type", ())
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    if "const" in schema:
        found.add(type_of(schema["const"]))
    found |= {type_of(value) for value in schema.get("enum", ())}
    return found


def type_of(value: Any) -> str:
    """The JSON type of a value; `integer` for whole numbers that are written so."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _template(node: Node, template: Any, results: Iterable[Any], entry: Any) -> None:
    """Take in an answer of the reference provider."""
    if template == "$result":
        node.result = True
        for result in results:
            _template(node, result, (), None)
    elif template == "$entries":
        _template(node.element(), entry, (), None)
    elif isinstance(template, dict):
        for name, inner in template.items():
            if name != "*":
                _template(node.member(name), inner, results, entry)
    elif isinstance(template, list):
        for inner in template:
            _template(node.element(), inner, results, entry)


def echoes_parameters(operation: Operation) -> bool:
    """Whether answers repeat what was asked for, so that their fields depend on the task."""
    return any("$asked" in repr(answer.body) for answer in operation.answers.values())
