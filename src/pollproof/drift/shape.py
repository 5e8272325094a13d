"""Shape: what a contract knows of the fields of a response, from its schemas, its responses and its sample results.

Where fields are known, a value is a record and is compared field by field. Anything else is one value: the keys of a
free-form table are as many as there are tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pollproof.contract.model import Contract, Operation, Role

_MAXIMUM_DEPTH = 12
"""Levels of a schema that are looked into; one that refers to itself has no end."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", type(None): "null"}


def type_of(value: Any) -> str:
    """The JSON type of a value; `integer` for whole numbers that are written so."""
    return _TYPES.get(type(value), "object")


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
        self.items = Node() if self.items is None else self.items
        return self.items

    def allows(self, kind: str) -> bool:
        """Whether the documents name this type for the place."""
        return kind in self.types or (kind == "integer" and "number" in self.types)


def shape_of(contract: Contract, operation: Operation) -> Node:
    """What is known of the responses of an operation (of its requests, where the provider sends them)."""
    root = Node()
    name = operation.request_schema if operation.role is Role.CALLBACK else operation.response_schema
    schema = None if name is None else contract.schemas[name]
    if isinstance(schema, Mapping):
        _add_schema(root, schema, schema, 0)
    entry = operation.answers.get("entry")
    for answer in operation.answers.values():
        if answer is not entry:
            results = [kind.result for kind in contract.kinds.values()]
            _add_template(root, answer.body, results, None if entry is None else entry.body)
    if operation.result is not None and operation.result.area == "body" and operation.result.part == "response":
        node = root
        for step in operation.result.steps:
            node = node.member(step)
        node.result = True
    return root


def _add_schema(node: Node, schema: Any, whole: Mapping[str, Any], depth: int) -> None:
    """Take in a subschema, wherever it is applied: conditions tell when, and that does not matter here."""
    if not isinstance(schema, Mapping) or depth > _MAXIMUM_DEPTH:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = whole
        for step in reference[2:].split("/"):
            target = target.get(step) if isinstance(target, Mapping) else None
        _add_schema(node, target, whole, depth + 1)
    named = schema.get("type", ())
    types = {named} if isinstance(named, str) else set(named)
    types |= {type_of(value) for value in (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ()))}
    node.types |= types
    if not types and not any(word in schema for word in ("properties", "required", "not", "allOf", "if", "$ref")):
        node.anything = True
    if depth == 0 or "properties" in schema:
        node.required |= {name for name in schema.get("required", ()) if depth == 0 or node.listed}
    for name, inner in (schema.get("properties") or {}).items():
        node.listed = True
        _add_schema(node.member(name), inner, whole, depth + 1)
    if isinstance(schema.get("items"), Mapping):
        _add_schema(node.element(), schema["items"], whole, depth + 1)
    required = set(node.required)
    for word in ("allOf", "anyOf", "oneOf", "then", "else"):
        several = schema.get(word, ())
        for inner in several if isinstance(several, list) else [several]:
            _add_schema(node, inner, whole, depth + 1)
    node.required = required  # what a subschema requires that is applied at times is not always required


def _add_template(node: Node, template: Any, results: Iterable[Any], entry: Any) -> None:
    """Take in a response of the reference provider."""
    if template == "$result":
        node.result = True
        for result in results:
            _add_template(node, result, (), None)
    elif template == "$entries":
        _add_template(node.element(), entry, (), None)
    elif isinstance(template, dict):
        for name, inner in template.items():
            if name != "*":
                _add_template(node.member(name), inner, results, entry)
    elif isinstance(template, list):
        for inner in template:
            _add_template(node.element(), inner, results, entry)
