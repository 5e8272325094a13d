"""Values of a contract file to values of the model: what the types of the model say, and nothing of any one table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin

from pollproof.contract.conditions import COMPARISONS, OF_PLACES, Condition
from pollproof.contract.declared import FILLED_BY_LOADER, ONE_OR_MORE, PAIRS, SHORT_FORM, TABLE_KEY, Flattened
from pollproof.contract.places import Place, PlaceError, parse_place
from pollproof.contract.sources import Citation, Source
from pollproof.loading.errors import ContractError
from pollproof.loading.grammar import bare, is_table, table_fields
from pollproof.text import nearest

KeyPath = Sequence[str | int]
"""Where something stands in a contract file: keys of tables and places in arrays."""

Table = TypeVar("Table")

_CITATION = re.compile(r"^(?P<key>\w+)(?::(?P<lines>\d+(?:-\d+)?))?(?:,\s*(?P<place>.+))?$")


def null(value: Any) -> Any:
    """The value with null in place of the word $null, since TOML has none."""
    if value == "$null":
        return None
    if isinstance(value, dict):
        return {key: null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [null(item) for item in value]
    return value


class Converter:
    """Makes values of the model from what keeps the grammar. `fault` makes the error for a path of keys."""

    def __init__(self, fault: Callable[[KeyPath, str], ContractError]) -> None:
        self.fault = fault
        self.sources: Mapping[str, Source] = {}

    def table(
        self, table: type[Table], values: Mapping[str, Any], path: KeyPath, key: str = "", **filled: Any
    ) -> Table:
        """A table of known keys. `key` is the one under which it stands, `filled` are fields that the loader has."""
        found: dict[str, Any] = dict(filled)
        for entry in table_fields(table):
            spread = next((note for note in entry.notes if isinstance(note, Flattened)), None)
            if entry.field in found or FILLED_BY_LOADER in entry.notes:
                continue
            if TABLE_KEY in entry.notes:
                found[entry.field] = key
            elif spread is not None:
                inner = bare(get_args(entry.hint)[1])[0]
                names = [name for name, _ in spread.entries if name in values]
                found[entry.field] = {name: self.value(inner, (), values[name], [*path, name]) for name in names}
            elif entry.key in values:
                found[entry.field] = self.value(entry.hint, entry.notes, values[entry.key], [*path, entry.key])
        return table(**found)

    def value(self, hint: Any, notes: tuple[Any, ...], value: Any, path: KeyPath, key: str = "") -> Any:
        """A value of one type; `key` is the one under which it stands in a mapping."""
        if ONE_OR_MORE in notes and not isinstance(value, list):
            value = [value]
        if hint is Place:
            return self.place(value, path)
        if hint is Condition:
            return self.condition(value, path)
        if hint is Citation:
            return self.citation(value, path)
        if hint is Any or hint is dict or get_origin(hint) is dict:
            return null(value)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint(value)
        if is_table(hint):
            if not isinstance(value, dict):  # what is short for the table
                value = {next(entry.key for entry in table_fields(hint) if SHORT_FORM in entry.notes): value}
            return self.table(hint, value, path, key)
        arguments = get_args(hint)
        if PAIRS in notes:
            inner = bare(get_args(arguments[0])[1])
            return tuple((name, self.value(*inner, item, [*path, name])) for name, item in value.items())
        if get_origin(hint) in (tuple, list):
            inner = bare(arguments[0])
            items = [self.value(*inner, item, [*path, index]) for index, item in enumerate(value)]
            return tuple(items) if get_origin(hint) is tuple else items
        if get_origin(hint) is Mapping:
            inner = bare(arguments[1])
            if inner[0] is Any:
                return null(value)
            return MappingProxyType(
                {name: self.value(*inner, item, [*path, name], name) for name, item in value.items()}
            )
        return value

    def place(self, text: str, path: KeyPath) -> Place:
        """A place."""
        if not isinstance(text, str):
            raise self.fault(path, f"{text!r} is given; expected a place")
        try:
            return parse_place(text)
        except PlaceError as error:
            raise self.fault(path, str(error)) from None

    def condition(self, table: Mapping[str, Any], path: KeyPath) -> Condition:
        """A condition."""
        comparison = next(word for word in COMPARISONS if word in table)
        operand = table[comparison]
        if comparison in ("above", "below") and (isinstance(operand, bool) or not isinstance(operand, (int, float))):
            raise self.fault([*path, comparison], f"{operand!r} is given; expected a number")
        if comparison == "in" and not isinstance(operand, list):
            raise self.fault([*path, comparison], f"{operand!r} is given; expected an array")
        if comparison in OF_PLACES:
            operand = self.place(operand, [*path, comparison])
        elif comparison == "matches":
            self.pattern(operand, [*path, comparison])
        for key in ("by", "within"):
            given = table.get(key)
            if given is not None and (comparison != "after" or type(given) not in (int, float)):
                raise self.fault([*path, key], f"{given!r} is given; expected a number of seconds, beside `after`")
        return Condition(
            self.place(table["at"], [*path, "at"]), comparison, null(operand), table.get("by"), table.get("within")
        )

    def pattern(self, text: Any, path: KeyPath) -> None:
        """Raise where a text is not a regular expression."""
        try:
            re.compile(text)
        except (re.error, TypeError) as error:
            raise self.fault(path, f"{text!r} is not a regular expression: {error}") from None

    def citation(self, text: str, path: KeyPath) -> Citation:
        """A citation of one of the sources."""
        match = _CITATION.match(text)
        if match is None:
            raise self.fault(path, f"{text!r} is not a citation; expected 'SOURCE:LINES, PLACE'")
        key = match["key"]
        if key not in self.sources:
            known = f"expected one of {', '.join(self.sources)}{nearest(key, self.sources)}"
            raise self.fault(path, f"unknown source '{key}'; {known}")
        return Citation(self.sources[key], match["lines"] or "", match["place"] or "")


def parameters(kind: type[Any], converter: Converter, values: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
    """The parameters of a kind that a clause sets itself."""
    return {
        entry.field: converter.value(entry.hint, entry.notes, values[entry.key], [*path, entry.key])
        for entry in table_fields(kind)
        if entry.key in values and dataclasses.is_dataclass(kind)
    }
