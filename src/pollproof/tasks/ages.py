"""The limits of a task: how old it may be, how often it was polled, and whether a response shows that it is gone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pollproof.contract.model import Effect, Limits, Phase
from pollproof.contract.vocabulary import FETCH, PUT_OFF, SUCCEEDED
from pollproof.tasks.state import TaskState
from pollproof.trace.events import READABLE, REFUSAL, STATE, Event
from pollproof.trace.exchange import Exchange

UNHEARD = 0.1
"""The share of a lifetime after which a task of unknown age, of which nothing was heard meanwhile, may be gone."""


def received_by(exchange: Exchange) -> float:
    """When the response was there at the latest (NaN: unknown)."""
    received = exchange.received
    return received if received == received else exchange.sent + exchange.precision + exchange.longest  # NaN


def age_least(history: TaskState, event: Event, limits: Limits) -> float:
    """Seconds that have surely passed since the lifetime began when the poll reached the provider (NaN: unknown)."""
    if limits.lifetime_from == "last-read":
        return event.exchange.sent - history.answered
    began = history.ended_received if limits.lifetime_from == "completion" else history.created_received
    return event.exchange.sent - began


def age_most(history: TaskState, event: Event, limits: Limits) -> float:
    """Seconds that may have passed since the lifetime began when the poll reached the provider (NaN: unknown)."""
    if limits.lifetime_from == "completion":
        began = history.created_sent if math.isnan(history.pending_sent) else history.pending_sent
    elif limits.lifetime_from == "last-read" and history.last_sent > history.created_sent:
        began = history.last_sent
    else:
        began = history.created_sent
    return received_by(event.exchange) - began


def surely_inside(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the poll surely reached the provider within the documented lifetime (true where none is documented).

    The response arrived before the lifetime can have begun plus its length, less what the documents leave open.
    """
    lifetime = limits.lifetime
    return lifetime is None or age_most(history, event, limits) <= lifetime - limits.lifetime_slack


def surely_outside(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the poll surely reached the provider after the documented lifetime (false where none is documented).

    The poll left after the lifetime has surely begun plus its length and what the documents leave open.
    """
    lifetime = limits.lifetime
    return lifetime is not None and age_least(history, event, limits) > lifetime + limits.lifetime_slack


def may_be_over(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the documented lifetime may be over when the poll reached the provider (false where none is documented).

    Of a task whose creation is not known it may be over where the last response came long before.
    """
    lifetime = limits.lifetime
    if lifetime is None:
        return False
    if math.isnan(history.created_sent):
        return received_by(event.exchange) - history.last_sent > UNHEARD * lifetime
    return age_most(history, event, limits) > lifetime - limits.lifetime_slack


def surely_within_limits(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the documents promise this poll a response: surely within the budget and within the lifetime."""
    if limits.polls is not None and history.polls_most >= limits.polls:
        return False
    return surely_inside(history, event, limits)


def may_be_spent(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether a task may have used up a limit; without times the number of its polls alone decides."""
    if history.created is None and limits.lifetime is not None:
        return True
    return (limits.polls is not None and history.polls_most >= limits.polls) or may_be_over(history, event, limits)


def surely_beyond_polls(history: TaskState, limits: Limits) -> bool:
    """Whether the poll that follows is surely over a budget beyond which the documents promise nothing."""
    return limits.polls is not None and limits.beyond_polls == "lost" and history.polls_least >= limits.polls


def says_gone(history: TaskState, event: Event) -> bool:
    """Whether a well-formed poll is turned away as if there were no such task.

    A busy or blocked provider shows nothing of the task, unless it is so without end; a code that no document lists may
    be a way to fail, unless the task had succeeded; a task that has failed, or was cancelled, may be forgotten.
    """
    if history.cancelled is not None:
        return False
    endless = history.is_stalled
    if event.operation.role is FETCH:
        if history.terminal is not SUCCEEDED or endless:
            return endless and history.terminal is not Phase.FAILED
        if event.effect in PUT_OFF:
            return False
        if event.response_errors and event.answer is STATE:
            return False  # something is there; that it has the wrong form is another finding
        return event.answer in READABLE and event.phase is not SUCCEEDED
    if history.terminal is Phase.FAILED:
        return False
    if endless:
        return True
    if event.answer is not REFUSAL:
        return False
    if event.effect in (Effect.LOST, Effect.REFUSED):
        return True
    return event.effect is Effect.UNCLEAR and history.terminal is SUCCEEDED


CLOSE = 10.0
"""Seconds between two polls within which the end of a task is known well enough to report how long it took."""


def solving_times(tasks: Iterable[TaskState]) -> list[tuple[float, float]]:
    """For each task whose end was seen closely: seconds from its creation to its success, at least and at most."""
    times = []
    for history in tasks:
        if history.terminal is SUCCEEDED and history.created is not None and not history.inline:
            pending = history.pending_sent - history.created_received
            least = 0.0 if math.isnan(pending) else max(pending, 0.0)
            most = history.ended_received - history.created_sent
            if most - least <= CLOSE:
                times.append((least, most))
    return times
