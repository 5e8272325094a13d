"""Several tasks requested at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.deadlines import wait_over
from pollproof.clauses.faults import Fault, FaultyClient, FaultyProvider, Task
from pollproof.clauses.kinds import (
    AFTER,
    CLIENT,
    HELD,
    Boundary,
    Finding,
    Kind,
    Violation,
    breaks,
    from_limits,
    mutates,
    side_of,
)
from pollproof.clauses.timing import describe_gap, gap
from pollproof.contract.model import Clause, Contract, Effect, Operation, Role
from pollproof.contract.places import View
from pollproof.tasks.account import Account
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import canonical
from pollproof.trace.events import STATE, Event, Member
from pollproof.trace.exchange import Response

_TOO_FAST = 429
"""The HTTP status of requests that come too fast (RFC 6585, 4)."""


@dataclass(frozen=True, slots=True)
class Entries:
    """`names`: the parameters of which one holds the array of entries."""

    names: Annotated[list[str], "Parameters that hold the entries of a batch."]


def _requested(event: Event, names: list[str]) -> tuple[str, list[Any]] | None:
    if not isinstance(event.request, dict) or event.probe or event.request_errors:
        return None
    for name in names:
        if isinstance(event.request.get(name), list):
            return name, event.request[name]
    return None


@Kind(
    "batch-entries",
    roles=(Role.BATCH,),
    walks=("batches",),
    hint="Create one task for each entry of the batch, and return each with an id of its own.",
)
def batch_entries(account: Account, event: Event, parameters: Entries) -> Finding:
    """A batch gives one task for each entry, each with an id of its own."""
    requested = _requested(event, parameters.names)
    if requested is None or event.answer is not STATE or event.response_errors:
        return None
    name, wanted = requested
    given = event.members
    if len(given) != len(wanted):
        return Violation(f"{len(wanted)} tasks, one for each entry", f"{len(given)} tasks")
    seen: set[str] = set()
    for number, member in enumerate(given):
        if member.task is None:
            return Violation(f"an id in entry {number} of the batch", f"{member.raw_task!r}")
        if member.task in seen or account.has_created(member.task):
            return Violation("an id of its own for each task", f"the id {member.raw_task!r} again")
        seen.add(member.task)
    named = Counter(canonical(member.entry[name]) for member in given if _is_named(member, name))
    more = named - Counter(canonical(want) for want in wanted)
    if more:
        return Violation("one task for each entry of the batch", f"a task about {next(iter(more))!r} too many")
    return HELD


def _is_named(member: Member, name: str) -> bool:
    return member.entry.get(name) is not None


@Kind(
    "batch-order",
    roles=(Role.BATCH,),
    exercised="a batch whose tasks name what they are about",
    walks=("batches",),
    hint="List the tasks of a batch in the order of its entries.",
)
def batch_order(history: TaskState, event: Event, parameters: Entries) -> Finding:
    """The tasks of a batch come in the order of its entries."""
    requested = _requested(event, parameters.names)
    if requested is None or event.answer is not STATE or event.response_errors:
        return None
    name, wanted = requested
    given = event.members
    named = [member.entry[name] for member in given if _is_named(member, name)]
    if len(named) != len(wanted) or len(given) < 2 or Counter(map(canonical, named)) != Counter(map(canonical, wanted)):
        return None
    for number, (want, seen) in enumerate(zip(wanted, named, strict=True)):
        if seen != want:
            return Violation(f"entry {number} of the batch about {want!r}", f"{seen!r}")
    return HELD


@dataclass(frozen=True, slots=True)
class BatchPace:
    """`seconds`: the time between two batches."""

    seconds: Annotated[float, "Seconds between two batches; `batch_wait` of [limits] when left out."] = from_limits(
        "batch_wait"
    )


@Kind(
    "batch-limit",
    roles=(Role.BATCH,),
    timed=True,
    sides=side_of(Boundary.BATCH_WAIT, AFTER, "wait of {0.seconds:g} s", "a batch after the pause between two batches"),
    walks=("batches",),
    hint="Count the batches of a key, whatever their connection, target or kind; refuse those that come too soon.",
)
def batch_limit(account: Account, event: Event, parameters: BatchPace) -> Finding:
    """Of batches that come faster than documented some are refused, and one that comes after the pause is not."""
    last, exchange, response = account.batches.last, event.exchange, event.exchange.response
    if last is None or response is None or event.request_errors or event.probe:
        return None
    seconds = parameters.seconds
    if event.effect is Effect.BUSY and response.status == _TOO_FAST:
        if account.batches.comes_late(event, seconds, account.last_received):
            if not account.batches.late.show_another_limit():
                return None  # once, anybody may be busy
            expected = f"a batch {seconds:g} s after the last one to be accepted"
            moments = wait_over(max(last.exchange.received, account.last_received), seconds, "the last response")
            return Violation(expected, f"HTTP {response.status}", (last.number,), deadlines=moments)
        return HELD if exchange.received - last.exchange.sent < seconds else None
    if event.answer is not STATE:
        return None
    # However the provider divides time into windows, all but the first and the last of these were in whole ones.
    began, since = exchange.sent, []
    for count, batch in enumerate(reversed(account.batches.accepted), 2):
        began = min(began, batch.exchange.sent)
        since.append(batch.number)
        if count > 2 and exchange.received - began < (count - 2) * seconds:
            within = f"{(count - 2) * seconds:g} s"
            expected = f"one of {count} batches within {within} to be refused"
            seen = f"{count} batches accepted within {describe_gap(0.0, exchange.received - began)}"
            moments = wait_over(began, (count - 2) * seconds, f"the first of the {count}")
            return Violation(expected, seen, tuple(sorted(since)), deadlines=moments)
    return None


@Kind(
    "batch-rate",
    subjects=CLIENT,
    roles=(Role.BATCH,),
    sides=side_of(Boundary.BATCH_WAIT, AFTER, "wait of {0.seconds:g} s", "two batches of a client that waits"),
    timed=True,
    hint="Wait the documented time between two batches, whatever came of the first.",
)
def batch_rate(account: Account, event: Event, parameters: BatchPace) -> Finding:
    """A client leaves the documented time between two batches."""
    last = account.batches.last
    if last is None:
        return None
    least, most = gap(last.exchange.sent, last.exchange.precision, event.exchange)
    if most < parameters.seconds:
        expected = f"at least {parameters.seconds:g} s between two batches"
        moments = wait_over(last.exchange.sent, parameters.seconds, "the last batch")
        return Violation(expected, f"a batch after {describe_gap(least, most)}", (last.number,), deadlines=moments)
    return HELD if least >= parameters.seconds else None


@breaks("batch-order", "the tasks of a batch in the wrong order")
class ReversesBatches(FaultyProvider):
    """Lists the tasks of a batch in the wrong order."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[::-1]


