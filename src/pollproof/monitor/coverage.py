"""Coverage: which statuses, transitions and deadline boundaries a trace has shown, and which it should have.

The monitor counts while it judges (`Watch` into `Seen`); what is expected follows from the contract alone (`expected`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pollproof.clauses import KINDS
from pollproof.clauses.kinds import AFTER, BEFORE, NEAR_END, Boundary, Side
from pollproof.contract.conditions import compile_condition
from pollproof.contract.model import Clause, Contract, Effect, Limits, Operation, Phase, Role
from pollproof.contract.places import MISSING, View
from pollproof.contract.vocabulary import CREATE, FETCH, POLL, SUCCEEDED
from pollproof.monitor.slack import Slack
from pollproof.tasks.account import Account
from pollproof.tasks.ages import age_least, age_most, surely_inside, surely_outside
from pollproof.tasks.state import TaskState
from pollproof.trace.events import REFUSAL, STATE, Event

CREATED = "created"
ENDED = "ended"
LOST = "lost"

_NO_COUNT = 2**62
"""A number of polls that no task gets."""


@dataclass(slots=True)
class Seen:
    """What traces have shown: how often each status, each change between phases, and each side of a deadline.

    `tasks` counts those that were created, and those that were seen to reach a final state.
    """

    tasks: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    sides: Counter[tuple[str, str]] = field(default_factory=Counter)
    slack: Slack = field(default_factory=Slack)

    def add(self, other: Seen) -> None:
        """Add what other traces have shown."""
        self.tasks.update(other.tasks)
        self.statuses.update(other.statuses)
        self.transitions.update(other.transitions)
        self.sides.update(other.sides)
        self.slack.add(other.slack)

    def clear(self) -> None:
        """Forget it all."""
        self.tasks.clear()
        self.statuses.clear()
        self.transitions.clear()
        self.sides.clear()
        self.slack.clear()


class Expected(NamedTuple):
    """What a contract lets a trace show: statuses, transitions, deadline boundaries by clause id."""

    statuses: Sequence[tuple[str, str]]
    transitions: Sequence[tuple[str, str]]
    sides: Sequence[tuple[str, Side]]


def expected(contract: Contract, clauses: Iterable[Clause]) -> Expected:
    """What can be shown of a contract to someone who judges these clauses."""
    worded = any(operation.status is not None for operation in contract.operations.values())  # else: phases alone
    statuses = contract.statuses.values() if worded else ()
    listed = [status for status in statuses if status.documented and not status.value.endswith("*")]
    sides = [(clause.id, side) for clause in clauses for side in _sides(contract, clause)]
    return Expected([(status.value, status.phase.value) for status in listed], _transitions(contract), sides)


def _transitions(contract: Contract) -> list[tuple[str, str]]:
    """The changes between phases that the documents allow, and that a phase lasts."""
    phases = {status.phase for status in contract.statuses.values() if status.documented}
    if any(entry.effect is Effect.FAILED for entry in contract.errors.values()):
        phases.add(Phase.FAILED)
    poll = contract.operation(POLL)
    phases = {_stated_as(poll, phase) for phase in phases} | {phase for _, phase in poll.phases}
    begun = [phase for phase in (Phase.WAITING, Phase.RUNNING) if phase in phases]
    ends = [phase for phase in (SUCCEEDED, Phase.FAILED, Phase.CANCELLED) if phase in phases]
    changes = [(CREATED, phase.value) for phase in (*begun, *ends)]
    cancelled = {contract.statuses[word].phase for word in contract.limits.cancel_while if word in contract.statuses}
    for number, phase in enumerate(begun):
        never = Phase.CANCELLED if cancelled and phase not in cancelled else None
        changes += [(phase.value, later.value) for later in (*begun[number:], *ends) if later is not never]
    changes += [(phase.value, phase.value) for phase in ends]
    if any(KINDS[clause.kind].shows_loss for clause in contract.clauses):
        changes += [(Phase.SUCCEEDED.value, LOST), (LOST, LOST)]
    return changes


def _stated_as(poll: Operation, phase: Phase) -> Phase:
    """The phase as which a poll shows a phase: another one where the documents read it from elsewhere."""
    answer = poll.answers.get(phase.value)
    if answer is not None:
        view = View(MISSING, MISSING if answer.body is None else answer.body, {}, {}, dict(answer.headers), answer.http)
        for condition, meant in poll.phases:
            if compile_condition(condition)(view):
                return meant
    return phase


def _sides(contract: Contract, clause: Clause) -> Iterator[Side]:
    sides = KINDS[clause.kind].sides
    return iter(()) if sides is None else sides(contract, clause)


class Watch:
    """Counts what the events of one trace show, at little cost: it sees every one of them."""

    __slots__ = (
        "_by_boundary",
        "_limits",
        "_listed",
        "_near",
        "_old",
        "_oversize",
        "_polls",
        "_sides",
        "_slack",
        "_statuses",
        "_tasks",
        "_transitions",
        "_waits",
    )

    def __init__(self, contract: Contract, clauses: Iterable[Clause], seen: Seen) -> None:
        self._listed = frozenset(contract.statuses)
        self._statuses, self._transitions, self._sides = seen.statuses, seen.transitions, seen.sides
        self._tasks, self._slack = seen.tasks, seen.slack
        self._limits: Limits = contract.limits
        self._by_boundary: dict[tuple[Boundary, str], list[str]] = {}
        self._oversize = ""
        for clause in clauses:
            for side in _sides(contract, clause):
                self._by_boundary.setdefault((side.boundary, side.side), []).append(clause.id)
                if side.boundary is Boundary.BATCH_SIZE and side.side == AFTER:
                    self._oversize = clause.parameters.probe
        boundaries = {boundary for boundary, _ in self._by_boundary}
        lifetime = self._limits.lifetime
        self._near = 0.0 if lifetime is None else min(max(NEAR_END, lifetime / 100), lifetime / 10)
        earliest = float("inf") if lifetime is None else lifetime - self._limits.lifetime_slack - 2 * self._near
        self._old = earliest if Boundary.LIFETIME in boundaries else float("inf")
        self._polls = self._limits.polls or _NO_COUNT
        self._waits = bool(boundaries & {Boundary.WAIT, Boundary.RETRY_AFTER})

    def note(self, history: TaskState, event: Event, account: Account) -> None:
        """Count one event; `history` and `account` are as they were before it."""
        answer = event.answer
        if answer is STATE:
            status = event.status
            if type(status) is str:
                if status in self._listed:
                    self._statuses[status] += 1
            elif type(status) is bool:
                self._statuses["true" if status else "false"] += 1
        elif answer is not REFUSAL:
            return
        role = event.operation.role
        if role is Role.BATCH:
            self._note_batch(event, account)
            return
        exchange = event.exchange
        if role is CREATE and answer is STATE and exchange.probe is None and event.task is not None:
            self._tasks[CREATED] += 1
        if history.terminal is None and event.task is not None and _ends(event):
            self._tasks[ENDED] += 1
        if history.created is None or exchange.probe is not None:
            return
        if role is not FETCH:
            phase = event.phase
            now = None
            if phase is not None:
                now = phase._value_
            elif answer is REFUSAL:
                now = _ENDS.get(event.effect)
            if now is not None:
                self._transitions[_state(history), now] += 1
        if exchange.sent - history.created_sent > self._old:
            self._note_age(history, event)
        if role is POLL:
            self._slack.note(history, event, self._limits)
            polls = history.polls_most
            if self._polls - 1 <= polls <= self._polls:
                self._note_polls(polls + 1)
            if self._waits and history.last_number is not None and not (history.last_final or history.last_free):
                self._note_side(Boundary.WAIT, AFTER)
                if "retry_after" in history.marks:
                    self._note_side(Boundary.RETRY_AFTER, AFTER)

    def _note_side(self, boundary: Boundary, side: str) -> None:
        for identifier in self._by_boundary.get((boundary, side), ()):
            self._sides[identifier, side] += 1

    def _note_polls(self, number: int) -> None:
        if number == self._polls:
            self._note_side(Boundary.POLLS, BEFORE)
        else:
            self._note_side(Boundary.POLLS, AFTER)

    def _note_age(self, history: TaskState, event: Event) -> None:
        limits, lifetime = self._limits, self._limits.lifetime or 0.0
        if surely_inside(history, event, limits):
            if age_most(history, event, limits) >= lifetime - limits.lifetime_slack - self._near:
                self._note_side(Boundary.LIFETIME, BEFORE)
        elif surely_outside(history, event, limits):
            if age_least(history, event, limits) <= lifetime + limits.lifetime_slack + self._near:
                self._note_side(Boundary.LIFETIME, AFTER)

    def _note_batch(self, event: Event, account: Account) -> None:
        if event.exchange.probe is not None:
            if event.exchange.probe == self._oversize:
                self._note_side(Boundary.BATCH_SIZE, AFTER)
            return
        self._tasks[CREATED] += sum(1 for member in event.members if member.task is not None)
        if len(event.members) == self._limits.batch_size:
            self._note_side(Boundary.BATCH_SIZE, BEFORE)
        if account.batches.last is not None:
            self._note_side(Boundary.BATCH_WAIT, AFTER)


def _ends(event: Event) -> bool:
    """Whether a response shows a final state: a final status, or the documented error of a failed task."""
    if event.phase is not None:
        return event.phase.terminal
    return event.answer is REFUSAL and event.effect is Effect.FAILED


def _state(history: TaskState) -> Any:
    """Where the responses so far have left a task."""
    if history.lost is not None:
        return LOST
    if history.terminal is not None:
        return history.terminal._value_
    if history.phase is not None:
        return history.phase._value_
    return _SUCCEEDED if history.inline else CREATED


_SUCCEEDED = Phase.SUCCEEDED.value
_ENDS: Mapping[Effect | None, str] = {Effect.FAILED: Phase.FAILED.value, Effect.LOST: LOST}
