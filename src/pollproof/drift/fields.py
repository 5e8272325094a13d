"""Fields: which places of one kind of answer hold what, and how often they are there at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pollproof.drift.counter import MAXIMUM_TASKS, Occurrences
from pollproof.drift.findings import Seen
from pollproof.drift.structure import Node, type_of

MAXIMUM_FIELDS = 2000
"""Places of one kind of answer that are kept; an answer with more is no record."""

AS_ASKED = "as asked"
"""The type of a parameter that comes back with the type that the client gave it."""

_NAME = re.compile(r"[A-Za-z_@$][\w@$:.-]{0,63}")
_DRAWN = re.compile(r"(?:scrubbed-|x-)[a-z2-7]+\.*|(?=.{16,})(?:.*\d){4}.*")
_WHOLE = re.compile(r"-?\d{1,18}")


class Place(NamedTuple):
    """Where a value stands: a pointer with * for the elements of arrays.

    `asked` tells, where answers repeat parameters, whether the client gave this one (None: not known). `sort` is the
    sort of the task inside results, whose form depends on it (empty elsewhere).
    """

    pointer: str
    asked: bool | None = False
    sort: str = ""


@dataclass(slots=True)
class Field:
    """What was seen of one place: how often it was there and missing, with which types, for how many tasks.

    `lawful` are the types that the documents name for it. `required` tells whether they say that it is always there.
    """

    first: Seen | None = None
    present: int = 0
    missing: int = 0
    first_missing: Seen | None = None
    types: Occurrences = field(default_factory=Occurrences)
    lawful: set[str] = field(default_factory=set)
    anything: bool = False
    required: bool = False
    result: bool = False

    @property
    def always(self) -> bool:
        """Whether it was there in each answer that could have it."""
        return self.present > 0 and self.missing == 0


@dataclass(slots=True)
class _Parent:
    """An object that was seen: how often, and how often with each parameter asked for."""

    first: Seen
    visits: Counter[bool | None] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    names: dict[tuple[str, bool | None], Field] = field(default_factory=dict)


class Context(NamedTuple):
    """What is known of one answer: its entry, its task and the task's sort, what was asked for, and what is unlawful.

    `asked` are the types of the parameters: None where they are not known, empty where answers do not repeat them.
    `wrong` are the pointers at which the shape of the answer is violated.
    """

    seen: Seen
    task: str
    sort: str
    asked: Mapping[str, frozenset[str]] | None
    wrong: frozenset[str]


class Fields:
    """The fields of one kind of answer. `elements` tells that bodies are XML, whose values are all text."""

    def __init__(self, structure: Node, *, elements: bool) -> None:
        self.places: dict[Place, Field] = {}
        self._structure = structure
        self._elements = elements
        self._parents: dict[tuple[str, str], _Parent] = {}

    def add(self, body: Any, context: Context) -> None:
        """Take in one answer."""
        root = self.places.setdefault(Place(""), Field())
        self._value(root, body, self._structure, "", "", context, inside=False)

    def chances(self, place: Place) -> int:
        """How many answers could have had a value at a place that was not seen."""
        above, _, name = place.pointer.rpartition("/")
        parent = self._parents.get((above, place.sort))
        if parent is None:  # the first level of a result stands in an answer of any sort
            return 0
        if place.asked is None:
            return parent.visits[None]
        return parent.asked[name] if place.asked else parent.visits[False] - parent.asked[name]

    # ------------------------------------------------------------------------------------ one value

    def _value(
        self, found: Field, value: Any, node: Node, pointer: str, exact: str, context: Context, *, inside: bool
    ) -> None:
        """Note what stands at a place, and what is below it."""
        inside = inside or node.result
        found.result = inside
        found.anything = node.anything
        if found.first is None:
            found.first = context.seen
        found.present += 1
        kind = self._kind(value)
        if kind:
            asked = context.asked or {}
            name = pointer.rpartition("/")[2]
            if not inside and kind in asked.get(name, ()):
                kind = AS_ASKED
            found.types.add(kind, context.seen, context.task)
            if node.allows(kind) and exact not in context.wrong:
                found.lawful.add(kind)
        if type(value) is dict and self._is_record(node, pointer, inside):
            self._members(value, node, pointer, exact, context, inside=inside)
        elif type(value) is list and (node.items is not None or self._elements):
            self._items(value, node, pointer, exact, context, inside=inside)

    def _is_record(self, node: Node, pointer: str, inside: bool) -> bool:
        return not pointer or node.record or (self._elements and not inside)

    def _items(self, value: list[Any], node: Node, pointer: str, exact: str, context: Context, *, inside: bool) -> None:
        # A repeated element is written as one place in XML; a single one is no array there.
        below = pointer if self._elements else pointer + "/*"
        place = Place(below, sort=context.sort if inside or node.result else "")
        found = self.places.setdefault(place, Field())
        for number, item in enumerate(value):
            self._value(found, item, node.items or Node(), below, f"{exact}/{number}", context, inside=inside)

    def _kind(self, value: Any) -> str:
        if not self._elements:
            return type_of(value)
        if value is None:
            return "nil"
        if type(value) is str:
            return "" if not value else "number" if _WHOLE.fullmatch(value) else "text"
        return "elements" if type(value) is dict else ""

    # ---------------------------------------------------------------------------------- its members

    def _members(
        self, value: dict[str, Any], node: Node, pointer: str, exact: str, context: Context, *, inside: bool
    ) -> None:
        sort = context.sort if inside else ""
        parent = self._parents.get((pointer, sort))
        if parent is None:
            parent = self._parents[pointer, sort] = _Parent(context.seen)
        asked: Mapping[str, frozenset[str]] | None = {} if inside else context.asked
        for name, item in value.items():
            if not self._is_name(name, context) or (inside and not node.listed and name not in node.members):
                continue
            given = None if asked is None else name in asked
            found = parent.names.get((name, given))
            below = f"{pointer}/{name}" if pointer or not self._elements else name
            inner = node.members.get(name) or Node()
            if found is None:
                if len(self.places) >= MAXIMUM_FIELDS:
                    continue
                found = self._new(parent, name, given, Place(below, given, sort))
                found.required = name in node.required
            self._value(found, item, inner, below, f"{exact}/{name}", context, inside=inside)
        self._note_missing(parent, value, pointer, sort, asked, context)

    def _new(self, parent: _Parent, name: str, given: bool | None, place: Place) -> Field:
        """A field that was not seen before: it was missing in all answers up to now."""
        found = parent.names[name, given] = self.places.setdefault(place, Field())
        visits = parent.visits[None] if given is None else parent.visits[False] - parent.asked[name]
        found.missing = parent.asked[name] if given else visits
        if found.missing:
            found.first_missing = parent.first
        return found

    def _note_missing(
        self, parent: _Parent, value: dict[str, Any], pointer: str, sort: str,
        asked: Mapping[str, frozenset[str]] | None, context: Context,
    ) -> None:  # fmt: skip
        parent.visits[None if asked is None else False] += 1
        for name in asked or ():
            parent.asked[name] += 1
        for (name, given), found in parent.names.items():
            now = None if asked is None else name in asked
            if now is given and name not in value:
                found.missing += 1
                if found.first_missing is None:
                    found.first_missing = context.seen

    def _is_name(self, name: str, context: Context) -> bool:
        """Whether a key is the name of a field rather than a value: an id, a token, a pseudonym."""
        return name != context.task and _NAME.fullmatch(name) is not None and _DRAWN.fullmatch(name) is None


def asked_types(request: Any) -> dict[str, frozenset[str]]:
    """The types of parameters as they were given: those of entries too, for a batch lists one for each task."""
    if not isinstance(request, dict):
        return {}
    return {
        name: frozenset({type_of(value), *map(type_of, value)} if isinstance(value, list) else {type_of(value)})
        for name, value in request.items()
    }


def enough_tasks(found: Field) -> int:
    """For how many tasks a field was there, as far as they are told apart (at most some hundred)."""
    return min(found.types.tasks, MAXIMUM_TASKS)
