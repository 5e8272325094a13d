"""What a client owes the provider. The same trace, read from the other side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.deadlines import end_of_life, last_poll, wait_over
from pollproof.clauses.faults import CreatedTask, Fault, FaultyClient
from pollproof.clauses.fields import retry_after_seconds
from pollproof.clauses.kinds import (
    AFTER,
    BEFORE,
    CLIENT,
    HELD,
    NEAR_END,
    Boundary,
    Finding,
    Kind,
    Nothing,
    Side,
    Violation,
    breaks,
    from_limits,
    limits_of_client,
    mutates,
    numbered,
    side_of,
)
from pollproof.clauses.limits import Budget, Lifetime
from pollproof.clauses.shape import ABOUT_THE_KEY
from pollproof.clauses.timing import COARSE, describe_gap, gap
from pollproof.contract.declared import ONE_OR_MORE
from pollproof.contract.model import Clause, Contract, Role
from pollproof.contract.vocabulary import CREATE, FETCH, POLL, SUCCEEDED
from pollproof.tasks.account import Account
from pollproof.tasks.ages import surely_inside, surely_outside
from pollproof.tasks.state import TaskState
from pollproof.trace.events import REFUSAL, STATE, Answer, Event


@dataclass(frozen=True, slots=True)
class Wait:
    """`seconds`: how long a client waits between two polls of a task."""

    seconds: Annotated[float, "Seconds between two polls; `wait` of [limits] when left out."] = from_limits("wait")


@Kind(
    "same-task-id",
    subjects=CLIENT,
    roles=(POLL, FETCH),
    hint="Keep the task id as it was received: the same JSON type, all digits, no change of case.",
)
def same_task_id(account: Account, event: Event, parameters: Nothing) -> Finding:
    """Every poll, and every fetch of a result, carries an id that a creation gave, unchanged and of its type."""
    raw = event.raw_task
    known = account.tasks.get(event.task) if event.task is not None else None
    if known is not None and known.created is not None:
        if type(known.raw_id) is type(raw) or event.operation.task_id is None or event.operation.task_id.area == "path":
            return HELD
        return Violation(
            f"the task id {known.raw_id!r} as the creation gave it",
            f"a request for {raw!r}, of another type",
            (known.created,),
        )
    twin = account.rounded_like(raw)
    if twin is not None and twin.created is not None and event.answer is not STATE:
        return Violation(
            f"the task id {twin.raw_id!r} that the creation gave", f"a request for {raw!r}", (twin.created,)
        )
    if account.whole and (account.last_created is not None or account.is_unknown(event)):
        shown = numbered(account.last_created)
        return Violation("a task id that a creation gave", f"poll for unknown task id {raw!r}", shown)
    return None  # nothing was created, or not within what the trace holds


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """`header`: where a client shows its key; `scheme`: the word before it."""

    header: Annotated[str, "The header in which a client shows its key."]
    scheme: Annotated[str, "The word before the key in that header."]


@Kind(
    "key-shown",
    subjects=CLIENT,
    roles=(CREATE, POLL, FETCH, Role.BATCH, Role.CANCEL),
    hint="Send the credential with every request, in the documented header and scheme.",
)
def key_shown(account: Account, event: Event, parameters: KeyHeader) -> Finding:
    """A client shows its key in the documented header, after the documented word."""
    wanted = parameters.header.lower()
    headers = event.exchange.request.headers
    shown = next((value for name, value in headers.items() if name.lower() == wanted), "")
    scheme, _, key = shown.strip().partition(" ")
    if scheme.lower() == parameters.scheme.lower() and key.strip():
        return HELD
    response = event.exchange.response
    served = event.answer is STATE and not shown  # whoever takes keys out of recordings takes out all
    if not served and (event.answer is not REFUSAL or response is None or response.status not in ABOUT_THE_KEY):
        return None  # in another way it was taken all the same, or what came of it is not known
    seen = f"no {parameters.header}"
    if shown:
        seen = f"{parameters.header} with {scheme!r}" if key else f"{parameters.header} of one word"
    return Violation(f"the header {parameters.header}: {parameters.scheme}, and the key", seen)


@Kind(
    "minimum-wait",
    subjects=CLIENT,
    timed=True,
    sides=side_of(Boundary.WAIT, AFTER, "wait of {0.seconds:g} s", "a client that waits between two polls"),
    hint="Sleep for the documented wait after each response that is not final, before the next poll.",
)
def minimum_wait(history: TaskState, event: Event, parameters: Wait) -> Finding:
    """After a response that is not final a client waits before it polls again."""
    if history.last_number is None or history.last_final or history.last_free:
        return None
    least, most = gap(history.last_sent, history.last_precision, event.exchange)
    if most < parameters.seconds:
        expected = f"at least {parameters.seconds:g} s between two polls"
        moments = wait_over(history.last_sent, parameters.seconds, "the last poll")
        return Violation(
            expected, f"a poll after {describe_gap(least, most)}", (history.last_number,), deadlines=moments
        )
    waits = history.gaps + 1
    if event.exchange.precision >= COARSE and waits > 1 and history.first_number is not None:
        # Times that leave each wait in doubt may still leave none about several of them.
        least, most = gap(history.first_sent, event.exchange.precision, event.exchange)
        if most < waits * parameters.seconds:
            expected = f"at least {waits * parameters.seconds:g} s for {waits} waits of {parameters.seconds:g} s"
            since = (history.first_number, history.last_number)
            moments = wait_over(history.first_sent, waits * parameters.seconds, "the first poll")
            return Violation(expected, describe_gap(least, most), since, deadlines=moments)
        return None
    return HELD if least >= parameters.seconds else None  # neither where the times are not known well enough


@Kind(
    "retry-after-kept",
    subjects=CLIENT,
    ordered=True,
    timed=True,
    sides=side_of(Boundary.RETRY_AFTER, AFTER, "Retry-After", "a client that receives Retry-After and keeps it"),
    hint="Read Retry-After of the last response, and wait at least that long.",
)
def retry_after_kept(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A client waits as long as the last Retry-After demands, that of the creation before the first poll."""
    demanded = retry_after_seconds(history.marks.get("retry_after"))
    if demanded is None or history.last_final:
        return None
    since, sent, precision = history.last_number, history.last_sent, history.last_precision
    between = "between two polls"
    if since is None:
        if history.created is None or history.inline:
            return None
        since, sent, precision = history.created, history.created_sent, event.exchange.precision
        between = "between the creation and the first poll"
    least, most = gap(sent, precision, event.exchange)
    if most < demanded:
        expected = f"at least {demanded:g} s {between}, as Retry-After demands"
        moments = wait_over(sent, demanded, "the response with Retry-After")
        return Violation(expected, f"a poll after {describe_gap(least, most)}", (since,), deadlines=moments)
    return HELD if least >= demanded else None


