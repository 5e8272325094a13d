"""Targets: what requests are sent to. The embedded reference is called in process, anything else over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pollproof.trace.exchange import Request, Response


class RequestOutcome(NamedTuple):
    """What came of a request: a response, or why there is none."""

    response: Response | None
    failure: str | None


class Target(Protocol):
    """Something that answers requests."""

    name: str

    def exchange(self, request: Request) -> RequestOutcome:
        """Send a request and wait for its response. Never raises for what the other side does."""

    def close(self) -> None:
        """Let go of connections."""


class InProcessTarget:
    """A provider that is called directly."""

    def __init__(self, name: str, handle: Callable[[Request], Response]) -> None:
        self.name = name
        self._handle = handle

    def exchange(self, request: Request) -> RequestOutcome:
        return RequestOutcome(self._handle(request), None)

    def close(self) -> None:
        return None
