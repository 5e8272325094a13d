"""Shrinking: a violation that was found is shown again by fewer exchanges, at times next to the limit it is about.

The schedule of the evidence is replayed with fresh tasks, ever shorter, and each replay is judged by a monitor of its
own that knows that clause alone: nothing else hears of it. What no replay shows keeps the evidence it had.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from pollproof.clock import Clock
from pollproof.contract.model import Clause, Contract, Role, Subject
from pollproof.contract.vocabulary import ABOUT_A_TASK
from pollproof.http.target import Target
from pollproof.monitor.ledger import Evidence, Ledger, LedgerEntry
from pollproof.monitor.monitor import Monitor
from pollproof.trace.client_outcome import OUTCOME_PATH
from pollproof.trace.events import CALLBACK_PATH, Event
from pollproof.trace.exchange import Exchange, Request, Slice
from pollproof.trace.reader import Reader
from pollproof.verify.target_clocks import HookedClock

MAXIMUM_REPLAYS = 60
"""Replays that go into one clause."""

MAXIMUM_EXCHANGES = 6_000
"""Exchanges that go into one clause, of all its replays."""

_MAXIMUM_SECONDS = 5.0
"""Real seconds that go into one clause: only slow targets take so long."""

ALL_SECONDS = 20.0
"""Real seconds that go into all clauses of a run together."""

MAXIMUM_CLAUSES = 12
"""Clauses of one run whose violations are made shorter."""

_BESIDE_LIMIT = 0.001
"""Seconds beside a limit at which a violation is looked for."""

ROUND = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Waits that are tried in place of odd ones, in seconds."""

_LONG_SCHEDULE = 12
"""Exchanges up to which each is left out by itself; of longer schedules, parts are."""


class ScheduledRequest(NamedTuple):
    """One request of a schedule, and the seconds before it. `ids` are the task ids that its response gave.

    `task` is the task that it is about.
    """

    wait: float
    request: Request
    probe: str | None
    ids: tuple[str, ...]
    task: str | None


class ReplayTarget(NamedTuple):
    """Where schedules are replayed: a target with its clock, made ready for each replay."""

    target: Target
    clock: Clock


