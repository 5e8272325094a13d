"""Conditions: a test of the value at one place, written in a contract as a small table.

`{ at = "response#/errorId", above = 0 }`, `{ at = "response.http", in = [404, 410] }`,
`{ at = "response#/error", present = true }`, `{ at = "response#/status", prefix = "FINISHED_ERR" }`,
`{ at = "response#/id", matches = "^[0-9a-f]{8}$" }`, `{ at = "response#/name", same_as = "creation#/name" }`,
`{ at = "response#/total", counts = "response#/items" }`. What was not sent need not come back the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pollproof.contract.places import MISSING, Place, View, compile_place

COMPARISONS = ("equals", "in", "above", "below", "prefix", "present", "matches", "same_as", "counts")

OF_PLACES = ("same_as", "counts")
"""Comparisons whose operand is another place."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison (a word of `COMPARISONS`) of the value at `at` with `operand`."""

    at: Place
    comparison: str
    operand: Any

    def __str__(self) -> str:
        shown = self.operand.text if isinstance(self.operand, Place) else repr(self.operand)
        match self.comparison, self.operand:
            case "present", True:
                return f"a value at {self.at.text}"
            case "present", False:
                return f"no value at {self.at.text}"
            case "in", _:
                return f"{self.at.text} one of {', '.join(map(repr, self.operand))}"
        words = {"equals": "equal to", "prefix": "beginning with", "matches": "of the form", "same_as": "equal to"}
        words |= {"counts": "the number of entries of"}
        return f"{self.at.text} {words.get(self.comparison, self.comparison)} {shown}"


def same(left: Any, right: Any) -> bool:
    """JSON equality: a boolean is no number, 1 is 1.0, null is only null."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def is_number(value: Any) -> bool:
    """Whether a parsed JSON value is a number (a boolean is none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compile_condition(condition: Condition) -> Callable[[View], bool]:
    """A function that tells whether a view meets the condition; a missing value meets only `present = false`."""
    read = compile_place(condition.at)
    operand = condition.operand
    match condition.comparison:
        case "equals":
            return lambda view: same(read(view), operand)
        case "in":
            return _is_one_of(read, operand)
        case "above":

            def above(view: View) -> bool:
                value = read(view)
                return is_number(value) and value > operand

            return above
        case "below":

            def below(view: View) -> bool:
                value = read(view)
                return is_number(value) and value < operand

            return below
        case "prefix":

            def prefix(view: View) -> bool:
                value = read(view)
                return isinstance(value, str) and value.startswith(operand)

            return prefix
        case "present":
            wanted = bool(operand)
            return lambda view: (read(view) is not MISSING and read(view) is not None) is wanted
        case "matches":
            search = re.compile(operand).search

            def matches(view: View) -> bool:
                value = read(view)
                return isinstance(value, str) and search(value) is not None

            return matches
        case "same_as":
            other = compile_place(operand)

            def same_as(view: View) -> bool:
                wanted = other(view)
                return wanted is MISSING or same(read(view), wanted)

            return same_as
        case "counts":
            entries = compile_place(operand)

            def counts(view: View) -> bool:
                listed = entries(view)
                return isinstance(listed, list) and same(read(view), len(listed))

            return counts
    raise ValueError(f"unknown comparison {condition.comparison!r}")  # the loader admits only COMPARISONS


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _is_one_of(read: Callable[[View], Any], choices: Sequence[Any]) -> Callable[[View], bool]:
    """Whether a value is the same as one of these, by one look-up where they can be hashed."""
    booleans = {choice for choice in choices if type(choice) is bool}
    try:
        others = frozenset(choice for choice in choices if type(choice) is not bool)
    except TypeError:
        return lambda view: any(same(read(view), choice) for choice in choices)

    def is_one_of(view: View) -> bool:
        value = read(view)
        kind = type(value)
        return kind in _SCALARS and value in (booleans if kind is bool else others)

    return is_one_of


def compile_any(conditions: tuple[Condition, ...]) -> Callable[[View], bool]:
    """A function that tells whether a view meets at least one of the conditions (none: never)."""
    tests = [compile_condition(condition) for condition in conditions]
    if len(tests) == 1:
        return tests[0]
    return lambda view: any(test(view) for test in tests)
