"""What the reference provider keeps beside its tasks: idempotency keys, counts of requests, callbacks on their way."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

from pollproof.contract.model import Rate, Role
from pollproof.trace.bodies import canonical


class KnownKey(NamedTuple):
    """An idempotency key: the request that it came with first, when, and the task that was created."""

    body: str
    moment: float
    task: Any


class KeyBook:
    """The idempotency keys that were used, for as long as they are kept."""

    def __init__(self) -> None:
        self._known: dict[str, KnownKey] = {}

    def find(self, key: Any, now: float, lifetime: float) -> KnownKey | None:
        """What is known of a key that is still kept."""
        known = self._known.get(str(key))
        return None if known is None or now - known.moment > lifetime else known

    def note(self, key: Any, body: Any, now: float, task: Any) -> None:
        """Keep a key with its request and its task."""
        self._known[str(key)] = KnownKey(canonical(body), now, task)

    def clear(self) -> None:
        """Forget all keys."""
        self._known.clear()


class RequestCounter:
    """Counts requests by the documented rates, each in a window that slides."""

    def __init__(self, rates: tuple[Rate, ...]) -> None:
        self._rates = rates
        self._sent: dict[tuple[int, Any], deque[float]] = {}

    def wait(self, role: Role, task: Any, now: float) -> tuple[float, str]:
        """Seconds until one more request is accepted, and the rate's error code; 0 where it is, and it is counted."""
        windows = []
        for number, rate in enumerate(self._rates):
            key = rate_key(rate, role, task)
            if key is None:
                continue
            window = self._sent.setdefault((number, key), deque())
            while window and now - window[0] >= rate.seconds:
                window.popleft()
            if len(window) >= rate.requests:
                return max(window[0] + rate.seconds - now, 0.001), rate.code
            windows.append(window)
        for window in windows:
            window.append(now)
        return 0.0, ""

    def clear(self) -> None:
        """Forget all requests."""
        self._sent.clear()


def rate_key(rate: Rate, role: Role, task: Any) -> Any:
    """What a request is counted under; None where the rate does not count it."""
    if rate.of == "all":
        return "all"
    if rate.of == "create":
        return "create" if role is Role.CREATE else None
    if role is not Role.POLL:
        return None
    return "poll" if rate.of == "poll" else str(task)


def whole_seconds(wait: float) -> int:
    """A wait as Retry-After has it."""
    return max(math.ceil(wait), 1)
