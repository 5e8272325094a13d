"""Places: where in an exchange a value stands.

A place is written `request#/pointer` or `response#/pointer` (a JSON Pointer, RFC 6901, into the parsed body),
`creation#/pointer` (into the body of the request that created the task; in conditions of clauses),
`request.path.NAME` (a variable of the path template), `request.query.NAME`, `request.header.NAME`,
`response.header.NAME`, or `response.http` (the HTTP status code). ` ~ PATTERN` after a place cuts a part out of its
text: what the first group of the regular expression matches, or all that it matches. ` | ` between two places means
the second where the first has nothing. A step `*` of a pointer leads to each entry of an array.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from pollproof.errors import InputError


class Missing:
    """The type of `MISSING`: a value that is not there, which is another thing than null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


class PlaceError(InputError):
    """A place that cannot be read; the message says what was expected."""


class View(NamedTuple):
    """One exchange as places see it: parsed bodies, path variables, headers (lower-case names), HTTP status.

    Parameters of the query stand among the variables of the path, each under its name after a question mark.
    `creation` is the body of the request that created the task.
    """

    request: Any
    response: Any
    path: Mapping[str, str]
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str]
    http: int | None
    creation: Any = MISSING


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed place. `part` is `request` or `response`; `area` is `body`, `path`, `query`, `header` or `http`.

    `pattern` is the regular expression that cuts out a part of the text (empty: all of it).
    """

    text: str
    part: str
    area: str
    steps: tuple[str, ...]
    otherwise: Place | None = None
    pattern: str = ""

    @property
    def pointer(self) -> str:
        """The JSON Pointer of a place in a body."""
        return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in self.steps)


def parse_place(text: str) -> Place:
    """Parse the words of a place; raises `PlaceError` that says what is expected."""
    first, bar, rest = text.partition(" | ")
    if bar:
        return replace(parse_place(first.strip()), text=text, otherwise=parse_place(rest.strip()))
    first, tilde, pattern = text.partition(" ~ ")
    if tilde:
        try:
            re.compile(pattern)
        except re.error as error:
            raise PlaceError(f"'{pattern}' is not a regular expression: {error}") from None
        return replace(parse_place(first.strip()), text=text, pattern=pattern)
    part, mark, pointer = text.partition("#")
    if mark:
        if part not in ("request", "response", "creation"):
            raise PlaceError(f"'{text}' begins with '{part}'; expected 'request#/...' or 'response#/...'")
        if pointer and not pointer.startswith("/"):
            raise PlaceError(f"'{text}' is not a place: a JSON Pointer begins with '/'")
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        return Place(text, part, "body", steps)
    words = text.split(".", 2)
    if words == ["response", "http"]:
        return Place(text, "response", "http", ())
    if len(words) == 3 and words[2]:
        part, area, name = words
        if part == "request" and area in ("path", "query"):
            return Place(text, part, area, (name,))
        if part in ("request", "response") and area == "header":
            return Place(text, part, area, (name.lower(),))
    raise PlaceError(
        f"'{text}' is not a place; expected 'request#/pointer', 'response#/pointer', 'request.path.NAME', "
        "'request.query.NAME', 'request.header.NAME', 'response.header.NAME' or 'response.http'"
    )


def whole_number(text: str) -> int | None:
    """The whole number that a foreign text spells in ASCII digits, 40 at most; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 40 else None


def follow_steps(value: Any, steps: tuple[str, ...]) -> Any:
    """Follow the steps of a JSON Pointer through objects and arrays; `MISSING` where it leads nowhere.

    The step `*` leads to all entries of an array: the value is an array then of what the rest leads to in each.
    """
    for number, step in enumerate(steps):
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, list) and step == "*":
            return [follow_steps(each, steps[number + 1 :]) for each in value]
        else:
            return MISSING
    return value


def compile_place(place: Place | None) -> Callable[[View], Any]:
    """A function from a view to the value at the place (`MISSING` where there is none)."""
    if place is None:
        return lambda view: MISSING
    if place.otherwise is not None:
        read, instead = compile_place(replace(place, otherwise=None)), compile_place(place.otherwise)

        def either(view: View) -> Any:
            value = read(view)
            return instead(view) if value is MISSING else value

        return either
    steps = place.steps
    if place.pattern:
        whole, search = compile_place(replace(place, pattern="")), re.compile(place.pattern).search

        def cut(view: View) -> Any:
            value = whole(view)
            found = search(value) if isinstance(value, str) else None
            return MISSING if found is None else found[1 if found.re.groups else 0]

        return cut
    if place.area == "http":
        return lambda view: MISSING if view.http is None else view.http
    if place.area == "path":
        return lambda view: view.path.get(steps[0], MISSING)
    if place.area == "query":
        parameter = "?" + steps[0]
        return lambda view: view.path.get(parameter, MISSING)
    if place.area == "header":
        if place.part == "request":
            return lambda view: view.request_headers.get(steps[0], MISSING)
        return lambda view: view.response_headers.get(steps[0], MISSING)
    if len(steps) == 1 and place.part != "creation":  # the common case, worth its own path: it runs for every exchange
        name = steps[0]
        if place.part == "request":
            return lambda view: view.request.get(name, MISSING) if type(view.request) is dict else MISSING
        return lambda view: view.response.get(name, MISSING) if type(view.response) is dict else MISSING
    if place.part == "request":
        return lambda view: follow_steps(view.request, steps)
    if place.part == "creation":
        return lambda view: follow_steps(view.creation, steps)
    return lambda view: follow_steps(view.response, steps)