class Shrinker:
    """Makes the evidence of one clause shorter.

    `fresh` gives a bench, with the id of the first task of the schedule, `creation` a request for any task. At `end`,
    of the monotonic clock, no further replay is begun.
    """

    def __init__(
        self,
        contract: Contract,
        clause: Clause,
        fresh: Callable[[str], ReplayTarget],
        creation: Callable[[], Request],
        end: float = math.inf,
    ) -> None:
        self._clause = clause
        self._fresh = fresh
        self._creation = creation
        self._reader = Reader(contract)
        limits = contract.limits
        self._lost = (limits.lifetime or 0.0) + limits.lifetime_slack
        self._left = MAXIMUM_REPLAYS
        self._exchanges = 0
        self._first = ""
        self._end = min(time.monotonic() + _MAXIMUM_SECONDS, end)

    def shrunk(self, evidence: Evidence) -> Evidence | None:
        """Shorter evidence of the same clause, None where there is none."""
        steps = self._schedule(evidence.trace.exchanges)
        if not steps:
            return None
        own = [number for number, step in enumerate(steps) if steps[-1].task in (step.task, *step.ids)]
        best = None
        for schedule in (_chosen(steps, own), steps):
            self._first = next((step.ids[0] for step in schedule if step.ids), "")
            best = self._try(schedule)
            if best is not None:
                break
        if best is None:
            return self._fewer_connections(evidence)
        best = self._fewer(*best)
        return self._sooner(*best)[1]

    def _fewer_connections(self, evidence: Evidence) -> Evidence | None:
        """The evidence without what is not needed to find the same in it: connections first, then single exchanges.

        What shows itself only where requests overlap cannot be replayed one by one; its trace is judged anew instead.
        """
        shown = list(zip(evidence.trace.numbers, evidence.trace.exchanges, strict=False))
        if len({exchange.connection for _, exchange in shown}) < 2:
            return None
        connections = sorted({exchange.connection for _, exchange in shown})
        parts = [[pair for pair in shown if pair[1].connection == connection] for connection in connections]
        for part in (*parts, *([pair] for pair in shown[:MAXIMUM_REPLAYS])):
            kept = [pair for pair in shown if pair not in part]
            if len(kept) < len(shown) and self._finds(evidence, [exchange for _, exchange in kept]):
                shown = kept
        if len(shown) == len(evidence.trace.numbers):
            return None
        numbers = tuple(number for number, _ in shown)
        since = tuple(number for number in evidence.violation.since if number in numbers)
        trace = Slice(numbers, tuple(exchange for _, exchange in shown))
        return Evidence(replace(evidence.violation, since=since), trace)

    def _finds(self, evidence: Evidence, exchanges: Sequence[Exchange]) -> bool:
        """Whether the same is found in these exchanges alone."""
        monitor = Monitor(self._reader, (self._clause,), Ledger((self._clause,)))
        for _ in monitor.observe_all(exchanges):
            pass
        found = monitor.ledger[self._clause.id].evidence
        return found is not None and found.violation.message == evidence.violation.message

    def _schedule(self, exchanges: Sequence[Exchange]) -> list[ScheduledRequest]:
        """The requests of an evidence; before tasks whose creation is not in it, a creation."""
        steps: list[ScheduledRequest] = []
        known: set[str] = set()
        before = exchanges[0].sent
        for number, exchange in enumerate(exchanges):
            event = self._reader.read(exchange, number)
            if event is None or exchange.request.path in (CALLBACK_PATH, OUTCOME_PATH):
                return []
            ids = ids_of(event)
            if not ids and event.task is not None and event.task not in known and exchange.probe is None:
                if event.operation.role in ABOUT_A_TASK:
                    steps.insert(0, ScheduledRequest(0.0, self._creation(), None, (event.task,), event.task))
                    known.add(event.task)
            known.update(ids)
            steps.append(
                ScheduledRequest(max(exchange.sent - before, 0.0), exchange.request, exchange.probe, ids, event.task)
            )
            before = exchange.sent
        return steps

    def _try(self, steps: list[ScheduledRequest]) -> tuple[list[ScheduledRequest], Evidence] | None:
        """Replay a schedule: what of it shows the violation, and the evidence; None where it does not."""
        if self._left <= 0 or self._exchanges > MAXIMUM_EXCHANGES or time.monotonic() > self._end:
            return None
        self._left -= 1
        self._exchanges += len(steps)
        bench = self._fresh(self._first)
        monitor = Monitor(self._reader, (self._clause,), Ledger((self._clause,)))
        names: dict[str, str] = {}
        for step in steps:
            if time.monotonic() > self._end:
                return None
            _let_pass(bench.clock, step.wait)
            request = renamed(step.request, names)
            sent = bench.clock.now()
            answer = bench.target.exchange(request)
            received = bench.clock.now()
            exchange = Exchange(request, answer.response, sent, received, answer.failure, step.probe)
            event = monitor.observe(exchange)
            if event is not None and step.ids:
                names.update(zip(step.ids, ids_of(event), strict=False))
        found = monitor.ledger[self._clause.id].evidence
        if found is None:
            return None
        return _chosen(steps, found.trace.numbers), found

    def _fewer(self, steps: list[ScheduledRequest], found: Evidence) -> tuple[list[ScheduledRequest], Evidence]:
        """Leave exchanges out: large parts first, then one by one."""
        size = max(len(steps) // 2, 1)
        while size >= 1 and (len(steps) <= _LONG_SCHEDULE or size > len(steps) // 8):
            begin = 0
            while begin < len(steps) - 1:
                end = min(begin + size, len(steps) - 1)
                kept = _chosen(steps, [number for number in range(len(steps)) if not begin <= number < end])
                better = self._try(kept)
                if better is not None and len(better[0]) < len(steps):
                    steps, found = better
                else:
                    begin += size
            size //= 2
        return steps, found

    def _sooner(self, steps: list[ScheduledRequest], found: Evidence) -> tuple[list[ScheduledRequest], Evidence]:
        """Shorten the waits: to a round number where any will do, else to the very side of a limit."""
        longest = max(range(len(steps)), key=lambda number: steps[number].wait)
        total = sum(step.wait for step in steps)
        # No wait at all, the longest alone, or all of them at once after the first exchange.
        for kept, wait in ((-1, 0.0), (longest, steps[longest].wait), (1, total)):
            if sum(1 for step in steps if step.wait) > 1:
                alone = [step._replace(wait=wait if number == kept else 0.0) for number, step in enumerate(steps)]
                better = self._try(alone)
                if better is not None and len(better[0]) == len(steps):
                    steps, found = better
        for place in sorted(range(len(steps)), key=lambda number: -steps[number].wait):
            if place >= len(steps) or steps[place].wait == 0:
                continue
            for wait in _waits(steps, place, found, self._lost):
                changed = [*steps]
                changed[place] = steps[place]._replace(wait=wait)
                better = self._try(changed)
                if better is not None and len(better[0]) == len(steps):
                    steps, found = better
                    break
        return steps, found


def _let_pass(clock: Clock, seconds: float) -> None:
    """Let `seconds` pass; where a clock hook takes whole seconds, the rest of them really."""
    end = clock.now() + seconds
    whole = clock.at_most(seconds) if isinstance(clock, HookedClock) else seconds
    if whole > 0:
        clock.advance(whole)
    if whole < seconds:
        time.sleep(max(end - clock.now(), 0.0))


def _waits(steps: Sequence[ScheduledRequest], place: int, found: Evidence, lost: float) -> Iterator[float]:
    """The waits that are tried at a place, the best first; after `lost` seconds a task is surely lost."""
    now = steps[place].wait
    yield from (wait for wait in ROUND[:2] if wait < now)
    began = found.trace.exchanges[0].sent
    others = sum(step.wait for step in steps[1:]) - now
    seen = {now}
    for deadline in sorted(found.violation.deadlines, key=lambda deadline: -deadline.at):
        for beside in (0.0, _BESIDE_LIMIT, -_BESIDE_LIMIT):
            wait = round(deadline.at - began - others + beside, 6)
            if wait > 0 and wait not in seen and abs(wait - now) < max(now, 60.0):
                seen.add(wait)
                yield wait
    yield from (wait for wait in (*ROUND[2:], lost + _BESIDE_LIMIT, float(int(now)), float(int(now) + 1)) if wait < now)


def _chosen(steps: Sequence[ScheduledRequest], numbers: Iterable[int]) -> list[ScheduledRequest]:
    """Some steps of a schedule; what is left out passes its wait on."""
    wanted, wait = set(numbers), 0.0
    kept: list[ScheduledRequest] = []
    for number, step in enumerate(steps):
        wait += step.wait
        if number in wanted:
            kept.append(step._replace(wait=wait if kept else 0.0))
            wait = 0.0
    return kept


def ids_of(event: Event) -> tuple[str, ...]:
    """The ids of the tasks that a response gave, in their order."""
    if event.operation.role is Role.BATCH:
        return tuple(member.task for member in event.members if member.task is not None)
    return (event.task,) if event.operation.role is Role.CREATE and event.task is not None else ()


def renamed(request: Request, names: dict[str, str]) -> Request:
    """A request with the ids of this replay in place of the recorded ones."""
    for old, new in names.items():
        if old != new:
            body = request.body.replace(old.encode(), new.encode())
            request = request._replace(path=request.path.replace(old, new), body=body)
    return request


def shrink(
    contract: Contract,
    ledger: Ledger,
    fresh: Callable[[str], ReplayTarget],
    creation: Callable[[], Request],
    *,
    probes: bool = True,
) -> None:
    """Make the evidence of the violated clauses about the provider shorter, of each by itself.

    Without `probes`, what was shown by deliberately invalid requests is left alone: some providers ban for them.
    """
    broken = [entry for entry in ledger.violated() if entry.clause.subject is Subject.PROVIDER and _worth(entry)]
    end = time.monotonic() + ALL_SECONDS
    for entry in broken[:MAXIMUM_CLAUSES]:
        evidence = entry.evidence
        if evidence is None or (not probes and any(exchange.probe for exchange in evidence.trace.exchanges)):
            continue
        better = Shrinker(contract, entry.clause, fresh, creation, end).shrunk(evidence)
        if better is not None and _size(better) < _size(evidence):
            entry.evidence = better


def _worth(entry: LedgerEntry) -> bool:
    """Whether there is anything to leave out of an evidence."""
    return entry.evidence is not None and len(entry.evidence.trace.exchanges) > 1


def _size(evidence: Evidence) -> tuple[int, float, int, float]:
    """How long an evidence takes to read: its exchanges, how far it is from its limit, its moments, and its time."""
    exchanges = evidence.trace.exchanges
    last = exchanges[-1].sent
    beside = min((abs(deadline.at - last) for deadline in evidence.violation.deadlines), default=0.0)
    moments = len({round(exchange.sent, 6) for exchange in exchanges})
    return len(exchanges), beside, moments, last - exchanges[0].sent
