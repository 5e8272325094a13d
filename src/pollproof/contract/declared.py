"""How a key of a contract file is declared: annotations of the model from which the grammar and the loader follow.

A field is written `name: Annotated[type, "what editors show", Form(...)]`. The loader reads the type, editors the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""The form of a name that a contract gives to one of its own parts."""

IDENTIFIER = r"^[a-z0-9]+([.-][a-z0-9]+)*$"
"""The form of the id of a clause or an observation."""

TABLE_KEY = "the key of its table"
"""Marks the field that holds the key under which a table stands, and no key of its own."""

SHORT_FORM = "short for the table"
"""Marks the field that a value stands for which is given in place of the table."""

NEEDED = "needed in the file"
"""Marks a field whose key must be there although the field has a default."""

FILLED_BY_LOADER = "not in the file"
"""Marks a field that the loader fills."""


@dataclass(frozen=True, slots=True)
class Form:
    """What narrows the value of a key beyond its type.

    `key` is the key in the file, where it is not the field's name. `least`: the smallest number, or the fewest items.
    `texts` say what each of the `choices` is.
    """

    key: str = ""
    pattern: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flattened:
    """Marks a mapping whose entries stand among the keys of the table itself: their names, and what editors show."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NamedBy:
    """Marks an array of tables that may be written as one table of them, by this key of theirs."""

    key: str


ONE_OR_MORE = "one or more"
"""Marks a tuple that may be written as its only item."""

PAIRS = "a table as pairs"
"""Marks a tuple of pairs that is written as a table."""


def form_of(annotations: Iterable[Any]) -> Form:
    """The `Form` among the annotations of a field."""
    return next((each for each in annotations if isinstance(each, Form)), Form())


def text_of(annotations: Iterable[Any]) -> str:
    """The description among the annotations of a field."""
    return next((each for each in annotations if isinstance(each, str) and each not in MARKERS), "")


MARKERS = frozenset({TABLE_KEY, SHORT_FORM, NEEDED, FILLED_BY_LOADER, PAIRS, ONE_OR_MORE})
