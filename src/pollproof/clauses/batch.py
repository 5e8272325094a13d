"""Several tasks asked for at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.deadlines import wait_over
from pollproof.clauses.faults import Client, Fault, Provider, Task
from pollproof.clauses.kinds import (
    AFTER,
    CLIENT,
    HELD,
    PROVIDER,
    Boundary,
    Finding,
    Kind,
    Side,
    Violation,
    from_limits,
    mutates,
)
from pollproof.clauses.timing import gap, in_words
from pollproof.contract.model import Clause, Contract, Role
from pollproof.tasks.state import Account
from pollproof.trace.events import Answer, Event


@dataclass(frozen=True, slots=True)
class Entries:
    """`names`: the parameters of which one holds the array of what is asked for."""

    names: Annotated[list[str], "Parameters that hold the entries of a batch."]


def _asked(event: Event, names: list[str]) -> tuple[str, list[Any]] | None:
    if not isinstance(event.request, dict) or event.probe or event.request_errors:
        return None
    for name in names:
        if isinstance(event.request.get(name), list):
            return name, event.request[name]
    return None


@Kind(
    "batch-entries",
    subjects=PROVIDER,
    roles=(Role.BATCH,),
    parameters=Entries,
    scope="account",
    ordered=False,
    walks=("batches",),
    hint="Create one task for each entry of the batch, and return each with an id of its own.",
)
def batch_entries(account: Account, event: Event, parameters: Entries) -> Finding:
    """A batch gives one task for each entry, in their order, each with an id of its own."""
    asked = _asked(event, parameters.names)
    if asked is None or event.answer is not Answer.STATE or event.response_errors:
        return None
    name, wanted = asked
    given = event.members
    if len(given) != len(wanted):
        return Violation(f"{len(wanted)} tasks, one for each entry", f"{len(given)} tasks")
    seen: set[str] = set()
    for number, (want, member) in enumerate(zip(wanted, given, strict=True)):
        if member.task is None:
            return Violation(f"an id in entry {number} of the batch", f"{member.raw_task!r}")
        if member.task in seen or member.task in account.tasks or account.has_forgotten(member.task):
            return Violation("an id of its own for each task", f"the id {member.raw_task!r} again")
        seen.add(member.task)
        told = member.entry.get(name)
        if told not in (None, want):
            return Violation(f"entry {number} of the batch about {want!r}", f"{told!r}")
    return HELD


@dataclass(frozen=True, slots=True)
class Pace:
    """`seconds`: how long a client waits between two batches."""

    seconds: Annotated[float, "Seconds between two batches; `batch_wait` of [limits] when left out."] = from_limits(
        "batch_wait"
    )


def _sides_of_rate(contract: Contract, clause: Clause) -> Iterator[Side]:
    limit = f"wait of {clause.parameters.seconds:g} s"
    yield Side(Boundary.BATCH_WAIT, limit, AFTER, "two batches of a client that waits")


@Kind(
    "batch-rate",
    subjects=CLIENT,
    sides=_sides_of_rate,
    roles=(Role.BATCH,),
    parameters=Pace,
    scope="account",
    ordered=False,
    timed=True,
    hint="Wait the documented time between two batches, whatever came of the first.",
)
def batch_rate(account: Account, event: Event, parameters: Pace) -> Finding:
    """A client leaves the documented time between two batches."""
    last = account.last_batch
    if last is None:
        return None
    least, most = gap(last.exchange.sent, last.exchange.precision, event.exchange)
    if most < parameters.seconds:
        expected = f"at least {parameters.seconds:g} s between two batches"
        moments = wait_over(last.exchange.sent, parameters.seconds, "the last batch")
        return Violation(expected, f"a batch after {in_words(least, most)}", (last.number,), deadlines=moments)
    return HELD if least >= parameters.seconds else None


class ReversesBatches(Provider):
    """Lists the tasks of a batch in the wrong order."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[::-1]


class ShortensBatches(Provider):
    """Leaves the last task of a batch out."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[:-1]


@mutates("batch-entries")
def _batch_entries(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the tasks of a batch in the wrong order", ReversesBatches)
    yield Fault("one task of a batch is missing", ShortensBatches)


class HastyBatches(Client):
    """Sends batches one right after the other."""

    def batch_wait(self) -> float:
        return super().batch_wait() / 2


@mutates("batch-rate")
def _batch_rate(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("two batches in half the time", client=HastyBatches)
