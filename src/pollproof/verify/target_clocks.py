"""Clocks of foreign implementations: one moved through a test hook, one that really waits."""

from __future__ import annotations

import json
import time

from pollproof.clock import ShiftedClock, checked
from pollproof.errors import PollproofError, RunError
from pollproof.trace.exchange import Request


class ClockError(RunError):
    """The test hook of a target's clock does not work; the text is one sentence for people."""


class BudgetSpent(PollproofError):
    """Waiting any longer would exceed the time that was granted."""


class HookedClock(ShiftedClock):
    """Moves a target's clock by `POST {"seconds": N}` to its hook, and its own with it.

    Between the two calls nothing else is asked of the target, so both clocks have moved by the same when it is.
    """

    def __init__(self, advance_url: str) -> None:
        super().__init__()
        from pollproof.http.client import HttpTarget  # takes its time to import, and few clocks are hooked

        self._hook = HttpTarget(advance_url)
        self._path = "/" if advance_url.endswith("/") else ""  # a base URL loses it, and a redirect is not followed
        self.advance_url = advance_url

    def advance(self, seconds: float) -> None:
        body = json.dumps({"seconds": checked(seconds)}).encode()
        headers = {"content-type": "application/json"}
        outcome = self._hook.exchange(Request("POST", self._path, headers, body))
        if outcome.response is None:
            raise ClockError(f"the clock hook {self.advance_url} gave no answer: {outcome.failure}")
        if not 200 <= outcome.response.status < 300:
            raise ClockError(f"the clock hook {self.advance_url} answered HTTP {outcome.response.status}; expected 200")
        super().advance(seconds)

    def close(self) -> None:
        self._hook.close()


class RealClock:
    """Really waits, as long as the granted seconds last; raises `BudgetSpent` rather than begin a wait beyond them."""

    def __init__(self, budget: float) -> None:
        self._end = time.monotonic() + budget

    def now(self) -> float:
        return time.monotonic()

    def advance(self, seconds: float) -> None:
        if time.monotonic() + checked(seconds) > self._end:
            raise BudgetSpent
        time.sleep(seconds)
