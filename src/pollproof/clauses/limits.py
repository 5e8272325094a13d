"""Limits of a task: how many polls it answers, how long it lives, and that what is lost stays lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.attribution import Attribution, attribute
from pollproof.clauses.deadlines import end_of_life, kept_until, last_poll
from pollproof.clauses.faults import Fault, FaultyProvider, Settings, Task
from pollproof.clauses.kinds import (
    AFTER,
    BEFORE,
    HELD,
    Boundary,
    Finding,
    Kind,
    Nothing,
    Violation,
    breaks,
    from_limits,
    mutates,
    numbered,
    side_of,
)
from pollproof.clauses.lifecycle import describe
from pollproof.clauses.shape import READS
from pollproof.contract.declared import Form
from pollproof.contract.model import Clause, Contract, Effect, Limits, Operation, Phase
from pollproof.contract.vocabulary import FETCH, POLL, PUT_OFF, SUCCEEDED
from pollproof.tasks.ages import age_least, says_gone, surely_inside, surely_outside
from pollproof.tasks.state import DELETED, TaskState
from pollproof.trace.events import READABLE, REFUSAL, STATE, Event
from pollproof.trace.exchange import Response

LIFE = "lifetime of {0.seconds:g} s"
"""The limit of a life, in words."""

LATE = 0.9
"""The share of a lifetime after which a poll that is answered shows that the task was kept."""


_AT_WORK = (Phase.WAITING, Phase.RUNNING)


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit`: how many polls a task answers, and a client sends."""

    limit: Annotated[int, "Polls of a task; `polls` of [limits] when left out.", Form(least=1)] = from_limits("polls")
    limits: Limits = from_limits("*")

    @property
    def beyond(self) -> int:
        """The first poll beyond the budget."""
        return self.limit + 1


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`seconds`: how long a task lives, and a client polls it, from its creation or its completion."""

    seconds: Annotated[float, "Seconds that a task lives; `lifetime` of [limits] when left out."] = from_limits(
        "lifetime"
    )
    limits: Limits = from_limits("*")


def _judgeable(history: TaskState, event: Event) -> bool:
    if history.created is None or history.inline or event.request_errors:
        return False
    return event.answer in READABLE or history.is_stalled


def _shown_lost(history: TaskState) -> bool:
    """Whether a response has shown that a task is gone: one that finds it unfinished after its limits says nothing."""
    return history.gone or DELETED in history.marks


def _could_show(history: TaskState, event: Event) -> bool:
    """Whether a response without a result shows that none is given: an unfinished task has none yet."""
    if event.effect in PUT_OFF:
        return False
    return event.answer is REFUSAL or history.terminal is SUCCEEDED


def _after(history: TaskState, event: Event) -> str:
    """How far the task was when the poll came, in words."""
    elapsed = event.exchange.sent - history.created_received
    return f"at poll {history.polls_most + 1}, {elapsed:.3f} s after its creation"


def _seen(history: TaskState, event: Event) -> str:
    """A response in words; of one that only puts the client off, how often it came."""
    if history.stall is None or not history.is_stalled:
        return describe(event)
    seconds = history.stall.last - history.stall.sent
    return f"{describe(event)} {history.stall.times} times in a row over {seconds:g} s"


@Kind(
    "budget-served",
    ordered=True,
    sides=side_of(Boundary.POLLS, BEFORE, "{0.limit} polls", "the {0.limit}th poll of a task"),
    walks=("to-the-last-poll", "to-the-last-poll-disturbed"),
    hint="Count polls per task, not per key or per minute, and compare the count after answering the last one.",
)
def budget_served(history: TaskState, event: Event, parameters: Budget) -> Finding:
    """A task answers every poll up to its limit, as long as it lives."""
    stated = event.answer is STATE and history.stall is None
    if history.lost is not None or (stated and history.polls_most + 1 != parameters.limit):
        return None
    if not _judgeable(history, event) or history.polls_most >= parameters.limit:
        return None
    if not surely_inside(history, event, parameters.limits):
        return None
    if says_gone(history, event):
        if attribute(history, event, parameters.limits) is not Attribution.POLLS:
            return None
        return Violation(
            f"that the task answers its first {parameters.limit} polls",
            f"{_seen(history, event)} {_after(history, event)}",
            numbered(history.created),
            deadlines=kept_until(history, parameters.limits),
        )
    return HELD if stated else None


@Kind(
    "budget-ended",
    ordered=True,
    sides=side_of(Boundary.POLLS, AFTER, "{0.limit} polls", "poll {0.beyond} of a task"),
    shows_loss=True,
    walks=("to-the-last-poll", "to-the-last-poll-in-a-hurry"),
    hint="Count every answered poll of a task, and give no result after the last one.",
)
def budget_ended(history: TaskState, event: Event, parameters: Budget) -> Finding:
    """After the last poll of its budget a task gives no result."""
    if _ends_by_polls(history, event, parameters):
        return HELD
    if history.polls_least < parameters.limit or _shown_lost(history) or not _judgeable(history, event):
        return None
    if surely_outside(history, event, parameters.limits):
        return None
    if event.phase is SUCCEEDED:
        return Violation(
            f"no result at poll {parameters.limit + 1} and later",
            f"{describe(event)} {_after(history, event)}",
            numbered(history.created),
            deadlines=last_poll(history, parameters.limit),
        )
    return HELD if _could_show(history, event) else None


def _ends_by_polls(history: TaskState, event: Event, parameters: Budget) -> bool:
    """Whether a task that was served is gone at a poll past its budget, of which busy polls may have counted."""
    if history.polls_least >= parameters.limit or history.polls_most < parameters.limit or history.lost is not None:
        return False
    return _judgeable(history, event) and surely_inside(history, event, parameters.limits) and says_gone(history, event)


@Kind(
    "lifetime-served",
    roles=READS,
    ordered=True,
    timed=True,
    sides=side_of(Boundary.LIFETIME, BEFORE, LIFE, "a poll just before the end of a lifetime"),
    walks=("to-the-end-of-life",),
    hint="Measure the age of a task from its creation, and keep it until the documented end.",
)
def lifetime_served(history: TaskState, event: Event, parameters: Lifetime) -> Finding:
    """A task is there until its lifetime ends."""
    if history.lost is not None or not _judgeable(history, event):
        return None
    limits = parameters.limits
    late = age_least(history, event, limits) >= LATE * (parameters.seconds - limits.lifetime_slack)
    if not late and event.answer is STATE and event.operation.role is POLL and history.stall is None:
        return None  # too early to show anything, and served
    if not surely_inside(history, event, limits):
        return None
    if event.operation.role is FETCH and limits.result_lifetime is not None:
        return None  # results have a time of their own
    if limits.polls is not None and history.polls_most >= limits.polls:
        return None
    if says_gone(history, event):
        if attribute(history, event, limits) is not Attribution.LIFETIME:
            return None
        return Violation(
            f"that the task lives for {parameters.seconds:g} s",
            f"{_seen(history, event)} {_after(history, event)}",
            numbered(history.created),
            deadlines=kept_until(history, limits),
        )
    return HELD if late and event.answer is STATE else None


@Kind(
    "lifetime-ended",
    roles=READS,
    ordered=True,
    timed=True,
    sides=side_of(Boundary.LIFETIME, AFTER, LIFE, "a poll just after the end of a lifetime"),
    shows_loss=True,
    walks=("to-the-end-of-life",),
    hint="Compare the age with the lifetime before answering, not in a background job.",
)
def lifetime_ended(history: TaskState, event: Event, parameters: Lifetime) -> Finding:
    """After its lifetime a task gives no result."""
    if _shown_lost(history) or not _judgeable(history, event):
        return None
    if not surely_outside(history, event, parameters.limits):
        return None
    if event.phase is SUCCEEDED:
        return Violation(
            f"no result later than {parameters.seconds:g} s after the {parameters.limits.lifetime_from}",
            f"{describe(event)} {_after(history, event)}",
            numbered(history.created),
            deadlines=end_of_life(history, parameters.limits),
        )
    return HELD if _could_show(history, event) else None


def _loss_is_open(contract: Contract, clause: Clause) -> str:
    limits = contract.limits
    documented = limits.lifetime is not None or (limits.polls is not None and limits.beyond_polls == "lost")
    return "" if documented else "no document states when a task is lost, and none was"


@Kind(
    "lost-stays-lost",
    roles=READS,
    ordered=True,
    exercised="a poll of a task that is lost",
    shows_loss=True,
    walks=("to-the-last-poll", "to-the-end-of-life"),
    hint="Delete or mark a lost task; do not fetch it again from a cache or an upstream.",
    conditional=_loss_is_open,
)
def lost_stays_lost(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task that is lost never comes back."""
    if history.lost is None or event.request_errors:
        return None
    if (_shown_lost(history) and event.phase is SUCCEEDED) or (history.gone and event.phase in _AT_WORK):
        return Violation("that a lost task stays lost", f"{describe(event)} {_after(history, event)}", (history.lost,))
    return HELD if event.answer is REFUSAL and event.effect not in PUT_OFF else None


