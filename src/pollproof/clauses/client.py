"""What a client owes the provider. The same trace, read from the other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.deadlines import end_of_life, last_poll, wait_over
from pollproof.clauses.fields import seconds_of
from pollproof.clauses.kinds import HELD, Finding, Nothing, Violation, from_limits, kind
from pollproof.clauses.shape import ABOUT_THE_KEY
from pollproof.clauses.timing import COARSE, gap, in_words
from pollproof.contract.declared import Form
from pollproof.contract.model import Limits, Phase, Role, Subject
from pollproof.tasks.state import Account, TaskState, surely_inside, surely_outside
from pollproof.trace.events import Answer, Event


@dataclass(frozen=True, slots=True)
class Wait:
    """`seconds`: how long a client waits between two polls of a task."""

    seconds: Annotated[float, "Seconds between two polls; `wait` of [limits] when left out."] = from_limits("wait")


@dataclass(frozen=True, slots=True)
class ClientBudget:
    """`limit`: how often a client polls a task at most."""

    limit: Annotated[int, "Polls of a task; `polls` of [limits] when left out.", Form(least=1)] = from_limits("polls")


@dataclass(frozen=True, slots=True)
class ClientLifetime:
    """`seconds`: how long after its creation a client polls a task."""

    seconds: Annotated[float, "Seconds that a task lives; `lifetime` of [limits] when left out."] = from_limits(
        "lifetime"
    )
    limits: Limits = from_limits("*")


@kind("same-task-id", subject=Subject.CLIENT, roles=(Role.POLL, Role.FETCH), scope="account", ordered=False)
def same_task_id(account: Account, event: Event, parameters: Nothing) -> Finding:
    """Every poll, and every question for a result, carries an id that a creation gave, unchanged and of its type."""
    raw = event.raw_task
    known = account.tasks.get(event.task) if event.task is not None else None
    if known is not None and known.created is not None:
        if type(known.raw_id) is type(raw) or event.operation.task_id is None or event.operation.task_id.area == "path":
            return HELD
        return Violation(
            f"the task id {known.raw_id!r} as the creation gave it",
            f"a question for {raw!r}, of another type",
            (known.created,),
        )
    twin = account.rounded_like(raw)
    if twin is not None and twin.created is not None:
        return Violation(
            f"the task id {twin.raw_id!r} that the creation gave", f"a question for {raw!r}", (twin.created,)
        )
    if account.whole and account.last_created is not None:
        seen = f"a question for {raw!r}, which none gave"
        return Violation("a task id that a creation gave", seen, (account.last_created,))
    return None  # nothing was created, or not within what the trace holds


@dataclass(frozen=True, slots=True)
class Key:
    """`header`: where a client shows its key; `scheme`: the word before it."""

    header: Annotated[str, "The header in which a client shows its key."]
    scheme: Annotated[str, "The word before the key in that header."]


@kind(
    "key-shown",
    subject=Subject.CLIENT,
    roles=(Role.CREATE, Role.POLL, Role.FETCH, Role.BATCH, Role.CANCEL),
    parameters=Key,
    scope="account",
    ordered=False,
)
def key_shown(account: Account, event: Event, parameters: Key) -> Finding:
    """A client shows its key in the documented header, after the documented word."""
    wanted = parameters.header.lower()
    headers = event.exchange.request.headers
    told = next((value for name, value in headers.items() if name.lower() == wanted), "")
    scheme, _, key = told.strip().partition(" ")
    if scheme.lower() == parameters.scheme.lower() and key.strip():
        return HELD
    response = event.exchange.response
    if event.answer is not Answer.REFUSED or response is None or response.status not in ABOUT_THE_KEY:
        return None  # it was taken all the same, or what came of it is not known
    seen = f"no {parameters.header}"
    if told:
        seen = f"{parameters.header} with {scheme!r}" if key else f"{parameters.header} of one word"
    return Violation(f"the header {parameters.header}: {parameters.scheme}, and the key", seen)


@kind("minimum-wait", subject=Subject.CLIENT, parameters=Wait, ordered=False, timed=True)
def minimum_wait(history: TaskState, event: Event, parameters: Wait) -> Finding:
    """After an answer that is not final a client waits before it polls again."""
    if history.last_number is None or history.last_final:
        return None
    least, most = gap(history.last_sent, history.last_precision, event.exchange)
    if most < parameters.seconds:
        expected = f"at least {parameters.seconds:g} s between two polls"
        moments = wait_over(history.last_sent, parameters.seconds, "the last poll")
        return Violation(expected, f"a poll after {in_words(least, most)}", (history.last_number,), deadlines=moments)
    waits = history.gaps + 1
    if event.exchange.precision >= COARSE and waits > 1 and history.first_number is not None:
        # Times that leave each wait in doubt may still leave none about several of them.
        least, most = gap(history.first_sent, event.exchange.precision, event.exchange)
        if most < waits * parameters.seconds:
            expected = f"at least {waits * parameters.seconds:g} s for {waits} waits of {parameters.seconds:g} s"
            since = (history.first_number, history.last_number)
            moments = wait_over(history.first_sent, waits * parameters.seconds, "the first poll")
            return Violation(expected, in_words(least, most), since, deadlines=moments)
        return None
    return HELD if least >= parameters.seconds else None  # neither where the times are not known well enough


@kind("retry-after-kept", subject=Subject.CLIENT, timed=True)
def retry_after_kept(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A client waits as long as the last answer asked it to."""
    asked = seconds_of(history.marks.get("retry_after"))
    if history.last_number is None or history.last_final or asked is None:
        return None
    least, most = gap(history.last_sent, history.last_precision, event.exchange)
    if most < asked:
        expected = f"at least {asked:g} s between two polls, as Retry-After said"
        moments = wait_over(history.last_sent, asked, "the answer with Retry-After")
        return Violation(expected, f"a poll after {in_words(least, most)}", (history.last_number,), deadlines=moments)
    return HELD if least >= asked else None


