"""Texts: what stays, and what becomes a pseudonym of which form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pollproof.clauses.shape import CODE
from pollproof.secrets.anonymize.addresses import Addresses
from pollproof.secrets.anonymize.forms import URL, Forms, is_short_number
from pollproof.secrets.anonymize.pseudonyms import Pseudonyms
from pollproof.secrets.anonymize.vocabulary import Vocabulary
from pollproof.secrets.dates import is_date
from pollproof.trace.bodies import Unreadable, canonical, read_json
from pollproof.trace.events import task_key

SMALL = 1_000_000
"""Numbers below stay as they are: counts, prices, percentages, codes."""

MAXIMUM_KNOWN = 100_000
"""Different texts, names and large numbers of one file whose pseudonyms have the form of the original: no API has a
tenth of them, and a body made to hold half a million would take minutes. Ids of tasks and keys do not count.
"""

_MAXIMUM_DEPTH = 64
"""Levels of nesting that are kept; a deeper value becomes one text."""

MAXIMUM_SPACE = 16
"""Characters of white space that stay around a text."""

_SPACED = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)
_CAPITALS = re.compile(r"[A-Z0-9_]+")
_LARGEST = 1.7976931348623157e308


class Texts:
    """Replaces the texts and numbers of one recording. The same text is replaced by the same everywhere.

    `identifiers` are the ids of tasks in comparable form, `fixed` the texts whose replacement is settled (keys of the
    account), `plain` further ones that stay, `openings` what stands before the key where it is sent. `kept` collects
    the texts and names that stayed.
    """

    def __init__(self, vocabulary: Vocabulary, salt: bytes | None, secrets: frozenset[str]) -> None:
        self.vocabulary = vocabulary
        self.pseudonyms = Pseudonyms(salt, frozenset(vocabulary.values) | frozenset(vocabulary.names))
        self.identifiers: set[str] = set()
        self.fixed: dict[str, str] = {}
        self.plain: set[str] = set()
        self.openings: tuple[str, ...] = ()
        self.kept: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.addresses = Addresses(self.text, self.name, self._segment, self.pseudonyms)
        self._secrets = secrets
        self._forms = Forms(vocabulary)
        self._known: dict[str, str] = {}
        self._names: dict[str, str] = {}

    @property
    def made(self) -> frozenset[str]:
        """All texts that were put in the place of others."""
        return self.pseudonyms.given | {made for text, made in self._known.items() if made != text}

    # ------------------------------------------------------------------------------------ values

    def value(self, value: Any, depth: int = 0) -> Any:
        """A JSON value with all that is not known to be harmless replaced."""
        kind = type(value)
        if kind is str:
            return self.text(value, depth)
        if kind is dict or kind is list:
            if depth >= _MAXIMUM_DEPTH:
                text = self.pseudonyms.word(canonical(value), _MAXIMUM_DEPTH)
                return {"value": text} if kind is dict else [text]
            if kind is dict:
                return {self.name(name): self.value(item, depth + 1) for name, item in value.items()}
            return [self.value(item, depth + 1) for item in value]
        if kind is int or kind is float:
            return self.number(value)
        return value

    def number(self, number: int | float) -> int | float:
        """A number: small ones stay, unless they are the id of a task."""
        size = abs(number)
        identifier = size >= 1000 and task_key(number) in self.identifiers
        if self._stays(str(number)) and not identifier:
            return number
        if isinstance(number, float):
            if size > _LARGEST:  # beyond what JSON can carry
                return _LARGEST if number > 0 else -_LARGEST
            if number.is_integer() and size < 1e40:
                if size < SMALL and task_key(int(number)) not in self.identifiers:
                    return number
                return float(self._integer(int(number), identifier))
            return number if size < SMALL and len(repr(number)) <= 10 else self._fraction(number)
        if size < SMALL and not identifier:
            return number
        return self._integer(number, identifier)

    def _stays(self, text: str) -> bool:
        return text in self.vocabulary.values or text in self.plain

    def _integer(self, number: int, identifier: bool) -> int:
        self.counts["identifiers" if identifier else "numbers"] += 1
        return self.pseudonyms.numbers.integer(number, None if identifier else MAXIMUM_KNOWN)

    def _fraction(self, number: float) -> float:
        self.counts["numbers"] += 1
        drawn = self.pseudonyms.draw("fraction", repr(number))
        mantissa, _, exponent = f"{abs(number):.17e}".partition("e")
        made = float(f"{mantissa[0]}.{drawn % 10**6:06d}e{exponent}")
        return made if number > 0 else -made

    # ------------------------------------------------------------------------------------- texts

    def text(self, text: str, depth: int = 0) -> str:
        """A text: as it is where it is known to be harmless, else its pseudonym."""
        known = self._known.get(text)
        if known is None:
            known = self._replace(text, depth)
            if len(self._known) < MAXIMUM_KNOWN:
                self._known[text] = known
        if known != text:
            self.counts[self._kind(text)] += 1
        return known

    def _kind(self, text: str) -> str:
        if text in self.fixed:
            return "keys"
        return "identifiers" if text in self.identifiers else "texts"

    def _replace(self, text: str, depth: int) -> str:
        fixed = self.fixed.get(text)
        if fixed is not None:
            return fixed
        if text in self.plain or self.vocabulary.knows(text) or is_short_number(text):
            self.kept.add(text)
            return text
        if len(self._known) >= MAXIMUM_KNOWN and text not in self.identifiers:
            return self.pseudonyms.loose(text)
        before, core, after = _SPACED.fullmatch(text).groups()  # type: ignore[union-attr]
        if before or after:
            return before[:MAXIMUM_SPACE] + (self.text(core, depth) if core else "") + after[:MAXIMUM_SPACE]
        if text in self.identifiers:
            return self._identifier(text)
        if is_date(text):
            return text
        if text.isascii() and text.isdecimal():
            return self.pseudonyms.numbers.digits(text)
        for opening in self.openings:
            if text.startswith(opening):
                return opening + self.text(text[len(opening) :], depth)
        if text[0] in "{[" and depth < _MAXIMUM_DEPTH:
            inner = self._inner(text, depth)
            if inner is not None:
                return inner
        return self._first_alike(text)

    def _identifier(self, text: str) -> str:
        if text.isascii() and text.isdecimal():
            return self.pseudonyms.numbers.digits(text)
        if URL.fullmatch(text):
            return self._first_alike(text)
        if not any(map(str.isalnum, text)):
            return self._first_alike(text)
        prefix = next((known for known in self.vocabulary.beginnings if text.startswith(known) and text != known), "")
        return prefix + self.pseudonyms.shaped(text[len(prefix) :])

    def _inner(self, text: str, depth: int) -> str | None:
        """JSON in a text, replaced inside; None where it is none."""
        value = read_json(text.encode("utf-8", "surrogatepass"))
        if type(value) is Unreadable or not isinstance(value, dict | list):
            return None
        separators = None if '": ' in text or ", " in text else (",", ":")
        made = json.dumps(self.value(value, depth + 1), ensure_ascii=False, separators=separators)
        while not self.pseudonyms.reserve(made, f"json\0{text}"):
            if made == text or len(made) > len(text) + 1000:
                break
            made += " "  # the same JSON, written in another way, was another text
        return made

    def _first_alike(self, text: str) -> str:
        """The first pseudonym whose form is that of the text; the first of all where none is."""
        wanted = self._forms.of(text[: self._forms.longest + 1])
        first = None
        for make in self._candidates(text):
            made = make()
            if self._forms.of(made) == wanted:
                return made
            first = made if first is None else first
        assert first is not None
        return first

    def _candidates(self, text: str) -> Iterator[Callable[[], str]]:
        pseudonyms, length = self.pseudonyms, self._forms.length(text)
        prefix = next((known for known in self.vocabulary.prefixes if text.startswith(known)), "")
        rest = length - len(prefix)
        if URL.fullmatch(text):
            yield lambda: self.addresses.address(text)
            yield lambda: self.addresses.bare(text, length)
        if text[0] == "<" and ">" in text and length > 8:
            yield lambda: f"<p>{pseudonyms.word(text, length - 7)}</p>"
        if prefix and rest > 0:
            if _CAPITALS.fullmatch(text):
                yield lambda: pseudonyms.code(text, rest, prefix)
            yield lambda: prefix + pseudonyms.word(text, rest)
            yield lambda: prefix + pseudonyms.shaped(text[len(prefix) :])
        elif CODE.fullmatch(text):
            yield lambda: pseudonyms.code(text, length, "")
        yield lambda: pseudonyms.word(text, length)
        yield lambda: pseudonyms.shaped(text)

    # ------------------------------------------------------------------------------------- names

    def name(self, name: str) -> str:
        """The name of a field: as it is where it is an ordinary one."""
        known = self._names.get(name)
        if known is None:
            known = self._rename(name)
            if len(self._names) < MAXIMUM_KNOWN:
                self._names[name] = known
        if known != name:
            self.counts["names"] += 1
        return known

    def _rename(self, name: str) -> str:
        if name in self.identifiers or name in self.fixed or name.isdecimal() or is_date(name):
            return self.text(name)
        if name in self.vocabulary.names or not name:
            return name
        if self.vocabulary.knows_name(name) and not any(secret in name for secret in self._secrets):
            self.kept.add(name)
            return name
        if len(self._names) >= MAXIMUM_KNOWN:
            return self.pseudonyms.loose(name)
        return self.pseudonyms.word(name, max(self._forms.length(name), 4))

    def _segment(self, text: str) -> str:
        """A part of a path: words of the contract and of APIs stay, as names of fields do."""
        if text in self.identifiers or text in self.fixed or text.isdecimal():
            return self.text(text)
        return self.name(text)
