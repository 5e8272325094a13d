"""Redaction: no key ever reaches a report, a terminal or a file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

MASK = "[key]"
MINIMUM_SECRET = 4
"""Characters of a key that are worth masking: shorter ones would mask ordinary words."""


class Redactor:
    """Replaces secrets in texts and in parsed bodies, in the forms that a wire gives them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= MINIMUM_SECRET:
                encoded = b64encode(secret.encode()).decode()
                forms |= {secret, quote(secret, safe=""), encoded, encoded.rstrip("=")}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def value(self, value: Any) -> Any:
        """A parsed body without secrets, in keys and values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def bytes(self, body: bytes) -> bytes:
        """A body as it went over the wire, without secrets."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Header fields without secrets."""
        return {name: self.text(value) for name, value in headers.items()}
