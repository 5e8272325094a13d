"""Order: exchanges sorted by time in bounded memory."""

from __future__ import annotations

import pickle
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO

from pollproof.errors import PollproofError
from pollproof.recordings.entry import Recorded
from pollproof.recordings.errors import RecordingError

WINDOW = 1_000
"""Exchanges that are held back while a stream is read, so that small disorder is mended on the way."""

HANDED_ON = 500
"""Exchanges that are handed on together: to read many and then to judge many is a fifth faster than to take turns."""

RUN = 10_000
"""Exchanges that are sorted in memory; of more, only their times stay there."""

HELD_BYTES = 1 << 26
"""Bytes of bodies that are held in memory: a few answers of 20 MB, or ten thousand ordinary exchanges."""

Keyed = tuple[float, int, Recorded]
"""An exchange with its time (of the one before it, where it has none) and its place in the file."""


class OutOfOrder(PollproofError):
    """A stream in which an exchange comes so late that those after it are already judged: it must be sorted whole."""


def _keyed(stream: Iterable[Recorded]) -> Iterator[Keyed]:
    last = float("-inf")
    for place, recorded in enumerate(stream):
        sent = recorded.exchange.sent
        if sent == sent:  # not NaN: the time is known
            last = sent
        yield last, place, recorded


def _size(recorded: Recorded) -> int:
    exchange = recorded.exchange
    return len(exchange.request.body) + (0 if exchange.response is None else len(exchange.response.body))


def nearly_sorted(stream: Iterable[Recorded]) -> Iterator[Recorded]:
    """The stream in order of time, where it nearly is; raises `OutOfOrder` where it is not."""
    held: deque[Keyed] = deque()
    size = 0
    done = float("-inf")
    for item in _keyed(stream):
        if item[0] < done:
            raise OutOfOrder
        place = len(held)
        while place and held[place - 1][0] > item[0]:
            place -= 1
        held.insert(place, item)
        size += _size(item[2])
        if len(held) >= WINDOW + HANDED_ON or size > HELD_BYTES:
            while len(held) > WINDOW or (size > HELD_BYTES and len(held) > 1):
                done, _, recorded = held.popleft()
                size -= _size(recorded)
                yield recorded
    for _, _, recorded in held:
        yield recorded


def by_time(stream: Iterable[Recorded]) -> Iterator[Recorded]:
    """The stream in order of time; what does not fit into memory waits on disk, in the order of the file.

    Raises `RecordingError` where the disk is full.
    """
    run: list[Keyed] = []
    size = 0
    with _Store() as store:
        for item in _keyed(stream):
            run.append(item)
            size += _size(item[2])
            if len(run) >= RUN or size > HELD_BYTES:
                store.add(run)
                run, size = [], 0
        if store.times:
            store.add(run)
            yield from store.by_time()
            return
    run.sort(key=_time_and_place)
    for _, _, recorded in run:
        yield recorded


def _time_and_place(item: Keyed) -> tuple[float, int]:
    return item[:2]


class _Store(ExitStack):
    """Exchanges in a temporary file that comes into being with the first; their times stay in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.times = array("d")
        self._starts = array("Q")
        self._file: IO[bytes] | None = None

    def add(self, run: list[Keyed]) -> None:
        try:
            if self._file is None:
                import tempfile  # few recordings are so long

                self._file = self.enter_context(tempfile.TemporaryFile(prefix="pollproof-"))  # noqa: SIM115
            for moment, _, recorded in run:
                self.times.append(moment)
                self._starts.append(self._file.tell())
                pickle.dump(recorded, self._file, pickle.HIGHEST_PROTOCOL)  # our own, in a file only we have open
            self._file.flush()
        except OSError as error:
            problem = f"its entries are not in order of time, and sorting them on disk failed ({error.strerror})"
            raise RecordingError(run[0][2].file, "", problem) from None

    def by_time(self) -> Iterator[Recorded]:
        assert self._file is not None
        for place in sorted(range(len(self.times)), key=self.times.__getitem__):
            self._file.seek(self._starts[place])
            yield pickle.load(self._file)
