"""The window of a trace that goes on without end: its last exchanges, and those of the tasks that live in them."""

from __future__ import annotations

from collections.abc import Iterable

from pollproof.trace.exchange import Exchange

MAXIMUM_TRACE = 128 * 1024 * 1024
"""Bytes of bodies that are kept of one trace, besides its newest exchange."""

OVERHEAD = 512
"""Bytes of an exchange besides its bodies, about."""


class RecentTrace:
    """Exchanges by their number in the trace: about the last `size`, fewer where their bodies are very large.

    It is full at twice the size, so that letting go costs each exchange little.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._exchanges: dict[int, Exchange] = {}
        self._bytes = 0
        self._most = MAXIMUM_TRACE

    def __len__(self) -> int:
        return len(self._exchanges)

    def __contains__(self, number: int) -> bool:
        return number in self._exchanges

    def __getitem__(self, number: int) -> Exchange:
        return self._exchanges[number]

    def clear(self) -> None:
        """Forget all of it."""
        self._exchanges.clear()
        self._bytes = 0

    def add(self, number: int, exchange: Exchange) -> None:
        """Take one more exchange in."""
        self._exchanges[number] = exchange
        self._bytes += _size(exchange)

    @property
    def is_full(self) -> bool:
        """Whether it is time to let go of what is old."""
        return len(self._exchanges) > 2 * self._size or self._bytes > self._most

    def horizon(self) -> int:
        """The number from which on exchanges are recent: they are as many, and as large, as may stay."""
        left, since = self._most // 2, 0
        for count, number in enumerate(reversed(self._exchanges)):
            left -= _size(self._exchanges[number])
            if count >= self._size or (left < 0 and count):
                return since
            since = number
        return since

    def keep(self, since: int, others: Iterable[Iterable[int]]) -> None:
        """Let go of exchanges before a number, but for these others, the newest first, as far as there is room."""
        wanted = {number for numbers in others for number in numbers if number < since}
        kept: list[int] = []
        total = 0
        for number in reversed(self._exchanges):
            if number >= since or number in wanted:
                size = _size(self._exchanges[number])
                if number < since and (len(kept) >= self._size + self._size // 2 or total + size > self._most // 2):
                    continue
                kept.append(number)
                total += size
        self._exchanges = {number: self._exchanges[number] for number in reversed(kept)}
        self._bytes = total


def _size(exchange: Exchange) -> int:
    response = exchange.response
    return OVERHEAD + len(exchange.request.body) + (0 if response is None else len(response.body))
