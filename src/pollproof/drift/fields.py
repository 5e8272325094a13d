"""Fields: which places of one class of responses hold which types, and how often they are there at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pollproof.drift.findings import EntryReference
from pollproof.drift.shape import Node, type_of
from pollproof.drift.words import Words

_MAXIMUM_PLACES = 2000
"""Places of one class of responses that are kept; a response with more is not a record."""

AS_REQUESTED = "as asked"
"""The type of a parameter that comes back with the type that the client gave it."""

_NAME = re.compile(r"[A-Za-z_@$][\w@$:.-]{0,63}")
_DRAWN = re.compile(r"(?:scrubbed-|x-)[a-z2-7]+\.*|(?=.{16,})(?:.*\d){4}.*")
_WHOLE = re.compile(r"-?\d{1,18}")


class FieldPlace(NamedTuple):
    """Where a value stands: a pointer with * for the elements of arrays.

    `requested` states, where responses repeat parameters, whether the client gave this one (None: not known). `kind` is
    the kind of task inside results, whose form depends on it (empty elsewhere).
    """

    pointer: str
    requested: bool | None = False
    kind: str = ""


@dataclass(slots=True)
class Field:
    """What was seen of one place: how many values, of which types, and in how many records it stood (`held`).

    `documented` are the types that the documents name for it; `required`: they state that it is always there.
    """

    required: bool = False
    first: EntryReference | None = None
    first_missing: EntryReference | None = None
    present: int = 0
    held: int = 0
    types: Words = field(default_factory=Words)
    documented: set[str] = field(default_factory=set)
    anything: bool = False


@dataclass(slots=True)
class _Record:
    """An object that was seen: how often where parameters are known and where not, and how often with each of them."""

    first: EntryReference
    known: int = 0
    unknown: int = 0
    requested: Counter[str] = field(default_factory=Counter)
    fields: dict[FieldPlace, Field] = field(default_factory=dict)

    def visits(self, name: str, requested: bool | None) -> int:
        """How many of the objects could have had a member that the client requested, did not, or may have."""
        if requested is None:
            return self.unknown
        return self.requested[name] if requested else self.known - self.requested[name]


class Context(NamedTuple):
    """What is known of one response: its entry, its task and the task's kind, what was requested, what is undocumented.

    `requested` are the types of the parameters: None where not known, empty where responses do not repeat them.
    `wrong` are the pointers at which the shape of the response is violated.
    """

    seen: EntryReference
    task: str
    kind: str
    requested: Mapping[str, frozenset[str]] | None
    wrong: frozenset[str]


class _At(NamedTuple):
    """A value's place, with the numbers of elements in it (`exact`), whether it is inside a result, and its shape."""

    pointer: str
    exact: str
    inside: bool
    node: Node


class FieldProfile:
    """The fields of one class of responses. `elements` tells that bodies are XML, whose values are all text."""

    def __init__(self, shape: Node, *, elements: bool) -> None:
        self._places: dict[FieldPlace, Field] = {}
        self._shape = shape
        self._elements = elements
        self._records: dict[tuple[str, str], _Record] = {}

    def places(self) -> set[FieldPlace]:
        """The places at which a value was seen."""
        return {place for place, found in self._places.items() if found.present}

    def get(self, place: FieldPlace) -> Field | None:
        """What was seen of a place; None where no value was."""
        found = self._places.get(place)
        return found if found is not None and found.present else None

    def missing(self, place: FieldPlace) -> int:
        """In how many records a place had no value, although it could have."""
        above, _, name = place.pointer.rpartition("/")
        record = self._records.get((above, place.kind))
        if record is None or name in ("", "*"):  # the first level of a result stands in a response of any kind
            return 0
        found = self._places.get(place)
        return record.visits(name, place.requested) - (0 if found is None else found.held)

    def add(self, body: Any, context: Context) -> None:
        """Take in one response."""
        root = self._places.setdefault(FieldPlace(""), Field())
        self._value(root, body, _At("", "", self._shape.result, self._shape), context)

    def _value(self, found: Field, value: Any, at: _At, context: Context) -> None:
        """Note what stands at a place, and what is below it."""
        node = at.node
        found.anything = node.anything
        found.first = found.first or context.seen
        found.present += 1
        kind = self._type(value)
        if kind:
            requested = context.requested or {}
            if not at.inside and kind in requested.get(at.pointer.rpartition("/")[2], ()):
                kind = AS_REQUESTED
            found.types.add(kind, context.seen, context.task)
            if node.allows(kind) and at.exact not in context.wrong:
                found.documented.add(kind)
        if type(value) is dict and (not at.pointer or node.members or (self._elements and not at.inside)):
            self._members(value, at, context)
        elif type(value) is list and (node.items is not None or self._elements):
            # A repeated element is written as one place in XML; a single one is not an array there.
            below = at.pointer if self._elements else at.pointer + "/*"
            element = self._places.setdefault(FieldPlace(below, kind=context.kind if at.inside else ""), Field())
            inner = node.items or Node()
            for number, item in enumerate(value):
                inside = at.inside or inner.result
                self._value(element, item, _At(below, f"{at.exact}/{number}", inside, inner), context)

    def _type(self, value: Any) -> str:
        if not self._elements:
            return type_of(value)
        if type(value) is str:
            return "" if not value else "number" if _WHOLE.fullmatch(value) else "text"
        return "nil" if value is None else "elements" if type(value) is dict else ""

    def _members(self, value: dict[str, Any], at: _At, context: Context) -> None:
        requested: Mapping[str, frozenset[str]] | None = {} if at.inside else context.requested
        kind, node = context.kind if at.inside else "", at.node
        record = self._records.setdefault((at.pointer, kind), _Record(context.seen))
        for name, item in value.items():
            if not _is_name(name, context) or (at.inside and not node.listed and name not in node.members):
                continue
            below = f"{at.pointer}/{name}" if at.pointer or not self._elements else name
            place = FieldPlace(below, None if requested is None else name in requested, kind)
            found = self._places.get(place)
            if found is None:
                if len(self._places) >= _MAXIMUM_PLACES:
                    continue
                found = self._places[place] = record.fields[place] = Field(name in node.required)
                if record.visits(name, place.requested):  # all objects up to now were without it
                    found.first_missing = record.first
            found.held += 1
            inner = node.members.get(name) or Node()
            self._value(found, item, _At(below, f"{at.exact}/{name}", at.inside or inner.result, inner), context)
        record.known += requested is not None
        record.unknown += requested is None
        record.requested.update([*requested] if requested else ())
        for place, found in record.fields.items():
            name = place.pointer.rpartition("/")[2]
            if found.first_missing is None and name not in value:
                if place.requested is (None if requested is None else name in requested):
                    found.first_missing = context.seen


def _is_name(name: str, context: Context) -> bool:
    """Whether a key is the name of a field rather than a value: an id, a token, a pseudonym."""
    return name != context.task and _NAME.fullmatch(name) is not None and _DRAWN.fullmatch(name) is None


def requested_types(request: Any) -> dict[str, frozenset[str]]:
    """The types of parameters as they were given: those of entries too, for a batch lists one for each task."""
    if not isinstance(request, dict):
        return {}
    return {
        name: frozenset({type_of(value), *map(type_of, value)} if isinstance(value, list) else {type_of(value)})
        for name, value in request.items()
    }
