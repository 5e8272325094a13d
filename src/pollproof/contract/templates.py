"""Templates: values with `$words` and `{names}` in them, filled in for each request and answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Words = Mapping[str, Any]


Fill = Callable[[Words], Any]

_NAME = re.compile(r"\{([^{}]*)\}")


def compile_template(template: Any) -> Fill:
    """A function from words to the filled value.

    A string `$name` becomes the word itself, of whatever type; `{name}` inside a string is replaced by its text.
    The key `*` of a table merges a table into it, over its constants and under its `$words`.
    Unknown names stay as they are written.
    """
    if isinstance(template, str):
        if template.startswith("$"):
            name = template[1:]
            return lambda words: words.get(name, template)
        return _text(template)
    if isinstance(template, dict):
        return _table(template)
    if isinstance(template, list):
        items = [compile_template(item) for item in template]
        return lambda words: [fill(words) for fill in items]
    return lambda words: template


def words_of(template: Any) -> set[str]:
    """The names of all words that a template may ask for."""
    if isinstance(template, str):
        return {template[1:]} if template.startswith("$") else set(_NAME.findall(template))
    if isinstance(template, dict):
        template = list(template.values())
    return set().union(*map(words_of, template)) if isinstance(template, list) else set()


def _text(template: str) -> Fill:
    pieces = _NAME.split(template)  # text, name, text, name, ..., text
    if len(pieces) == 1:
        return lambda words: template
    if len(pieces) == 3:
        before, name, after = pieces
        return lambda words: f"{before}{words[name]}{after}" if name in words else template

    def fill_text(words: Words) -> str:
        filled = pieces.copy()
        for place in range(1, len(pieces), 2):
            name = pieces[place]
            filled[place] = str(words[name]) if name in words else "{" + name + "}"
        return "".join(filled)

    return fill_text


def _table(template: dict[str, Any]) -> Fill:
    # A copy keeps the order of the keys, and is many times cheaper than building the table anew.
    base = {key: None if isinstance(value, dict | list) else value for key, value in template.items()}
    named = [(key, value[1:]) for key, value in template.items() if isinstance(value, str) and value.startswith("$")]
    own = {key for key, _ in named}
    others = [(key, compile_template(value)) for key, value in template.items() if key not in own and _varies(value)]
    if "*" in template:
        varying = [(key, compile_template(value)) for key, value in template.items() if _varies(value)]

        def fill_merged(words: Words) -> dict[str, Any]:
            filled = base.copy()
            for key, fill in varying:
                filled[key] = fill(words)
            merged = filled.pop("*")
            if isinstance(merged, dict):
                filled |= {key: value for key, value in merged.items() if key not in own}
            return filled

        return fill_merged

    def fill_table(words: Words) -> dict[str, Any]:
        filled = base.copy()
        for key, name in named:
            if name in words:
                filled[key] = words[name]
        for key, fill in others:
            filled[key] = fill(words)
        return filled

    return fill_table


def _varies(template: Any) -> bool:
    if isinstance(template, str):
        return template.startswith("$") or "{" in template
    return isinstance(template, dict | list)


def steps_of(pointer: str) -> list[str]:
    """The steps of a JSON Pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def without(value: Any, pointer: str) -> Any:
    """A copy of the value with the place of the JSON Pointer left out (the same value where there is none)."""
    steps = steps_of(pointer)
    if not steps or not isinstance(value, dict) or steps[0] not in value:
        return value
    if len(steps) == 1:
        return {key: item for key, item in value.items() if key != steps[0]}
    rest = "".join("/" + step for step in steps[1:])
    return {key: without(item, rest) if key == steps[0] else item for key, item in value.items()}


def with_value(value: Any, pointer: str, new: Any) -> Any:
    """A copy of the value with `new` at the place of the JSON Pointer; missing tables on the way are made."""
    steps = steps_of(pointer)
    if not steps:
        return new
    table = dict(value) if isinstance(value, dict) else {}
    rest = "".join("/" + step for step in steps[1:])
    table[steps[0]] = new if len(steps) == 1 else with_value(table.get(steps[0]), rest, new)
    return table
