"""Redaction: no key ever reaches a report, a terminal or a file."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[key]"
MINIMUM_SECRET = 4
"""Characters of a key that are worth masking: shorter ones would mask ordinary words."""

DISTINCT = 8
"""Characters of a key from which on it is masked in upper and lower case, and a part of it beside an ellipsis."""

LEAST_PART = 6
"""Characters of a cut key, or of one in base64, that are masked; fewer tell nothing."""

MAXIMUM_BLOCKS = 48
"""Parts in which a cut key is recognised: each is a group in another one."""

CACHED = 512
"""Patterns that are kept: making them takes longer than using them."""

_ESCAPES = re.compile(r"[\\%&]")
_ELLIPSES = (r"\.\.\.", r"\.\.\. ", "\u2026", "\u2026 ", r"\\u2026")
_BEFORE = f"(?={'|'.join(f' ?{each}' for each in _ELLIPSES)})"
_BEHIND = f"(?:{'|'.join(f'(?<={each})' for each in _ELLIPSES)})"
_ESCAPE_BEGUN = r"[\\%&#\w]{0,12}"
_ESCAPE_ENDING = r"[\\%#\w;]{0,12}?"
_PIECE = re.compile(f"{_BEHIND}[^\\s\u2026]{{{LEAST_PART},}}?{_BEFORE}")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


class Redactor:
    """Replaces secrets in texts and in parsed bodies, in all forms that a wire, a language or a message gives them.

    As they are, in upper and lower case, in base64 (alone or within what was encoded with it), in hexadecimal digits,
    percent-encoded, with escapes of JSON and of XML for any of their characters, and cut at an ellipsis.
    """

    def __init__(self, secrets: Iterable[str], mask: str = MASK) -> None:
        found = sorted({secret for secret in secrets if len(secret) >= MINIMUM_SECRET}, key=len, reverse=True)
        self._mask = mask
        self._has_numbers = any(secret.isdecimal() for secret in found)
        exact, folded = set[str](), set[str]()
        for secret in found:
            forms = {secret, quote(secret, safe=""), quote_plus(secret), secret.encode().hex()}
            if len(secret) < DISTINCT:
                exact |= forms
            else:
                folded |= {form.lower() for form in forms}
            exact |= _encoded(secret)
        self._exact = sorted(exact, key=len, reverse=True)
        self._folded = sorted(folded, key=len, reverse=True)
        self._secrets = found
        self._longest = max(map(len, (*self._exact, *self._folded)), default=0)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._exact:
            if form in text:
                text = text.replace(form, self._mask)
        if self._folded:
            lowered = text.lower()
            for form in self._folded:
                if form in lowered:
                    text = re.sub(re.escape(form), lambda _: self._mask, text, flags=re.IGNORECASE)
                    lowered = text.lower()
        if self._secrets and _ESCAPES.search(text):
            for secret in self._secrets:
                text = _escaping(secret).sub(lambda _: self._mask, text)
        if self._secrets and any(each in text for each in ("...", "\u2026", "\\u2026")):
            text = self._without_cut(text)
            text = _PIECE.sub(lambda found: self._mask if self._is_piece(found[0]) else found[0], text)
        return text

    def _without_cut(self, text: str) -> str:
        """The text without forms of secrets that were cut at an ellipsis."""
        patterns = [pattern for form in (*self._folded, *self._exact) for pattern in _cut_plain(form)]
        if _ESCAPES.search(text):
            patterns += [pattern for secret in self._secrets for pattern in _cut_escaped(secret)]
        for pattern in patterns:
            text = pattern.sub(lambda _: self._mask, text)
        return text

    def _is_piece(self, text: str) -> bool:
        """Whether a text stands in the middle of a secret."""
        lowered = text.lower()
        return any(lowered in form for form in self._folded) or any(text in form for form in self._exact)

    def beginning(self, text: str, limit: int) -> str:
        """The beginning of a text without secrets, none of which is cut in half there; the rest is an ellipsis."""
        near = text[: 2 * limit + 8 * self._longest]
        told = self.text(near)
        if len(near) < len(text):  # what is cut off there may have begun before
            told = told[: max(len(told) - 8 * self._longest, 0)]
        return told if len(told) <= limit else told[:limit] + "..."

    def value(self, value: Any) -> Any:
        """A parsed body without secrets, in keys and values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if self._has_numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return value if self.text(str(value)) == str(value) else self._mask
        return value

    def bytes(self, body: bytes) -> bytes:
        """A body as it went over the wire, without secrets."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Header fields without secrets."""
        return {self.text(name): self.text(value) for name, value in headers.items()}


