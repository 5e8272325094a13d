"""What is a task's own in its result: the part by which results differ from task to task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import Unreadable, canonical, read_json

_LEAST = 16
"""Characters of a part that could not be the same twice by chance."""

_MAXIMUM_PARTS = 5_000
"""Parts that are kept of tasks that were requested alike."""

_EPOCH = 10**9
"""Numbers from which on one may be a time, in seconds since 1970."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
_DIGIT = re.compile(r"\d")


class Lookalike(NamedTuple):
    """A task whose result has the part of another one's: in which exchange, and how many parts were known then."""

    number: int
    task: str
    owner: str
    known: int


class Alike:
    """The results of tasks that were requested alike: the task that first had each part, and those that share one."""

    __slots__ = ("first", "owners", "shared")

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.first: Lookalike | None = None
        self.shared = 0

    def add(self, history: TaskState, part: str) -> str:
        """Take in the part of a task's first result; the task that had it first."""
        owner = self.owners.get(part)
        if owner is None and len(self.owners) < _MAXIMUM_PARTS:
            self.owners[part] = history.id
        return history.id if owner is None else owner

    def note(self, history: TaskState, owner: str) -> None:
        """Note that a task about another thing has the part of `owner`."""
        self.shared += 1
        if self.first is None and history.result_number is not None:
            self.first = Lookalike(history.result_number, history.id, owner, len(self.owners))


def way_of(history: TaskState) -> str:
    """How a task was requested, apart from what it is about: the texts with a digit in them, as numbered ones have."""
    leaves = sorted(f"{path}={leaf!r}" for path, leaf in _leaves(history.creation, ""))
    return "\n".join(leaf for leaf in leaves if _DIGIT.search(leaf) is None)


def own_part(history: TaskState) -> str:
    """A result without the task's id, what was requested, and times; empty where too little is left."""
    text = history.result or ""
    value = read_json(text.encode("utf-8", "surrogatepass"))
    if type(value) is Unreadable:
        return text if len(text) >= _LEAST else ""
    named = {str(leaf) for _, leaf in _leaves(history.creation, "")} | {history.id}
    own = [f"{path}={leaf}" for path, leaf in _leaves(value, "") if str(leaf) not in named and not _is_time(leaf)]
    return canonical(own) if sum(map(len, own)) >= _LEAST else ""


def _is_time(leaf: Any) -> bool:
    if isinstance(leaf, str):
        return _TIME.match(leaf) is not None
    return isinstance(leaf, int | float) and leaf >= _EPOCH


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values of an object or array that are none, each with its path."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        yield path, value
        return
    for name, each in pairs:
        yield from _leaves(each, f"{path}/{name}")
