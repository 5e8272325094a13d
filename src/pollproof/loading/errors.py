"""What is wrong with a contract file: one sentence with file, place, what was expected, and the nearest valid word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError, best_match

from pollproof.loading.locate import line_of

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table",
    "array": "an array",
}


class ContractError(ValueError):
    """A contract that cannot be used; its text is one sentence for people."""


def nearest(word: object, words: Iterable[str]) -> str:
    """The hint `; did you mean 'x'?` for the nearest valid word, or the empty string."""
    close = difflib.get_close_matches(str(word), list(words), n=1, cutoff=0.55)
    return f"; did you mean '{close[0]}'?" if close else ""


def spell(path: Sequence[str | int]) -> str:
    """A path of keys as people write it: `clauses[3].kind`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def fault(origin: str, text: str, path: Sequence[str | int], problem: str) -> ContractError:
    """The error for a problem at a path of keys."""
    line = line_of(text, path)
    place = origin if line is None else f"{origin}, line {line}"
    where = f" '{spell(path)}'" if path else ""
    return ContractError(f"{place}:{where}{':' if where else ''} {problem}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def schema_fault(origin: str, text: str, errors: Iterable[ValidationError]) -> ContractError:
    """The error for what a contract's schema rejects, in words."""
    error = best_match(list(errors))
    assert error is not None
    path = list(error.absolute_path)
    schema = error.schema
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        expected = f"expected one of {', '.join(known)}"
        return fault(origin, text, [*path, unknown], f"unknown key '{unknown}'; {expected}{nearest(unknown, known)}")
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = next(key for key in schema["required"] if key not in error.instance)
        alike = [str(key) for key in error.instance if difflib.get_close_matches(str(key), [missing], cutoff=0.7)]
        hint = alike[0] if alike else ""
        problem = f"the key '{missing}' is missing" + (f"; did you mean it by '{hint}'?" if hint else "")
        return fault(origin, text, path, problem)
    if error.validator == "enum":
        words = [str(choice) for choice in schema["enum"]]
        problem = f"{_shown(error.instance)} is not known; expected one of {', '.join(words)}"
        return fault(origin, text, path, problem + nearest(error.instance, words))
    if error.validator == "type":
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        expected = " or ".join(_TYPES.get(str(name), str(name)) for name in types)
        return fault(origin, text, path, f"{_shown(error.instance)} is given; expected {expected}")
    if error.validator is None or schema is False:
        kind = error.parent.instance.get("kind") if error.parent and isinstance(error.parent.instance, dict) else None
        belongs = f" of kind '{kind}'" if kind else ""
        return fault(origin, text, path, f"the key '{path[-1]}' does not belong to a clause{belongs}")
    if error.validator in ("minProperties", "maxProperties") and "at" in schema.get("properties", {}):
        comparisons = ", ".join(str(word) for word in schema["properties"] if word != "at")
        return fault(origin, text, path, f"expected exactly one comparison beside 'at': one of {comparisons}")
    if error.validator == "pattern":
        return fault(origin, text, path, f"{_shown(error.instance)} does not have the form {schema['pattern']}")
    return fault(origin, text, path, error.message if len(error.message) < 200 else error.message[:200] + "...")