def _encoded(secret: str) -> set[str]:
    """What base64 makes of a secret, wherever it stands in what is encoded, but for what its neighbours decide."""
    forms = set()
    for before in range(3):
        content = b"\0" * before + secret.encode()
        whole = b64encode(content).decode()
        if before == 0:
            forms |= {whole, whole.rstrip("=")}
        core = whole[(0, 2, 3)[before] : len(content) * 8 // 6]
        if len(core) >= LEAST_PART:
            forms.add(core)
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


@lru_cache(maxsize=CACHED)
def _escaping(secret: str) -> re.Pattern[str]:
    """A secret of whose characters any may be written with an escape: of JSON, of XML, of a URL, or doubly so."""
    flags = re.IGNORECASE if len(secret) >= DISTINCT else 0
    return re.compile("".join(_one(character) for character in secret), flags)


def _one(character: str) -> str:
    code = ord(character)
    bare = re.escape(character)
    ways = [bare if character.isalnum() else rf"\\*{bare}"]
    units = character.encode("utf-16-be")
    ways.append("".join(rf"\\+u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2)))
    ways.append("".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode()))
    ways.append("".join(rf"\\+x(?i:{byte:02x})" for byte in character.encode()))
    ways.append(f"&(?:amp;)*#(?:0*{code}|(?i:x0*{code:x}));")
    if character in _ENTITIES:
        ways.append(f"&(?:amp;)*{_ENTITIES[character]};")
    return f"(?:{'|'.join(ways)})"


@lru_cache(maxsize=CACHED)
def _cut_plain(form: str) -> list[re.Pattern[str]]:
    return _cut(list(map(re.escape, form)), form == form.lower()) if len(form) >= DISTINCT else []


@lru_cache(maxsize=CACHED)
def _cut_escaped(secret: str) -> list[re.Pattern[str]]:
    return _cut(list(map(_one, secret)), True, _ESCAPE_BEGUN, _ESCAPE_ENDING) if len(secret) >= DISTINCT else []


def _cut(characters: list[str], folded: bool, begun: str = "", ending: str = "") -> list[re.Pattern[str]]:
    """A form that was cut, by the patterns of its characters: its beginning before an ellipsis, its end behind one.

    Of a long one in blocks. `begun` and `ending` are what a cut character may look like.
    """
    block = 1 + len(characters) // MAXIMUM_BLOCKS
    loose = f"[^\\s.\u2026]{{0,{block - 1}}}" if block > 1 else ""
    first, last = "".join(characters[:LEAST_PART]), "".join(characters[-LEAST_PART:])
    rest = ["".join(characters[at : at + block]) for at in range(LEAST_PART, len(characters), block)]
    begin = first + "".join(f"(?:{each}" for each in rest) + ")?" * len(rest)
    rest = ["".join(characters[max(end - block, 0) : end]) for end in range(len(characters) - LEAST_PART, 0, -block)]
    end = "(?:" * len(rest) + "".join(f"{each})?" for each in reversed(rest)) + last
    flags = re.IGNORECASE if folded else 0
    return [
        re.compile(f"{begin}{loose}{begun}{_BEFORE}", flags),
        re.compile(f"{_BEHIND}{ending}{loose}{end}", flags),
    ]
