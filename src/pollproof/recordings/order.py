"""Order: exchanges sorted by time in bounded memory."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from bisect import insort
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import IO

from pollproof.recordings.entry import Recorded

WINDOW = 1_000
"""Exchanges that are held back while a stream is read, so that small disorder is mended on the way."""

RUN = 10_000
"""Exchanges that are sorted in memory at a time."""

Keyed = tuple[float, int, Recorded]
"""An exchange with its time (of the one before it, where it has none) and its place in the file."""


class OutOfOrder(Exception):
    """A stream in which an exchange comes so late that those after it are already judged: it must be sorted whole."""


def _keyed(stream: Iterable[Recorded]) -> Iterator[Keyed]:
    last = float("-inf")
    for place, recorded in enumerate(stream):
        sent = recorded.exchange.sent
        if sent == sent:  # not NaN: the time is known
            last = sent
        yield last, place, recorded


def nearly_sorted(stream: Iterable[Recorded]) -> Iterator[Recorded]:
    """The stream in order of time, where it nearly is; raises `OutOfOrder` where it is not."""
    held: list[Keyed] = []
    done = float("-inf")
    start = 0
    for item in _keyed(stream):
        if item[0] < done:
            raise OutOfOrder
        if not held or held[-1][:2] <= item[:2]:
            held.append(item)
        else:
            insort(held, item, lo=start, key=itemgetter(0, 1))
        if len(held) - start > WINDOW:
            done = held[start][0]
            yield held[start][2]
            start += 1
            if start > WINDOW:
                del held[:start]
                start = 0
    for _, _, recorded in held[start:]:
        yield recorded


def by_time(stream: Iterable[Recorded]) -> Iterator[Recorded]:
    """The stream in order of time; what does not fit into memory is sorted in runs on disk."""
    run: list[Keyed] = []
    with ExitStack() as stack:
        files: list[IO[bytes]] = []
        for item in _keyed(stream):
            run.append(item)
            if len(run) >= RUN:
                files.append(stack.enter_context(tempfile.TemporaryFile(prefix="pollproof-")))
                _store(run, files[-1])
                run = []
        run.sort(key=itemgetter(0, 1))
        if not files:
            for _, _, recorded in run:
                yield recorded
            return
        runs = [*(_stored(file) for file in files), iter(run)]
        for _, _, recorded in heapq.merge(*runs, key=itemgetter(0, 1)):
            yield recorded


def _store(run: list[Keyed], file: IO[bytes]) -> None:
    run.sort(key=itemgetter(0, 1))
    for item in run:
        pickle.dump(item, file, pickle.HIGHEST_PROTOCOL)  # our own objects, in a file that only we have open
    file.seek(0)


def _stored(file: IO[bytes]) -> Iterator[Keyed]:
    while True:
        try:
            yield pickle.load(file)
        except EOFError:
            return