def _sides_of_budget(contract: Contract, clause: Clause) -> Iterator[Side]:
    limit = clause.parameters.limit
    why = "who keeps the wait between two polls cannot poll so often within the lifetime"
    excluded = why if limits_of_client(contract).budget_reachable is False else ""
    yield Side(Boundary.POLLS, f"{limit} polls", BEFORE, f"a client that polls a task {limit} times", excluded)


@Kind(
    "poll-budget",
    subjects=CLIENT,
    sides=_sides_of_budget,
    hint="Count the polls of each task, and stop at the documented number.",
)
def poll_budget(history: TaskState, event: Event, parameters: Budget) -> Finding:
    """A client polls a task no more often than its budget allows."""
    if event.answer is Answer.NONE and event.exchange.recorded:
        return None  # it may not have reached the provider
    count = history.polls_most - history.unanswered + 1
    if count <= parameters.limit:
        return HELD
    since = numbered(history.created)
    moments = last_poll(history, parameters.limit)
    return Violation(f"at most {parameters.limit} polls of a task", f"poll {count}", since, deadlines=moments)


@dataclass(frozen=True, slots=True)
class AfterFinal:
    """`of`: the ends after which a client does not poll."""

    of: Annotated[
        tuple[str, ...],
        "The ends that are judged: `succeeded`, `failed`, `cancelled`, `lost`; all when left out.",
        ONE_OR_MORE,
    ] = ()


@Kind(
    "no-poll-after-final",
    subjects=CLIENT,
    ordered=True,
    exercised="a client that polls a task to its end",
    hint="Stop at the first final response, success or failure.",
)
def no_poll_after_final(history: TaskState, event: Event, parameters: AfterFinal) -> Finding:
    """A client does not poll a task again once it has the final response."""
    final, end = history.terminal_number, history.terminal
    # A task that the provider has kept for too long is lost for the provider's clauses; its client does not know that.
    lost = final is None and history.last_final
    if lost:
        final = history.lost
    if final is not None:
        if parameters.of and ("lost" if lost or end is None else end.value) not in parameters.of:
            return None
        return Violation("no poll after the final response", "another poll", (final,))
    if parameters.of and (event.phase is None or event.phase.value not in parameters.of):
        return None
    return HELD if event.phase is not None and event.phase.terminal else None


def _sides_of_lifetime(contract: Contract, clause: Clause) -> Iterator[Side]:
    limits = limits_of_client(contract)
    spent = (limits.polls or math.inf) * (limits.wait or 0.0)
    early = spent < clause.parameters.seconds - limits.lifetime_slack - NEAR_END
    why = "who keeps the wait between two polls has used up all polls before" if early else ""
    limit = f"lifetime of {clause.parameters.seconds:g} s"
    yield Side(Boundary.LIFETIME, limit, BEFORE, "a client that polls to the end of a lifetime", why)


