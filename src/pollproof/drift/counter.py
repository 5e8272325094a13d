"""Occurrences: how often each word was seen, where first, and for how many tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pollproof.drift.findings import Seen

MAXIMUM_TASKS = 100
"""Tasks that are told apart behind one word: more say no more."""

MAXIMUM_WORDS = 200
"""Different words that are kept; a provider that says more than these says no words."""

SCRUBBED = "(scrubbed)"
"""What stands for every pseudonym: two recordings have different ones for the same word."""

TEXT = "(a text)"
"""What stands for a text that is no word of an API."""

_PSEUDONYM = re.compile(r"(?:scrubbed-|x-)[a-z2-7]+\.*|(?:[A-Z]+_)*X_[A-Z]+")
_WORD = re.compile(r"[\w.:/+*-]{1,60}")


def word(text: str) -> str:
    """A status, code or type as it may be shown: a sentence, or what may be a secret, is none."""
    if _PSEUDONYM.fullmatch(text):
        return SCRUBBED
    return text if _WORD.fullmatch(text) else TEXT


@dataclass(slots=True)
class Occurrence:
    """One word: how often, where first, and for which tasks."""

    first: Seen
    count: int = 0
    tasks: set[str] = field(default_factory=set)


class Occurrences:
    """Words of one sort."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[str, Occurrence] = {}

    def __contains__(self, text: str) -> bool:
        return text in self._words

    def __getitem__(self, text: str) -> Occurrence:
        return self._words[text]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def add(self, text: str, seen: Seen, task: str) -> None:
        """Count a word once more."""
        found = self._words.get(text)
        if found is None:
            if len(self._words) >= MAXIMUM_WORDS:
                return
            found = self._words[text] = Occurrence(seen)
        found.count += 1
        if len(found.tasks) < MAXIMUM_TASKS:
            found.tasks.add(task)

    @property
    def total(self) -> int:
        """How many words there were in all."""
        return sum(found.count for found in self._words.values())

    @property
    def tasks(self) -> int:
        """How many tasks there were in all, as far as they are told apart."""
        return len(set[str]().union(*(found.tasks for found in self._words.values())))

    def names(self, *, but: Occurrences | None = None) -> str:
        """The words in alphabetical order, those of another recording left out."""
        return ", ".join(sorted(text for text in self._words if but is None or text not in but)) or "none"

    def apart_from(self, other: Occurrences) -> bool:
        """Whether both have words and share none."""
        return bool(self._words) and len(other) > 0 and not any(text in other for text in self._words)

    def share(self, text: str) -> float:
        """The share of one word in all."""
        return self._words[text].count / self.total
