"""Timing: how old tasks were, how often they had been polled and at what pace, when they were served or refused.

Everything is an interval: `least` is what surely had passed, `most` what may have. A task that was served at an age of
at least 200 s and one that was gone at an age of at most 150 s contradict each other; nothing else does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

from pollproof.contract.model import Contract, Effect, Phase, Role
from pollproof.drift.findings import Seen
from pollproof.tasks.account import Account
from pollproof.tasks.ages import age_least, age_most
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Answer, Event

MAXIMUM_POINTS = 200
"""Tasks whose loss is looked at for one operation: those that were lost earliest tell most."""


class Point(NamedTuple):
    """One answer about a task: the number of polls with this one, the age, whether its result was handed out before."""

    polls: int
    age: float
    read: bool
    seen: Seen

    def covers(self, other: Point) -> bool:
        """Whether this one is at least as late as another in every respect."""
        return self.polls >= other.polls and self.age >= other.age and self.read >= other.read


class Gap(NamedTuple):
    """The seconds between two requests as they reached the provider: at least `least`, at most `most`."""

    least: float
    most: float
    seen: Seen


class Limit(NamedTuple):
    """Whose limits: an operation, and whether the task had been shown to have succeeded."""

    operation: str
    succeeded: bool


class Timing:
    """What one recording shows of limits. Tasks that have failed or were given up say nothing about them."""

    def __init__(self, contract: Contract) -> None:
        self._limits = contract.limits
        self.served: defaultdict[Limit, list[Point]] = defaultdict(list)
        self.gone: defaultdict[Limit, list[Point]] = defaultdict(list)
        self.answered: defaultdict[str, list[Gap]] = defaultdict(list)
        self.refused: defaultdict[str, list[Gap]] = defaultdict(list)
        self.solving: list[tuple[float, float]] = []
        self._read: set[str] = set()
        self._lost: set[str] = set()
        self._last: dict[tuple[str, str], Event] = {}
        self._latest: dict[tuple[Limit, str], Point] = {}

    def begin(self) -> None:
        """Begin with another file: its clock is its own, and so are its tasks."""
        for (limit, _), point in self._latest.items():
            _keep(self.served[limit], point)
        self._latest.clear()
        self._read.clear()
        self._lost.clear()
        self._last.clear()

    def add(self, event: Event, account: Account, seen: Seen) -> None:
        """Take in one event. `account` knows of what came before it."""
        self._pace(event, seen)
        role, task = event.operation.role, event.task
        if role not in (Role.POLL, Role.FETCH) or task is None or event.probe or event.request_errors:
            return
        history = account.tasks.get(task)
        if history is None or history.created is None or task in account.twice or task in self._lost:
            return
        if history.terminal not in (None, Phase.SUCCEEDED):
            return
        succeeded = event.answer is Answer.STATE and event.phase is Phase.SUCCEEDED
        limit = Limit(event.operation.name, history.terminal is not None)
        poll = 1 if role is Role.POLL else 0
        read = task in self._read
        if succeeded:
            self._read.add(task)
            if history.terminal is None:
                self._solved(history, event)
        if succeeded or (role is Role.POLL and event.answer is Answer.STATE):
            age = age_least(history, event, self._limits)
            self._latest[limit, task] = Point(history.polls_least + poll, age, read, seen)
        elif event.answer is Answer.REFUSED and event.effect is Effect.LOST:
            self._lost.add(task)
            age = age_most(history, event, self._limits)
            self.gone[limit].append(Point(history.polls_most + poll, age, read, seen))

    def _solved(self, history: TaskState, event: Event) -> None:
        pending = history.pending_sent
        least = 0.0 if math.isnan(pending) else max(0.0, pending - history.created_received)
        most = event.exchange.received - history.created_sent
        if not math.isnan(most):
            self.solving.append((least, most))

    def _pace(self, event: Event, seen: Seen) -> None:
        """Note how long after the last request for the same task, or for any where tasks are created, this one came."""
        operation = event.operation
        if operation.role is Role.CALLBACK or event.probe:
            return
        about = event.task or "" if operation.role in (Role.POLL, Role.FETCH) else ""
        last = self._last.get((operation.name, about))
        self._last[operation.name, about] = event
        if last is None:
            return
        now, before = event.exchange, last.exchange
        gap = Gap(now.sent - before.received, now.received - before.sent, seen)
        if math.isnan(gap.most):
            return
        if event.answer is Answer.STATE:
            _shortest(self.answered[operation.name], gap)
        elif event.effect is Effect.BUSY and not event.transient:
            self.refused[operation.name].append(gap)

    def end(self) -> None:
        """Finish: what was kept apart for each task is put together."""
        self.begin()
        for points in self.gone.values():
            points.sort(key=lambda point: (point.age, point.polls))
            del points[MAXIMUM_POINTS:]


def _keep(points: list[Point], point: Point) -> None:
    """Add a point unless another covers it, in place of those that it covers."""
    if math.isnan(point.age):
        point = point._replace(age=-math.inf)
    if any(other.covers(point) for other in points):
        return
    points[:] = [other for other in points if not point.covers(other)]
    points.append(point)


def _shortest(gaps: list[Gap], gap: Gap) -> None:
    """Keep the gap that may have been shortest, and the one that surely was."""
    gaps.append(gap)
    if len(gaps) > 2:
        gaps[:] = [min(gaps, key=lambda one: one.least), min(gaps, key=lambda one: one.most)]
