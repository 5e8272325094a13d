"""Patience: the waits of a conforming client, and how long a provider that says that it is busy is insisted on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from pollproof.clock import Clock
from pollproof.contract.model import (
    Effect,
    Role,
)
from pollproof.http.target import Target
from pollproof.monitor.monitor import Monitor
from pollproof.trace.events import Answer, Event
from pollproof.verify.sending import Sender

INSISTENCES = 4
"""Times that a request is sent again to a provider that says that it is busy, over `INSISTING` seconds."""

INSISTING = 66.0
"""Seconds after which a provider that refuses the same request as busy refuses it for good."""

FEW_INSISTENCES = 2
"""Times that a request is sent again where time is really waited for, or the provider's own."""

MAXIMUM_DENIED = 3
"""Requests of an operation that were insisted on in vain, after which others are not."""


class Waiter(Sender):
    """Waits as the documents ask. Where time is not `movable` it is really waited for; `frugal`: with few requests."""

    frugal = False
    movable = True

    def __init__(self, target: Target, clock: Clock, monitor: Monitor, observed: Callable[[], None] | None) -> None:
        super().__init__(target, clock, monitor, observed)
        self.denied: dict[str, int] = {}

    def rest(self) -> None:
        """Let the documented wait pass before more polls; a session that keeps a pace does so by itself."""
        self.advance(self.wait)

    def hurrying(self, hurried: bool) -> contextlib.AbstractContextManager[None]:
        """A context in which polls may come faster than is documented (they may anyway where no pace is kept)."""
        return contextlib.nullcontext()

    @property
    def wait(self) -> float:
        """Seconds between two polls of a conforming client (1 where nothing is documented)."""
        return self.contract.limits.wait or 1.0

    def pause_if_demanded(self, event: Event) -> bool:
        """Wait as long as a busy or blocked provider demands; whether it demanded any."""
        if event.answer is Answer.STATE:
            return False
        if event.effect in (Effect.BUSY, Effect.BLOCKED):
            entry = self.contract.errors.get(event.error_code or "")
            seconds = entry.seconds if entry is not None and entry.seconds is not None else self.wait
            batch = self.contract.limits.batch_wait if event.operation.role is Role.BATCH else None
            self.advance(max(seconds, self.wait, batch or 0.0))
            return True
        if event.answer in (Answer.NONE, Answer.UNREADABLE) and (event.answer is Answer.NONE or event.transient):
            self.advance(self.wait)
            return True
        return False

    def insist(self, event: Event) -> Event:
        """Send a request again that a busy provider refused, each time after the documented wait; the last response.

        Where time can be moved it is sent so often, over so long, that being busy does not excuse it any more.
        """
        operation = event.operation.name
        thorough = self.movable and not self.frugal and self.denied.get(operation, 0) < MAXIMUM_DENIED
        for number in range(INSISTENCES if thorough else FEW_INSISTENCES):
            before = self.clock.now()
            if not self.pause_if_demanded(event):
                return event
            if thorough and number > 0:
                self.advance(INSISTING / (INSISTENCES - 1) - (self.clock.now() - before))
            event = self.send(event.exchange.request, event.probe)
        if event.answer is not Answer.STATE:
            self.denied[operation] = self.denied.get(operation, 0) + 1
        return event
