"""The moments that limits mean for one task, in words: computed for a violation alone, to be shown beside its trace."""

from __future__ import annotations

import math

from pollproof.clauses.kinds import Deadline
from pollproof.contract.model import Limits
from pollproof.tasks.state import TaskState


def end_of_life(history: TaskState, limits: Limits) -> tuple[Deadline, ...]:
    """When the lifetime of a task has surely ended, and when what the documents leave open has as well."""
    if limits.lifetime is None:
        return ()
    if limits.lifetime_from == "completion":
        began, since = history.ended_received, "the end of the task was stated"
    else:
        began, since = history.created_received, "the creation was answered"
    end = began + limits.lifetime
    moments = [Deadline(end, f"lifetime of {limits.lifetime:g} s since {since} ends", began)]
    if limits.lifetime_slack:
        open_ = f"the {limits.lifetime_slack:g} s after the lifetime {_left_open(limits)} end"
        moments.append(Deadline(end + limits.lifetime_slack, open_, end))
    return tuple(moments)


def kept_until(history: TaskState, limits: Limits) -> tuple[Deadline, ...]:
    """Until when a task is surely there, and when its lifetime ends at the earliest."""
    if limits.lifetime is None:
        return ()
    began, since = history.created_sent, "the creation was sent"
    if limits.lifetime_from == "completion" and not math.isnan(history.pending_sent):
        began, since = history.pending_sent, "the task was last seen unfinished"
    end = began + limits.lifetime
    moments = [Deadline(end, f"lifetime of {limits.lifetime:g} s since {since} ends", began)]
    if limits.lifetime_slack:
        open_ = f"the last {limits.lifetime_slack:g} s of the lifetime {_left_open(limits)} begin"
        moments.insert(0, Deadline(end - limits.lifetime_slack, open_))
    return tuple(moments)


def last_poll(history: TaskState, limit: int) -> tuple[Deadline, ...]:
    """When a task had answered as many polls as it may (or later, where it answered more)."""
    return (Deadline(history.answered, f"the {limit} polls of the task are used up"),)


def wait_over(began: float, seconds: float, since: str, what: str = "wait") -> tuple[Deadline, ...]:
    """When a wait that began with an earlier exchange is over."""
    return (Deadline(began + seconds, f"{what} of {seconds:g} s since {since} ends", began),)


def _left_open(limits: Limits) -> str:
    """Who leaves the slack of a lifetime open."""
    if not limits.clock_skew:
        return "that the documents leave open"
    documents = "the documents and " if limits.lifetime_slack > limits.clock_skew else ""
    return f"that {documents}the declared clock skew leave{'' if documents else 's'} open"
