"""One trace in partitions by task, each judged apart from the others, with the ledger that the whole gives.

What a clause of one task needs is in the partition of that task. What clauses about the account need (results that two
tasks share, ids given twice, batches, retries) is in one partition that has all exchanges and asks these clauses alone.
It tells the others what only the whole shows: which tasks were forgotten, and which polls were put off without end.
Exchanges are numbered as in the whole trace, so the evidence of all partitions can be compared, and shown.
"""

from __future__ import annotations

import zlib
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from pollproof.check.explaining import REMEMBERED_TASKS
from pollproof.check.judging import CheckSpec, Observer, TraceSummary, check_probe
from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Role
from pollproof.contract.vocabulary import PUT_OFF
from pollproof.monitor.coverage import Seen
from pollproof.monitor.ledger import Evidence, Ledger, rank_evidence
from pollproof.monitor.monitor import MAXIMUM_VIOLATIONS, Moment, Monitor, clauses_of
from pollproof.recordings.entry import Recorded
from pollproof.recordings.files import Recording
from pollproof.recordings.reading import exchanges
from pollproof.recordings.tally import SeenEntries, Tally
from pollproof.tasks.repeated import Stall
from pollproof.trace.reader import reader_of

UNLIMITED = 1 << 62
"""Tasks that a partition keeps in mind: the account names those to forget, as the whole trace would."""

NO_STALLS: Mapping[int, Stall] = MappingProxyType({})

_BEFORE_ALL = float("-inf")
"""The time of exchanges before the first whose time is known."""


class PlacedExchange(NamedTuple):
    """An exchange by its place in its file; one that is not `judged` here tells of tasks and is judged elsewhere."""

    place: int
    recorded: Recorded
    judged: bool = True


@dataclass(slots=True)
class File:
    """What was read of one file of a trace: its exchanges by partition, the time of each, and what was counted.

    `tasks` is how many ids were seen at most, `callbacks` the addresses for callbacks that its creations named,
    `put_off` how many exchanges about a task were refused as busy, `digests` tell entries that other files have too.
    """

    partitions: list[list[PlacedExchange]]
    times: array[float]
    tally: Tally
    tasks: int
    callbacks: frozenset[str]
    put_off: int
    digests: array[int]


@dataclass(slots=True)
class Judged:
    """What one partition says: per clause how often it was exercised and broken and after how many exchanges first, and
    its first pieces of evidence.

    The rest comes from the partition of the account alone: `forgotten` are the tasks that were too many to keep in
    mind, each with the number of the exchange after which; `endless` are the stalls without end of exchanges about a
    task, by number.
    """

    counts: dict[str, tuple[int, int, int | None]]
    evidence: dict[str, list[Evidence]]
    seen: Seen = field(default_factory=Seen)
    exchanges: int = 0
    summary: TraceSummary = field(default_factory=TraceSummary)
    forgotten: list[tuple[Moment, str]] = field(default_factory=list)
    endless: dict[int, Stall] = field(default_factory=dict)


def split_file(
    spec: CheckSpec,
    path: Recording,
    count: int,
    callbacks: frozenset[str] = frozenset(),
    repeated: frozenset[int] = frozenset(),
) -> File:
    """Read one file into that many partitions. Raises `RecordingError`.

    `callbacks` are the addresses that earlier files of the trace have named, `repeated` digests of entries that stand
    in them too.
    """
    contract = spec.contract
    reader = reader_of(contract)
    probes = {None, *contract.probe_names}
    tally = Tally()
    known = set(callbacks)
    partitions: list[list[PlacedExchange]] = [[] for _ in range(count)]
    times = array("d")
    seen: set[str] = set()
    put_off = 0
    digests = array("Q")
    entries = SeenEntries(repeated, digests)
    for place, recorded in enumerate(exchanges([path], contract, tally, spec.base_url, known, spec.keys, entries)):
        exchange = recorded.exchange
        check_probe(recorded, probes)
        times.append(exchange.sent)
        event = reader.read(exchange, place)
        task = None if event is None else event.task
        own = place % count if task is None else partition_of(task, count)
        partitions[own].append(PlacedExchange(place, recorded))
        if event is not None and task is not None:
            seen.add(task)
            put_off += event.effect in PUT_OFF or event.transient
        if event is not None and event.operation.role is Role.BATCH:
            seen.update(member.task for member in event.members if member.task is not None)
            for number in range(count):  # its tasks are polled in all of them
                if number != own:
                    partitions[number].append(PlacedExchange(place, recorded, judged=False))
    return File(partitions, times, tally, len(seen), frozenset(known), put_off, digests)


def partition_of(task: str, count: int) -> int:
    """The partition of a task: the same in every process."""
    return zlib.crc32(task.encode("utf-8", "surrogatepass")) % count


