"""Clocks of foreign implementations: one moved through a test hook, one that really waits."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

from pollproof.clock import ShiftedClock, checked
from pollproof.errors import PollproofError, RunError
from pollproof.trace.exchange import Request

if TYPE_CHECKING:
    from pollproof.http.client import HttpTarget

_WHOLE_SECONDS_FROM = 2.0
"""Seconds from which on a clock hook is sent whole ones."""


_EXPECTED = (
    'expected HTTP 200 to POST {"seconds": N}. Correct --advance-url or the hook, or run without it, with --launch or '
    "with --max-wait"
)


class ClockError(RunError):
    """The test hook of a target's clock does not work; the text is one sentence for people."""


class BudgetSpent(PollproofError):
    """Waiting any longer would exceed the time that was granted."""


class HookedClock(ShiftedClock):
    """Moves a target's clock by `POST {"seconds": N}` to its hook, and its own with it.

    Between the two calls no request goes to the target, so both clocks have moved by the same when one does. Hooks may
    drop fractions of seconds, so N is a whole number where that is precise enough, and always once a fraction was
    refused. A hook of the host and port of the `target` shares its connection: there may be a server for one alone.
    """

    def __init__(self, advance_url: str, target: HttpTarget | None = None) -> None:
        super().__init__()
        from pollproof.http.client import HttpTarget  # takes its time to import, and few clocks are hooked

        self._hook = HttpTarget(advance_url) if target is None else target.beside(advance_url)
        self._path = "/" if advance_url.endswith("/") else ""  # a base URL loses it, and a redirect is not followed
        self._coarse = _WHOLE_SECONDS_FROM
        self._jump = (math.inf, math.inf, math.inf)
        self.advance_url = advance_url

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, or as many whole seconds as they are part of."""
        number = math.ceil(seconds) if checked(seconds) >= self._coarse else seconds
        body = json.dumps({"seconds": number}).encode()
        headers = {"content-type": "application/json"}
        called = self.now()
        response, failure = self._hook.exchange(Request("POST", self._path, headers, body))
        if response is None:
            raise ClockError(f"the clock hook {self.advance_url} did not respond: {failure}; {_EXPECTED}")
        if 400 <= response.status < 500 and number % 1:
            self._coarse = 0.0
            self.advance(seconds)
            return
        if not 200 <= response.status < 300:
            raise ClockError(f"the clock hook {self.advance_url} answered HTTP {response.status}; {_EXPECTED}")
        before = self.now()
        super().advance(number)
        self._jump = called, before, self.now()

    def latest(self, moment: float) -> float:
        """The latest moment that one may be which the clock showed while its target's was moved, or else that one."""
        called, moved, ended = self._jump
        return ended if called <= moment <= moved else moment

    def at_most(self, seconds: float) -> float:
        """The seconds that the clock can move by without going beyond these."""
        return math.floor(seconds) if seconds >= self._coarse else seconds

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
