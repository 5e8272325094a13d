"""Several tasks asked for at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.deadlines import wait_over
from pollproof.clauses.kinds import HELD, Finding, Violation, from_limits, kind
from pollproof.clauses.timing import gap, in_words
from pollproof.contract.model import Role, Subject
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


@kind(
    "batch-entries", subject=Subject.PROVIDER, roles=(Role.BATCH,), parameters=Entries, scope="account", ordered=False
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


@kind(
    "batch-rate",
    subject=Subject.CLIENT,
    roles=(Role.BATCH,),
    parameters=Pace,
    scope="account",
    ordered=False,
    timed=True,
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
