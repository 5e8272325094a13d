"""Limits: how old tasks were and how often polled when they were served or gone, and at what pace requests passed.

Everything is an interval. A task that was served at an age of at least 200 s and one that was gone at an age of at most
150 s contradict each other; nothing else does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pollproof.contract.model import Contract, Effect, Limits, Phase, Role
from pollproof.drift.findings import Difference, EntryReference, Severity
from pollproof.tasks.account import Account
from pollproof.tasks.ages import age_least, age_most
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Answer, Event

MAXIMUM_LOSSES = 200
"""Tasks whose loss is looked at for one operation: those that were lost earliest say most."""


class Point(NamedTuple):
    """One response about a task: the number of polls with this one, the age, whether its result was read before."""

    polls: int
    age: float
    read: bool
    seen: EntryReference


class Gap(NamedTuple):
    """The seconds between two requests as they reached the provider: at least `least`, at most `most`."""

    least: float
    most: float
    seen: EntryReference


class LimitsSeen:
    """What one recording shows of limits. Tasks that have failed or were given up say nothing about them.

    The keys of `oldest` and `gone` are an operation and whether the task had been shown to have succeeded, of `oldest`
    also whether its result had been read. `solving` are the least and most seconds from creations to success.
    """

    def __init__(self, contract: Contract) -> None:
        self.limits = contract.limits
        self.oldest: dict[tuple[str, bool, bool], Point] = {}
        self.busiest: dict[str, Point] = {}
        self.gone: defaultdict[tuple[str, bool], list[Point]] = defaultdict(list)
        self.slowest: dict[str, float] = {}
        self.fastest: dict[str, Gap] = {}
        self.refused: defaultdict[str, list[Gap]] = defaultdict(list)
        self.solving: list[tuple[float, float]] = []
        self.begin()

    def begin(self) -> None:
        """Begin with another file: its clock is its own, and so are its tasks."""
        self._read: set[str] = set()
        self._lost: set[str] = set()
        self._last: dict[tuple[str, str], Event] = {}

    def add(self, event: Event, account: Account, seen: EntryReference) -> None:
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
        name, ended, read = event.operation.name, history.terminal is not None, task in self._read
        poll = 1 if role is Role.POLL else 0
        if event.answer is Answer.STATE and (poll or event.phase is Phase.SUCCEEDED):
            age = age_least(history, event, self.limits)
            point = Point(history.polls_least + poll, -math.inf if math.isnan(age) else age, read, seen)
            if point.age > self.oldest.get((name, ended, read), _NEVER).age:
                self.oldest[name, ended, read] = point
            if point.polls > self.busiest.get(name, _NEVER).polls:
                self.busiest[name] = point
            if event.phase is Phase.SUCCEEDED:
                self._read.add(task)
                if not ended:
                    self._solved(history, event)
        elif event.answer is Answer.REFUSED and event.effect is Effect.LOST:
            self._lost.add(task)
            age = age_most(history, event, self.limits)
            self.gone[name, ended].append(Point(history.polls_most + poll, age, read, seen))

    def _solved(self, history: TaskState, event: Event) -> None:
        pending = history.pending_sent
        least = 0.0 if math.isnan(pending) else max(0.0, pending - history.created_received)
        most = event.exchange.received - history.created_sent
        if not math.isnan(most):
            self.solving.append((least, most))

    def _pace(self, event: Event, seen: EntryReference) -> None:
        """Note how long after the last request for the same task, or for any where tasks are created, this one came."""
        operation = event.operation
        if operation.role is Role.CALLBACK or event.probe:
            return
        about = event.task or "" if operation.role in (Role.POLL, Role.FETCH) else ""
        last = self._last.get((operation.name, about))
        self._last[operation.name, about] = event
        if last is None:
            return
        now, before, name = event.exchange, last.exchange, operation.name
        gap = Gap(now.sent - before.received, now.received - before.sent, seen)
        if math.isnan(gap.most):
            return
        if event.answer is Answer.STATE:
            self.slowest[name] = min(gap.least, self.slowest.get(name, math.inf))
            self.fastest[name] = min(gap, self.fastest.get(name, gap), key=lambda each: each.most)
        elif event.effect is Effect.BUSY and not event.transient:
            self.refused[name].append(gap)

    def oldest_as(self, name: str, ended: bool, gone: Point) -> Point | None:
        """The response about the oldest task that stood as a lost one did."""
        reads = (True,) if gone.read else (True, False)
        points = [self.oldest[name, ended, read] for read in reads if (name, ended, read) in self.oldest]
        return max(points, key=lambda point: point.age, default=None)


_NEVER = Point(-1, -math.inf, False, EntryReference("", 0))


def compare_limits(old: LimitsSeen, new: LimitsSeen) -> Iterator[Difference]:
    """All findings about lifetimes, poll budgets and pace. Only sure contradictions between recordings count."""
    for losing, serving, newly in ((new, old, True), (old, new, False)):
        for name, ended in losing.gone:
            yield from _losses(name, ended, losing, serving, newly)
        for name in losing.refused:
            yield from _paces(name, losing, serving, newly)


def _losses(name: str, ended: bool, losing: LimitsSeen, serving: LimitsSeen, newly: bool) -> Iterator[Difference]:
    """The first contradiction of each kind between losses in one recording and responses in the other.

    A loss has two possible reasons, the age of a task and the number of its polls. One is excluded where another task
    of the same recording was as old, or was polled as often; where both are, the reason is another one.
    """
    found: set[str] = set()
    earliest = sorted(losing.gone[name, ended], key=lambda point: (point.age, point.polls))
    for gone in earliest[:MAXIMUM_LOSSES]:
        aged, polled = losing.oldest_as(name, ended, gone), losing.busiest.get(name)
        not_for_age = aged is not None and aged.age >= gone.age
        not_for_polls = polled is not None and polled.polls >= gone.polls
        if not_for_age and not_for_polls:
            continue
        older, longer = serving.oldest_as(name, ended, gone), serving.busiest.get(name)
        if older is not None and (not older.age >= gone.age or _both_open(older, gone, losing.limits)):
            older = None  # a time may be unknown
        if longer is not None and (longer.polls < gone.polls or _is_open(gone, losing.limits)):
            longer = None
        age = f"an age of at most {gone.age:.1f} s"
        if not_for_polls:
            kind, shows, words = "lifetime-changed", older, f"gone at {age}"
        elif not_for_age:
            kind, shows, words = "poll-budget-changed", longer, f"gone at poll {gone.polls}"
        else:
            kind, shows = "retention-changed", longer if older is not None else None
            words = f"gone at poll {gone.polls} and {age}"
        if shows is not None and kind not in found:
            found.add(kind)
            there = [] if kind == "lifetime-changed" else [f"there at poll {shows.polls}"]
            if older is not None and kind != "poll-budget-changed":
                there.append(f"{'at' if there else 'there at'} an age of at least {older.age:.1f} s")
            which = "of a task that has succeeded" if ended else "of a task without an end yet"
            yield _finding(kind, Severity.ERROR, (name, which), words, ", and ".join(there), gone, shows, newly)


def _both_open(served: Point, gone: Point, limits: Limits) -> bool:
    """Whether both lie where the documents leave the end of the lifetime open."""
    if limits.lifetime is None:
        return False
    slack = limits.lifetime_slack
    return gone.age >= limits.lifetime - slack and served.age <= limits.lifetime + slack


def _is_open(gone: Point, limits: Limits) -> bool:
    """Whether a task was polled more often than the documents promise anything for."""
    return limits.polls is not None and limits.beyond_polls == "open" and gone.polls > limits.polls


def _paces(name: str, refusing: LimitsSeen, answering: LimitsSeen, newly: bool) -> Iterator[Difference]:
    """Requests that were refused as too fast, at a pace at which the other recording's were answered.

    A refusal counts only where its own recording answered none that came as fast, so that it was not for another load.
    """
    slowest, fast = refusing.slowest.get(name), answering.fastest.get(name)
    if slowest is None or fast is None:
        return
    refused = [gap for gap in refusing.refused[name] if gap.most < slowest and fast.most <= gap.least]
    if refused:
        severity = Severity.ERROR if len(refused) > 1 else Severity.INFO  # one refusal may be for something else
        words = f"refused as too fast after {refused[0].least:.1f} s", f"answered after {fast.most:.1f} s"
        yield _finding("pace-changed", severity, (name, ""), *words, refused[0], fast, newly)


def _finding(
    kind: str, severity: Severity, of: tuple[str, str], losing: str, serving: str,
    lost: Point | Gap, served: Point | Gap, newly: bool,
) -> Difference:  # fmt: skip
    if newly:
        return Difference(kind, severity, *of, "", serving, losing, "new", lost.seen)
    return Difference(kind, severity, *of, "", losing, serving, "new", served.seen)
