"""The monitor: folds the exchanges of a trace into histories and asks every clause about each. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pollproof.clauses import HELD, KINDS, Violation
from pollproof.clauses.kinds import Finding
from pollproof.contract.model import Clause, Contract, Operation, Role, Subject
from pollproof.events import Event, Reader
from pollproof.histories import Account, TaskHistory
from pollproof.ledger import Entry, Evidence, Ledger
from pollproof.trace import Exchange, Slice

MAXIMUM_CONTEXT = 6
"""Exchanges of other tasks just before a violation that are shown with it: they may be its cause."""

MAXIMUM_VIOLATIONS = 25
"""Violations of one clause after which no shorter evidence is looked for."""


Check = tuple[Callable[[Any, Any, Any], Finding], Any, Entry, bool]
"""A clause ready to be asked: its function, its parameters, its entry, and whether it looks at the whole account."""


def clauses_of(contract: Contract, *subjects: Subject) -> tuple[Clause, ...]:
    """The clauses of a contract that are about these subjects (all when none is given)."""
    return tuple(clause for clause in contract.clauses if not subjects or clause.subject in subjects)


class Monitor:
    """Judges one trace, exchange by exchange. `ledger` may be shared by the monitors of several traces."""

    def __init__(self, reader: Reader, clauses: Iterable[Clause], ledger: Ledger | None = None) -> None:
        self.reader = reader
        self.clauses = tuple(clauses)
        self.ledger = Ledger(self.clauses) if ledger is None else ledger
        self.account = Account()
        self.trace: list[Exchange] = []
        self.skipped = 0
        self._tasks: list[str | None] = []
        self._limits = reader.contract.limits
        self._checks = {
            (operation.name, probe): self._select(operation, probe)
            for operation in reader.contract.operations.values()
            for probe in (None, *reader.contract.probe_names)
        }

    def _select(self, operation: Operation, probe: str | None) -> list[Check]:
        """The clauses that an exchange of this operation, with this fault in its request, can say anything about."""
        selected: list[Check] = []
        for clause in self.clauses:
            kind = KINDS[clause.kind]
            if operation.role not in kind.roles or (probe is not None and not kind.probes):
                continue
            if getattr(clause.parameters, "operation", operation.name) != operation.name:
                continue
            if getattr(clause.parameters, "probe", probe) != probe:
                continue
            selected.append((kind.judge, clause.parameters, self.ledger[clause.id], kind.scope == "account"))
        return selected

    def reset(self) -> None:
        """Begin a new trace; the ledger keeps what the last one showed."""
        self.account = Account()
        self.trace = []
        self._tasks = []

    def observe(self, exchange: Exchange) -> Event | None:
        """Judge one more exchange; its event, or None where it belongs to no operation (`skipped` counts those)."""
        number = len(self.trace)
        self.trace.append(exchange)
        event = self.reader.read(exchange, number)
        if event is not None and event.operation.role is Role.CREATE:
            self.account.note_creation(event)
        if event is None:
            self._tasks.append(None)
            self.skipped += 1
            return None
        self._tasks.append(event.task)
        account = self.account
        history = account.tasks.get(event.task, _STRANGER) if event.task is not None else _STRANGER
        twice = event.task in account.twice
        for judge, parameters, entry, of_account in self._checks[event.operation.name, exchange.probe]:
            if twice and not of_account:
                continue  # two tasks have this id, so nothing that is said of one of them can be held against it
            finding = judge(account if of_account else history, event, parameters)
            if finding is None:
                continue
            if finding is HELD:
                entry.exercised += 1
            elif isinstance(finding, Violation):
                self._violate(entry, event, finding)
        account.fold(event, self._limits)
        return event

    def _violate(self, entry: Entry, event: Event, violation: Violation) -> None:
        if entry.violations >= MAXIMUM_VIOLATIONS:
            entry.violations += 1
            self.ledger.violations += 1
            return
        number = event.number if violation.number is None else violation.number
        task = self._tasks[number]
        tasks = {task, *violation.tasks} - {None}
        numbers = {number, *violation.since}
        numbers |= {place for place in range(number) if self._tasks[place] in tasks}
        earlier = [place for place in numbers if place < number and self._tasks[place] == task]
        if earlier and number - max(earlier) - 1 <= MAXIMUM_CONTEXT:
            numbers |= set(range(max(earlier) + 1, number))
        chosen = tuple(sorted(place for place in numbers if place <= event.number))
        self.ledger.add(
            entry.clause.id, Evidence(violation, Slice(chosen, tuple(self.trace[place] for place in chosen)))
        )


_STRANGER = TaskHistory("", None)
"""The history of a task of which nothing is known."""
