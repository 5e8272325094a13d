"""The pace of a conforming client: when it may send its next request, by the contract's waits and the provider's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pollproof.clauses.fields import retry_after_seconds
from pollproof.contract.model import Contract, Effect, Role
from pollproof.errors import RunError
from pollproof.trace.events import Answer, Event

GAP = 1.0
"""Seconds between any two requests where no document states more."""

LONGEST_PAUSE = 60.0
"""Seconds to which the pause after refusals grows, unless the provider states more."""

MAXIMUM_REFUSALS = 5
"""Answers in a row that turn a client away after which a run ends: who goes on is blocked."""

OVERLOADED = (429, 503)
"""HTTP statuses that ask a client to come back later (RFC 6585, 4; RFC 9110, 15.6.4)."""

_MARGIN = 0.01
"""Seconds beyond a wait, for a clock that is read before the request leaves."""


class ProviderRefused(RunError):
    """The provider does not want to be asked any further; the text is one sentence."""


class RateLimiter:
    """States from when on a request keeps the documented pace. Knows no clock: moments are given.

    `wait`: seconds between two polls of a task. `hurried` leaves it out, not the waits that the provider states.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.wait = max(contract.limits.wait or 0.0, GAP) + _MARGIN
        self._batch_wait = max(contract.limits.batch_wait or 0.0, GAP) + _MARGIN
        self._any = self._batch = self._shut = float("-inf")
        self._tasks: dict[str, float] = {}
        self._refusals = 0
        self.hurried = False

    def due(self, event: Event) -> float:
        """The moment from which on this may be asked; `event` is its event without a response."""
        role = event.operation.role
        moment = max(self._shut, self._any if not self.hurried else float("-inf"))
        if role is Role.BATCH:
            moment = max(moment, self._batch)
        if role is Role.POLL and event.task is not None and not self.hurried:
            moment = max(moment, self._tasks.get(event.task, float("-inf")))
        return moment

    def note(self, event: Event, now: float) -> None:
        """Take in a response that was there at `now`; raises `ProviderRefused` when it ends the run."""
        contract, response = self._contract, event.exchange.response
        self._any = now + GAP
        if event.operation.role is Role.BATCH:
            self._batch = now + self._batch_wait
        demanded = read_retry_after(response.headers if response is not None else {}, time.time())
        entry = contract.errors.get(event.error_code or "")
        documented = entry.seconds if entry is not None else None
        if event.effect is Effect.BLOCKED:
            lasts = f", for {documented:g} s by its documents" if documented is not None else ""
            raise ProviderRefused(f"the provider has blocked this account or address ({event.error_code}){lasts}")
        refused = (
            event.answer is Answer.NONE
            or event.transient
            or event.effect is Effect.BUSY
            or (response is not None and response.status in OVERLOADED)
        )
        if refused and event.probe != "malformed":
            self._refusals += 1
            if self._refusals >= MAXIMUM_REFUSALS:
                why = event.exchange.failure or event.error_code or (response and f"HTTP {response.status}")
                raise ProviderRefused(f"the provider has turned away {self._refusals} requests in a row ({why})")
            pause = min(self.wait * 2**self._refusals, LONGEST_PAUSE)
            self._shut = now + max(pause, documented or 0.0, demanded or 0.0) + _MARGIN
        elif event.answer is not Answer.UNREADABLE:
            self._refusals = 0
        for task in filter(None, [event.task, *(member.task for member in event.members)]):
            self._tasks[task] = now + max(self.wait, demanded or 0.0)

    def resume(self, now: float, *, unanswered: bool) -> None:
        """Begin to count refusals anew; after a request without a response nothing is waited for."""
        self._refusals = 0
        if unanswered:
            self._shut = max(self._shut, now + self.wait)


def read_retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """The seconds that a Retry-After header demands, as a number or as a date (RFC 9110, 10.2.3); None without one.

    A date is counted from the response's own Date, from `wall` (seconds of the epoch) where it has none.
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = retry_after_seconds(text)
    if seconds is not None:
        return max(seconds, 0.0)
    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    with contextlib.suppress(KeyError, ValueError, OverflowError):
        wall = parsedate_to_datetime(headers["date"]).timestamp()
    return max(until - wall, 0.0)
