"""Codecs: what bodies of a contract are written in. One small object for each of JSON and SOAP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pollproof.trace.bodies import Unreadable, read_json, write_json
from pollproof.trace.shapes import Shape, ShapeError


@dataclass(frozen=True, slots=True)
class Codec:
    """How bodies are read and written, and with which content type they are sent.

    `variant` lists the ways in which a legal variant may write the same thing differently.
    """

    name: str
    content_type: str
    read: Callable[[bytes], Any]
    write: Callable[..., bytes]
    variant: tuple[str, ...] = ()


def codec_of(name: str, namespace: str) -> Codec:
    """The codec of a contract: `json`, or `soap` with the namespace of its operations."""
    if name == "json":
        return Codec("json", "application/json", read_json, write_json)
    from pollproof.trace import soap

    def read(body: bytes) -> Any:
        return soap.read_envelope(body, namespace)

    def write(value: Any, **how: Any) -> bytes:
        return soap.write_envelope(value, namespace, **how)

    return Codec("soap", "text/xml; charset=utf-8", read, write, ("prefix", "typed", "reverse", "on_body"))


class Check:
    """Checks bodies, each given as its value and as its bytes, by a schema as the loader hands it out.

    That is a JSON Schema, or the path of an XSD; raises ValueError for one that is wrong.
    """

    __slots__ = ("_errors", "_last", "passes")

    passes: Callable[[Any, bytes], bool]
    """Whether a body has no failures, without a word: many times as fast where it has some."""

    def __init__(self, schema: Any) -> None:
        # Whoever answers a request and whoever judges it check one body, so the last verdict is kept.
        self._last: tuple[bytes, tuple[ShapeError, ...]] = (b"", ())
        if isinstance(schema, Mapping):
            shape = Shape(schema)
            self._errors: Callable[[Any, bytes], tuple[ShapeError, ...]] = lambda value, body: shape.check(value)
            self.passes = lambda value, body: shape.is_valid(value)
            return
        from pollproof.trace.soap import XsdShape

        xsd = XsdShape(Path(schema))

        def check_body(value: Any, body: bytes) -> tuple[ShapeError, ...]:
            if type(value) is Unreadable:  # no envelope around it, say: the XSD alone would let an inner element pass
                return (ShapeError("", "", value.problem),)
            return xsd.check_body(body)

        self._errors = check_body
        self.passes = lambda value, body: type(value) is not Unreadable and xsd.is_valid(body)

    def __call__(self, value: Any, body: bytes) -> tuple[ShapeError, ...]:
        """The failures of a body, in words."""
        known, errors = self._last
        if not body or body != known:
            errors = self._errors(value, body)
            self._last = (body, errors)
        return errors


_CHECKS: dict[int, tuple[Mapping[str, Any], Mapping[str, Check]]] = {}
_KEPT = 16


def checks_of(schemas: Mapping[str, Any]) -> Mapping[str, Check]:
    """The checks of the schemas of a contract, compiled once for all that judge or answer by it."""
    known = _CHECKS.get(id(schemas))
    if known is None or known[0] is not schemas:
        while len(_CHECKS) >= _KEPT:
            _CHECKS.pop(next(iter(_CHECKS)), None)
        known = _CHECKS[id(schemas)] = (
            schemas,
            {name: Check(schema) for name, schema in schemas.items()},
        )
    return known[1]


def rules_of(schema: Any) -> frozenset[str]:
    """The rule names that a schema mentions."""
    if isinstance(schema, Mapping):
        return Shape(schema).rules()
    from pollproof.trace.soap import XsdShape

    return XsdShape(Path(schema)).rules()
