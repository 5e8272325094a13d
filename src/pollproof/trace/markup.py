"""Bodies that are plain XML or forms, as plain values; what has a JSON Schema gets the types that it states.

An element is a table of its children by their local names; attributes are under `@name`, and the text beside them under
`#text`. What stands several times is an array. A form is a table of its fields; `a[b]` is a table, `a[]` an array.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape, quoteattr

from pollproof.trace.bodies import MAXIMUM_PARTS, TOO_MANY_PARTS, Unreadable, excerpt
from pollproof.trace.inputs import resolved_part

_MAXIMUM_FIELDS = 10_000
"""Fields of a form that is read."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FIELD = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")


def read_xml(body: bytes) -> Any:
    """The value of an XML document, `{ROOT: ...}`, or an `Unreadable`."""
    from pollproof.trace import soap

    root = soap.parse_xml(body)
    return root if isinstance(root, Unreadable) else soap.element_value(root, attributes=True)


def write_xml(value: Any, namespace: str = "") -> bytes:
    """The document of a table with one key, the root element; a prefix in a name is kept as it is written."""
    if not isinstance(value, Mapping) or len(value) != 1:
        value = {"response": value}
    parts = [_DECLARATION]
    for name, content in value.items():
        own = {"@xmlns": namespace} if namespace and ":" not in name else {}
        table = content if isinstance(content, Mapping) else {"#text": content}
        _write_element(parts, name, {**own, **table})
    return "".join(parts).encode("utf-8")


def _write_element(parts: list[str], name: str, value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _write_element(parts, name, each)
        return
    if value is None:
        return
    if not isinstance(value, Mapping):
        parts.append(f"<{name}>{escape(_text(value))}</{name}>")
        return
    attributes = {key[1:]: each for key, each in value.items() if key.startswith("@") and each is not None}
    parts.append(f"<{name}{''.join(f' {key}={quoteattr(_text(each))}' for key, each in attributes.items())}>")
    for key, each in value.items():
        if key == "#text":
            parts.append(escape(_text(each)))
        elif not key.startswith("@"):
            _write_element(parts, key, each)
    parts.append(f"</{name}>")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def read_form(body: bytes) -> Any:
    """The fields of a form, or an `Unreadable`."""
    if len(body) > MAXIMUM_PARTS:
        return Unreadable(TOO_MANY_PARTS)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MAXIMUM_FIELDS)
    except ValueError:
        return Unreadable(f"the body is not a form: {excerpt(body)!r}")
    table: dict[str, Any] = {}
    for name, value in pairs:
        first, steps = name.partition("[")[0], _FIELD.findall(name)
        _put(table, [first, *steps] if first and steps else [name], value)
    return table


def _put(table: dict[str, Any], steps: list[str], value: str) -> None:
    name, *rest = steps
    if rest and rest != [""]:
        inner = table.setdefault(name, {})
        if isinstance(inner, dict):
            _put(inner, rest, value)
    elif name in table or rest:
        held = table.get(name, [])
        table[name] = [*(held if isinstance(held, list) else [held]), value]
    else:
        table[name] = value


def write_form(value: Any) -> bytes:
    """The fields of a table as a form; what is null is left out."""
    return urlencode(list(_fields(value if isinstance(value, Mapping) else {}, ""))).encode("ascii")


def _fields(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _fields(each, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from _fields(each, f"{name}[]")
    elif value is not None:
        yield name, _text(value)


def typed(value: Any, schema: Any, root: Any = None) -> Any:
    """A value of texts with the types that a JSON Schema states: numbers, booleans, arrays of one entry, null."""
    root = schema if root is None else root
    part = resolved_part(root, schema)
    stated = part.get("type", ())
    types = [stated] if isinstance(stated, str) else list(stated)
    if "array" in types and not isinstance(value, list):
        value = [] if value == "" else [value]
    if isinstance(value, list):
        return [typed(each, part.get("items", {}), root) for each in value]
    if isinstance(value, dict):
        properties = part.get("properties", {})
        others = part.get("additionalProperties", {})
        return {key: typed(each, properties.get(key, others), root) for key, each in value.items()}
    return _as_type(value, types, part.get("enum", ())) if isinstance(value, str) else value


def _as_type(text: str, types: list[str], choices: Any) -> Any:
    if "string" in types:
        return text
    if not types and text not in choices:
        return next((choice for choice in choices if _text(choice) == text), text)
    if {"integer", "number"} & set(types) and _NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if text == "" and "null" in types:
        return None
    return {} if text == "" and "object" in types else text
