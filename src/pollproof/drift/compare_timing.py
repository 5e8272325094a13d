"""What is compared of time: lifetimes, poll budgets and pace. Only sure contradictions between recordings count."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.contract.model import Limits
from pollproof.drift.findings import Finding, Severity
from pollproof.drift.profile import Profile
from pollproof.drift.timing import Gap, Limit, Point


def compare_timing(old: Profile, new: Profile) -> Iterator[Finding]:
    """All findings about time."""
    for losing, serving, newly in ((new, old, True), (old, new, False)):
        for limit in losing.timing.gone:
            yield from _limits(limit, losing, serving, newly)
        for name in losing.timing.refused:
            yield from _pace(name, losing, serving, newly)


# ---------------------------------------------------------------------------- lifetimes and poll budgets


def _limits(limit: Limit, losing: Profile, serving: Profile, newly: bool) -> Iterator[Finding]:
    """The first contradiction of each kind between losses in one recording and answers in the other.

    A loss has two possible reasons, the age of a task and the number of its polls. One is excluded where another task
    of the same recording was as old, or was polled as often; where both are, the reason is another one.
    """
    found: set[str] = set()
    for gone in losing.timing.gone[limit]:
        aged, polled = _oldest(losing, limit, gone), _busiest(losing, limit)
        not_for_age = aged is not None and aged.age >= gone.age
        not_for_polls = polled is not None and polled.polls >= gone.polls
        if not_for_age and not_for_polls:
            continue
        older, longer = _oldest(serving, limit, gone), _busiest(serving, limit)
        limits = losing.contract.limits
        if older is not None and (
            not older.age >= gone.age or _both_open(older, gone, limits)
        ):  # a time may be unknown
            older = None
        if longer is not None and (longer.polls < gone.polls or _beyond(gone, limits)):
            longer = None
        if not_for_polls:
            kind, shows = "lifetime-changed", older
        elif not_for_age:
            kind, shows = "poll-budget-changed", longer
        else:
            kind, shows = "retention-changed", longer if older is not None else None
        if shows is not None and kind not in found:
            found.add(kind)
            yield _finding(kind, limit, gone, shows, older or shows, newly)


def _oldest(profile: Profile, limit: Limit, gone: Point) -> Point | None:
    """The answer of a recording about the oldest task that stood as the lost one did."""
    points = [point for point in profile.timing.served.get(limit, ()) if point.read >= gone.read]
    return max(points, key=lambda point: point.age, default=None)


def _busiest(profile: Profile, limit: Limit) -> Point | None:
    """The answer of a recording to the poll with the highest number, whether its task had an end or none."""
    served = profile.timing.served
    points = [point for each in (True, False) for point in served.get(limit._replace(succeeded=each), ())]
    return max(points, key=lambda point: point.polls, default=None)


def _both_open(served: Point, gone: Point, limits: Limits) -> bool:
    """Whether both lie where the documents leave the end of the lifetime open."""
    if limits.lifetime is None:
        return False
    slack = limits.lifetime_slack
    return gone.age >= limits.lifetime - slack and served.age <= limits.lifetime + slack


def _beyond(gone: Point, limits: Limits) -> bool:
    """Whether a task was polled more often than the documents promise anything for."""
    return limits.polls is not None and limits.beyond_polls == "open" and gone.polls > limits.polls


def _finding(kind: str, limit: Limit, gone: Point, served: Point, older: Point, newly: bool) -> Finding:
    age = f"{gone.age:.1f} s", f"{older.age:.1f} s"
    words = {
        "lifetime-changed": (f"gone at an age of at most {age[0]}", f"there at an age of at least {age[1]}"),
        "poll-budget-changed": (f"gone at poll {gone.polls}", f"there at poll {served.polls}"),
        "retention-changed": (
            f"gone at poll {gone.polls} and an age of at most {age[0]}",
            f"there at poll {served.polls}, and at an age of at least {age[1]}",
        ),
    }[kind]
    old, new = reversed(words) if newly else words
    answer = "of a task that has succeeded" if limit.succeeded else "of a task without an end yet"
    first = gone.seen if newly else served.seen
    return Finding(kind, Severity.ERROR, limit.operation, answer, "", old, new, "new", first)


# --------------------------------------------------------------------------------------------------- pace


def _pace(name: str, refusing: Profile, answering: Profile, newly: bool) -> Iterator[Finding]:
    """Requests that were refused as too fast, at a pace at which the other recording's were answered.

    A refusal counts only where its own recording answered none that came as fast, so that it was not for another load.
    """
    own, others = refusing.timing.answered.get(name, []), answering.timing.answered.get(name, [])
    if not own or not others:
        return
    slowest = min(gap.least for gap in own)
    refused = [gap for gap in refusing.timing.refused[name] if gap.most < slowest]
    fast = min(others, key=lambda gap: gap.most)
    contradicting = [gap for gap in refused if fast.most <= gap.least]
    if not contradicting:
        return
    first: Gap = contradicting[0]
    words = (f"refused as too fast after {first.least:.1f} s", f"answered after {fast.most:.1f} s")
    old, new = reversed(words) if newly else words
    severity = Severity.ERROR if len(contradicting) > 1 else Severity.INFO  # one refusal may be for something else
    seen = first.seen if newly else fast.seen
    yield Finding("pace-changed", severity, name, "", "", old, new, "new", seen)
