"""Batches that were refused although they came after the documented pause."""

from __future__ import annotations

from pollproof.contract.model import Effect
from pollproof.trace.events import STATE, Event

IN_A_ROW = 2
"""Refusals in a row of batches after the pause that show another limit: once, anybody may be busy."""

APART = 3
"""The same, each after another accepted batch, where none was accepted that came as early."""


class LateBatches:
    """Counts the refusals of batches that came after the pause: in a row, and one after each accepted batch.

    Once a batch is accepted that came as early after another one as one that was refused, the provider was merely busy.
    """

    __slots__ = ("_accepted", "_counted", "_most", "_refusals", "_row")

    def __init__(self) -> None:
        self._row = self._refusals = 0
        self._accepted: Event | None = None
        self._counted: Event | None = None
        self._most = 0.0

    def show_another_limit(self) -> bool:
        """Whether one more refusal after the pause shows that the pause is another one than documented."""
        apart = self._refusals + (self._accepted is not None and self._accepted is not self._counted)
        return self._row + 1 >= IN_A_ROW or apart >= APART

    def note(self, event: Event, late: bool) -> None:
        """Take in a batch; `late` says whether it surely came after the pause."""
        sent, received, before = event.exchange.sent, event.exchange.received, self._accepted
        refused = late and event.effect is Effect.BUSY
        self._row = self._row + 1 if refused else 0
        if event.answer is STATE:
            if before is not None and sent - before.exchange.received <= self._most:
                self._refusals, self._most = 0, 0.0
            self._accepted = event
        elif refused and before is not None and before is not self._counted:
            self._refusals += 1
            self._counted = before
            self._most = max(self._most, received - before.exchange.sent)
