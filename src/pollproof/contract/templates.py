"""Templates: values with `$words` and `{names}` in them, filled in for each request and answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

WordValues = Mapping[str, Any]


Fill = Callable[[WordValues], Any]

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


def names_in_template(template: Any) -> set[str]:
    """The names of all words that a template may contain."""
    if isinstance(template, str):
        return {template[1:]} if template.startswith("$") else set(_NAME.findall(template))
    if isinstance(template, dict):
        template = list(template.values())
    return set().union(*map(names_in_template, template)) if isinstance(template, list) else set()


def _text(template: str) -> Fill:
    pieces = _NAME.split(template)  # text, name, text, name, ..., text
    if len(pieces) == 1:
        return lambda words: template
    if len(pieces) == 3:
        before, name, after = pieces
        return lambda words: f"{before}{words[name]}{after}" if name in words else template

    def fill_text(words: WordValues) -> str:
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

        def fill_merged(words: WordValues) -> dict[str, Any]:
            filled = base.copy()
            for key, fill in varying:
                filled[key] = fill(words)
            merged = filled.pop("*")
            if isinstance(merged, dict):
                filled |= {key: value for key, value in merged.items() if key not in own}
            return filled

        return fill_merged

    def fill_table(words: WordValues) -> dict[str, Any]:
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
    place = _member(value, steps[0]) if steps else None
    if place is None or (isinstance(value, list) and place == len(value)):
        return value
    copy = value.copy()
    if len(steps) == 1:
        del copy[place]
    else:
        copy[place] = without(value[place], _joined(steps[1:]))
    return copy


def with_value(value: Any, pointer: str, new: Any) -> Any:
    """A copy of the value with `new` at the place of the JSON Pointer; missing tables on the way are made.

    A number is the place of an entry where the value is an array; the number after its last entry, and `-`, add one.
    """
    steps = steps_of(pointer)
    if not steps:
        return new
    rest = _joined(steps[1:])
    if isinstance(value, list):
        place = _member(value, steps[0])
        if place is None:
            return {steps[0]: with_value(None, rest, new)}
        inner = value[place] if place < len(value) else None
        return [*value[:place], with_value(inner, rest, new), *value[place + 1 :]]
    table = dict(value) if isinstance(value, dict) else {}
    table[steps[0]] = with_value(table.get(steps[0]), rest, new)
    return table


def overlaid(base: Any, own: Any) -> Any:
    """Two values together: tables key by key, anything else as the second has it; an empty table replaces."""
    if not isinstance(base, dict) or not isinstance(own, dict) or not own:
        return own
    return {**base, **{key: overlaid(base[key], value) if key in base else value for key, value in own.items()}}


def _joined(steps: list[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _member(value: Any, step: str) -> Any:
    """The key of a table or the index of an array that a step leads to; None where it leads nowhere."""
    if isinstance(value, dict):
        return step if step in value else None
    if isinstance(value, list) and (step == "-" or step.isdigit()):
        place = len(value) if step == "-" else int(step)
        return place if place <= len(value) else None
    return None
