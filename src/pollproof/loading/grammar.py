"""The grammar of contract files, as the JSON Schema that editors and the loader use: it follows from the model.

It is written out once as `schemas/pollproof/contract.schema.json`; a test holds that file to what stands here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Union, get_args, get_origin, get_type_hints

from pollproof.clauses import KINDS
from pollproof.clauses.kinds import Kind, parameter_names
from pollproof.contract.conditions import COMPARISONS, Condition
from pollproof.contract.declared import (
    FILLED_BY_LOADER,
    NEEDED,
    ONE_OR_MORE,
    PAIRS,
    SHORT_FORM,
    TABLE_KEY,
    Flattened,
    Form,
    NamedBy,
    form_of,
    text_of,
)
from pollproof.contract.file import ContractFile
from pollproof.contract.model import Clause
from pollproof.contract.places import Place
from pollproof.contract.sources import Citation

WIDTH = 120
"""Columns of the published schema."""

ADDRESS = "https://pollproof.dev/schemas/pollproof/contract.schema.json"

_PLACE = "A place, such as response#/status or response.http."
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


class TableField(NamedTuple):
    """One field of a table: its key in the file, its type, what is said of it, and whether the key must be there."""

    field: str
    key: str
    hint: Any
    notes: tuple[Any, ...]
    needed: bool

    @property
    def form(self) -> Form:
        """What narrows its value."""
        return form_of(self.notes)


def bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations and without None, and the annotations."""
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *own = get_args(hint)
            notes = (*own, *notes)
        elif get_origin(hint) is NotRequired:
            (hint,) = get_args(hint)
        elif get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
            rest = [each for each in get_args(hint) if each is not NoneType]
            hint = Union[tuple(rest)]  # noqa: UP007 - the members are not known here
        else:
            return hint, notes


def table_fields(table: type[Any]) -> tuple[TableField, ...]:
    """The fields of a dataclass, a named tuple or a typed dictionary, in their order."""
    if table in _ENTRIES:
        return _ENTRIES[table]
    hints = get_type_hints(table, include_extras=True)
    if dataclasses.is_dataclass(table):
        free = {
            each.name
            for each in dataclasses.fields(table)
            if each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        }
    elif issubclass(table, tuple):
        free = set(getattr(table, "_field_defaults", ()))
    else:
        free = {name for name, hint in hints.items() if get_origin(hint) is NotRequired or not table.__total__}
    found = []
    for name, hint in hints.items():
        kind, notes = bare(hint)
        key = form_of(notes).key or name
        found.append(TableField(name, key, kind, notes, name not in free or NEEDED in notes))
    return _ENTRIES.setdefault(table, tuple(found))


_ENTRIES: dict[type[Any], tuple[TableField, ...]] = {}


def is_table(hint: Any) -> bool:
    """Whether a type is written as a table of keys that are known."""
    return isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or hasattr(hint, "_fields") or hasattr(hint, "__total__")
    )


@cache
def contract_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract file."""
    book = _Book()
    whole = book.table(ContractFile)
    needed = whole.pop("required")
    own = {"required": needed, "properties": dict(_needed_in_tables(whole["properties"], book.shared))}
    whole |= {"if": {"required": ["extends"]}, "then": {"required": ["provider"]}, "else": own}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ADDRESS,
        "title": "pollproof contract",
        **whole,
        "$defs": dict(sorted(book.shared.items())),
    }


def _needed_in_tables(properties: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys that must be in each table, moved out of its schema: one that extends another may leave them out."""
    names = {
        table.field: note.key for table in table_fields(ContractFile) for note in table.notes if type(note) is NamedBy
    }
    needed: dict[str, list[str]] = {}
    for name, schema in properties.items():
        places: dict[str, Any] = {}
        for way in ("", "items", "additionalProperties"):
            table = schema if not way else schema.get(way)
            reference = table.get("$ref", "").rpartition("/")[2] if isinstance(table, Mapping) else ""
            if not reference or shared[reference].get("type") != "object":
                continue
            if reference not in needed:
                needed[reference] = shared[reference].pop("required")
            keys = [key for key in needed[reference] if way != "additionalProperties" or key != names.get(name)]
            if keys:
                places |= {way: {"required": keys}} if way else {"required": keys}
        if places:
            yield name, places


