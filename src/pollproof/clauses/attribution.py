"""Which limit to hold an early loss against.

A task that is gone too early shows no reason. It is charged to the limit that was closest; where none was near,
to neither, and the loss is held against the promise that a final response is final. Where tasks that were hardly polled
are gone as early, it is not the polls. One that is put off without end is denied its polls, not its life.
"""

from __future__ import annotations

import math
from enum import Enum

from pollproof.contract.model import Limits
from pollproof.tasks.ages import age_most
from pollproof.tasks.state import SHORT_LIVED, TaskState
from pollproof.trace.events import Event

NEAR = 0.25
"""The share of a limit that must be used up before it can have been the reason."""


class Attribution(Enum):
    """What a loss is charged to."""

    POLLS = "polls"
    LIFETIME = "lifetime"
    NEITHER = "neither"


def attribute(history: TaskState, event: Event, limits: Limits) -> Attribution:
    """The limit that the loss of a task in this event is charged to."""
    if history.is_stalled and limits.polls:
        return Attribution.POLLS
    polls = (history.polls_most + 1) / limits.polls if limits.polls else 0.0
    lifetime = 0.0
    if limits.lifetime:
        elapsed = age_most(history, event, limits)
        if math.isnan(event.exchange.received):
            elapsed -= event.exchange.longest  # most likely it was as quick as others
        lifetime = elapsed / (limits.lifetime - limits.lifetime_slack) if elapsed > 0 else 0.0
    if max(polls, lifetime) < NEAR and history.terminal is not None:
        return Attribution.NEITHER
    if history.marks.get(SHORT_LIVED, math.inf) < age_most(history, event, limits):
        return Attribution.LIFETIME
    if not limits.polls:
        return Attribution.LIFETIME if limits.lifetime else Attribution.NEITHER
    return Attribution.LIFETIME if lifetime > polls else Attribution.POLLS
