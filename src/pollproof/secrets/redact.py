"""Redaction: no key ever reaches a report, a terminal or a file."""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
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

LEAST_ENCODED = 4
"""Characters of a key in base64 that are masked: so many in a row are hardly ever there by chance."""

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

    As they are, in upper and lower case, in base64 (alone or within what was encoded with it), in hexadecimal digits
    with and without separators, split by blanks, quoted for a shell, percent-encoded, with escapes of JSON and of XML
    for any of their characters, and cut at an ellipsis. All forms are looked for in the text as it came, and what any
    of them covers is masked, so that one secret never hides the rest of another. Shorter ones than `MINIMUM_SECRET`
    cannot be told apart from ordinary words: `unmasked` is true where one was given.
    """

    def __init__(self, secrets: Iterable[str], mask: str = MASK) -> None:
        given = {secret for secret in secrets if secret}
        found = sorted({secret for secret in given if len(secret) >= MINIMUM_SECRET}, key=len, reverse=True)
        self.unmasked = len(found) < len(given)
        self._mask = mask
        self._has_numbers = any(secret.isdecimal() for secret in found)
        exact, folded = set[str](), set[str]()
        for secret in found:
            forms = {secret, quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
            forms |= {_bytes(secret).hex(), shlex.quote(secret).strip("'")}
            if len(secret) < DISTINCT:
                exact |= forms
            else:
                folded |= {form.lower() for form in forms}
        self._encoded = sorted({form for secret in found for form in _encoded(secret)}, key=len, reverse=True)
        self._exact = sorted(exact, key=len, reverse=True)
        self._folded = sorted(folded, key=len, reverse=True)
        self._secrets = found
        self._longest = max(map(len, (*self._exact, *self._folded, *self._encoded)), default=0)

    def text(self, text: str) -> str:
        """The text without secrets."""
        spans = sorted(self.spans(text))
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for begin, end in spans:
            if begin > done or not parts:
                parts += [text[done:begin], self._mask]
            done = max(done, end)
        return "".join([*parts, text[done:]])

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand in a text, in any form; one may overlap another."""
        if not self._secrets:
            return
        for form in self._exact:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + 1)
        lowered = text.lower()
        for form in self._folded:
            if form in lowered:
                yield from _found(_anywhere(form), text)
        for form in self._encoded:
            if form in text:
                yield from _found(_with_edges(form), text)
        patterns = [_spread(secret) for secret in self._secrets]
        if _ESCAPES.search(text):
            patterns += [_escaping(secret) for secret in self._secrets]
        if any(each in text for each in ("...", "\u2026", "\\u2026")):
            patterns += [pattern for form in (*self._folded, *self._exact) for pattern in _cut_plain(form)]
            patterns += [pattern for form in self._encoded for pattern in _cut_plain(form)]
            if _ESCAPES.search(text):
                patterns += [pattern for secret in self._secrets for pattern in _cut_escaped(secret)]
            yield from (found.span() for found in _PIECE.finditer(text) if self._is_piece(found[0]))
        for pattern in patterns:
            yield from _found(pattern, text)

    def _is_piece(self, text: str) -> bool:
        """Whether a text stands in the middle of a secret."""
        lowered = text.lower()
        exact = (*self._exact, *self._encoded)
        return any(lowered in form for form in self._folded) or any(text in form for form in exact)

    def beginning(self, text: str, limit: int) -> str:
        """The beginning of a text without secrets, none of which is cut in half there; the rest is an ellipsis."""
        near = text[: 2 * limit + 8 * self._longest]
        beginning = self.text(near)
        if len(near) < len(text):  # what is cut off there may have begun before
            beginning = beginning[: max(len(beginning) - 8 * self._longest, 0)]
        return beginning if len(beginning) <= limit else beginning[:limit] + "..."

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


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where a pattern matches, also where it does so twice over."""
    found = pattern.search(text)
    while found is not None:
        if found.end() > found.start():
            yield found.span()
        found = pattern.search(text, found.start() + 1)


def _encoded(secret: str) -> set[str]:
    """What base64 makes of a secret, wherever it stands in what is encoded, but for what its neighbours decide."""
    forms = set()
    for before in range(3):
        content = b"\0" * before + _bytes(secret)
        whole = b64encode(content).decode()
        if before == 0:
            forms |= {whole, whole.rstrip("=")}
        core = whole[(0, 2, 3)[before] : len(content) * 8 // 6]
        if len(core) >= LEAST_ENCODED:
            forms.add(core)
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


@lru_cache(maxsize=CACHED)
def _anywhere(form: str) -> re.Pattern[str]:
    return re.compile(re.escape(form), re.IGNORECASE)


@lru_cache(maxsize=CACHED)
def _with_edges(form: str) -> re.Pattern[str]:
    """A secret in base64 with the letters at its edges, in which it shares bits with its neighbours."""
    return re.compile(f"[A-Za-z0-9+/_-]?{re.escape(form)}[A-Za-z0-9+/_-]?=*")


@lru_cache(maxsize=CACHED)
def _spread(secret: str) -> re.Pattern[str]:
    """A secret that is split by blanks, or whose bytes are written in hexadecimal or decimal digits one by one."""
    between = r"\s{0,9}"
    split = between.join(map(re.escape, secret))
    pairs = [f"{byte:02x}" for byte in _bytes(secret)]
    digits = r"(?:0x|\\x|x)?" + r"[\s:;,.|_-]{0,4}(?:0x|\\x|x)?".join(pairs)
    numbers = r"[\s:;,.|-]{1,4}".join(str(byte) for byte in _bytes(secret))
    split = f"(?i:{split})" if len(secret) >= DISTINCT else split
    return re.compile(f"{split}|(?i:{digits})|(?<!\\d){numbers}(?!\\d)")


@lru_cache(maxsize=CACHED)
def _escaping(secret: str) -> re.Pattern[str]:
    """A secret of whose characters any may be written with an escape: of JSON, of XML, of a URL, or doubly so."""
    flags = re.IGNORECASE if len(secret) >= DISTINCT else 0
    return re.compile("".join(_ways(secret)), flags)


def _ways(secret: str) -> list[str]:
    """The patterns of the characters of a secret; backslashes in a row are one, or each would be tried with each."""
    runs = re.findall(r"\\+|[^\\]", secret)
    # The last of more backslashes may begin the escape of the character behind them.
    return [
        _one(run)
        if run[0] != "\\"
        else rf"(?:{_one(run[0])}{{{len(run)}}}|\\{{{len(run)},}}+|\\{{{len(run)},}}(?=\\[uUx]))"
        for run in runs
    ]


def _one(character: str) -> str:
    code = ord(character)
    bare = re.escape(character)
    ways: list[str] = []
    units = character.encode("utf-16-be")
    ways.append("".join(rf"\\+u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2)))
    ways.append("".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode()))
    ways.append("".join(rf"\\+x(?i:{byte:02x})" for byte in character.encode()))
    ways.append(rf"\\+U(?i:{code:08x})" + (rf"|\\+x(?i:{code:02x})" if code < 256 else ""))
    ways.append(f"&(?:amp;)*#(?:0*{code}|(?i:x0*{code:x}));")
    if character == "'":
        ways.append(r"'(?:\\*\"'\\*\"|\\+')'")  # as a shell has it within apostrophes
    if character in _ENTITIES:
        ways.append(f"&(?:amp;)*{_ENTITIES[character]};")
    if character != "\\":  # last, for it may be the beginning of another form
        ways.append(bare if character.isalnum() else rf"\\*{bare}")
    return f"(?:{'|'.join(ways)})"


@lru_cache(maxsize=CACHED)
def _cut_plain(form: str) -> list[re.Pattern[str]]:
    return _cut(list(map(re.escape, form)), form == form.lower()) if len(form) >= DISTINCT else []


@lru_cache(maxsize=CACHED)
def _cut_escaped(secret: str) -> list[re.Pattern[str]]:
    return _cut(_ways(secret), True, _ESCAPE_BEGUN, _ESCAPE_ENDING) if len(secret) >= DISTINCT else []


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
