"""Requests that are repeated: those that were refused as busy, and those that a client sent in vain."""

from __future__ import annotations

from typing import Any, NamedTuple

from pollproof.contract.vocabulary import ABOUT_A_TASK
from pollproof.trace.events import Event
from pollproof.trace.exchange import UNKNOWN_TIME

HURRY = 0.1
"""Seconds between a response and the next request below which nobody has paused."""

SLOW = 1.0
"""Seconds that a client may take to poll again, without a pause, on a machine that is busy."""

HARDLY = 0.02
"""Seconds of waiting over which a clock leaps that are not a pause."""

AT_ONCE = 10
"""Requests in a row, each within `HURRY` of the response before, that are not a hot loop yet."""

ENDLESS_COUNT = 3
ENDLESS_SECONDS = 60.0
"""Refusals of one request as busy, and the seconds over which they came, from which on busy is not an excuse."""

MAXIMUM_STALLS = 1_000
"""Requests that were refused as busy and are kept: the last ones."""

INSTANT = 0.001
"""Seconds by which a wait may fall short of what it should be, for clocks that count in parts of seconds."""


class Stall(NamedTuple):
    """One request that was refused as busy again and again, each time after the wait that the provider may demand.

    `times` refusals came of requests that were sent from `sent` to `last`; `first` and `number` are the first and the
    last exchange. `wait` is for how many seconds a client should leave the provider alone after the last one.
    """

    times: int
    first: int
    number: int
    sent: float
    last: float
    wait: float

    @property
    def is_endless(self) -> bool:
        """Whether that is more patience than a client owes."""
        return self.times >= ENDLESS_COUNT and self.last - self.sent >= ENDLESS_SECONDS


class Streak(NamedTuple):
    """Requests that were in vain, again and again: not answered, answered by an error, or found unfinished.

    `failures` counts the last ones in a row that were errors or no responses, `hurried` those that came within `HURRY`
    of `received`: the response before, or the request where there was none. `first` and `number` are the first and
    the last exchange.
    """

    failures: int
    hurried: int
    first: int
    number: int
    received: float
    leapt: float = UNKNOWN_TIME

    def hurries(self, event: Event) -> bool:
        """Whether one more request surely came without a pause."""
        exchange = event.exchange
        between = exchange.sent + exchange.precision - self.received
        if between < HURRY:
            return True
        # A clock that leaps over waits distinguishes them from work: who was merely slow has not paused.
        return between < SLOW and exchange.leapt - self.leapt < HARDLY


def streak_key(event: Event) -> tuple[str, Any]:
    """What makes two requests the same: their operation, and the task or the body."""
    about_task = event.operation.role in ABOUT_A_TASK
    return event.operation.name, event.task if about_task else event.exchange.request.body
