"""Rendering: a cassette as YAML or JSON text, as vcrpy reads it. The same data always gives the same text."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from pollproof.trace.exchange import Exchange

NO_ANSWER = "no answer"
"""The message of a response that never came; its status code is 0."""

_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_SPECIAL = re.compile(r'[^\x20-\x7e]|["\\]')
_PLAIN_KEY = re.compile(r"[a-z][a-z-]*[a-z]")
_RESERVED = frozenset({"no", "yes", "on", "off", "null", "true", "false"})
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Interaction(NamedTuple):
    """One exchange as a cassette has it: its address is a whole URL; `inbound` for a request of the provider's own."""

    uri: str
    exchange: Exchange
    inbound: bool = False

    @property
    def status(self) -> tuple[int, str]:
        """Status code and message of the response."""
        response = self.exchange.response
        if response is None:
            return 0, NO_ANSWER
        try:
            return response.status, HTTPStatus(response.status).phrase
        except ValueError:
            return response.status, ""

    def row(self, start: float) -> dict[str, Any]:
        """What only pollproof knows of an exchange: its times after the first, and what is special about it."""
        exchange = self.exchange
        row: dict[str, Any] = {}
        for name, moment in (("sent", exchange.sent), ("received", exchange.received)):
            if not math.isnan(moment):
                row[name] = round(moment - start, 6) + 0.0
        if exchange.probe is not None:
            row["probe"] = exchange.probe
        if self.inbound:
            row["inbound"] = True
        if exchange.failure is not None:
            row["failure"] = exchange.failure
        return row


def rows(interactions: Sequence[Interaction]) -> list[dict[str, Any]]:
    """The rows of all interactions; the first that was sent at a known time was sent at 0."""
    sent = (one.exchange.sent for one in interactions)
    start = next((moment for moment in sent if not math.isnan(moment)), 0.0)
    return [one.row(start) for one in interactions]


def as_yaml(metadata: Mapping[str, Any], interactions: Sequence[Interaction]) -> str:
    """A cassette in YAML: one line for the times of each exchange, texts in quotes, all of it ASCII."""
    return "".join(_yaml(metadata, interactions))


def _yaml(metadata: Mapping[str, Any], interactions: Sequence[Interaction]) -> Iterator[str]:
    yield "version: 1\nmetadata:\n  pollproof:\n"
    for name, value in metadata.items():
        yield f"    {name}: {flow(value)}\n"
    yield "    exchanges:\n" if interactions else "    exchanges: []\n"
    for row in rows(interactions):
        yield f"    - {flow(row)}\n"
    yield "interactions:\n" if interactions else "interactions: []\n"
    for one in interactions:
        request, response = one.exchange.request, one.exchange.response
        yield f"- request:\n    method: {flow(request.method)}\n    uri: {flow(one.uri)}\n    headers:"
        yield from _headers(request.headers)
        yield f"    body: {_body(request.body) if request.body else 'null'}\n"
        code, message = one.status
        yield f"  response:\n    status: {{code: {code}, message: {flow(message)}}}\n    headers:"
        yield from _headers({} if response is None else response.headers)
        yield f"    body:\n      string: {_body(b'' if response is None else response.body)}\n"


def as_line(one: Interaction, own: Mapping[str, Any]) -> str:
    """One interaction as one line of YAML, with its times and `own` in it: to be appended to a cassette."""
    request, response = one.exchange.request, one.exchange.response
    code, message = one.status
    requested = f"method: {flow(request.method)}, uri: {flow(one.uri)}, headers: {_lists(request.headers)}"
    answered = (
        f"status: {{code: {code}, message: {flow(message)}}}, headers: {_lists(response.headers if response else {})}"
    )
    return (
        f"- {{request: {{{requested}, body: {_body(request.body) if request.body else 'null'}}}, "
        f"response: {{{answered}, body: {{string: {_body(b'' if response is None else response.body)}}}}}, "
        f"pollproof: {flow({**one.row(0.0), **own})}}}\n"
    )


def _lists(headers: Mapping[str, str]) -> str:
    return flow({name: [value] for name, value in headers.items()})


def _headers(headers: Mapping[str, str]) -> Iterator[str]:
    yield "\n" if headers else " {}\n"
    for name, value in headers.items():
        yield f"      {_key(name)}: [{flow(value)}]\n"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) and name not in _RESERVED else flow(name)


def _body(body: bytes) -> str:
    try:
        return flow(body.decode("utf-8"))
    except UnicodeDecodeError:
        return f"!!binary '{base64.b64encode(body).decode()}'"


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return _seconds(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(name))}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


def _seconds(value: float) -> str:
    """A number that YAML reads as one: never with an exponent, always with a point."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def _quoted(text: str) -> str:
    if _PRINTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _SPECIAL.sub(_escaped, text) + '"'


def _escaped(found: re.Match[str]) -> str:
    if found[0] in _ESCAPED:
        return _ESCAPED[found[0]]
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def as_json(metadata: Mapping[str, Any], interactions: Sequence[Interaction]) -> str:
    """A cassette in JSON. It has no bytes, so what is not text becomes text that is as unreadable."""
    whole = {
        "version": 1,
        "metadata": {"pollproof": {**metadata, "exchanges": rows(interactions)}},
        "interactions": [_json(one) for one in interactions],
    }
    return json.dumps(whole, indent=1) + "\n"


def _json(one: Interaction) -> dict[str, Any]:
    request, response = one.exchange.request, one.exchange.response
    code, message = one.status
    return {
        "request": {
            "method": request.method,
            "uri": one.uri,
            "headers": {name: [value] for name, value in request.headers.items()},
            "body": request.body.decode("utf-8", "replace") or None,
        },
        "response": {
            "status": {"code": code, "message": message},
            "headers": {name: [value] for name, value in (response.headers if response else {}).items()},
            "body": {"string": response.body.decode("utf-8", "replace") if response else ""},
        },
    }


def texts(metadata: Mapping[str, Any], interactions: Iterable[Interaction]) -> Iterator[tuple[str, str]]:
    """Everything of a cassette that a foreigner may have written, each with its place."""
    for name, value in metadata.items():
        yield f"metadata, {name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for number, one in enumerate(interactions, 1):
        exchange = one.exchange
        yield f"interaction {number}, URL", one.uri
        yield f"interaction {number}, method", exchange.request.method
        yield f"interaction {number}, failure", exchange.failure or ""
        for part, message in (("request", exchange.request), ("response", exchange.response)):
            if message is not None:
                for name, value in message.headers.items():
                    yield f"interaction {number}, {part}, header {name}", f"{name}: {value}"
                yield f"interaction {number}, {part}, body", _text(message.body)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")
