"""Times in recordings: ISO 8601 of HAR files, the Date header, and what pollproof itself noted."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import Any

from pollproof.errors import InputError
from pollproof.recordings.entry import Times

YEARS = (1970, 2200)
"""Years between which a recording can have been made."""

LONGEST = 7 * 86_400.0
"""Seconds that one exchange can take at most."""

DATE_PRECISION = 1.0
"""The Date header counts in seconds (RFC 9110, 5.6.7)."""

MILLISECOND = 0.001
"""HAR writes its times in milliseconds."""

FAR, LONGEST_ANSWER = 300.0, 600.0
"""Seconds by which honest clocks differ at most, and that a response takes at most."""

_DATE = re.compile(r"\w{3}, (\d\d \w{3} \d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) GMT", re.ASCII)
_LONGEST_DATE = 100
"""Characters of a Date header that is looked at more closely."""


class NoTime(InputError):
    """Something that is no time; the text says what was expected."""


def iso_seconds(value: Any) -> float:
    """Seconds since 1970 of an ISO 8601 date and time; UTC where it names no zone. Raises `NoTime`."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if not YEARS[0] <= moment.year <= YEARS[1]:
            raise ValueError("no year of a recording")
        return moment.timestamp()
    except (ValueError, TypeError, OverflowError):
        raise NoTime("expected a date and time such as 2026-01-31T12:00:00.000Z") from None


def duration(took: Any) -> float:
    """The seconds that a HAR entry took, of its `time` in milliseconds (-1 or null: NaN). Raises `NoTime`."""
    if took is None or took == -1:
        return math.nan
    if isinstance(took, bool) or not isinstance(took, (int, float)) or not 0 <= took <= LONGEST * 1000:
        raise NoTime("expected a number of milliseconds")
    return took / 1000


def har_times(sent: float, took: float) -> Times:
    """The times of a HAR entry that was sent then and took so many seconds (NaN: not known)."""
    return Times(sent, sent + took + MILLISECOND, MILLISECOND)


@lru_cache(maxsize=1024)
def _midnight(day: str) -> float | None:
    try:
        found = datetime.strptime(day, "%d %b %Y").replace(tzinfo=UTC)
        return found.timestamp() if YEARS[0] <= found.year <= YEARS[1] else None
    except ValueError:
        return None


def _is_time_of_day(hour: int, minute: int, second: int) -> bool:
    return 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60


def date_times(header: str) -> Times | None:
    """The second that a Date header names; None for what is no date."""
    match = _DATE.fullmatch(header)
    seconds: float | None = None
    if match is not None:
        day, hour, minute, second = match.groups()
        midnight = _midnight(day)
        seconds = None if midnight is None else midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    elif len(header) <= _LONGEST_DATE:
        try:
            parts = parsedate_tz(header)
            if parts is not None and YEARS[0] <= parts[0] <= YEARS[1] and _is_time_of_day(*parts[3:6]):
                seconds = float(mktime_tz(parts))
        except (ValueError, OverflowError, TypeError, IndexError):
            return None
    if seconds is None:
        return None
    return Times(seconds, seconds + DATE_PRECISION, DATE_PRECISION)


def is_far(times: Times, date: str | None) -> bool:
    """Whether a Date header is so far from a recorded time that one of both clocks is wrong."""
    said = date_times(date) if date else None
    return said is not None and not -FAR < said.sent - times.sent < FAR + LONGEST_ANSWER


def own_times(row: Any) -> Times | None:
    """The times of a row of pollproof's own metadata; None where it has none. Raises `NoTime`."""
    sent, received = row.get("sent"), row.get("received")
    if sent is None:
        return None
    try:
        began = float(sent)
        ended = math.nan if received is None else float(received)
    except (TypeError, ValueError, OverflowError):
        raise NoTime("expected seconds as numbers in 'sent' and 'received'") from None
    if not math.isfinite(began) or math.isinf(ended) or ended < began:
        raise NoTime("expected 'sent' and, not before it, 'received' in seconds")
    return Times(began, ended)
