"""Replies: a response of the provider, and the manner in which it goes over the wire."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from pollproof.trace.exchange import Response


class Manner(Enum):
    """How a response goes over the wire; the value states what becomes of it otherwise."""

    WHOLE = ""
    RESET = "the connection was reset before the response"
    CUT = "the connection ended in the middle of the response"
    SILENT = "no response came, and the connection ended in the end"
    STALE = "-"  # the whole response, and then the connection ends without a word, as idle ones do


class Reply(NamedTuple):
    """What a request is answered with, `delay` seconds after it came, when `before` has been done."""

    response: Response
    manner: Manner = Manner.WHOLE
    delay: float = 0.0
    before: Callable[[], None] | None = None

    @property
    def arrives(self) -> bool:
        """Whether the client gets the whole response."""
        return self.manner in (Manner.WHOLE, Manner.STALE)
