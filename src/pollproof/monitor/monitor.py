"""The monitor: folds the exchanges of a trace into states and judges each by every clause. No I/O, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pollproof.clauses import HELD, KINDS, Unjudged, Violation
from pollproof.clauses.kinds import Finding
from pollproof.clauses.timing import retry_seconds
from pollproof.contract.model import Clause, Contract, Effect, Operation, Subject, speaks_of
from pollproof.contract.templates import names_in_template
from pollproof.contract.vocabulary import CREATE, FETCH, PUT_OFF, SUCCEEDED
from pollproof.monitor.coverage import Watch
from pollproof.monitor.ledger import Evidence, Ledger, LedgerEntry
from pollproof.monitor.overlaps import Overlaps, Waiting
from pollproof.monitor.recent_trace import RecentTrace
from pollproof.monitor.visible import VisibleFaults
from pollproof.tasks.account import Account
from pollproof.tasks.repeated import Stall
from pollproof.tasks.state import REPEATED, SHORT_LIVED, TaskState
from pollproof.trace.client_outcome import OPERATION
from pollproof.trace.events import STATE, Event
from pollproof.trace.exchange import CONNECTION_CUT, Exchange, Slice
from pollproof.trace.reader import Reader

MAXIMUM_CONTEXT = 6
"""Exchanges of other tasks just before a violation that are shown with it: they may be its cause."""

MAXIMUM_VIOLATIONS = 25
"""Violations of one clause after which no shorter evidence is looked for."""

LEAST_WAIT = 1.0
"""Seconds that a client leaves a busy provider alone where nothing states more."""

MAXIMUM_OWN = 4_096
"""Exchanges of one task that are known by number where not all of the trace is kept: the first and the last ones."""


Moment = tuple[float, int]
"""When an exchange is judged: the time of the latest response by then, and its number; in the order of judging."""

_ReadyCheck = tuple[Callable[[Any, Any, Any], Finding], Any, LedgerEntry, int, bool]
"""A clause ready to judge: its function, parameters and entry, what it judges by, and whether it is `ordered`."""

BEFORE, ACCOUNT, LATEST = range(3)
"""What a clause judges by: the state of the task by what surely came before, the account, or the state by all responses
so far, although some may have come later (what a client sends, it sends in its order)."""


def clauses_of(contract: Contract, *subjects: Subject) -> tuple[Clause, ...]:
    """The clauses of a contract that are about these subjects (all when none is given)."""
    return tuple(clause for clause in contract.clauses if not subjects or clause.subject in subjects)


def _gives_result(operation: Operation, name: str) -> bool:
    """Whether the response of that name has a result of the task."""
    answer = operation.answers.get(name)
    return answer is not None and answer.http < 400 and bool(names_in_template(answer.body) & {"result", "items"})


class _Checks:
    """The clauses by which the events of one operation are judged.

    The `plain` ones find the same in all events that are `alike`, so they judge the first of them only.
    """

    __slots__ = ("_held", "alike", "every", "others", "plain")

    def __init__(self) -> None:
        self.every: list[_ReadyCheck] = []
        self.others: list[_ReadyCheck] = []
        self.plain: list[_ReadyCheck] = []
        self.alike: Callable[[Event], int] | None = None
        self._held: dict[int, list[LedgerEntry]] = {}

    def of(self, event: Event, *, twice: bool) -> list[_ReadyCheck]:
        """The clauses that judge an event; what they found in an earlier one alike is counted."""
        if self.alike is None or twice or event.request_errors or event.response_errors:
            return self.every
        number = self.alike(event)
        held = self._held.get(number)
        if held is None:
            found = [(check[2], check[0](_STRANGER, event, check[1])) for check in self.plain]
            if any(isinstance(finding, Violation) for _, finding in found):
                return self.every
            held = self._held[number] = [entry for entry, finding in found if finding is HELD]
        for entry in held:
            entry.exercised += 1
        return self.others


class Monitor:
    """Judges one trace, exchange by exchange. `ledger` may be shared by the monitors of several traces.

    `whole` means that the trace has all exchanges about its tasks. With `remember` the monitor keeps no
    exchange and knows only that many tasks at a time, so that a trace of any length takes the same memory; evidence
    then consists of numbers, for which the source of the trace can be read again. With `recent` a trace that cannot be
    read again takes bounded memory too: about that many exchanges are kept, and the tasks that were heard of in them;
    of all others that there were such ids. `watched` are the clauses of whose deadlines it is counted which sides were
    seen (those that are judged when none are given). Where only a part of the trace is observed, the
    attribute `silence_counts` is set where no network lies between, so that whoever does not answer puts a client off;
    attribute `endless` has the stalls without end by the number of their exchange: whether the client has left the
    provider alone is seen in the whole.
    """

    def __init__(
        self,
        reader: Reader,
        clauses: Iterable[Clause],
        ledger: Ledger | None = None,
        *,
        whole: bool = True,
        remember: int | None = None,
        recent: int | None = None,
        watched: Iterable[Clause] | None = None,
    ) -> None:
        self.reader = reader
        self.clauses = tuple(clauses)
        self.ledger = Ledger(self.clauses) if ledger is None else ledger
        watches = any(KINDS[clause.kind].streaks for clause in self.clauses)
        self.account = Account(whole=whole, remember=remember, watches=watches, spends=recent is not None)
        self.trace: list[Exchange] = []
        self.window = None if recent is None else RecentTrace(recent)
        self.skipped = 0
        self._note = Watch(reader.contract, self.clauses if watched is None else watched, self.ledger.seen).note
        self.forgets: Callable[[Moment, str], None] | None = None
        self.judges: Callable[[Moment], None] | None = None
        self._latest = -math.inf
        self.silence_counts = False
        self.endless: Mapping[int, Stall] | None = None
        self._overlaps = Overlaps()
        self._base: int | None = None
        self._keeps = remember is None and recent is None
        self._count = 0
        self._numbers: dict[str, list[int]] = {}
        self._limits = reader.contract.limits
        self._visible = VisibleFaults(reader.contract)
        self._of_all_ends = frozenset(
            operation.name
            for operation in reader.contract.operations.values()
            if operation.role is FETCH and any(_gives_result(operation, name) for name in ("failed", "cancelled"))
        )
        self._refusals = frozenset(clause.id for clause in self.clauses if clause.kind == "refused")
        self._prepared = {clause.id: self._prepare(clause) for clause in self.clauses}
        self._checks = {
            (operation.name, probe): self._select(operation, probe)
            for operation in (*reader.contract.operations.values(), OPERATION)
            for probe in (None, *reader.contract.probe_names)
        }

    def _prepare(self, clause: Clause) -> Any:
        """The parameters that a clause is judged by."""
        prepared = KINDS[clause.kind].prepared
        return clause.parameters if prepared is None else prepared(self.reader.contract, clause)

    def _select(self, operation: Operation, probe: str | None) -> _Checks:
        """The clauses that an exchange of this operation, with this fault in its request, can exercise."""
        selected = _Checks()
        for clause in self.clauses:
            kind = KINDS[clause.kind]
            if operation.role not in kind.roles or (probe is not None and not kind.probes):
                continue
            meant = getattr(clause.parameters, "operation", operation.name) or operation.name
            if operation.name not in (meant if isinstance(meant, tuple) else (meant,)):
                continue
            wanted = getattr(clause.parameters, "probe", None)
            if wanted is not None and not speaks_of(wanted, probe):
                continue
            parameters = self._prepared[clause.id]
            by = LATEST if clause.subject is Subject.CLIENT and not kind.ordered else BEFORE
            by = ACCOUNT if kind.scope == "account" else by
            check = kind.judge, parameters, self.ledger[clause.id], by, kind.ordered
            selected.every.append(check)
            if (
                kind.alike is None
                or parameters is not clause.parameters
                or operation.role is FETCH
                or selected.alike not in (None, kind.alike)
            ):
                selected.others.append(check)
            else:
                selected.alike = kind.alike
                selected.plain.append(check)
        return selected

    def reset(self) -> None:
        """Begin a new trace; the ledger keeps what the last one showed."""
        old = self.account
        self.account = Account(whole=old.whole, remember=old.remember, watches=old.watches, spends=old.spends)
        self.trace = []
        if self.window is not None:
            self.window.clear()
        self._count = 0
        self._numbers = {}
        self._overlaps.clear()
        self._base = None
        self._latest = -math.inf

    def observe_all(self, exchanges: Iterable[Exchange]) -> Iterator[Event | None]:
        """Judge exchanges as they were sent; they may overlap, and any order that explains them is legal.

        The events come in the order of the responses. An exchange whose time is not known overlaps with none, one whose
        end is not known with those alone that were on their way when it was sent.
        """
        return self.observe_numbered((self._count, exchange, True) for exchange in exchanges)

    def observe_numbered(self, items: Iterable[tuple[int, Exchange, bool]]) -> Iterator[Event | None]:
        """As `observe_all`, of exchanges with their numbers, and whether each is judged or only taken in."""
        overlaps = self._overlaps
        for number, exchange, judged in items:
            sent, received = exchange.sent, exchange.received
            while waiting := overlaps.take(sent if sent == sent else None):  # not NaN
                yield self._judge(waiting)
            event = self._read(exchange, number)
            overlaps.put(Waiting(received if received == received else sent, number, exchange, event, judged))
        while waiting := overlaps.take(None):
            yield self._judge(waiting)

    def observe(self, exchange: Exchange) -> Event | None:
        """Judge one more exchange, which overlaps with none; its event, or None where it belongs to no operation.

        `skipped` counts the latter.
        """
        number = self._count
        return self._judge(Waiting(0.0, number, exchange, self._read(exchange, number), True))

    def _read(self, exchange: Exchange, number: int) -> Event | None:
        """Take an exchange into the trace, and read it."""
        self._count = number + 1
        if self._keeps:
            self.trace.append(exchange)
        elif self.window is not None:
            self.window.add(number, exchange)
        event = self.reader.read(exchange, number)
        return self.account.named(event) if event is not None and event.operation.takes else event

    def _judge(self, waiting: Waiting) -> Event | None:
        """Judge an exchange by what is known of its task from responses that surely came before it."""
        received, number, exchange, event, judged = waiting
        if received > self._latest:
            self._latest = received
        if self.judges is not None:
            self.judges((self._latest, number))
        if self._base is None:
            self._base = self.ledger.exchanges
        self.ledger.count(self._base + number)
        if event is None:
            self.skipped += 1
            return None
        account, task = self.account, event.task
        if event.operation.role is CREATE:
            account.note_creation(event)
        account.creates = self._overlaps.creates
        now = history = _STRANGER
        unordered = overlapped = flying = False
        if task is not None:
            now = history = account.tasks.get(task, _STRANGER)
            answered, flying = now.answered, bool(self._overlaps)
            if flying or exchange.sent < answered:
                before, overlapped = self._overlaps.around(task, now, exchange.sent)
                unordered = before is None
                history = now if before is None else before
                repeated = event.operation.role is CREATE and overlapped and now.created is not None
                if repeated or (event.operation.role is CREATE and self._overlaps.repeats(event)):
                    history = history._replace(marks={**history.marks, REPEATED: True})
            numbers = self._numbers.get(task)
            if numbers is None:
                self._numbers[task] = [number]
            else:
                numbers.append(number)
                if len(numbers) > MAXIMUM_OWN and not self._keeps:
                    del numbers[MAXIMUM_OWN // 4 : MAXIMUM_OWN // 2]
        if event.operation.name in self._of_all_ends and history.terminal is not SUCCEEDED:
            event = event._replace(phase=None)  # tasks that fail have results too: it shows no success
        self._note(history, event, account)
        silent = self.silence_counts and exchange.response is None and exchange.failure != CONNECTION_CUT
        if event.transient or silent or (event.effect is not None and event.effect in PUT_OFF):
            stall: Stall | None = account.note_refusal(event, self._wait_after(event))
            history = history._replace(stall=stall if self.endless is None else self.endless.get(number))
        if event.effect is Effect.LOST and account.lost_unpolled:
            history = history._replace(marks={**history.marks, SHORT_LIVED: account.served_age})
        twice = task in account.twice
        checks = self._checks[event.operation.name, exchange.probe].of(event, twice=twice) if judged else []
        if twice or unordered:
            # With two tasks of this id, nothing that is seen of one of them can be held against it.
            checks = [check for check in checks if (check[3] == ACCOUNT or not twice) and not (unordered and check[4])]
        known = (history, account, now)
        for judge, parameters, entry, by, _ in checks:
            finding = judge(known[by], event, parameters)
            if finding is None:
                continue
            if finding is HELD:
                entry.exercised += 1
            elif type(finding) is Violation:
                self._violate(entry, event, finding)
            elif type(finding) is Unjudged:
                entry.unjudged = finding
        if exchange.probe is None and event.answer is STATE and judged and self._refusals:
            key = self._visible.header
            if event.request_errors or (key and key not in exchange.request.headers):
                self._hold_against_provider(event, self._visible.of(event))
            if account.decides and not event.request_errors and account.is_unknown(event):
                self._hold_against_provider(event, ("unknown-task",))
        forgotten_tasks = account.fold(event, self._limits, overlapped=overlapped)
        if event.operation.ids:
            account.note_ids(event)
        for forgotten in forgotten_tasks:
            self._numbers.pop(forgotten, None)
            if self.forgets is not None:
                self.forgets((self._latest, number), forgotten)
        if flying and task is not None:
            settled = exchange.received - exchange.precision
            self._overlaps.note(task, now, settled if settled == settled else exchange.sent)
        if not self._keeps and task is not None and task not in account.tasks:
            self._numbers.pop(task, None)  # of a task that is not known nothing is shown later
        if self.window is not None and self.window.is_full:
            self._let_go(self.window)
        return event

    def _hold_against_provider(self, event: Event, faults: Iterable[str]) -> None:
        """Judge a request that was accepted although it is visibly invalid as if it had been sent as a probe."""
        for fault in () if event.operation.name == OPERATION.name else faults:
            checks = self._checks.get((event.operation.name, fault))
            for judge, parameters, entry, *_ in () if checks is None else checks.every:
                if entry.clause.id in self._refusals:
                    marked = event._replace(exchange=event.exchange._replace(probe=fault))
                    finding = judge(self.account, marked, parameters)
                    if type(finding) is Violation:
                        self._violate(entry, event, finding)

    def _wait_after(self, event: Event) -> float:
        """Seconds for which a busy provider may put a client off: documented, by its error code, or by Retry-After."""
        entry = self.reader.contract.errors.get(event.error_code or "")
        waits = [LEAST_WAIT, self._limits.wait or 0.0, (entry.seconds if entry is not None else None) or 0.0]
        response = event.exchange.response
        if response is not None and "retry-after" in response.headers:
            waits.append(retry_seconds(response.headers["retry-after"], response.headers.get("date", "")))
        return max(waits)

    def _let_go(self, window: RecentTrace) -> None:
        """Forget the tasks of which nothing was heard lately, with their exchanges."""
        since = window.horizon()
        for task, history in list(self.account.tasks.items()):
            numbers = self._numbers.get(task)
            if (numbers[-1] if numbers else history.created or 0) < since:
                self.forget(task)
        self.account.forget_streaks(since)
        window.keep(since, self._numbers.values())

    def forget(self, task: str) -> None:
        """Forget a task, as if too many others had been heard of since."""
        self.account.forget(task)
        self._numbers.pop(task, None)

    def _violate(self, entry: LedgerEntry, event: Event, violation: Violation) -> None:
        if entry.violations >= MAXIMUM_VIOLATIONS:
            entry.exercised += 1
            entry.violations += 1
            self.ledger.violations += 1
            return
        number, task = event.number, event.task
        if violation.number is not None:
            number = violation.number
            task = next((each for each in violation.tasks if number in self._numbers.get(each, ())), None)
        own = self._numbers.get(task, []) if task is not None else []
        numbers = {number, *violation.since, *own}
        for other in violation.tasks:
            numbers.update(self._numbers.get(other, ()))
        earlier = [place for place in own if place < number]
        if earlier and number - max(earlier) - 1 <= MAXIMUM_CONTEXT:
            numbers |= set(range(max(earlier) + 1, number))
        chosen = tuple(sorted(place for place in numbers if place < self._count))
        if self.window is not None:
            chosen = tuple(place for place in chosen if place in self.window)
        shown: tuple[Exchange, ...] = ()
        if self._keeps or self.window is not None:
            kept = self.trace if self.window is None else self.window
            shown = tuple(kept[place] for place in chosen)
        self.ledger.add(entry.clause.id, Evidence(violation, Slice(chosen, shown)))


_STRANGER = TaskState("", None)
"""The history of a task of which nothing is known."""