@breaks("lost-stays-lost", "a lost task comes back")
class ComesBack(FaultyProvider):
    """Gives the result of a lost task at its second poll."""

    def lost(self, operation: Operation, task: Task) -> Response:
        task.seen.append("lost")
        if task.seen.count("lost") > 1 and not task.fails:
            return self.state(operation, task, SUCCEEDED)
        return super().lost(operation, task)


class ShortLivedResults(FaultyProvider):
    """Forgets results, though not their tasks, before their time is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        limits = self.contract.limits
        if task is not None and self.clock.now() - task.created > (limits.lifetime or 0) - limits.lifetime_slack - 2:
            return self.lost(operation, task)
        return super().fetch(operation, identifier)


def _busy_code(contract: Contract) -> str | None:
    codes = contract.errors.items()
    return next((code for code, entry in codes if entry.effect is Effect.BUSY and entry.seconds is None), None)


class PutsOffLatePolls(FaultyProvider):
    """Is busy without end for a task from five sixths of its polls on."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        if task is not None and task.polls * 6 >= (self.contract.limits.polls or 0) * 5:
            return self.refuse(operation, _busy_code(self.contract) or "")
        return super().poll(operation, identifier)


@mutates("budget-served")
def _budget_served(contract: Contract, clause: Clause) -> Iterator[Fault]:
    limit = clause.parameters.limit - 1
    yield Fault(f"lost after {limit} polls", settings=Settings(polls=limit))
    if _busy_code(contract) is not None:
        yield Fault(
            "busy without end from five sixths of the polls on", PutsOffLatePolls, companions=("lifetime-served",)
        )