# In a batch with equal entries that is another order.
@breaks("batch-entries", "one task of a batch is missing")
class ShortensBatches(FaultyProvider):
    """Leaves the last task of a batch out."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[:-1]


# In a batch with equal entries that is another order.
@breaks("batch-entries", "one task of a batch is there twice", ("batch-order",))
class RepeatsEntries(FaultyProvider):
    """Gives two tasks of a batch for its first entry, and none for its last."""

    def batch(self, operation: Operation, view: View) -> Response:
        name = next(key for key, value in view.request.items() if isinstance(value, list))
        entries = view.request[name]
        changed = {**view.request, name: [*entries[:1], *entries[:-1]]}
        return super().batch(operation, view._replace(request=changed))


class TakesEveryBatch(FaultyProvider):
    """Accepts batches however fast they come."""

    def hurries(self, now: float) -> bool:
        return False


class LimitsEachKind(FaultyProvider):
    """Counts the batches of each kind of entries by themselves."""

    def batch(self, operation: Operation, view: View) -> Response:
        name = next(key for key, value in view.request.items() if isinstance(value, list))
        kinds: dict[str, float | None] = self.__dict__.setdefault("batches_of", {})
        if self.last_batch is None:
            kinds.clear()
        self.last_batch = kinds.get(name)
        try:
            return super().batch(operation, view)
        finally:
            kinds[name] = self.last_batch


class RefusesLateBatches(FaultyProvider):
    """Refuses batches that come up to half as long again after the last one as they should."""

    def hurries(self, now: float) -> bool:
        before, self.last_batch = self.last_batch, now
        return before is not None and now - before < 1.5 * (self.contract.limits.batch_wait or 0.0)


class WantsLongerPauses(FaultyProvider):
    """Refuses batches that come up to twice as long after the last accepted one as they should."""

    def hurries(self, now: float) -> bool:
        if self.last_batch is not None and now - self.last_batch < 2.2 * (self.contract.limits.batch_wait or 0.0):
            return True
        self.last_batch = now
        return False


@mutates("batch-limit")
def _batch_limit(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("batches at any rate", TakesEveryBatch)
    if contract.operation(Role.BATCH).alternatives:
        yield Fault("batches of each kind at a rate of their own", LimitsEachKind)
    yield Fault("a batch after the pause is refused", RefusesLateBatches)
    yield Fault("batches at half the documented rate", WantsLongerPauses)


@breaks("batch-rate", "two batches in half the time")
class HastyBatches(FaultyClient):
    """Sends batches one right after the other."""

    def batch_wait(self) -> float:
        return super().batch_wait() / 2
