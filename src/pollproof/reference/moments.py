"""Ids and moments as the responses of the reference provider write them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

EPOCH = datetime(2026, 1, 1)
"""What the reference's clock shows at second 0."""

EPOCH_SECONDS = 1_767_225_600
"""The same moment, in seconds since 1970."""

LAST_SECOND = int((datetime(9999, 12, 31, tzinfo=EPOCH.tzinfo) - EPOCH).total_seconds())
"""The last day that a date has: the clock of a client that never ends is put forward beyond it."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@lru_cache(512)
def write_id(form: str, number: int, written: str = "", length: int = 0) -> Any:
    """The id of the task of that number, in one of the forms of a contract, cut and written as documented."""
    if written or length:
        return (written or "{id}").replace("{id}", str(write_id(form, number))[: length or None])
    spread = number * 0x9E3779B97F4A7C15F39CC0605CEDC835  # the golden ratio: ids of neighbours look unalike
    match form:
        case "integer":
            return 100_000_000 + 7 * number
        case "digits":
            return str(7434928397127555073 + 2 * number)  # odd and beyond 2^53: no double is one of them
        case "letters" | "lower":
            letters = "".join(_LETTERS[spread // 36**place % 36] for place in range(24))
            return letters if form == "letters" else letters.lower()
        case "hex":
            return f"{spread % 2**64:016x}"
    return str(uuid.UUID(int=spread % 2**128, version=4))


def write_moment(seconds: float, form: str) -> Any:
    """A time as answers of that form write it."""
    if form in ("text", "iso"):
        return _second(int(seconds), "%Y-%m-%d %H:%M:%S" if form == "text" else "%Y-%m-%dT%H:%M:%SZ")
    return int((EPOCH_SECONDS + seconds) * (1000 if form == "milliseconds" else 1))


@lru_cache(maxsize=256)
def _second(second: int, form: str) -> str:
    """A second as answers write it: of three thousand tasks of a batch all were created in the same one."""
    return (EPOCH + timedelta(seconds=min(second, LAST_SECOND))).strftime(form)
