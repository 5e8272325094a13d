"""Judging recordings on Dask: in the processes of this machine, or on a cluster of many.

Dask shares the work out, moves what was read, and does again what was lost with a worker. A file that is a trace of its
own is one piece of work; files that are one trace together are read each on its own and judged in partitions by task.
"""

from __future__ import annotations

import copyreg
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Unpack

from pollproof.check.explaining import REMEMBERED_TASKS
from pollproof.check.judging import (
    Checking,
    CheckSpec,
    How,
    TraceSummary,
    add,
    begin_checking,
    check,
    ends,
    illustrated,
    rare_collections,
)
from pollproof.check.partitions import (
    File,
    Judged,
    PlacedExchange,
    in_order,
    joined,
    judge_account,
    judge_tasks,
    number_by_time,
    split_file,
)
from pollproof.contract.model import Contract
from pollproof.errors import PollproofError, RunError
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Moment
from pollproof.recordings.entry import Recorded
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.files import Recording, shown
from pollproof.recordings.reading import NoRecording
from pollproof.recordings.tally import Tally
from pollproof.runs.result import FileProgress
from pollproof.tasks.repeated import ENDLESS_COUNT, Stall

_EXTRA = "pollproof[dask]"
"""The extra that brings Dask."""

SCHEDULER_PATIENCE = 10
"""Seconds within which a scheduler answers."""

PARTITIONS_EACH = 2
"""Partitions for each thread of the cluster, so that a slow one does not hold up the others for long."""

PIECES_EACH = 4
"""Pieces of work for each thread where files are judged apart, for files are not equally long."""

MAXIMUM_FILES = 200
"""Files in one piece of work, so that little is done again when a worker dies."""

copyreg.pickle(MappingProxyType, lambda mapping: (MappingProxyType, (dict(mapping),)))  # contracts have some


class ClusterError(RunError):
    """The cluster cannot be had, or could not do the work; the text is one sentence."""


class NoDask(ClusterError):
    """Dask is not installed."""