@Kind(
    "no-poll-after-lifetime",
    subjects=CLIENT,
    timed=True,
    sides=_sides_of_lifetime,
    hint="Stop when the documented lifetime since the creation is over.",
)
def no_poll_after_lifetime(history: TaskState, event: Event, parameters: Lifetime) -> Finding:
    """A client does not poll a task whose lifetime is over."""
    if surely_outside(history, event, parameters.limits):
        elapsed = event.exchange.sent - history.created_received
        since = numbered(history.created)
        return Violation(
            f"no poll later than {parameters.seconds:g} s after the {parameters.limits.lifetime_from}",
            f"a poll {elapsed:.3f} s after the creation",
            since,
            deadlines=end_of_life(history, parameters.limits),
        )
    return HELD if surely_inside(history, event, parameters.limits) else None


@Kind(
    "no-poll-after-inline",
    subjects=CLIENT,
    roles=(CREATE, POLL),
    ordered=True,
    exercised="the creation of a task that is answered at once",
    hint="Return the result of the creation where it has one.",
)
def no_poll_after_inline(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A result that came with the creation is not polled for."""
    if event.operation.role is CREATE:
        return HELD if event.phase is SUCCEEDED else None
    if history is None or not history.inline or history.created is None:
        return None
    return Violation("no poll, since the creation gave the result", "a poll", (history.created,))


@breaks("key-shown", "the key is not shown")
class Anonymous(FaultyClient):
    """Does not show its key."""

    def shown_key(self, key: str) -> str | None:
        return None


@breaks("key-shown", "the key after another word")
class Bearer(FaultyClient):
    """Shows its key after another word."""

    def shown_key(self, key: str) -> str | None:
        return f"Bearer {key}"


@breaks("minimum-wait", "half the wait")
class Hasty(FaultyClient):
    """Waits half as long as it should."""

    def wait(self) -> float:
        return super().wait() / 2


class Eager(FaultyClient):
    """Looks at Retry-After of polls alone."""

    def wait(self) -> float:
        return super().wait() / (2 if self.last is None else 1)


class Tireless(FaultyClient):
    """Polls on past the budget, quickly enough to stay within the lifetime."""

    def wait(self) -> float:
        limits = limits_of_client(self.contract)
        lifetime = limits.lifetime or 1e9
        return min(super().wait(), lifetime * 0.9 / ((limits.polls or 0) + 2))

    def gives_up(self, polls: int, elapsed: float) -> bool:
        limits = limits_of_client(self.contract)
        return polls > (limits.polls or 0) or (limits.lifetime is not None and elapsed > limits.lifetime)


@breaks("no-poll-after-final", "one more poll after the final response")
class Doubtful(FaultyClient):
    """Polls again after the final response."""

    polled_again = False

    def is_done(self, event: Event) -> bool:
        done = super().is_done(event)
        if done and not self.polled_again:
            self.polled_again = True
            return False
        return done


@breaks("no-poll-after-lifetime", "a poll past the lifetime")
class Late(FaultyClient):
    """Polls a task for the first time when its lifetime is over."""

    def wait(self) -> float:
        limits = limits_of_client(self.contract)
        return (limits.lifetime or 0.0) + limits.lifetime_slack + 1.0

    def gives_up(self, polls: int, elapsed: float) -> bool:
        return polls > 0


@breaks("same-task-id", "the task id retyped")
class Retyping(FaultyClient):
    """Sends the task id as another JSON type, or with another digit."""

    def task_id(self, handle: CreatedTask, event: Event | None) -> Any:
        if isinstance(handle.id, int):
            return float(handle.id)
        return handle.id.upper() if handle.id.upper() != handle.id else handle.id + "0"


@breaks("no-poll-after-inline", "a result that is there is polled for")
class PollsInline(FaultyClient):
    """Polls for a result that it has."""

    def keeps_inline(self, event: Event) -> bool:
        return False


@mutates("retry-after-kept")
def _retry_after_kept(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("half the wait of Retry-After", client=Hasty, companions=("minimum-wait",))
    create = contract.operation_of(CREATE)
    if create is not None and "retry_after" in create.marks:
        yield Fault("a first poll before Retry-After of the creation", client=Eager, companions=("minimum-wait",))


@mutates("poll-budget")
def _poll_budget(contract: Contract, clause: Clause) -> Iterator[Fault]:
    # More polls than the budget within the lifetime take less than the wait between two of them.
    companions = ("minimum-wait",) if limits_of_client(contract).budget_reachable is False else ()
    yield Fault("one poll too many", client=Tireless, companions=companions)
