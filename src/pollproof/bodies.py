"""Bodies: bytes on the wire to values and back. What cannot be read becomes an `Unreadable`, never an exception."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

MAXIMUM_EXCERPT = 60
"""Characters of an unreadable body that a message shows."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that is not what was expected; `problem` is a sentence for people."""

    problem: str


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"'{word}' is no JSON value")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def excerpt(body: bytes) -> str:
    """The beginning of a body in printable form, for messages."""
    text = body[: 4 * MAXIMUM_EXCERPT].decode("utf-8", "replace")
    text = "".join(character if character.isprintable() else " " for character in text).strip()
    return text if len(text) <= MAXIMUM_EXCERPT else text[:MAXIMUM_EXCERPT] + "..."


def read_json(body: bytes) -> Any:
    """Parse a JSON body strictly: UTF-8 (a byte order mark is tolerated), no NaN; integers keep every digit."""
    try:
        text = body.decode("utf-8")
        if text[:1] in ("\ufeff", " ", "\n", "\t", "\r") or text[-1:] in (" ", "\n", "\t", "\r"):
            text = text.lstrip("\ufeff").strip(" \n\t\r")
        return _decoder.decode(text) if text else Unreadable("the body is empty")
    except RecursionError:
        return Unreadable("the body is nested too deeply to be read")
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, and integers beyond Python's digit limit
        return Unreadable(f"the body is no JSON ({error}): {excerpt(body)!r}")


def write_json(value: Any) -> bytes:
    """The compact UTF-8 form of a JSON value."""
    return _encoder.encode(value).encode("utf-8")


def canonical(value: Any) -> str:
    """One text for equal JSON values, whatever the order of their keys: for comparing results."""
    if type(value) is str:
        return value
    try:
        return _canonical.encode(value)
    except RecursionError:
        return repr(type(value))
