"""Creations that are repeated with the same idempotency key."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, breaks, from_limits, mutates, numbered
from pollproof.contract.declared import FILLED_BY_LOADER
from pollproof.contract.model import Clause, Contract, Limits
from pollproof.contract.vocabulary import CREATE, PUT_OFF
from pollproof.tasks.account import IDEMPOTENCY_MARK, Account
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import canonical
from pollproof.trace.events import READABLE, STATE, Event


@dataclass(frozen=True, slots=True)
class KeyLife:
    """The limits of the contract, among them for how long a key is kept."""

    limits: Annotated[Limits, FILLED_BY_LOADER] = from_limits("*")

    @property
    def seconds(self) -> float:
        """Seconds that a key is kept."""
        return math.inf if self.limits.key_lifetime is None else self.limits.key_lifetime


def _first(account: Account, event: Event) -> TaskState | None:
    """The task that was created first with the key and the body of a creation; None where there is none."""
    key = event.marks.get(IDEMPOTENCY_MARK)
    if key is None or event.answer not in READABLE or event.probe or event.request_errors:
        return None
    latest = account.created_with(key)
    return latest if latest is not None and canonical(latest.creation) == canonical(event.request) else None


@Kind(
    "idempotent-creation",
    roles=(CREATE,),
    exercised="a creation that is repeated with its idempotency key",
    walks=("created-again-with-its-key",),
)
def idempotent_creation(account: Account, event: Event, rule: KeyLife) -> Finding:
    """A creation that is repeated with its idempotency key gives the task of the first one."""
    first = _first(account, event)
    if first is None or event.exchange.received - first.created_sent > rule.seconds:
        return None
    response = event.exchange.response
    if event.answer is not STATE or event.task is None:
        over = first.lost is not None or first.cancelled is not None or event.exchange.sent < first.created_received
        if over or event.effect in PUT_OFF or event.transient or response is None or response.status < 400:
            return None
        return Violation(f"the task {first.raw_id!r} again", f"HTTP {response.status}", numbered(first.created))
    if first.id == event.task:
        return HELD
    expected = f"the task {first.raw_id!r} that the first creation with this key gave"
    return Violation(expected, f"the task {event.raw_task!r}", numbered(first.created))


@Kind(
    "key-expires",
    roles=(CREATE,),
    timed=True,
    exercised="a creation with a key whose lifetime is over",
    walks=("created-again-with-its-key",),
)
def key_expires(account: Account, event: Event, rule: KeyLife) -> Finding:
    """A creation with an idempotency key whose lifetime is over gives a new task."""
    first = _first(account, event)
    if first is None or event.answer is not STATE or event.task is None:
        return None
    if not event.exchange.sent - first.created_received > rule.seconds:  # a time may be unknown
        return None
    if first.id != event.task:
        return HELD
    expected = f"a new task, since the key was used more than {rule.seconds:g} s ago"
    return Violation(expected, f"the task {event.raw_task!r} again", numbered(first.created))


class ForgetsKeys(FaultyProvider):
    """Creates a new task whatever the key."""

    def replays(self, key: Any, body: Any) -> Any:
        return None


class TakesReusedKeys(FaultyProvider):
    """Gives the task of the first creation with a key, whatever the request."""

    def conflicts(self, known: Any, body: Any) -> bool:
        return False


class RefusesRepeats(FaultyProvider):
    """Refuses a creation that comes again with its key."""

    def conflicts(self, known: Any, body: Any) -> bool:
        return True


@mutates("idempotent-creation")
def _idempotent_creation(contract: Contract, clause: Clause) -> Iterator[Fault]:
    companions = ("answer", "refused", "refusal-code", "error-http", "accepted")
    create = contract.operation(CREATE)
    if create.task_id is None or create.task_id.part != "request":  # else the client has the same id all the same
        yield Fault("a new task whatever the key", ForgetsKeys, companions=companions)
    yield Fault("a repeated creation is refused", RefusesRepeats, companions=companions)


@breaks("key-expires", "keys are kept without end", ("answer",))
class KeepsKeys(FaultyProvider):
    """Keeps keys without end."""

    def key_lifetime(self) -> float:
        return math.inf


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`limit`: how many tasks may be unfinished; `code`: the error of a creation beyond it."""

    code: Annotated[str, "The error code of a creation while as many tasks as are allowed are unfinished."]
    limit: Annotated[int, "How many tasks may be unfinished."] = from_limits("unfinished")


@Kind(
    "unfinished-served",
    roles=(CREATE,),
    parameters=Unfinished,
    scope="account",
    exercised="a creation",
    walks=("too-many-unfinished",),
    hint="Count only tasks that have not ended, and of the account alone.",
)
def unfinished_served(account: Account, event: Event, rule: Unfinished) -> Finding:
    """A creation is not refused as one too many while fewer tasks than the limit can be unfinished."""
    if event.request_errors or event.exchange.response is None:
        return None
    if event.error_code != rule.code:
        return HELD if event.answer is STATE else None
    if not account.whole:
        return None  # there may be tasks of which the trace says nothing
    known = account.tasks.values()
    count = sum(each.created is not None and each.terminal is None and each.lost is None for each in known)
    if count >= rule.limit or account.unnamed:
        return None
    return Violation(
        f"a creation that is accepted, with {count} of {rule.limit} tasks unfinished", f"the error {rule.code}"
    )


@breaks(
    "unfinished-served",
    "two tasks alone may be unfinished",
    ("accepted", "creation-served", "answer", "accepted-input"),
)
class AllowsFewer(FaultyProvider):
    """Allows two unfinished tasks, however many are documented."""

    def most_unfinished(self) -> float:
        return min(2, super().most_unfinished())