@mutates("budget-ended")
def _budget_ended(contract: Contract, clause: Clause) -> Iterator[Fault]:
    limit = clause.parameters.limit + 1
    yield Fault(f"{limit} polls are answered", settings=Settings(polls=limit))


def _margin(contract: Contract) -> float:
    """Seconds by which a wrong lifetime differs: more than is left open about when it began."""
    limits = contract.limits
    return 2.0 if limits.lifetime_from == "creation" else 2.0 + 2 * (limits.wait or 1.0)


@mutates("lifetime-served")
def _lifetime_served(contract: Contract, clause: Clause) -> Iterator[Fault]:
    limits = contract.limits
    seconds = clause.parameters.seconds - limits.lifetime_slack - _margin(contract)
    # Where a client that keeps the wait has used up its polls at that very time, either limit may be to blame.
    both = limits.polls is not None and limits.polls * (limits.wait or 0.0) >= seconds
    companions = ("budget-served", "answer") if both else ("answer",)
    if contract.operation_of(FETCH) is not None and limits.result_lifetime is None:
        fetched = (*companions, "result-available", "pages")
        yield Fault(f"results are lost after {seconds:g} s", ShortLivedResults, companions=fetched)
    else:
        yield Fault(f"lost after {seconds:g} s", settings=Settings(lifetime=seconds), companions=companions)


@mutates("lifetime-ended")
def _lifetime_ended(contract: Contract, clause: Clause) -> Iterator[Fault]:
    seconds = clause.parameters.seconds + contract.limits.lifetime_slack + _margin(contract)
    yield Fault(f"there for {seconds:g} s", settings=Settings(lifetime=seconds))
