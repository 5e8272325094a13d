"""Templates: values with `$words` and `{names}` in them, filled in for each request and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Words = Mapping[str, Any]


def compile_template(template: Any) -> Callable[[Words], Any]:
    """A function from words to the filled value.

    A string `$name` becomes the word itself, of whatever type; `{name}` inside a string is replaced by its text.
    The key `*` of a table merges a table into it, over its constants and under its `$words`.
    Unknown names stay as they are written.
    """
    if isinstance(template, str):
        if template.startswith("$"):
            name = template[1:]
            return lambda words: words.get(name, template)
        if "{" in template:
            text: str = template

            def fill_text(words: Words) -> str:
                filled = text
                for name, word in words.items():
                    mark = "{" + name + "}"
                    if mark in filled:
                        filled = filled.replace(mark, str(word))
                return filled

            return fill_text
        return lambda words: template
    if isinstance(template, dict):
        constant = {key: value for key, value in template.items() if not _varies(value)}
        varying = [(key, compile_template(value)) for key, value in template.items() if _varies(value)]
        order = list(template)
        merges = "*" in template
        own = {key for key, value in template.items() if isinstance(value, str) and value.startswith("$")}

        def fill_table(words: Words) -> dict[str, Any]:
            filled = dict.fromkeys(order)
            filled.update(constant)
            for key, fill in varying:
                filled[key] = fill(words)
            if merges:
                merged = filled.pop("*")
                if isinstance(merged, dict):
                    filled |= {key: value for key, value in merged.items() if key not in own}
            return filled

        return fill_table
    if isinstance(template, list):
        items = [compile_template(item) for item in template]
        return lambda words: [fill(words) for fill in items]
    return lambda words: template


def _varies(template: Any) -> bool:
    if isinstance(template, str):
        return template.startswith("$") or "{" in template
    return isinstance(template, (dict, list))


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
