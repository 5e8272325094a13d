"""What a request means: its operation, its task and what it says, whatever bytes it is written in."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import unquote

from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Contract, Operation, Role
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.templates import without
from pollproof.contract.vocabulary import ABOUT_A_TASK
from pollproof.trace.bodies import Unreadable, canonical
from pollproof.trace.events import task_key
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request
from pollproof.trace.reader import Reader


class Meaning(NamedTuple):
    """What one request means.

    `body` is one short text for bodies that say the same, the account's key left out. `readable` and `keyed` tell
    whether the body could be read and whether a key came with it where the contract demands one, `conforming` whether
    nothing that can be seen is wrong with the request.
    """

    operation: Operation
    task: str | None
    kind: str
    body: bytes
    readable: bool
    keyed: bool
    conforming: bool


class Meanings:
    """Reads the meaning of requests through one contract."""

    def __init__(self, contract: Contract) -> None:
        self._reader = Reader(contract)
        credential = contract.credential.at
        self._key = None if credential is None else compile_place(credential)
        self._no_key = contract.credential.template.replace("{credential}", "").strip()
        self._key_in_body = credential.pointer if credential is not None and credential.area == "body" else None
        self._kinds = [(kind.name, compile_any(kind.when)) for kind in contract.kinds.values() if kind.when]
        self._other_kind = next((kind.name for kind in contract.kinds.values() if not kind.when), "")

    def read(self, request: Request) -> Meaning | None:
        """The meaning of a request; None where it belongs to no operation of the contract. Never raises."""
        event = self._reader.read(Exchange(request, None, UNKNOWN_TIME, UNKNOWN_TIME), 0)
        if event is None:
            return None
        operation, body = event.operation, event.request
        readable = type(body) is not Unreadable
        view = View(body, MISSING, {}, request.headers, {}, None)
        keyed = self._key is None or self._key(view) not in (MISSING, None, "", self._no_key)
        kind = ""
        if operation.role is Role.CREATE and readable:
            kind = next((name for name, matches in self._kinds if matches(view)), self._other_kind)
        if self._key_in_body is not None and readable:
            body = without(body, self._key_in_body)
        return Meaning(
            operation,
            comparable(event.raw_task) if operation.role in ABOUT_A_TASK else None,
            kind,
            _digest(body) if readable else b"",
            readable,
            keyed,
            readable and keyed and not event.request_errors,
        )


def comparable(raw: Any) -> str | None:
    """The comparable form of a task id, however it is written: 7, 7.0, "7" or its escapes in a path."""
    if type(raw) is float and raw.is_integer():
        raw = int(raw)
    key = task_key(raw)
    return None if key is None else unquote(key).strip()


def _digest(body: Any) -> bytes:
    """One short text for equal bodies: long ones, images among them, are not kept."""
    if body is MISSING:
        return b""
    try:
        text = canonical(_plain(body))
    except RecursionError:
        text = canonical(body)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(value: Any) -> Any:
    """The value with whole numbers written as such: 1.0 says what 1 says."""
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    if type(value) is list:
        return [_plain(item) for item in value]
    return int(value) if type(value) is float and value.is_integer() else value
