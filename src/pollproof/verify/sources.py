"""What a session can have besides its target: further connections, and callbacks that arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pollproof.trace.exchange import Exchange, Request


class ConnectionSource(Protocol):
    """Further connections to the target of a session: so many requests at a time at `most`."""

    most: int

    @property
    def keep(self) -> bool:
        """Whether the session's own connection may stay open beside them."""

    def exchange(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests at the same time, each over another connection; what came of them."""

    def abandon(self, request: Request) -> Exchange:
        """Send a request and cut its connection before a response."""


class CallbackSource(Protocol):
    """Where callbacks arrive."""

    address: str
    patience: float
    stray: str

    def address_with(self, query: str) -> str:
        """The address with a query, which is expected with it from now on. `stray` is the last other one called."""

    refusing: int

    def take(self) -> list[tuple[Request, float, int]]:
        """The requests that came since the last call, each with the moment of its arrival and the status it got."""

    def wait(self, seconds: float) -> None:
        """Wait at most that long, in real time, for a callback that was not taken yet."""
