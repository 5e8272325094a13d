"""How soon after one another single creations were accepted or refused."""

from __future__ import annotations

from pollproof.contract.model import Effect
from pollproof.trace.events import STATE, Event


class CreationPace:
    """The last creation that was `accepted`, whether one was accepted `soon` after another, and those `refused` soon.

    Soon means within the documented pause between two batches.
    """

    __slots__ = ("accepted", "refused", "soon")

    def __init__(self) -> None:
        self.accepted: Event | None = None
        self.soon = False
        self.refused: tuple[int, ...] = ()

    def add(self, event: Event, seconds: float) -> None:
        """Take in one more creation, where a pause of that many seconds is documented between batches."""
        last = self.accepted
        soon = last is not None and 0 <= event.exchange.received - last.exchange.sent < seconds
        if event.answer is STATE:
            self.soon |= soon
            self.accepted = event
        elif soon and event.effect is Effect.BUSY and not self.soon:
            self.refused = (*self.refused, event.number)[-10:]
