"""Trees: the places of plain data, and the same data with one place changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]

WRONG: dict[str, Any] = {"null": None, "number": 7, "text": "odd", "list": ["odd"], "object": {"odd": "odd"}}
"""One value of each type."""


def places(tree: Any, here: Place = ()) -> Iterator[Place]:
    """All places below the root, the outer ones first."""
    if here:
        yield here
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, child in children:
        yield from places(child, (*here, step))


def at(tree: Any, place: Place) -> Any:
    for step in place:
        tree = tree[step]
    return tree


def without(tree: Any, place: Place) -> Any:
    """A copy in which a place is missing."""
    changed = copy.deepcopy(tree)
    del at(changed, place[:-1])[place[-1]]
    return changed


def with_value(tree: Any, place: Place, value: Any) -> Any:
    """A copy with another value at a place."""
    changed = copy.deepcopy(tree)
    at(changed, place[:-1])[place[-1]] = copy.deepcopy(value)
    return changed


def spoiled(tree: Any) -> Iterator[tuple[str, Any]]:
    """For every place: the tree without it, and with a value of each type there; named by place and change."""
    for place in places(tree):
        name = "/".join(map(str, place))
        yield f"{name} missing", without(tree, place)
        for kind, value in WRONG.items():
            yield f"{name} = {kind}", with_value(tree, place, value)