def number_by_time(times: Sequence[array[float]]) -> list[array[int]]:
    """The numbers of the exchanges of all files in one trace: in order of time, and as read where times are equal."""
    moments: list[tuple[float, int, int]] = []
    last = _BEFORE_ALL
    for file, own in enumerate(times):
        for place, sent in enumerate(own):
            if sent == sent:  # not NaN: the time is known
                last = sent
            moments.append((last, file, place))
    moments.sort()
    numbers = [array("q", bytes(8 * len(own))) for own in times]
    for number, (_, file, place) in enumerate(moments):
        numbers[file][place] = number
    return numbers


Numbered = tuple[int, Recorded, bool]


def in_order(parts: Iterable[Sequence[PlacedExchange]], numbers: Sequence[array[int]]) -> Iterator[Numbered]:
    """The items of one partition of all files, with their numbers in the trace."""
    found = [
        (own[item.place], item.recorded, item.judged)
        for items, own in zip(parts, numbers, strict=True)
        for item in items
    ]
    return iter(sorted(found, key=lambda each: each[0]))


def scoped(contract: Contract, scope: str) -> tuple[Clause, ...]:
    """The clauses that are judged on one task, or on the account."""
    return tuple(clause for clause in clauses_of(contract) if KINDS[clause.kind].scope == scope)


def judge_tasks(
    contract: Contract,
    items: Iterable[Numbered],
    forgotten: Sequence[tuple[Moment, str]],
    endless: Mapping[int, Stall] = NO_STALLS,
) -> Judged:
    """Ask the clauses about tasks of one partition.

    `forgotten` says which tasks the whole trace forgets, and when; `endless` which exchanges it has put off without
    end.
    """
    clauses = scoped(contract, "task")
    ledger = _Collecting(clauses)
    monitor = Monitor(reader_of(contract), clauses, ledger, remember=UNLIMITED)
    monitor.endless = endless
    waiting = deque(forgotten)

    def forget(moment: Moment) -> None:
        while waiting and waiting[0][0] < moment:
            monitor.forget(waiting.popleft()[1])

    monitor.judges = forget
    for _ in monitor.observe_numbered((number, recorded.exchange, judged) for number, recorded, judged in items):
        pass
    return ledger.judged()


def judge_account(spec: CheckSpec, items: Iterable[Numbered], *, complete: bool = True) -> Judged:
    """Ask the clauses about the account; the items are all of the trace. `complete` is as for `Observer.observe`."""
    contract = spec.contract
    clauses = scoped(contract, "account")
    ledger = _Collecting(clauses)
    watched = clauses_of(contract)  # it alone sees every exchange, each once
    monitor = Monitor(reader_of(contract), clauses, ledger, remember=REMEMBERED_TASKS, watched=watched)
    forgotten: list[tuple[Moment, str]] = []
    monitor.forgets = lambda moment, task: forgotten.append((moment, task))
    observer = Observer(monitor, spec)
    own = (item for item in items if item[2])  # of any other there is a copy that is judged
    observer.observe_all(own, complete=lambda: complete)
    result = ledger.judged()
    result.summary, result.forgotten, result.endless = observer.summary(), forgotten, observer.endless
    result.seen, result.exchanges = ledger.seen, ledger.exchanges
    return result


class _Collecting(Ledger):
    """A ledger that keeps all evidence that is looked at, for another partition may have had some before."""

    def __init__(self, clauses: Iterable[Clause]) -> None:
        super().__init__(clauses)
        self._all: dict[str, list[Evidence]] = {}

    def count(self, number: int) -> None:
        """Count all exchanges of the whole trace up to this one."""
        self.place = number + 1
        self.exchanges = max(self.exchanges, self.place)

    def add(self, identifier: str, evidence: Evidence) -> None:
        super().add(identifier, evidence)
        self._all.setdefault(identifier, []).append(evidence)

    def judged(self) -> Judged:
        """What it says, in a form that travels between processes."""
        counts = {
            name: (entry.exercised, entry.violations, entry.first)
            for name, entry in self.entries.items()
            if entry.exercised
        }
        return Judged(counts, self._all)


def joined(contract: Contract, parts: Iterable[Judged]) -> Ledger:
    """The ledger that the whole trace gives: of the first pieces of evidence of a clause the shortest."""
    ledger = Ledger(clauses_of(contract))
    evidence: dict[str, list[Evidence]] = {}
    for part in parts:
        ledger.seen.add(part.seen)
        ledger.exchanges += part.exchanges
        for name, (exercised, violations, first) in part.counts.items():
            entry = ledger.entries[name]
            entry.exercised += exercised
            entry.violations += violations
            ledger.violations += violations
            entry.first = min((each for each in (entry.first, first) if each is not None), default=None)
        for name, found in part.evidence.items():
            evidence.setdefault(name, []).extend(found)
    for name, found in evidence.items():
        if KINDS[ledger.entries[name].clause.kind].scope == "task":  # that of the account is of one partition
            found.sort(key=lambda each: each.trace.numbers[-1])
        ledger.entries[name].evidence = min(found[:MAXIMUM_VIOLATIONS], key=rank_evidence)
    return ledger
