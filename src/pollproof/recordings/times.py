"""Times in recordings: ISO 8601 of HAR files, the Date header, and what pollproof itself noted."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pollproof.errors import InputError
from pollproof.recordings.entry import Times

YEARS = (1970, 2200)
"""Years between which a recording can have been made."""

LONGEST_EXCHANGE = 7 * 86_400.0
"""Seconds that one exchange can take at most."""

DATE_PRECISION = 1.0
"""The Date header counts in seconds (RFC 9110, 5.6.7)."""

MILLISECOND = 0.001
"""HAR writes its times in milliseconds."""

FAR, LONGEST_ANSWER = 300.0, 600.0
"""Seconds by which honest clocks differ at most, and that a response takes at most."""

LONGEST_UNTOLD = 60.0
"""Seconds that an exchange can have taken whose end was not recorded: proxies and clients give up by then."""

_FIRST, _LAST = 631_152_000.0, 7_258_118_400.0
"""Seconds since 1970 between which a number is a time: from 1990 to 2200."""

_DATE = re.compile(r"\w{3}, (\d\d \w{3} \d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) GMT", re.ASCII)
_LONGEST_DATE = 100
"""Characters of a Date header that is looked at more closely."""


class NoTime(InputError):
    """Something that is not a time; the text says what was expected."""


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


def har_seconds(took: Any) -> float:
    """The seconds that a HAR entry took, of its `time` in milliseconds (-1 or null: NaN). Raises `NoTime`."""
    if took is None or took == -1:
        return math.nan
    if isinstance(took, bool) or not isinstance(took, (int, float)) or not 0 <= took <= LONGEST_EXCHANGE * 1000:
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
    """The second that a Date header names; None for what is not a date."""
    match = _DATE.fullmatch(header)
    seconds: float | None = None
    if match is not None:
        day, hour, minute, second = match.groups()
        midnight = _midnight(day)
        seconds = None if midnight is None else midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    elif len(header) <= _LONGEST_DATE:
        from email.utils import mktime_tz, parsedate_tz  # it takes long to import, and few need it

        try:
            parts = parsedate_tz(header)
            if parts is not None and YEARS[0] <= parts[0] <= YEARS[1] and _is_time_of_day(*parts[3:6]):
                seconds = float(mktime_tz(parts))
        except (ValueError, OverflowError, TypeError, IndexError):
            return None
    if seconds is None:
        return None
    return Times(seconds, seconds + DATE_PRECISION, DATE_PRECISION)


def any_time(value: Any) -> tuple[float, float]:
    """Seconds since 1970 of a time in any of the usual forms, and its precision. Raises `NoTime`.

    That is ISO 8601, the date of HTTP, that of nginx and Apache, or a number of seconds, ms, us or ns.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit() and len(text) < 40:
            value = float(text) if "." in text else int(text)
        else:
            return _text_time(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoTime("expected a time, such as 2026-01-31T12:00:00.000Z or seconds since 1970")
    for unit in (1.0, 1e-3, 1e-6, 1e-9):
        seconds = value * unit
        if _FIRST <= seconds < _LAST:
            return seconds, MILLISECOND if isinstance(value, float) or unit < 1 else DATE_PRECISION
    raise NoTime("expected a time of a year in which recordings are made")


def _text_time(text: str) -> tuple[float, float]:
    for pattern in ("%d/%b/%Y:%H:%M:%S %z", "%Y/%m/%d %H:%M:%S"):
        try:
            moment = datetime.strptime(text[:_LONGEST_DATE], pattern)
        except ValueError:
            continue
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp(), DATE_PRECISION
    found = date_times(text) if text[:1].isalpha() else None
    if found is not None:
        return found.sent, found.precision
    precise = "." in text or "," in text
    return iso_seconds(text.replace(",", ".")), MILLISECOND if precise else DATE_PRECISION


def is_far(times: Times, date: str | None) -> bool:
    """Whether a Date header is so far from a recorded time that one of both clocks is wrong."""
    dated = date_times(date) if date else None
    return dated is not None and not -FAR < dated.sent - times.sent < FAR + LONGEST_ANSWER


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
