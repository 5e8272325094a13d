"""Gaps: how long a client waited between two requests, as far as the times of the trace show."""

from __future__ import annotations

import math

from pollproof.trace.exchange import Exchange

COARSE = 0.1
"""Seconds of doubt about a gap from which on both ends of it are shown."""


def gap(last_sent: float, last_precision: float, exchange: Exchange) -> tuple[float, float]:
    """The seconds between two requests, at least and at most (NaN: not known). A small doubt is the client's gain.

    Where requests overlap, the one that is judged may have been sent first.
    """
    between = abs(exchange.sent - last_sent)
    least = between if last_precision < COARSE else between - last_precision
    return least, between + exchange.precision


def describe_gap(least: float, most: float) -> str:
    """A gap between two requests as people read it."""
    if most - least >= COARSE:
        return f"{max(least, 0):g} to {most:g} s"
    return f"{most:.3f} s" if most == least else f"at most {most:.3f} s"


def retry_seconds(value: str, date: str) -> float:
    """The seconds of a Retry-After header; infinite where it cannot be read (RFC 9110, 10.2.3).

    A date is read against the date of the response.
    """
    text = value.strip()
    if text.isdecimal():
        return float(text)
    from email.utils import parsedate_to_datetime  # it takes long to import, and few need it

    try:
        return max((parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return math.inf
