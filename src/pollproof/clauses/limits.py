"""Limits of a task: how many polls it answers, how long it lives, and that what is lost stays lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.attribution import Attribution, blame
from pollproof.clauses.deadlines import end_of_life, kept_until, last_poll
from pollproof.clauses.kinds import HELD, Finding, Nothing, Violation, from_limits, kind
from pollproof.clauses.lifecycle import describe
from pollproof.contract.declared import Form
from pollproof.contract.model import Effect, Limits, Phase, Role, Subject
from pollproof.tasks.state import TaskState, age_least, says_gone, surely_inside, surely_outside
from pollproof.trace.events import TOLD, Answer, Event

LATE = 0.9
"""The share of a lifetime after which a poll that is answered shows that the task was kept."""


READS = (Role.POLL, Role.FETCH)
"""The operations that ask for a task or its result."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit`: how many polls a task answers."""

    limit: Annotated[int, "Polls that a task answers; `polls` of [limits] when left out.", Form(least=1)] = from_limits(
        "polls"
    )
    limits: Limits = from_limits("*")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`seconds`: how long a task lives, from its creation or its completion."""

    seconds: Annotated[float, "Seconds that a task lives; `lifetime` of [limits] when left out."] = from_limits(
        "lifetime"
    )
    limits: Limits = from_limits("*")


def _judgeable(history: TaskState, event: Event) -> bool:
    if history.created is None or history.inline or event.request_errors:
        return False
    return event.answer in TOLD


def _after(history: TaskState, event: Event) -> str:
    """How far the task was when the poll came, in words."""
    elapsed = event.exchange.sent - history.created_received
    return f"at poll {history.polls_most + 1}, {elapsed:.3f} s after its creation"


def _created(history: TaskState) -> tuple[int, ...]:
    return () if history.created is None else (history.created,)


@kind("budget-served", subject=Subject.PROVIDER, parameters=Budget)
def budget_served(history: TaskState, event: Event, parameters: Budget) -> Finding:
    """A task answers every poll up to its limit, as long as it lives."""
    if history.lost is not None or not _judgeable(history, event):
        return None
    if history.polls_most >= parameters.limit or not surely_inside(history, event, parameters.limits):
        return None
    if says_gone(history, event):
        if blame(history, event, parameters.limits) is not Attribution.POLLS:
            return None
        return Violation(
            f"that the task answers its first {parameters.limit} polls",
            f"{describe(event)} {_after(history, event)}",
            _created(history),
            deadlines=kept_until(history, parameters.limits),
        )
    return HELD if history.polls_most + 1 == parameters.limit and event.answer is Answer.STATE else None


@kind("budget-ended", subject=Subject.PROVIDER, parameters=Budget)
def budget_ended(history: TaskState, event: Event, parameters: Budget) -> Finding:
    """After the last poll of its budget a task gives no result."""
    if history.polls_least < parameters.limit or history.lost is not None or not _judgeable(history, event):
        return None
    if surely_outside(history, event, parameters.limits):
        return None
    if event.phase is Phase.SUCCEEDED:
        return Violation(
            f"no result at poll {parameters.limit + 1} and later",
            f"{describe(event)} {_after(history, event)}",
            _created(history),
            deadlines=last_poll(history, parameters.limit),
        )
    return None if event.effect in (Effect.BUSY, Effect.BLOCKED) else HELD


@kind("lifetime-served", subject=Subject.PROVIDER, roles=READS, parameters=Lifetime, timed=True)
def lifetime_served(history: TaskState, event: Event, parameters: Lifetime) -> Finding:
    """A task is there until its lifetime ends."""
    if history.lost is not None or not _judgeable(history, event):
        return None
    limits = parameters.limits
    if not surely_inside(history, event, limits):
        return None
    if limits.polls is not None and history.polls_most >= limits.polls:
        return None
    if says_gone(history, event):
        if blame(history, event, limits) is not Attribution.LIFETIME:
            return None
        return Violation(
            f"that the task lives for {parameters.seconds:g} s",
            f"{describe(event)} {_after(history, event)}",
            _created(history),
            deadlines=kept_until(history, limits),
        )
    elapsed = age_least(history, event, limits)
    return (
        HELD
        if event.answer is Answer.STATE and elapsed >= LATE * (parameters.seconds - limits.lifetime_slack)
        else None
    )


@kind("lifetime-ended", subject=Subject.PROVIDER, roles=READS, parameters=Lifetime, timed=True)
def lifetime_ended(history: TaskState, event: Event, parameters: Lifetime) -> Finding:
    """After its lifetime a task gives no result."""
    if history.lost is not None or not _judgeable(history, event):
        return None
    if not surely_outside(history, event, parameters.limits):
        return None
    if event.phase is Phase.SUCCEEDED:
        return Violation(
            f"no result later than {parameters.seconds:g} s after the {parameters.limits.lifetime_from}",
            f"{describe(event)} {_after(history, event)}",
            _created(history),
            deadlines=end_of_life(history, parameters.limits),
        )
    return None if event.effect in (Effect.BUSY, Effect.BLOCKED) else HELD


@kind("lost-stays-lost", subject=Subject.PROVIDER, roles=READS)
def lost_stays_lost(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task that is lost never comes back."""
    if history.lost is None or event.request_errors:
        return None
    if event.phase is Phase.SUCCEEDED:
        return Violation("that a lost task stays lost", f"{describe(event)} {_after(history, event)}", (history.lost,))
    return HELD if event.answer is Answer.REFUSED else None
