"""Bodies: bytes on the wire to values and back. What cannot be read becomes an `Unreadable`, never an exception."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from pollproof.text import printable

MAXIMUM_EXCERPT = 60
"""Characters of an unreadable body that a message shows."""


MAXIMUM_PARTS = 1_000_000
_MAXIMUM_VALUES = 4_000_000
"""Lists, objects and elements of a body, and values between commas, that are judged: they take more room than text."""

_MAXIMUM_DEPTH = 200
"""Levels of nesting that are judged; no response of an API has a tenth of them."""

TOO_MANY_PARTS = "the body has too many parts to be judged"

TOO_DEEP = "the body is nested too deeply to be read"


def has_too_many_parts(body: bytes) -> bool:
    """Whether judging a body would take memory out of all proportion."""
    if len(body) <= MAXIMUM_PARTS:
        return False
    if body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return body.count(b"<") > MAXIMUM_PARTS
    return body.count(b"[") + body.count(b"{") > MAXIMUM_PARTS or body.count(b",") > _MAXIMUM_VALUES


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that is not what was expected; `problem` is a sentence for people."""

    problem: str


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"'{word}' is not a JSON value")


MAXIMUM_DIGITS = 300
"""Digits of a whole number that is read: one with more is beyond what most languages can hold."""


class NumberTooLarge(ValueError):
    """A number in JSON or TOML that nothing could compare or write: 1e400 would be infinity."""

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= MAXIMUM_EXCERPT else f"{text[:20]}... of {len(text)} characters"
        super().__init__(f"the number {shown} is beyond what can be read")


def read_real(text: str) -> float:
    """The finite number that a text is; raises `NumberTooLarge`."""
    value = float(text)
    if value - value != 0:
        raise NumberTooLarge(text)
    return value


def read_whole(text: str) -> int:
    """The whole number that a text is; raises `NumberTooLarge`."""
    if len(text) > MAXIMUM_DIGITS:
        raise NumberTooLarge(text)
    return int(text)


def load_json(text: str) -> Any:
    """Parse JSON from outside: no NaN, and no number beyond what can be compared. Raises ValueError and
    RecursionError.
    """
    return _long_decoder.decode(text)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=read_real)
_long_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=read_real, parse_int=read_whole)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
_scan_long: Callable[[str, int], tuple[Any, int]] = _long_decoder.scan_once  # type: ignore[attr-defined]
_SPACE = " \n\t\r"
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of half a surrogate pair, or what looks like one."""


def _writer(**options: Any) -> Callable[[Any], str]:
    """`JSONEncoder.encode` for compact JSON, with one encoder of C for all calls where Python has it."""
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), **options)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    write = make(
        None, encoder.default, json.encoder.encode_basestring, None, ":", ",",
        encoder.sort_keys, encoder.skipkeys, encoder.allow_nan,
    )  # fmt: skip

    def encode(value: Any) -> str:
        return "".join(write(value, 0))

    return encode


_write = _writer(allow_nan=False)
_write_sorted = _writer(sort_keys=True)


def excerpt(body: bytes) -> str:
    """The beginning of a body in printable form, for messages."""
    text = body[: 4 * MAXIMUM_EXCERPT].decode("utf-8", "replace")
    return printable(text, 4 * MAXIMUM_EXCERPT, " ").strip()[:MAXIMUM_EXCERPT] + "..." * (len(text) > MAXIMUM_EXCERPT)


def read_json(body: bytes) -> Any:
    """Parse a JSON body strictly: UTF-8 (a byte order mark is tolerated), no NaN; integers keep every digit."""
    if has_too_many_parts(body):
        return Unreadable(TOO_MANY_PARTS)
    try:
        text = str(body, "utf-8")
        try:
            # What is short enough holds no number of too many digits.
            value, end = _scan(text, 0) if len(text) <= MAXIMUM_DIGITS else _scan_long(text, 0)
        except StopIteration:  # white space or a byte order mark before it, nothing at all, or no JSON
            end = -1
        if end != len(text) and (end < 0 or text[end:].strip(_SPACE)):
            text = text.lstrip("\ufeff").strip(_SPACE)
            if not text:
                return Unreadable("the body is empty")
            value = _long_decoder.decode(text)
        if len(text) > 2 * _MAXIMUM_DEPTH and text.count("[") + text.count("{") > _MAXIMUM_DEPTH and _is_deep(value):
            return Unreadable(TOO_DEEP)
        if "\\u" in text and _HALF.search(text):
            _write_sorted(value).encode("utf-8")
    except RecursionError:
        return Unreadable(TOO_DEEP)
    except UnicodeEncodeError:
        return Unreadable("the body holds half of a surrogate pair, which is not a character")
    except NumberTooLarge as error:
        return Unreadable(f"the body cannot be judged: {error}")
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError
        return Unreadable(f"the body is not JSON ({error}): {excerpt(body)!r}")
    return value


def _is_deep(value: Any) -> bool:
    """Whether a value has more levels than are judged: whatever walks through it later may call itself for each."""
    level = [value]
    for _ in range(_MAXIMUM_DEPTH):
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                inner += each.values()
            elif type(each) is list:
                inner += each
        if not inner:
            return False
        level = inner
    return True


def write_json(value: Any) -> bytes:
    """The compact UTF-8 form of a JSON value; half of a surrogate pair stays the escape that it must have been."""
    try:
        return _write(value).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def canonical(value: Any) -> str:
    """One text for equal JSON values, whatever the order of their keys: for comparing results."""
    if type(value) is str:
        return value
    try:
        return _write_sorted(value)
    except RecursionError:
        return repr(type(value))


def repeated_key(body: bytes, value: Any) -> str | None:
    """The first key that an object of a JSON body has twice, None where there is none. `value` is the parsed body."""
    if type(value) is not dict and type(value) is not list:
        return None
    colons = body.count(b'":') + body.count(b'" :')
    if colons <= _count_keys(value):
        return None
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, each in pairs:
            if key in table:
                repeated.append(key)
            table[key] = each
        return table

    try:
        json.loads(body.decode("utf-8").lstrip("\ufeff"), object_pairs_hook=note)
    except (ValueError, RecursionError):
        return None
    return repeated[0] if repeated else None


def _count_keys(value: Any) -> int:
    count, stack = 0, [value]
    while stack:
        each = stack.pop()
        if type(each) is dict:
            count += len(each)
            stack += [inner for inner in each.values() if type(inner) is dict or type(inner) is list]
        elif type(each) is list:
            stack += [inner for inner in each if type(inner) is dict or type(inner) is list]
    return count
