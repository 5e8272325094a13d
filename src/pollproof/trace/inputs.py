"""Requests just beyond and just at the limits of their schema: what must be refused, and what must be accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pollproof.contract.templates import steps_of, with_value, without
from pollproof.trace.shapes import Shape

_MAXIMUM_LENGTH = 100_000
"""Characters or entries of a value that is made on purpose; larger limits are not tried."""

_FORMATS = {
    "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "uri": r"[a-z][a-z0-9+.-]*:\S+",
    "date-time": r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "date": r"\d{4}-\d\d-\d\d",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "ipv4": r"\d{1,3}(\.\d{1,3}){3}",
}
"""The formats that are looked at, as regular expressions of a whole text."""

_OTHER_TYPE: Mapping[str, Any] = {
    "string": 7,
    "integer": "seven",
    "number": "seven",
    "boolean": "yes",
    "object": "an object",
    "array": "an array",
}


class Input(NamedTuple):
    """A request body with one value changed: what it is in words, and the JSON Pointer of the value."""

    text: str
    pointer: str
    body: Any


def beyond(schema: Mapping[str, Any], body: Any, exceptions: Sequence[str] = ()) -> list[Input]:
    """Bodies that break one limit of the schema each, but those at the pointers (or of the names) that are excepted."""
    shape = Shape(schema)
    found = []
    for each, certain in _changes(schema, schema, body, ""):
        excepted = each.pointer in exceptions or each.pointer.rpartition("/")[2] in exceptions
        if not excepted and (not certain or not shape.is_valid(each.body)):
            found.append(each)
    return found


def at_limits(schema: Mapping[str, Any], body: Any, exceptions: Sequence[str] = ()) -> list[Input]:
    """Bodies that have a value just within each limit of the schema."""
    shape = Shape(schema)
    found = []
    for each in _within(schema, schema, body, ""):
        excepted = each.pointer in exceptions or each.pointer.rpartition("/")[2] in exceptions
        if not excepted and shape.is_valid(each.body) and not breaks_format(schema, each.body):
            found.append(each)
    return found


def breaks_format(schema: Mapping[str, Any], body: Any) -> bool:
    """Whether a text of a body does not have the format that its schema gives."""
    return any(_misses(schema, part, value) for part, value, _ in _parts(schema, schema, body, ""))


def _misses(root: Any, part: Mapping[str, Any], value: Any) -> bool:
    pattern = _FORMATS.get(str(part.get("format", "")))
    return pattern is not None and isinstance(value, str) and re.fullmatch(pattern, value) is None


def resolved_part(root: Any, part: Any) -> Mapping[str, Any]:
    """A schema with its reference followed, and all of its parts merged."""
    for _ in range(10):
        if not isinstance(part, Mapping):
            return {}
        reference = part.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        node = root
        for step in steps_of(reference[1:]):
            node = node.get(step, {}) if isinstance(node, Mapping) else {}
        part = node
    together = dict(part)
    for piece in part.get("allOf", ()):
        inner = resolved_part(root, piece)
        together["required"] = [*together.get("required", ()), *inner.get("required", ())]
        together["properties"] = {**together.get("properties", {}), **inner.get("properties", {})}
        together |= {key: value for key, value in inner.items() if key not in together}
    return together


def _parts(root: Any, part: Any, value: Any, pointer: str) -> Iterator[tuple[Mapping[str, Any], Any, str]]:
    """The schemas of a value and of all within it, each with its value and its pointer."""
    part = resolved_part(root, part)
    yield part, value, pointer
    if isinstance(value, Mapping):
        for name, inner in part.get("properties", {}).items():
            if name in value:
                yield from _parts(root, inner, value[name], f"{pointer}/{name}")
    elif isinstance(value, list) and value and isinstance(part.get("items"), Mapping):
        yield from _parts(root, part["items"], value[0], f"{pointer}/0")


def _changes(root: Any, part: Any, body: Any, pointer: str) -> Iterator[tuple[Input, bool]]:
    """Bodies with one value that is not allowed, and whether the schema itself forbids it (formats are separate)."""
    for schema, value, place in _parts(root, part, body, pointer):
        name = place.rpartition("/")[2] or "the body"
        for needed in dict.fromkeys(schema.get("required", ())):
            yield Input(f"{needed} is missing", f"{place}/{needed}", without(body, f"{place}/{needed}")), True
        for other, inner in schema.get("properties", {}).items():
            if isinstance(value, Mapping) and other not in value:
                for text, wrong, certain in _wrong(root, resolved_part(root, inner), None, other):
                    yield Input(text, f"{place}/{other}", with_value(body, f"{place}/{other}", wrong)), certain
        if schema.get("additionalProperties") is False and isinstance(value, Mapping):
            unknown = f"{place}/unknown_field"
            yield Input(f"{name} has an unknown field", unknown, with_value(body, unknown, 1)), True
        if place:
            for text, wrong, certain in _wrong(root, schema, value, name):
                yield Input(text, place, with_value(body, place, wrong)), certain
        else:
            for other in ([], None, "a text", 7):
                yield Input(f"a body that is {json.dumps(other)}", "", other), True


def _wrong(root: Any, schema: Mapping[str, Any], value: Any, name: str) -> Iterator[tuple[str, Any, bool]]:
    """Values that a schema does not allow: what they are in words, and whether the schema itself forbids them."""
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _OTHER_TYPE:
        yield f"{name} of another type", _OTHER_TYPE[kind], True
    if "enum" in schema:
        yield f"{name} that is not listed", "not-listed", True
        if all(type(choice) is int for choice in schema["enum"]):
            yield f"{name} that is not among the numbers that are", max(schema["enum"], default=0) + 1, True
    text = value if isinstance(value, str) and value else "a"
    if 0 < schema.get("minLength", 0) <= _MAXIMUM_LENGTH:
        yield f"{name} too short", text[:1] * (schema["minLength"] - 1), True
    if schema.get("maxLength", _MAXIMUM_LENGTH) < _MAXIMUM_LENGTH:
        yield f"{name} too long", _lengthened(text, schema["maxLength"] + 1), True
    step = 1 if kind == "integer" else 0.5
    for key, sign in (("minimum", -1), ("maximum", 1)):
        if isinstance(schema.get(key), (int, float)):
            yield f"{name} beyond its {key}", schema[key] + sign * step, True
    for key in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(schema.get(key), (int, float)):
            yield f"{name} at its excluded limit", schema[key], True
    if isinstance(schema.get("pattern"), str):
        yield f"{name} of another form", "!", True
        if re.search(schema["pattern"], text) and not re.search(schema["pattern"], text.swapcase()):
            yield f"{name} in the other case", text.swapcase(), True
    if schema.get("format") in _FORMATS:
        yield f"{name} that is not {schema['format']}", "not in this format", False
    entry = value[0] if isinstance(value, list) and value else some_value(root, schema.get("items"))
    if 0 < schema.get("minItems", 0) <= _MAXIMUM_LENGTH:
        yield f"{name} with too few entries", [entry] * (schema["minItems"] - 1), True
    if schema.get("maxItems", _MAXIMUM_LENGTH) < _MAXIMUM_LENGTH:
        yield f"{name} with too many entries", _many(entry, schema["maxItems"] + 1), True


def _within(root: Any, part: Any, body: Any, pointer: str) -> Iterator[Input]:
    """Bodies with one value that is just allowed, where the schema agrees."""
    for schema, value, place in _parts(root, part, body, pointer):
        entries = [(place, schema, value)] if place else []
        if isinstance(value, Mapping):
            absent = (name for name in schema.get("properties", {}) if name not in value)
            entries += [(f"{place}/{name}", resolved_part(root, schema["properties"][name]), None) for name in absent]
        for at, inner, given in entries:
            for text, right in _right(root, inner, given, at.rpartition("/")[2]):
                yield Input(text, at, with_value(body, at, right))


def _right(root: Any, schema: Mapping[str, Any], value: Any, name: str) -> Iterator[tuple[str, Any]]:
    for choice in schema.get("enum", ()):
        yield f"{name} {choice!r}", choice
    text = value if isinstance(value, str) and value else "a"
    if 0 < schema.get("minLength", 0) <= _MAXIMUM_LENGTH:
        yield f"{name} as short as it may be", text[:1] * schema["minLength"]
    if schema.get("maxLength", _MAXIMUM_LENGTH) < _MAXIMUM_LENGTH:
        yield f"{name} as long as it may be", _lengthened(text, schema["maxLength"])
    for key in ("minimum", "maximum"):
        if isinstance(schema.get(key), (int, float)):
            yield f"{name} at its {key}", schema[key]
    entry = value[0] if isinstance(value, list) and value else some_value(root, schema.get("items"))
    if 0 < schema.get("minItems", 0) <= _MAXIMUM_LENGTH:
        yield f"{name} with as few entries as may be", _many(entry, schema["minItems"])
    if schema.get("maxItems", _MAXIMUM_LENGTH) < _MAXIMUM_LENGTH:
        yield f"{name} with as many entries as may be", _many(entry, schema["maxItems"])


def _lengthened(text: str, length: int) -> str:
    return (text + text[-1:] * length)[:length]


def _many(entry: Any, count: int) -> list[Any]:
    """Entries that differ, where that is easy."""
    if isinstance(entry, str):
        return [entry if number == 0 else f"{entry}{number}" for number in range(count)]
    return [entry] * count


def some_value(root: Any, schema: Any, depth: int = 0) -> Any:
    """A small value that a schema allows, by its example, enumeration and type."""
    part = resolved_part(root, schema)
    for key in ("example", "default", "const"):
        if key in part:
            return part[key]
    if part.get("examples") and isinstance(part["examples"], list):
        return part["examples"][0]
    if "enum" in part:
        return part["enum"][0]
    for key in ("oneOf", "anyOf"):
        if part.get(key) and "properties" not in part:
            return some_value(root, part[key][0], depth + 1)
    kind = part.get("type")
    kind = next((each for each in kind if each != "null"), "null") if isinstance(kind, list) else kind
    if (kind == "object" or "properties" in part) and depth < 8:
        names = part.get("required", ())
        return {name: some_value(root, part.get("properties", {}).get(name), depth + 1) for name in names}
    if kind == "array":
        return [some_value(root, part.get("items"), depth + 1)] * min(part.get("minItems", 0), 100)
    formats = {"date-time": "2026-01-31T10:00:00Z", "uri": "https://example.com/", "email": "a@example.com"}
    formats |= {"uuid": "37223a89-06ed-442c-a0b8-22067b79c5b4", "date": "2026-01-31"}
    text = formats.get(str(part.get("format", "")), "a" * max(part.get("minLength", 1), 1))
    numbers = {"integer": part.get("minimum", 1), "number": part.get("minimum", 1), "boolean": True, "null": None}
    return numbers.get(kind, text) if isinstance(kind, str) else text
