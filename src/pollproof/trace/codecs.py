"""Codecs: what bodies of a contract are written in. One small object for each of JSON, XML, SOAP and forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pollproof.contract.model import Contract
from pollproof.contract.places import MISSING
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
    texts: bool = False
    """Whether all values are texts, whose types a schema states."""


def codec_of(contract: Contract, part: Literal["request", "response"] = "response") -> Codec:
    """The codec of the requests or of the responses of a contract."""
    name = contract.requests if part == "request" and contract.requests else contract.body
    if name == "json":
        return Codec("json", "application/json", read_json, write_json)
    if name == "form":
        from pollproof.trace.markup import read_form, write_form

        return Codec("form", "application/x-www-form-urlencoded", read_form, write_form, texts=True)
    namespace = contract.namespace
    if name == "xml":
        from pollproof.trace.markup import read_xml, write_xml

        return Codec("xml", "application/xml", read_xml, partial(write_xml, namespace=namespace), texts=True)
    from pollproof.trace import soap

    def read(body: bytes) -> Any:
        return soap.read_envelope(body, namespace)

    def write(value: Any, **how: Any) -> bytes:
        return soap.write_envelope(value, namespace, **how)

    return Codec("soap", "text/xml; charset=utf-8", read, write, ("prefix", "typed", "reverse", "on_body"))


def typing_of(codec: Codec, schema: Any) -> Callable[[Any], Any] | None:
    """What gives a value the types of its schema; None where it has them, or the schema is not a JSON Schema."""
    if not codec.texts or not isinstance(schema, Mapping):
        return None
    from pollproof.trace.markup import typed

    return lambda value: value if type(value) is Unreadable or value is MISSING else typed(value, schema)


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
        known = _CHECKS[id(schemas)] = (schemas, {name: Check(schema) for name, schema in schemas.items()})
    return known[1]


def rules_of(schema: Any) -> frozenset[str]:
    """The rule names that a schema mentions."""
    if isinstance(schema, Mapping):
        return Shape(schema).rules()
    from pollproof.trace.soap import XsdShape

    return XsdShape(Path(schema)).rules()
