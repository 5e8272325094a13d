"""What is wrong with a contract file: one sentence with file, place, what was expected, and the nearest valid word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pollproof.errors import InputError
from pollproof.loading.locate import line_of
from pollproof.text import near_word, nearest, shorten

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table",
    "array": "an array",
}


_MAXIMUM_LISTED = 30
"""Words that a message lists; of more it names the nearest alone."""


class ContractError(InputError):
    """A contract that cannot be used; its text is one sentence for people."""


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


def schema_fault(
    fault_at: Callable[[Sequence[str | int], str], ContractError], errors: Iterable[ValidationError], data: Any
) -> ContractError:
    """The error for what a contract's schema rejects, in words.

    `fault_at` makes it for a path of keys and a problem, `data` is what was judged by the schema.
    """
    from jsonschema.exceptions import best_match

    error = best_match(list(errors))
    assert error is not None
    if error.validator == "anyOf" and error.context:
        return schema_fault(fault_at, _meant(error), data)
    return fault_at(*_in_words(error, data))


def _meant(error: ValidationError) -> list[ValidationError]:
    """The errors of the alternative that the value comes nearest to: one of its own type, then one of its form."""
    alternatives: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        alternatives.setdefault(inner.schema_path[0], []).append(inner)

    def distance(inners: list[ValidationError]) -> int:
        own = {inner.validator for inner in inners if inner.absolute_path == error.absolute_path}
        return 3 * ("enum" in own and isinstance(error.instance, dict)) + 2 * ("type" in own) + ("enum" in own)

    return min(alternatives.values(), key=distance)


def _in_words(error: ValidationError, data: Any) -> tuple[Sequence[str | int], str]:
    """Where a contract does not keep the grammar, and the problem in words."""
    path = list(error.absolute_path)
    schema: Any = error.schema
    if "propertyNames" in error.absolute_schema_path:
        table = _at(data, path)
        kind = f" of kind '{table['kind']}'" if isinstance(table, Mapping) and "kind" in table else ""
        key = str(error.instance)
        return [*path, key], f"the key '{key}' does not belong to a clause{kind}"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        expected = f"expected one of {', '.join(known)}"
        return [*path, unknown], f"unknown key '{unknown}'; {expected}{nearest(unknown, known)}"
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = next(key for key in schema["required"] if key not in error.instance)
        hint = near_word(missing, (str(key) for key in error.instance), 0.7)
        problem = f"the key '{missing}' is missing" + (f"; did you mean it by '{hint}'?" if hint else "")
        return path, problem
    if error.validator == "enum":
        words = [str(choice) for choice in schema["enum"]]
        listed = ", ".join(words) if len(words) <= _MAXIMUM_LISTED else f"the {len(words)} that the documentation lists"
        problem = f"{shorten(repr(error.instance), 60)} is not known; expected one of {listed}"
        return path, problem + nearest(error.instance, words)
    if error.validator == "type":
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        expected = " or ".join(_TYPES.get(str(name), str(name)) for name in types)
        return path, f"{shorten(repr(error.instance), 60)} is given; expected {expected}"
    if error.validator in ("oneOf", "minProperties", "maxProperties") and "at" in schema.get("properties", {}):
        comparisons = ", ".join(str(word) for word in schema["properties"] if word not in ("at", "by", "within"))
        return path, f"expected exactly one comparison beside 'at': one of {comparisons}"
    if error.validator == "pattern":
        return path, f"{shorten(repr(error.instance), 60)} does not have the form {schema['pattern']}"
    return path, shorten(error.message, 200)


def _at(node: Any, path: Iterable[str | int]) -> Any:
    """What stands at a path of keys; None where there is nothing."""
    for step in path:
        try:
            node = node[step]
        except (LookupError, TypeError):
            return None
    return node
