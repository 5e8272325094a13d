"""Shapes: JSON Schemas compiled once, a fast yes or no, and jsonschema's words for a no.

A subschema may carry `x-rule`: the short name of the documented rule that it states. A failure is charged to the
innermost `x-rule` above it (the empty name where there is none), so that each clause hears of its own failures only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs

from pollproof.trace.bodies import Unreadable

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAXIMUM_ERRORS = 20
"""Failures of one body that are put in words; the rest adds nothing."""


class ShapeError(NamedTuple):
    """One failure of a body: the rule it breaks, the JSON Pointer of the place, and a sentence."""

    rule: str
    pointer: str
    message: str


class Shape:
    """One JSON Schema, ready to check bodies. Raises ValueError when the schema itself is wrong."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        try:
            self._passes = jsonschema_rs.Draft202012Validator(dict(schema)).is_valid
        except RecursionError:
            raise ValueError("the schema cannot be compiled: it is nested too deeply") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"the schema cannot be compiled: {_reason(error)}") from error

    @cached_property
    def _worded(self) -> Draft202012Validator:
        from jsonschema import Draft202012Validator  # takes longer to import than all else, and words failures only

        return Draft202012Validator(self.schema)

    def is_valid(self, value: Any) -> bool:
        """Whether a parsed body has the shape."""
        try:
            return self._passes(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            # What the fast validator cannot carry, an Unreadable among it, is decided by the worded one.
            return not self.check(value)

    def check(self, value: Any) -> tuple[ShapeError, ...]:
        """The failures of a parsed body, empty when it has the shape."""
        if type(value) is Unreadable:
            return (ShapeError("", "", value.problem),)
        try:
            if self._passes(value):
                return ()
        except (ValueError, TypeError, OverflowError, RecursionError):
            pass  # a value that the fast validator cannot carry is decided by the worded one
        return self.explain(value)

    def explain(self, value: Any) -> tuple[ShapeError, ...]:
        """The failures of a parsed body, decided by jsonschema alone."""
        try:
            errors = list(self._worded.iter_errors(value))
        except RecursionError:
            return (ShapeError("", "", "the body is nested too deeply to be checked"),)
        return tuple(self._word(error) for error in errors[:MAXIMUM_ERRORS])

    def _word(self, error: ValidationError) -> ShapeError:
        pointer = "".join(f"/{step}" for step in error.absolute_path)
        message = _words(error)
        if len(message) > 200:
            message = message[:120] + " ... " + message[-60:]
        place = f"at {pointer}: " if pointer else ""
        return ShapeError(self._rule(error), pointer, place + message)

    def _rule(self, error: ValidationError) -> str:
        """The innermost `x-rule` on the way from the root of the schema to the keyword that failed."""
        rule = ""
        node: Any = self.schema
        for step in error.absolute_schema_path:
            if isinstance(node, Mapping):
                rule = node.get("x-rule", rule)
                node = node.get(step)
                if step == "$ref" and isinstance(node, str) and node.startswith("#/"):
                    target: Any = self.schema
                    for name in node[2:].split("/"):
                        target = target[name]
                    node = target
            elif isinstance(node, list) and isinstance(step, int):
                node = node[step]
        return str(rule)

    def rules(self) -> frozenset[str]:
        """All rule names that the schema mentions."""
        found: set[str] = set()

        def visit(node: Any) -> None:
            if isinstance(node, Mapping):
                if isinstance(node.get("x-rule"), str):
                    found.add(node["x-rule"])
                for child in node.values():
                    visit(child)
            elif isinstance(node, list):
                for child in node:
                    visit(child)

        visit(self.schema)
        return frozenset(found)


_PLAIN = {"type": "is not of type", "const": "is not", "enum": "is not one of"}


def _words(error: ValidationError) -> str:
    """A failure in words of JSON, where jsonschema has those of Python."""
    keyword, wanted = str(error.validator), error.validator_value
    try:
        if keyword == "required" and isinstance(wanted, list) and isinstance(error.instance, dict):
            missing = next(name for name in wanted if name not in error.instance and repr(name) in error.message)
            return f"'{missing}' is missing"
        if keyword in _PLAIN:
            names: list[Any] = list(wanted) if isinstance(wanted, list) else [wanted]
            listed = ", ".join(str(name) if keyword == "type" else _json(name) for name in names)
            return f"{_json(error.instance)} {_PLAIN[keyword]} {listed}"
        if keyword == "not" and isinstance(wanted, dict):
            if set(wanted) == {"const"}:
                return f"{_json(error.instance)} is not allowed here"
            if set(wanted) == {"required"}:
                return f"{', '.join(wanted['required'])}: not allowed here"
    except (ValueError, TypeError, StopIteration, RecursionError):
        pass
    return error.message


def _json(value: Any) -> str:
    """A value as JSON, without the middle of a long one."""
    text = "".join(c if c.isprintable() else "?" for c in json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 100 else f"{text[:70]} ... {text[-20:]}"


def _reason(error: Exception) -> str:
    """What the fast validator reports of a schema, on one line and without the schema itself."""
    place = "".join(f"/{step}" for step in getattr(error, "instance_path", ()))
    words = " ".join(str(getattr(error, "message", error)).split())
    words = words if len(words) <= 200 else words[:120] + " ... " + words[-60:]
    return f"at {place}: {words}" if place else words
