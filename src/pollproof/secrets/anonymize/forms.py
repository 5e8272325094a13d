"""Forms of texts: what clauses and schemas can tell of a text, apart from its words."""

from __future__ import annotations

import re

from pollproof.clauses.results import MINIMUM_TOKEN_LENGTH
from pollproof.clauses.shape import CODE
from pollproof.secrets.anonymize.vocabulary import Vocabulary

_MAXIMUM_LENGTH = 64
"""Characters of a text that is replaced; longer texts get shorter."""

_LONGEST_TEXT = 4096
"""Characters that are kept where a schema demands as many."""

UNIX_TIME = re.compile(r"1\d{9}(?:\d{3})?(?:\.\d{1,6})?")
"""Seconds or milliseconds since 1970, in this century."""

URL = re.compile(r"(?i)(https?|wss?|ftps?|socks[45]h?)://\S+")


def is_short_number(text: str) -> bool:
    """Whether a text is a number of three digits at most."""
    return len(text) <= 3 and text.isdecimal()


class Forms:
    """Compares texts by their form, as one contract sees it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._patterns = vocabulary.patterns
        self._lengths = (MINIMUM_TOKEN_LENGTH, *vocabulary.lengths)
        most = max((length for length in self._lengths if length <= _LONGEST_TEXT), default=0)
        self.longest = max(_MAXIMUM_LENGTH, most)

    def length(self, text: str) -> int:
        """How long the pseudonym of a text is."""
        return min(len(text), self.longest)

    def of(self, text: str) -> tuple[object, ...]:
        """The form of a text: two texts of one form are judged alike, unless one of them is a word of the contract."""
        return (
            *[pattern.search(text) is not None for pattern in self._patterns],
            *[len(text) >= length for length in self._lengths],
            CODE.fullmatch(text) is not None,
            text.strip().isdecimal(),
        )
