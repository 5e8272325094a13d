"""Words: how often each word of one sort was seen, where first, and for how many tasks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from pollproof.drift.findings import EntryReference

_COUNTED_TASKS = 100
"""Tasks that are counted one by one for each word: more would add nothing."""

_MAXIMUM_WORDS = 200
"""Different words that are kept; a provider that says more than these says no words."""

SCRUBBED = "(scrubbed)"
"""What stands for every pseudonym: two recordings have different ones for the same word."""

TEXT = "(a text)"
"""What stands for a text that is not a word of an API."""

_PSEUDONYM = re.compile(r"(?:scrubbed-|x-)[a-z2-7]+\.*|(?:[A-Z]+_)*X_[A-Z]+")
_WORD = re.compile(r"[\w.:/+*-]{1,60}")


def shown_word(text: str, known: Collection[str] = ()) -> str:
    """A status, code or type as it may be shown: a `known` one, or what is neither a sentence nor maybe a secret."""
    if text in known:
        return text
    return SCRUBBED if _PSEUDONYM.fullmatch(text) else text if _WORD.fullmatch(text) else TEXT


@dataclass(slots=True)
class Count:
    """How often one word was seen, where first, and for which tasks."""

    first: EntryReference
    count: int = 0
    tasks: set[str] = field(default_factory=set)


class Words:
    """Words of one sort. `one_reason` tells that all responses with them have one reason."""

    __slots__ = ("_words", "one_reason")

    def __init__(self) -> None:
        self._words: dict[str, Count] = {}
        self.one_reason = True

    def __contains__(self, text: str) -> bool:
        return text in self._words

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __str__(self) -> str:
        return ", ".join(sorted(self._words)) or "none"

    def add(self, text: str, seen: EntryReference, task: str) -> None:
        """Count one occurrence of a word."""
        found = self._words.get(text)
        if found is None:
            if len(self._words) >= _MAXIMUM_WORDS:
                return
            found = self._words[text] = Count(seen)
        found.count += 1
        if len(found.tasks) < _COUNTED_TASKS:
            found.tasks.add(task)

    @property
    def total(self) -> int:
        """How many words there were in all."""
        return sum(found.count for found in self._words.values())

    @property
    def tasks(self) -> int:
        """How many tasks there were in all, as far as they are counted one by one."""
        return min(_COUNTED_TASKS, len(set[str]().union(*(found.tasks for found in self._words.values()))))

    def beyond(self, other: Words) -> list[str]:
        """The words that another recording does not have."""
        return [text for text in self._words if text not in other]

    def apart_from(self, other: Words) -> bool:
        """Whether both have words and share none."""
        return bool(self._words and other._words) and len(self.beyond(other)) == len(self)

    def share(self, words: Collection[str]) -> float:
        """The share of these words in all."""
        return sum(self._words[text].count for text in words) / self.total

    def first(self, words: Collection[str] | None = None) -> EntryReference:
        """Where the first of these words (of all, by default) stands."""
        chosen = self._words.keys() if words is None else self._words.keys() & words
        return min((self._words[text].first for text in chosen), key=lambda seen: seen.number)