@kind("poll-budget", subject=Subject.CLIENT, parameters=ClientBudget, ordered=False)
def poll_budget(history: TaskState, event: Event, parameters: ClientBudget) -> Finding:
    """A client polls a task no more often than its budget allows."""
    count = history.polls_most + 1
    if count <= parameters.limit:
        return HELD
    since = () if history.created is None else (history.created,)
    moments = last_poll(history, parameters.limit)
    return Violation(f"at most {parameters.limit} polls of a task", f"poll {count}", since, deadlines=moments)


@kind("no-poll-after-final", subject=Subject.CLIENT)
def no_poll_after_final(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A client does not poll again once it has the final answer."""
    final = history.terminal_number if history.terminal_number is not None else history.lost
    if final is not None:
        return Violation("no poll after the final answer", "another poll", (final,))
    return HELD if event.phase is not None and event.phase.terminal else None


@kind("no-poll-after-lifetime", subject=Subject.CLIENT, parameters=ClientLifetime, ordered=False, timed=True)
def no_poll_after_lifetime(history: TaskState, event: Event, parameters: ClientLifetime) -> Finding:
    """A client does not poll a task whose lifetime is over."""
    if surely_outside(history, event, parameters.limits):
        elapsed = event.exchange.sent - history.created_received
        since = () if history.created is None else (history.created,)
        return Violation(
            f"no poll later than {parameters.seconds:g} s after the {parameters.limits.lifetime_from}",
            f"a poll {elapsed:.3f} s after the creation",
            since,
            deadlines=end_of_life(history, parameters.limits),
        )
    return HELD if surely_inside(history, event, parameters.limits) else None


@kind("no-poll-after-inline", subject=Subject.CLIENT, roles=(Role.CREATE, Role.POLL))
def no_poll_after_inline(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A result that came with the creation is not polled for."""
    if event.operation.role is Role.CREATE:
        return HELD if event.phase is Phase.SUCCEEDED else None
    if history is None or not history.inline or history.created is None:
        return None
    return Violation("no poll, since the creation gave the result", "a poll", (history.created,))
