"""Slack: how near the tasks of a trace came to the limits of their contract, broken or not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pollproof.contract.model import Limits
from pollproof.tasks.ages import age_least
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Event


@dataclass(slots=True)
class Slack:
    """The figures nearest to each limit: polls of one task, seconds between two polls, seconds of age at a poll.

    What was not seen is 0 polls, an infinite wait, a negative age.
    """

    polls: int = 0
    wait: float = math.inf
    age: float = -1.0

    def note(self, history: TaskState, event: Event, limits: Limits) -> None:
        """Take in a poll of a task whose creation is known; `history` is as it was before."""
        exchange = event.exchange
        if history.polls_most >= self.polls:
            self.polls = history.polls_most + 1
        if history.last_number is not None and not (history.last_final or history.last_free):
            between = exchange.sent - history.last_sent
            if between < self.wait:
                self.wait = between
        age = age_least(history, event, limits)
        if age > self.age:
            self.age = age

    def add(self, other: Slack) -> None:
        """Take in the figures of other traces."""
        self.polls = max(self.polls, other.polls)
        self.wait = min(self.wait, other.wait)
        self.age = max(self.age, other.age)

    def clear(self) -> None:
        """Forget it all."""
        self.polls, self.wait, self.age = 0, math.inf, -1.0

    def figures(self, limits: Limits) -> list[dict[str, float]]:
        """Each figure with its limit, where the contract has one and something was seen of it."""
        found: list[dict[str, float]] = []
        if limits.polls is not None and self.polls:
            found.append({"polls": self.polls, "of": limits.polls})
        if limits.wait and self.wait < math.inf:
            found.append({"shortest_wait": round(self.wait, 3), "of": limits.wait})
        if limits.lifetime is not None and self.age >= 0:
            found.append({"oldest_poll": round(self.age, 3), "of": limits.lifetime})
        return found


def describe_slack(figures: list[dict[str, float]]) -> str:
    """The figures as people read them: "118 of 120 polls; shortest wait 3.004 of 3 s; oldest poll 287 of 300 s"."""
    words = []
    for each in figures:
        if "polls" in each:
            words.append(f"{each['polls']:g} of {each['of']:g} polls")
        elif "shortest_wait" in each:
            words.append(f"shortest wait {each['shortest_wait']:.4g} of {each['of']:g} s")
        else:
            words.append(f"oldest poll {each['oldest_poll']:.4g} of {each['of']:g} s")
    return "; ".join(words)


def nearest_to_limits(parts: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The figures of several parts of one run as one: of each the one nearest to its limit."""
    whole: dict[str, dict[str, float]] = {}
    for each in (figure for part in parts for figure in part):
        name = next(name for name in each if name != "of")
        known = whole.setdefault(name, each)
        if (each[name] < known[name]) is (name == "shortest_wait"):
            whole[name] = each
    return list(whole.values())