@contextmanager
def connected(where: str) -> Iterator[Any]:
    """A client of the Dask cluster whose scheduler has that address, or of that many processes of this machine.

    Raises `ClusterError`.
    """
    if "@" in where:
        raise ClusterError("the address of the Dask scheduler has a user or a password; expected tcp://HOST:PORT")
    try:
        import distributed
    except ImportError:
        raise NoDask(f"--dask needs Dask, which is not installed: pip install '{_EXTRA}'") from None
    import logging

    cluster: Any = None
    try:
        if where.isdigit():
            cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=int(where),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # not the one port 8787
                silence_logs=logging.CRITICAL,
            )
        address = where if cluster is None else cluster
        client = distributed.Client(address, timeout=SCHEDULER_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        if cluster is not None:
            cluster.close()
        raise ClusterError(f"no Dask scheduler answers at {where} ({type(error).__name__})") from None
    try:
        yield client
    except distributed.KilledWorker:
        raise ClusterError("the workers of the cluster died again and again at the same piece of work") from None
    except ModuleNotFoundError as error:
        raise ClusterError(f"the workers of the cluster lack a package: {error}") from None
    finally:
        client.close()  # type: ignore[no-untyped-call]
        if cluster is not None:
            cluster.close()


def check_on(
    client: Any,
    contract: Contract,
    paths: Sequence[Recording],
    *,
    named: frozenset[Recording] = frozenset(),
    progress: FileProgress | None = None,
    partitions: int | None = None,
    result: Checking | None = None,
    **how: Unpack[How],
) -> Checking:
    """Judge recordings as `judging.check` does, on a cluster. An interruption leaves what was judged so far."""
    started = time.monotonic()
    result = begin_checking(CheckSpec(contract, **how)) if result is None else result
    shipped = client.scatter(result.spec, broadcast=True, hash=False)
    try:
        if result.spec.together and len(paths) > 1:
            threads = sum(client.nthreads().values()) or 1
            _Trace(client, shipped, result).judge(list(paths), partitions or max(2, threads * PARTITIONS_EACH))
        else:
            _files(client, shipped, paths, result, named, progress)
    except KeyboardInterrupt:
        result.complete = False
    result.seconds = time.monotonic() - started
    return result


# ------------------------------------------------------------------------------------ files, each a trace of its own


@dataclass(slots=True)
class _Piece:
    """What came of some files, as `Checking` has it, in a form that travels between processes."""

    ledger: Ledger
    tally: Tally
    summary: TraceSummary
    files: list[str]
    ignored: list[str]
    unread: list[Unread]


def _files(
    client: Any,
    shipped: Any,
    paths: Sequence[Recording],
    result: Checking,
    named: frozenset[Recording],
    progress: FileProgress | None,
) -> None:
    threads = sum(client.nthreads().values()) or 1
    size = min(-(-len(paths) // (threads * PIECES_EACH)), MAXIMUM_FILES)
    pieces = [paths[first : first + size] for first in range(0, len(paths), size)]
    futures = client.map(_judge_files, pieces, spec=shipped, named=named, pure=False)
    for own, future in zip(pieces, futures, strict=True):
        piece: _Piece = future.result()
        future.release()
        result.detail.files += piece.files
        result.detail.ignored += piece.ignored
        result.detail.unread += [_readable(each) for each in piece.unread]
        add(result, piece.ledger, piece.tally, piece.summary)
        if progress is not None:
            progress(shown(own[-1]), result.detail.tally.matched)


def _judge_files(paths: Sequence[Recording], spec: CheckSpec, named: frozenset[Recording]) -> _Piece:
    checking = check(spec.contract, paths, named=named, result=begin_checking(spec))
    detail = checking.detail
    summary = TraceSummary(detail.roles, detail.orphans, checking.solving)
    unread = [_travelling(each) for each in detail.unread]
    return _Piece(checking.ledger, detail.tally, summary, detail.files, detail.ignored, unread)


Unread = tuple[bool, str, str, str]
"""Why a file cannot be read, as it travels: whether it is not a recording at all, and the words."""


def _travelling(problem: RecordingError) -> Unread:
    return isinstance(problem, NoRecording), problem.file, problem.place, problem.problem


def _readable(problem: Unread) -> RecordingError:
    return (NoRecording if problem[0] else RecordingError)(*problem[1:])


# -------------------------------------------------------------------------------------------- one trace of many files


@dataclass(slots=True)
class _Head:
    """What the driver needs to know of a file that was read."""

    times: array[float]
    tally: Tally
    tasks: int
    callbacks: frozenset[str]
    put_off: int
    digests: array[int]


class _Trace:
    """Judges files as one trace, in partitions by task."""

    def __init__(self, client: Any, shipped: Any, result: Checking) -> None:
        self._client = client
        self._contract = result.spec.contract
        self._spec = shipped
        self._result = result

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.submit(function, *arguments, pure=False)

    def judge(self, paths: list[Recording], count: int) -> None:
        """Judge the files; nothing of them counts where one cannot be read."""
        try:
            files, heads = self._read(paths, count)
        except _Unread as error:
            self._result.detail.unread.append(error.problem)
            return
        numbers = number_by_time([head.times for head in heads])
        shipped = self._client.scatter(numbers, broadcast=True, hash=False)
        parts = [[self._submit(_partition, file, number) for file in files] for number in range(count)]
        tally = Tally()
        for head in heads:
            tally.add(head.tally)
        account = self._submit(_judge_account, self._spec, parts, shipped, not tally.unrecorded)
        # Only where there are more tasks than are kept in mind does anything have to be forgotten, in time; and only
        # where some were put off often enough can that be without end.
        many = sum(head.tasks for head in heads) > REMEMBERED_TASKS
        often = sum(head.put_off for head in heads) >= ENDLESS_COUNT
        facts = self._submit(_account_facts, account) if many or often else ((), {})
        judged = [self._submit(_judge_tasks, self._spec, own, shipped, facts) for own in parts]
        results: list[Judged] = self._client.gather([account, *judged])
        ledger = joined(self._contract, results)
        self._show(ledger, files, numbers)
        add(self._result, ledger, tally, results[0].summary)
        self._result.detail.files += [shown(path) for path in paths]

    def _read(self, paths: list[Recording], count: int) -> tuple[list[Any], list[_Head]]:
        files = [self._submit(_split, self._spec, path, count, frozenset(), frozenset()) for path in paths]
        heads = self._heads(files)
        known: frozenset[str] = frozenset()
        seen: set[int] = set()
        for number, path in enumerate(paths):
            repeated = frozenset(seen.intersection(heads[number].digests))
            # A callback is recognised by its address, which a file before this one may have named; and entries that
            # stand in one before it are counted once.
            if known or repeated:
                files[number] = self._submit(_split, self._spec, path, count, known, repeated)
                (heads[number],) = self._heads(files[number : number + 1])
            known |= heads[number].callbacks
            seen.update(heads[number].digests)
        return files, heads

    def _heads(self, files: list[Any]) -> list[_Head]:
        heads: list[_Head] = []
        for head in self._client.gather([self._submit(_head, file) for file in files]):
            if not isinstance(head, _Head):
                raise _Unread(_readable(head))
            heads.append(head)
        return heads

    def _show(self, ledger: Ledger, files: list[Any], numbers: list[array[int]]) -> None:
        """Fetch the exchanges that show what is violated from the workers that have read them."""
        broken = [entry for entry in ledger.entries.values() if entry.evidence is not None]
        chosen = {entry.clause.id: ends(entry.evidence.trace.numbers) for entry in broken if entry.evidence}
        wanted = {number for own in chosen.values() for number in own}
        if not wanted:
            return
        found: dict[int, Recorded] = {}
        picked = []
        for file, own in zip(files, numbers, strict=True):
            places = {place: number for place, number in enumerate(own) if number in wanted}
            if places:
                picked.append(self._submit(_pick, file, places))
        for each in self._client.gather(picked):
            found |= each
        for entry in broken:
            assert entry.evidence is not None
            entry.evidence = illustrated(entry.evidence, chosen[entry.clause.id], found)


class _Unread(PollproofError):
    def __init__(self, problem: RecordingError) -> None:
        self.problem = problem


def _split(
    spec: CheckSpec, path: Recording, count: int, callbacks: frozenset[str], repeated: frozenset[int]
) -> File | Unread:
    try:
        with rare_collections():
            return split_file(spec, path, count, callbacks, repeated)
    except RecordingError as error:
        return _travelling(error)


def _head(file: File | Unread) -> _Head | Unread:
    if not isinstance(file, File):
        return file
    return _Head(file.times, file.tally, file.tasks, file.callbacks, file.put_off, file.digests)


def _partition(file: File, number: int) -> list[PlacedExchange]:
    return file.partitions[number]


def _judge_account(
    spec: CheckSpec, parts: list[list[list[PlacedExchange]]], numbers: list[array[int]], complete: bool
) -> Judged:
    with rare_collections():
        files = [[item for own in file for item in own] for file in zip(*parts, strict=True)]
        return judge_account(spec, in_order(files, numbers), complete=complete)


def _judge_tasks(spec: CheckSpec, parts: list[list[PlacedExchange]], numbers: list[array[int]], facts: Any) -> Judged:
    with rare_collections():
        return judge_tasks(spec.contract, in_order(parts, numbers), *facts)


def _account_facts(account: Judged) -> tuple[list[tuple[Moment, str]], dict[int, Stall]]:
    return account.forgotten, account.endless


def _pick(file: File, places: dict[int, int]) -> dict[int, Recorded]:
    return {
        places[item.place]: item.recorded
        for items in file.partitions
        for item in items
        if item.judged and item.place in places
    }
