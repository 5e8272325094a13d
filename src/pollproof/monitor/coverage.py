"""Coverage: which statuses, changes of phase and sides of deadlines a trace has shown, and which it should have.

The monitor counts while it judges (`Watch` into `Seen`); what is expected follows from the contract alone (`expected`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pollproof.contract.conditions import compile_condition
from pollproof.contract.model import Clause, Contract, Effect, Limits, Operation, Phase, Role
from pollproof.contract.places import MISSING, View
from pollproof.tasks.state import Account, TaskState, age_least, age_most, surely_inside, surely_outside
from pollproof.trace.events import Answer, Event

CREATED = "created"
LOST = "lost"

NEAR = 10.0
"""Seconds beside the end of a lifetime that are just before and just after it, besides a hundredth of it."""

NEVER = 2**62
"""A number of polls that no task gets."""

BEFORE, AFTER = "before", "after"


@dataclass(slots=True)
class Seen:
    """What traces have shown: how often each status, each change between phases, and each side of a deadline."""

    statuses: Counter[str] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    sides: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: Seen) -> None:
        """Add what other traces have shown."""
        self.statuses.update(other.statuses)
        self.transitions.update(other.transitions)
        self.sides.update(other.sides)

    def clear(self) -> None:
        """Forget it all."""
        self.statuses.clear()
        self.transitions.clear()
        self.sides.clear()


class Side(NamedTuple):
    """One side of the deadline of a clause: the limit in words, and what shows it."""

    clause: str
    limit: str
    side: str
    would: str
    excluded: str = ""


class Expected(NamedTuple):
    """What a contract lets a trace show: statuses, changes between phases, sides of deadlines."""

    statuses: Sequence[tuple[str, str]]
    transitions: Sequence[tuple[str, str]]
    sides: Sequence[Side]


def expected(contract: Contract, clauses: Iterable[Clause]) -> Expected:
    """What can be shown of a contract to someone who judges these clauses."""
    listed = [status for status in contract.statuses.values() if status.documented and not status.value.endswith("*")]
    sides = [side for clause in clauses for side in _sides(contract, clause)]
    return Expected([(status.value, status.phase.value) for status in listed], _transitions(contract), sides)


def _transitions(contract: Contract) -> list[tuple[str, str]]:
    """The changes between phases that the documents allow, and that a phase lasts."""
    phases = {status.phase for status in contract.statuses.values() if status.documented}
    if any(entry.effect is Effect.FAILED for entry in contract.errors.values()):
        phases.add(Phase.FAILED)
    poll = contract.operation(Role.POLL)
    phases = {_told_as(poll, phase) for phase in phases} | {phase for _, phase in poll.phases}
    begun = [phase for phase in (Phase.WAITING, Phase.RUNNING) if phase in phases]
    ends = [phase for phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED) if phase in phases]
    changes = [(CREATED, phase.value) for phase in (*begun, *ends)]
    for number, phase in enumerate(begun):
        changes += [(phase.value, later.value) for later in (*begun[number:], *ends)]
    changes += [(phase.value, phase.value) for phase in ends]
    kinds = {clause.kind for clause in contract.clauses}
    if kinds & {"lifetime-ended", "budget-ended", "lost-stays-lost"}:
        changes += [(Phase.SUCCEEDED.value, LOST), (LOST, LOST)]
    return changes


def _told_as(poll: Operation, phase: Phase) -> Phase:
    """The phase as which a poll tells of a phase: another one where the documents read it from elsewhere."""
    answer = poll.answers.get(phase.value)
    if answer is not None:
        view = View(MISSING, MISSING if answer.body is None else answer.body, {}, {}, dict(answer.headers), answer.http)
        for condition, meant in poll.phases:
            if compile_condition(condition)(view):
                return meant
    return phase


def _sides(contract: Contract, clause: Clause) -> Iterator[Side]:
    limits, parameters = contract.limits, clause.parameters
    life = f"lifetime of {limits.lifetime or 0:g} s"
    match clause.kind:
        case "lifetime-served":
            yield Side(clause.id, life, BEFORE, "a poll just before the end of a lifetime")
        case "lifetime-ended":
            yield Side(clause.id, life, AFTER, "a poll just after the end of a lifetime")
        case "no-poll-after-lifetime":
            early = (limits.polls or NEVER) * (limits.wait or 0.0) < (
                limits.lifetime or 0.0
            ) - limits.lifetime_slack - NEAR
            why = "who keeps the wait between two polls has used up all polls before" if early else ""
            yield Side(clause.id, life, BEFORE, "a client that polls to the end of a lifetime", why)
        case "budget-served":
            yield Side(clause.id, f"{parameters.limit} polls", BEFORE, f"the {parameters.limit}th poll of a task")
        case "budget-ended":
            yield Side(clause.id, f"{parameters.limit} polls", AFTER, f"poll {parameters.limit + 1} of a task")
        case "poll-budget":
            why = "who keeps the wait between two polls cannot poll so often within the lifetime"
            reachable = contract.budget_reachable is not False
            would = f"a client that polls a task {parameters.limit} times"
            yield Side(clause.id, f"{parameters.limit} polls", BEFORE, would, "" if reachable else why)
        case "minimum-wait":
            yield Side(clause.id, f"wait of {parameters.seconds:g} s", AFTER, "a client that waits between two polls")
        case "retry-after-kept":
            yield Side(clause.id, "Retry-After", AFTER, "a client that is told how long to wait, and does")
        case "batch-rate":
            yield Side(clause.id, f"wait of {parameters.seconds:g} s", AFTER, "two batches of a client that waits")
        case "accepted" if _batches(contract, clause):
            yield Side(clause.id, f"{limits.batch_size} entries", BEFORE, f"a batch of {limits.batch_size} entries")
        case "refused" if _oversize(contract, clause):
            yield Side(clause.id, f"{limits.batch_size} entries", AFTER, f"a batch of more than {limits.batch_size}")


def _batches(contract: Contract, clause: Clause) -> bool:
    operation = contract.operations.get(getattr(clause.parameters, "operation", ""))
    return operation is not None and operation.role is Role.BATCH and contract.limits.batch_size is not None


def _oversize(contract: Contract, clause: Clause) -> bool:
    size, name = contract.limits.batch_size, getattr(clause.parameters, "probe", "")
    probe = next((probe for probe in contract.probes if probe.name == name), None)
    return size is not None and probe is not None and probe.repeat is not None and probe.repeat[1] > size


class Watch:
    """Counts what the events of one trace show, at little cost: it is told of every one of them."""

    __slots__ = (
        "_by_kind",
        "_limits",
        "_listed",
        "_near",
        "_old",
        "_oversize",
        "_polls",
        "_sides",
        "_statuses",
        "_transitions",
        "_waits",
    )

    def __init__(self, contract: Contract, clauses: Iterable[Clause], seen: Seen) -> None:
        self._listed = frozenset(contract.statuses)
        self._statuses, self._transitions, self._sides = seen.statuses, seen.transitions, seen.sides
        self._limits: Limits = contract.limits
        known = {side.clause for clause in clauses for side in _sides(contract, clause)}
        self._by_kind: dict[str, list[Clause]] = {}
        self._oversize = ""
        for clause in clauses:
            if clause.id in known:
                self._by_kind.setdefault(clause.kind, []).append(clause)
                if clause.kind == "refused":
                    self._oversize = clause.parameters.probe
        lifetime = self._limits.lifetime
        timed = any(kind in self._by_kind for kind in ("lifetime-served", "lifetime-ended", "no-poll-after-lifetime"))
        self._near = 0.0 if lifetime is None else min(max(NEAR, lifetime / 100), lifetime / 10)
        earliest = float("inf") if lifetime is None else lifetime - self._limits.lifetime_slack - 2 * self._near
        self._old = earliest if timed else float("inf")
        self._polls = self._limits.polls or NEVER
        self._waits = any(kind in self._by_kind for kind in ("minimum-wait", "retry-after-kept"))

    def note(self, history: TaskState, event: Event, account: Account) -> None:
        """Count one event; `history` and `account` are as they were before it."""
        answer = event.answer
        if answer is Answer.STATE:
            status = event.status
            if type(status) is str:
                if status in self._listed:
                    self._statuses[status] += 1
            elif type(status) is bool:
                self._statuses["true" if status else "false"] += 1
        elif answer is not Answer.REFUSED:
            return
        role = event.operation.role
        if role is Role.BATCH:
            self._note_batch(event, account)
            return
        exchange = event.exchange
        if history.created is None or exchange.probe is not None:
            return
        if role is not Role.FETCH:
            phase = event.phase
            now = None
            if phase is not None:
                now = phase._value_
            elif answer is Answer.REFUSED:
                now = _ENDS.get(event.effect)
            if now is not None:
                self._transitions[_state(history), now] += 1
        if exchange.sent - history.created_sent > self._old:
            self._note_age(history, event)
        if role is Role.POLL:
            polls = history.polls_most
            if self._polls - 1 <= polls <= self._polls:
                self._note_polls(polls + 1)
            if self._waits and history.last_number is not None and not history.last_final:
                self._note_side("minimum-wait", AFTER)
                if "retry_after" in history.marks:
                    self._note_side("retry-after-kept", AFTER)

    def _note_side(self, kind: str, side: str) -> None:
        for clause in self._by_kind.get(kind, ()):
            self._sides[clause.id, side] += 1

    def _note_polls(self, number: int) -> None:
        if number == self._polls:
            self._note_side("budget-served", BEFORE)
            self._note_side("poll-budget", BEFORE)
        else:
            self._note_side("budget-ended", AFTER)

    def _note_age(self, history: TaskState, event: Event) -> None:
        limits, lifetime = self._limits, self._limits.lifetime or 0.0
        if surely_inside(history, event, limits):
            if age_most(history, event, limits) >= lifetime - limits.lifetime_slack - self._near:
                self._note_side("lifetime-served", BEFORE)
                self._note_side("no-poll-after-lifetime", BEFORE)
        elif surely_outside(history, event, limits):
            if age_least(history, event, limits) <= lifetime + limits.lifetime_slack + self._near:
                self._note_side("lifetime-ended", AFTER)

    def _note_batch(self, event: Event, account: Account) -> None:
        if event.exchange.probe is not None:
            if event.exchange.probe == self._oversize:
                self._note_side("refused", AFTER)
            return
        if len(event.members) == self._limits.batch_size:
            self._note_side("accepted", BEFORE)
        if account.last_batch is not None:
            self._note_side("batch-rate", AFTER)


def _state(history: TaskState) -> Any:
    """Where the answers so far have left a task."""
    if history.lost is not None:
        return LOST
    if history.terminal is not None:
        return history.terminal._value_
    if history.phase is not None:
        return history.phase._value_
    return _SUCCEEDED if history.inline else CREATED


_SUCCEEDED = Phase.SUCCEEDED.value
_ENDS: Mapping[Effect | None, str] = {Effect.FAILED: Phase.FAILED.value, Effect.LOST: LOST}
