"""The account's key in recorded requests: whether it is shown, is one of the right ones, or was taken out."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable

from pollproof.contract.model import Contract
from pollproof.recordings.entry import Entry
from pollproof.recordings.recorded_body import is_mark

HASHED = "sha256:"
"""What stands before the SHA-256 of a key, in hexadecimal digits, that is given in its place."""

_PLACEHOLDER = re.compile(
    r"(?i)dummy|fake|example|sample|placeholder|your|redacted|filtered|masked|hidden|xxx|\*\*|[<{\[]"
    r"|^(?:(?:my|the|a|test|api|client|auth|access|secret|key|token)[_ -]?)+$"
)
"""What people write in the place of a key before they share a recording."""


class Keys:
    """The keys of one contract's requests. `right` are those of the account, or their hashes; none: not known.

    Those who share recordings remove their keys, so a missing key is not a fault of the client, unless other
    requests of the recording show one (`kept`): a tool that removes keys removes all.
    """

    def __init__(self, contract: Contract, right: Iterable[str] = ()) -> None:
        credential = contract.credential
        place = credential.at
        self.kept = False
        self._header = self._field = ""
        self._sample = credential.template.replace("{credential}", credential.sample)
        self._before, _, self._after = credential.template.partition("{credential}")
        self._placeholders = {credential.sample, credential.wrong}
        self._right = frozenset(right)
        if place is not None and place.area == "header":
            self._header = place.steps[0].lower()
        elif place is not None and place.area == "body" and len(place.steps) == 1:
            name = re.escape(place.steps[0].encode())
            self._field = place.steps[0]
            self._there = re.compile(rb'"' + name + rb'"\s*:\s*+(?!null\b|"")')
            self._empty = re.compile(rb'"' + name + rb'"\s*:\s*(?:null\b|"")')
        self._text: re.Pattern[bytes] | None = None
        if place is not None and place.area == "body":
            name = re.escape(place.steps[-1].encode())
            self._text = re.compile(
                rb'"' + name + rb'"\s*:\s*("(?:[^"\\]|\\.)*+")|<(?:[\w.-]+:)?' + name + rb"(?:\s[^>]*)?>([^<]*)<"
            )

    @property
    def can_be_missing(self) -> bool:
        """Whether it is known that a request shows no key."""
        return bool(self._header or self._field)

    def is_shown(self, entry: Entry) -> bool:
        """Whether a request shows a key, whichever."""
        if self._header:
            value = entry.request_headers.get(self._header)
            return value is not None and (" " in value or " " not in self._sample)
        return bool(self._field) and self._there.search(entry.request_body) is not None

    def is_foreign(self, entry: Entry) -> bool:
        """Whether a request shows a key that surely is another one than the account's."""
        if not self._right:
            return False
        key = self._shown(entry)
        if not key or key in self._placeholders or is_mark(key) or _PLACEHOLDER.search(key):
            return False
        hashed = HASHED + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return key not in self._right and hashed not in {each.lower() for each in self._right}

    def _shown(self, entry: Entry) -> str:
        if self._header:
            value = entry.request_headers.get(self._header, "").strip()
            if not value.lower().startswith(self._before.strip().lower()):
                return ""
            return value[len(self._before.strip()) :].strip().removesuffix(self._after)
        found = None if self._text is None else self._text.search(entry.request_body)
        if found is None:
            return ""
        if found[1] is None:
            return html.unescape(found[2].decode("utf-8", "replace")).strip()
        try:
            return str(json.loads(found[1]))
        except ValueError:
            return ""

    def completed(self, entry: Entry) -> tuple[dict[str, str], bytes] | None:
        """Headers and body with a placeholder for a key that was taken out; None where nothing was."""
        if self.kept or not self.can_be_missing or self.is_shown(entry):
            return None
        headers, body = entry.request_headers, entry.request_body
        if self._header:
            return {**headers, self._header: self._sample}, body
        quoted = b'"' + self._sample.encode() + b'"'
        name = b'"' + self._field.encode() + b'":'
        if self._empty.search(body):
            return dict(headers), self._empty.sub(name + quoted, body, count=1)
        inner = body.strip()
        if inner[:1] != b"{" or inner[-1:] != b"}":
            return None
        rest = inner[1:].lstrip()
        return dict(headers), b"{" + name + quoted + (b"" if rest == b"}" else b",") + rest
