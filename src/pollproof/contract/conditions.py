"""Conditions: a test of the value at one place, written in a contract as a small table.

`{ at = "response#/errorId", above = 0 }`, `{ at = "response.http", in = [404, 410] }`,
`{ at = "response#/error", present = true }`, `{ at = "response#/status", prefix = "FINISHED_ERR" }`,
`{ at = "response#/id", matches = "^[0-9a-f]{8}$" }`, `{ at = "response#/name", same_as = "creation#/name" }`,
`{ at = "response#/total", counts = "response#/items" }`, `{ at = "response#/ended", after = "response#/begun" }`,
`{ at = "response#/expires", after = "response#/ended", by = 3600 }`. What was not sent need not come back the same.
Where `at` has a `*` in its pointer, each of the values there meets the condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pollproof.contract.places import MISSING, Place, View, compile_place

COMPARISONS = ("equals", "in", "above", "below", "prefix", "present", "matches", "same_as", "among", "counts", "after")

OF_PLACES = ("same_as", "among", "counts", "after")
"""Comparisons whose operand is another place."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison (a word of `COMPARISONS`) of the value at `at` with `operand`."""

    at: Place
    comparison: str
    operand: Any
    by: float | None = None
    """Of `after`: by how many seconds, within one; None: by any, or none."""
    within: float | None = None
    """Of `after`: by how many seconds at most; None: by any number."""

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
        words |= {"counts": "the number of entries of", "after": "not before", "among": "among"}
        if self.within is not None:
            return f"{self.at.text} not before {shown}, and at most {self.within:g} s after it"
        if self.by is not None:
            return f"{self.at.text} {self.by:g} s after {shown}"
        return f"{self.at.text} {words.get(self.comparison, self.comparison)} {shown}"


def same(left: Any, right: Any) -> bool:
    """JSON equality: a boolean is not a number, 1 is 1.0, null is only null."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def is_number(value: Any) -> bool:
    """Whether a parsed JSON value is a number (a boolean is none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number_at(read: Callable[[View], Any], place: Place) -> Callable[[View], Any]:
    """What reads a number: outside of bodies it is written as a text."""
    if place.area in ("body", "http"):
        return read

    def number(view: View) -> Any:
        value = read(view)
        try:
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return value

    return number


def _agree(left: Any, right: Any) -> bool:
    """Whether two values are the same where one of them stands outside of bodies, in which a number is a text."""
    texts = isinstance(left, str) != isinstance(right, str) and (is_number(left) or is_number(right))
    return str(left) == str(right) if texts else same(left, right)


def compile_condition(condition: Condition) -> Callable[[View], bool]:
    """A function that tells whether a view meets the condition; a missing value meets only `present = false`."""
    read = compile_place(condition.at)
    operand = condition.operand
    if "*" in condition.at.steps and condition.comparison not in OF_PLACES:
        return _each(read, condition)
    match condition.comparison:
        case "equals":
            return lambda view: same(read(view), operand)
        case "in":
            return _is_one_of(read, operand)
        case "above":
            read = _number_at(read, condition.at)

            def above(view: View) -> bool:
                value = read(view)
                return is_number(value) and value > operand

            return above
        case "below":
            read = _number_at(read, condition.at)

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
            other, agree = compile_place(operand), same
            if condition.at.area != "body" or operand.area != "body":
                agree = _agree

            def same_as(view: View) -> bool:
                wanted = other(view)
                return wanted is MISSING or agree(read(view), wanted)

            return same_as
        case "among":
            known, starred = compile_place(operand), "*" in condition.at.steps

            def among(view: View) -> bool:
                listed, value = known(view), read(view)
                values = value if starred else [value]
                if listed is MISSING:
                    return True
                return isinstance(values, list) and all(any(same(each, one) for one in listed) for each in values)

            return among
        case "counts":
            entries = compile_place(operand)

            def counts(view: View) -> bool:
                listed = entries(view)
                return isinstance(listed, list) and same(read(view), len(listed))

            return counts
        case "after":
            return _is_after(read, compile_place(operand), condition.by, condition.within)
    raise ValueError(f"unknown comparison {condition.comparison!r}")  # the loader admits only COMPARISONS


def _each(read: Callable[[View], Any], condition: Condition) -> Callable[[View], bool]:
    """Whether all values at a place with a `*` meet a condition, and it is an array that has them."""
    test = compile_condition(replace(condition, at=Place("response#", "response", "body", ())))

    def each(view: View) -> bool:
        values = read(view)
        return isinstance(values, list) and all(test(view._replace(response=value)) for value in values)

    return each


_LONG_MILLISECONDS = 1e11
"""From which on a number is a time in milliseconds: as seconds it would be in the year 5138."""


_LONGEST_NUMBER = 1e18
"""Beyond which a number is not a time, in milliseconds either."""


def moment_of(value: Any) -> float | None:
    """The seconds since 1970 of a time: RFC 3339, an HTTP date, seconds or milliseconds; None for anything else."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            from email.utils import parsedate_to_datetime  # it takes long to import, and few need it

            try:
                moment = parsedate_to_datetime(value)
            except ValueError:
                return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not is_number(value) or abs(value) > _LONGEST_NUMBER:
        return None
    return value / 1000 if value > _LONG_MILLISECONDS else float(value)


def _is_after(
    read: Callable[[View], Any], other: Callable[[View], Any], seconds: float | None, most: float | None
) -> Callable[[View], bool]:
    """Whether a time is not before another one (and at most so long after it), or so many seconds after, within one."""

    def after(view: View) -> bool:
        late, early = moment_of(read(view)), moment_of(other(view))
        if early is None or late is None:
            return early is None
        if seconds is not None:
            return abs(late - early - seconds) <= 1.0
        return late >= early and (most is None or late - early <= most + 1.0)

    return after


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
