"""The allowance of a live run: how many requests it may still make, and how many tasks it may still create."""

from __future__ import annotations

from typing import Any

from pollproof.contract.model import Role
from pollproof.trace.events import Event
from pollproof.verify.target_clocks import BudgetSpent


class QuotaSpent(BudgetSpent):
    """One more request would exceed what was allowed; the text says which limit."""


class Quota:
    """Counts requests and tasks, and refuses what is over its limits; None: unlimited."""

    def __init__(self, requests: int | None = None, tasks: int | None = None) -> None:
        self._limits = {"requests": requests, "tasks": tasks}
        self.requests = 0
        self.tasks = 0

    def take(self, event: Event) -> None:
        """Count one request before it is sent; raises `QuotaSpent` instead where it is not allowed."""
        tasks = tasks_in(event)
        for name, count in (("requests", self.requests + 1), ("tasks", self.tasks + tasks)):
            limit = self._limits[name]
            if limit is not None and count > limit:
                raise QuotaSpent(f"--max-{name} {limit} is used up")
        self.requests += 1
        self.tasks += tasks


def tasks_in(event: Event) -> int:
    """How many tasks a request creates at most."""
    if event.operation.role is Role.CREATE:
        return 1
    if event.operation.role is not Role.BATCH:
        return 0
    body: Any = event.request
    return max([1, *(len(value) for value in body.values() if isinstance(value, list))]) if type(body) is dict else 1
