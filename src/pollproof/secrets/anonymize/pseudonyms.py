"""Pseudonyms: one for each text and number, the same for the same, never the same for two.

They are drawn by HMAC from a salt of the file. Wherever the form allows it, they begin so that people and programs
know them for pseudonyms: `scrubbed-`, `x-`, `X_`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b32encode
from collections.abc import Callable

from pollproof.errors import PollproofError
from pollproof.secrets.anonymize.numbers import Numbers

SALT_BYTES = 32

DRAWN = 10
"""Characters of a pseudonym that are drawn; 50 bits keep apart what one file can hold."""

MAXIMUM_SHAPED = 128
"""Characters of an id that keep their class; longer ids are no longer than that afterwards."""

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_DIGITS = "0123456789"
_KEPT = frozenset("-_.~")

Make = Callable[[int], str]
"""Makes a text from a drawn number."""


class Pseudonyms:
    """The pseudonyms of one file. `reserved` are the texts that stay as they are, so nothing else may become one."""

    def __init__(self, salt: bytes | None, reserved: frozenset[str]) -> None:
        self._salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        self._reserved = reserved
        self._taken: dict[str, str] = {}
        self.numbers = Numbers(self.draw, reserved)

    @property
    def given(self) -> frozenset[str]:
        """All texts that are pseudonyms."""
        return frozenset(self._taken) | self.numbers.given

    def draw(self, kind: str, text: str, attempt: int = 0) -> int:
        """A number that follows from the salt and the text; another one for each attempt."""
        message = f"{kind}\0{attempt}\0{text}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hmac.digest(self._salt, message, "sha256"), "big")

    def unique(self, kind: str, text: str, make: Make) -> str:
        """What `make` makes of the first number drawn for a text that gives no text twice."""
        owner = f"{kind}\0{text}"
        for attempt in range(200):
            made = make(self.draw(kind, text, attempt))
            if made != text and made not in self._reserved and self._taken.setdefault(made, owner) == owner:
                return made
        raise Exhausted

    def loose(self, text: str) -> str:
        """A pseudonym that is kept nowhere: short, of no form, the same for the same text."""
        return "x-" + drawn(self.draw("loose", text), DRAWN)

    def reserve(self, made: str, owner: str) -> bool:
        """Whether a text that was put together from pseudonyms is nobody else's."""
        return made not in self._reserved and self._taken.setdefault(made, owner) == owner

    # ------------------------------------------------------------------------------------- forms

    def word(self, text: str, length: int) -> str:
        """A pseudonym of so many characters, or of a few more where there are too few that short."""
        while True:
            try:
                return self.unique("word", text, lambda number, size=length: _word(number, size))  # type: ignore[misc]
            except Exhausted:
                length += 1

    def code(self, text: str, length: int, prefix: str) -> str:
        """A pseudonym in capitals, as error codes are written, behind a prefix that stays."""
        while True:
            try:
                return self.unique("code", text, lambda number, size=length: prefix + capitals(number, size))  # type: ignore[misc]
            except Exhausted:
                length += 1

    def shaped(self, text: str) -> str:
        """A pseudonym whose characters are of the same classes: digits, capitals, small letters, hexadecimal ones."""
        kept = text[:MAXIMUM_SHAPED]
        for extra in ("", *"0123456789"):
            try:
                return self.unique("shaped", text, lambda number, more=extra: shaped(kept, number) + more)  # type: ignore[misc]
            except Exhausted:
                continue
        return self.word(text, len(kept) + DRAWN)


class Exhausted(PollproofError):
    """There are not enough pseudonyms of the wanted form."""


def drawn(number: int, length: int) -> str:
    """Small letters and digits for a drawn number: at most as many as need be to tell it from others."""
    return b32encode(number.to_bytes(32, "big"))[:length].decode().lower()


def _word(number: int, length: int) -> str:
    """A pseudonym of a text of this length."""
    if length < 2:
        return _LOWER[number % 26]
    for prefix in ("scrubbed-", "x-", "x"):
        if length >= len(prefix) + DRAWN or prefix == "x":
            break
    return (prefix + drawn(number, min(length - len(prefix), DRAWN))).ljust(length, ".")


def capitals(number: int, length: int) -> str:
    """A pseudonym of a code of this length."""
    if length < 3:
        return "".join(_UPPER[number // 26**place % 26] for place in range(max(length, 1)))
    text = "".join(_UPPER[number // 26**place % 26] for place in range(min(length - 2, DRAWN)))
    return f"X_{text}".ljust(length, "X")


def shaped(text: str, number: int) -> str:
    """The text with each letter and digit replaced by another of its class."""
    letters = {character.lower() for character in text if character.isalpha()}
    size = 6 if letters <= set("abcdef") and any(character.isdigit() for character in text) else 26
    whole = int.from_bytes(hashlib.shake_256(number.to_bytes(32, "big")).digest(MAXIMUM_SHAPED), "big")
    made = []
    for place, character in enumerate(text):
        if _is_uuid(text) and place in (14, 19):
            made.append(character)  # version and variant say nothing of a task
            continue
        if character in _DIGITS:
            alphabet = _DIGITS
        elif character.isalpha():
            alphabet = (_UPPER if character.isupper() else _LOWER)[:size]
        else:
            made.append(character if character in _KEPT else "-")
            continue
        whole, choice = divmod(whole, len(alphabet))
        made.append(alphabet[choice])
    return "".join(made)


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and all(text[place] == "-" for place in (8, 13, 18, 23))
