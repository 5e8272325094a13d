"""Dates and times as APIs and headers write them: what is one is not a secret."""

from __future__ import annotations

import re

_DAY = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,7})?)?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DATE = re.compile(rf"{_DAY}(?:[T ]{_HOUR}(?: ?{_ZONE})?)?")
"""Dates and times as APIs write them (ISO 8601, RFC 3339)."""

HTTP_DATE = re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:{_MONTH}) (?:19|20)\d\d {_HOUR} GMT")
"""Dates as headers write them (RFC 9110, 5.6.7)."""


def is_date(text: str) -> bool:
    """Whether a text is a date or a time and nothing else."""
    return len(text) <= 40 and (DATE.fullmatch(text) is not None or HTTP_DATE.fullmatch(text) is not None)
