"""What is compared of time: lifetimes, poll budgets and pace. Only sure contradictions between recordings count."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.contract.model import Limits
from pollproof.recordings.drift.findings import Finding, Severity
from pollproof.recordings.drift.profile import Profile
from pollproof.recordings.drift.timing import Gap, Limit, Point


def compare_timing(old: Profile, new: Profile) -> Iterator[Finding]:
    """All findings about time."""
    for losing, serving, newly in ((new, old, True), (old, new, False)):
        for limit in losing.timing.gone:
            yield from _limits(limit, losing, serving, newly)
        for name in losing.timing.refused:
            yield from _pace(name, losing, serving, newly)


# ---------------------------------------------------------------------------- lifetimes and poll budgets


def _limits(limit: Limit, losing: Profile, serving: Profile, newly: bool) -> Iterator[Finding]:
    """The first contradiction of each kind between losses in one recording and answers in the other."""
    found: set[str] = set()
    own, others = losing.timing.served.get(limit, []), serving.timing.served.get(limit, [])
    unfinished = losing.timing.served.get(limit._replace(succeeded=False), [])
    answered = max((point.polls for point in (*own, *unfinished)), default=0)
    for gone in losing.timing.gone[limit]:
        if any(point.covers(gone) for point in own):
            continue  # a like task of the same recording was there: the loss has a reason of its own
        kind = _kind(gone, own, answered)
        for point in others:
            if kind not in found and _contradicts(kind, point, gone, losing.contract.limits):
                found.add(kind)
                yield _finding(kind, limit, gone, point, newly)


def _kind(gone: Point, own: list[Point], answered: int) -> str:
    """Which rule a loss is due to: not to the number of polls, where some task of its recording answered as many."""
    if answered >= gone.polls:
        return "lifetime-changed"
    if any(point.age >= gone.age and point.read >= gone.read for point in own):
        return "poll-budget-changed"
    return "retention-changed"


def _contradicts(kind: str, served: Point, gone: Point, limits: Limits) -> bool:
    """Whether one provider with the same rules cannot have given both answers."""
    if served.read < gone.read:
        return False
    older = served.age >= gone.age and not _both_open(served, gone, limits)
    longer = served.polls >= gone.polls and not _beyond(gone, limits)
    if kind == "lifetime-changed":
        return older
    return longer if kind == "poll-budget-changed" else older and longer


def _both_open(served: Point, gone: Point, limits: Limits) -> bool:
    """Whether both lie where the documents leave the end of the lifetime open."""
    if limits.lifetime is None:
        return False
    slack = limits.lifetime_slack
    return gone.age >= limits.lifetime - slack and served.age <= limits.lifetime + slack


def _beyond(gone: Point, limits: Limits) -> bool:
    """Whether a task was polled more often than the documents promise anything for."""
    return limits.polls is not None and limits.beyond_polls == "open" and gone.polls > limits.polls


def _finding(kind: str, limit: Limit, gone: Point, served: Point, newly: bool) -> Finding:
    age = f"{gone.age:.1f} s", f"{served.age:.1f} s"
    words = {
        "lifetime-changed": (f"gone at an age of at most {age[0]}", f"there at an age of at least {age[1]}"),
        "poll-budget-changed": (f"gone at poll {gone.polls}", f"there at poll {served.polls}"),
        "retention-changed": (
            f"gone at poll {gone.polls} and an age of at most {age[0]}",
            f"there at poll {served.polls} and an age of at least {age[1]}",
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
