"""Forms of texts: what clauses and schemas can tell of a text, apart from its words."""

from __future__ import annotations

import re

from pollproof.clauses.results import MINIMUM_TOKEN_LENGTH
from pollproof.clauses.shape import CODE
from pollproof.secrets.anonymize.vocabulary import Vocabulary

MAXIMUM_LENGTH = 64
"""Characters of a text that is replaced; longer texts get shorter."""

MAXIMUM_KEPT = 4096
"""Characters that are kept where a schema asks for as many."""

_DAY = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,7})?)?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DATE = re.compile(rf"{_DAY}(?:[T ]{_HOUR}(?: ?{_ZONE})?)?")
"""Dates and times as APIs write them (ISO 8601, RFC 3339)."""

HTTP_DATE = re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:{_MONTH}) (?:19|20)\d\d {_HOUR} GMT")
"""Dates as headers write them (RFC 9110, 5.6.7)."""

EPOCH = re.compile(r"1\d{9}(?:\d{3})?(?:\.\d{1,6})?")
"""Seconds or milliseconds since 1970, in this century."""

URL = re.compile(r"(?i)(https?|wss?|ftps?|socks[45]h?)://\S+")


def is_date(text: str) -> bool:
    """Whether a text is a date or a time and nothing else."""
    return len(text) <= 40 and (DATE.fullmatch(text) is not None or HTTP_DATE.fullmatch(text) is not None)


def is_short_number(text: str) -> bool:
    """Whether a text is a number of three digits at most."""
    return len(text) <= 3 and text.isdecimal()


class Forms:
    """Compares texts by their form, as one contract sees it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._patterns = vocabulary.patterns
        self._lengths = (MINIMUM_TOKEN_LENGTH, *vocabulary.lengths)
        most = max((length for length in self._lengths if length <= MAXIMUM_KEPT), default=0)
        self.longest = max(MAXIMUM_LENGTH, most)

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