def page(value: Any, indent: str = "") -> str:
    """A JSON value as text for people: what is short stands on one line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= WIDTH or not isinstance(value, dict | list) or not value:
        return text
    inner = indent + "  "
    if isinstance(value, list):
        lines = [inner + page(item, inner) for item in value]
    else:
        lines = [f"{inner}{json.dumps(key)}: {page(item, inner)}" for key, item in value.items()]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return begin + "\n" + ",\n".join(lines) + "\n" + indent + end


class _Book:
    """The schemas of all types that a contract file is made of; tables stand once, among `shared`."""

    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}

    def schema(self, hint: Any, notes: tuple[Any, ...] = ()) -> dict[str, Any]:
        """The schema of one type."""
        form = form_of(notes)
        text = text_of(notes)
        described = {"description": text} if text else {}
        if hint is Any:
            return described
        if hint is Place:
            self.shared.setdefault("place", {"type": "string", "minLength": 1, "description": _PLACE})
            return {"$ref": "#/$defs/place", **described}
        if hint is Condition:
            self.shared.setdefault("condition", self._condition())
            return {"$ref": "#/$defs/condition", **described}
        if hint is Citation:
            return {"type": "string", "minLength": 1, "description": text or "SOURCE:LINES, PLACE"}
        if form.choices and hint is str:
            return {"enum": list(form.choices), **described}
        if hint in _PLAIN:
            return {"type": _PLAIN[hint], **_bounds(hint, form), **described}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [each.value for each in hint if each.value not in form.without], **described}
        if is_table(hint):
            return {**self.reference(hint), **described}
        return {**self._generic(hint, notes, form), **described}

    def _generic(self, hint: Any, notes: tuple[Any, ...], form: Form) -> dict[str, Any]:
        origin, arguments = get_origin(hint) or hint, get_args(hint)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (Union, UnionType):
            return {"type": [_PLAIN[each] for each in arguments]}
        if origin is dict or hint is Mapping:
            return {"type": "object"}
        if PAIRS in notes:
            values = dict(self.schema(*bare(get_args(arguments[0])[1])))
            values.pop("minLength", None)  # an empty text leaves something out
            return {"type": "object", "additionalProperties": values}
        if origin in (tuple, list):
            items = self.schema(*bare(arguments[0]))
            if ONE_OR_MORE in notes:
                return {"anyOf": [items, {"type": "array", "items": items, "minItems": 1}]}
            least = {"minItems": int(form.least)} if form.least else {}
            if any(type(note) is NamedBy for note in notes):
                return {"type": ["array", "object"], "items": items, "additionalProperties": items, **least}
            return {"type": "array", "items": items, **least}
        values = self.schema(*bare(arguments[1]))
        if form.choices:
            known = {name: {**values, "description": text} for name, text in zip(form.choices, form.texts, strict=True)}
            return {"type": "object", "properties": known, "additionalProperties": False}
        least = {"minProperties": int(form.least)} if form.least else {}
        return {"type": "object", "additionalProperties": values, **least}

    def reference(self, table: type[Any]) -> dict[str, Any]:
        """A reference to the schema of a table; the table itself is put among the shared ones."""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", table.__name__).lower()
        if name not in self.shared:
            self.shared[name] = {}  # it may refer to itself
            self.shared[name] = self._clause() if table is Clause else self.table(table)
        return {"$ref": f"#/$defs/{name}"}

    def table(self, table: type[Any]) -> dict[str, Any]:
        """The schema of a table of keys that are known."""
        properties: dict[str, Any] = {}
        needed: list[str] = []
        short: dict[str, Any] | None = None
        for entry in table_fields(table):
            if FILLED_BY_LOADER in entry.notes or TABLE_KEY in entry.notes:
                continue
            spread = next((note for note in entry.notes if isinstance(note, Flattened)), None)
            if spread is not None:
                value = bare(get_args(entry.hint)[1])[0]
                properties |= {name: self.schema(value, (text,)) for name, text in spread.entries}
                continue
            properties[entry.key] = self.schema(entry.hint, entry.notes)
            needed += [entry.key] if entry.needed else []
            if SHORT_FORM in entry.notes:
                short = properties[entry.key]
        whole: dict[str, Any] = {
            "type": "object",
            "description": " ".join((table.__doc__ or "").partition("\n\n")[0].split()),
            "required": needed,
            "properties": properties,
            "additionalProperties": False,
        }
        return whole if short is None else {"anyOf": [short, whole]}

    def _condition(self) -> dict[str, Any]:
        words = {word: {"description": f"The comparison '{word}'."} for word in COMPARISONS}
        by = {"type": "number", "description": "Of `after`: by how many seconds, within one; any when left out."}
        within = {"type": "number", "description": "Of `after`: by how many seconds at most; any number when left out."}
        return {
            "type": "object",
            "description": "A test of the value at one place: exactly one comparison beside `at`.",
            "required": ["at"],
            "properties": {
                "at": self.schema(Place, ("The place whose value is tested.",)),
                **words,
                "by": by,
                "within": within,
            },
            "additionalProperties": False,
            "oneOf": [{"required": [word]} for word in COMPARISONS],
        }

    def _clause(self) -> dict[str, Any]:
        """The table of a clause: the keys of all clauses, those of all kinds, and which belong to which kind."""
        clause = self.table(Clause)
        common = list(clause["properties"])
        clause["properties"]["kind"]["enum"] = sorted(KINDS)
        meanings: dict[str, list[dict[str, Any]]] = {}
        for kind in KINDS.values():
            for name, schema in self._parameters(kind):
                known = meanings.setdefault(name, [])
                known += [] if schema in known else [schema]
        for name, schemas in sorted(meanings.items()):
            texts = " Or: ".join(schema.get("description", "") for schema in schemas)
            clause["properties"][name] = schemas[0] if len(schemas) == 1 else {"description": texts}
        clause["allOf"] = []
        for kind in KINDS.values():
            own = {name: schema for name, schema in self._parameters(kind) if len(meanings[name]) > 1}
            then: dict[str, Any] = {"description": kind.sentence}
            then |= {"properties": own} if own else {}
            then["propertyNames"] = {"enum": [*common, *parameter_names(kind)]}
            own_kind = {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}
            clause["allOf"].append({"if": own_kind, "then": then})
        return clause

    def _parameters(self, kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
        for entry in table_fields(kind.parameters):
            if entry.field in parameter_names(kind) and FILLED_BY_LOADER not in entry.notes:
                yield entry.key, self.schema(entry.hint, entry.notes)


def _bounds(hint: Any, form: Form) -> dict[str, Any]:
    if hint is str:
        return {"pattern": form.pattern} if form.pattern else {"minLength": 1}
    if hint is bool:
        return {}
    least = form.least if form.least is not None else (0 if hint is float else None)
    found = {} if least is None else {"minimum": int(least)}
    return found if form.most is None else {**found, "maximum": int(form.most)}
