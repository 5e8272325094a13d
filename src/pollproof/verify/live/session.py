"""A session with a real provider: every request waits for its documented moment, is allowed for, and is recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from pollproof.clock import Clock
from pollproof.contract.model import Effect, Role
from pollproof.http.target import Target
from pollproof.monitor.monitor import Monitor
from pollproof.trace.events import Answer, Event
from pollproof.trace.exchange import Exchange, Request
from pollproof.verify.handles import Handle
from pollproof.verify.live.quota import Quota
from pollproof.verify.rate_limiter import ProviderRefused, RateLimiter
from pollproof.verify.session import Session

_LONG_WAIT = 10.0
"""Seconds of waiting that are shown to people."""

MAXIMUM_REFUSED = 2
"""Creations in a row that are refused after which a run ends: without a task there is nothing to ask."""


class Journal(Protocol):
    """Keeps what a session does, as it does it."""

    def sending(self, name: str, moment: float) -> None:
        """Called right before a request of the operation `name` leaves."""

    def keep(self, exchange: Exchange) -> None:
        """Called with every exchange, also of callbacks."""


class LiveSession(Session):
    """A session that keeps a conforming client's pace. Raises `QuotaSpent`, `ProviderRefused` and what sessions raise.

    `left` are unfinished tasks of an earlier run: walks take those before they create any. `notify` is called after
    each exchange with 0, and before a long wait with its seconds.
    """

    frugal = True
    permitted = False

    def __init__(
        self,
        target: Target,
        clock: Clock,
        monitor: Monitor,
        *,
        allowance: Quota,
        keeper: Journal | None = None,
        credential: str | None = None,
        sample: Mapping[str, Any] | None = None,
        notify: Callable[[float], None] | None = None,
    ) -> None:
        observed = None if notify is None else partial(notify, 0.0)
        super().__init__(target, clock, monitor, credential=credential, sample=sample, observed=observed)
        self.allowance = allowance
        self.left: list[Handle] = []
        self.pace = RateLimiter(self.contract)
        self._keeper = keeper
        self._kept = len(monitor.trace)
        self._notify = notify
        self._refused = 0

    def send(self, request: Request, probe: str | None = None) -> Event:
        event = self.monitor.reader.read(Exchange(request, None, 0.0, 0.0, "not sent yet", probe), -1)
        assert event is not None, "a session sends only requests of its contract"
        self.advance(self.pace.due(event) - self.clock.now())
        self.allowance.take(event)
        if self._keeper is not None:
            self._keeper.sending(event.operation.name, self.clock.now())
        try:
            event = super().send(request, probe)
        finally:
            self._keep()
        self.pace.note(event, self.clock.now())
        if event.operation.role is Role.CREATE and probe is None:
            self._created(event)
        return event

    def _created(self, event: Event) -> None:
        refused = event.answer is Answer.REFUSED and event.effect is not Effect.BUSY
        self._refused = self._refused + 1 if refused else 0
        if self._refused >= MAXIMUM_REFUSED:
            status = event.exchange.response.status if event.exchange.response is not None else 0
            raise ProviderRefused(f"the provider refuses to create tasks ({event.error_code or f'HTTP {status}'})")

    def advance(self, seconds: float, *, most: bool = False) -> None:
        if seconds >= _LONG_WAIT and self._notify is not None:
            self._notify(seconds)
        super().advance(seconds, most=most)
        self._keep()

    def _keep(self) -> None:
        trace = self.monitor.trace
        for exchange in trace[self._kept :]:
            if self._keeper is not None:
                self._keeper.keep(exchange)
        self._kept = len(trace)

    def catch_up(self, *, unanswered: bool) -> None:
        """Take up the pace of an earlier run, whose exchanges the monitor has: its waits are not over because it ended.

        `unanswered` tells that its last request left and was not answered.
        """
        for number, exchange in enumerate(self.monitor.trace):
            event = self.monitor.reader.read(exchange, number)
            if event is not None:
                with contextlib.suppress(ProviderRefused):
                    self.pace.note(event, exchange.received)
        self.pace.resume(self.clock.now(), unanswered=unanswered)

    def unfinished(self) -> list[Handle]:
        """The tasks that were created and have no end yet, as far as the trace tells."""
        return [
            Handle(history.raw_id, key, self.kinds[0])
            for key, history in self.monitor.account.tasks.items()
            if history.created is not None and not history.inline and history.terminal is None and history.lost is None
        ]

    def begin(self) -> Handle | None:
        """A task to look at: one that an earlier run has left unfinished, else a new one."""
        return self.left.pop(0) if self.left else super().begin()

    def rest(self) -> None:
        """Nothing: the rate limiter keeps the documented wait before each request."""

    @contextlib.contextmanager
    def hurrying(self, hurried: bool) -> Iterator[None]:
        self.pace.hurried = hurried
        try:
            yield
        finally:
            self.pace.hurried = False
