"""What the responses about one task show together: order, final responses, results, identity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.attribution import Attribution, attribute
from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import HELD, Finding, Kind, Nothing, Violation, breaks, from_limits, mutates, numbered
from pollproof.clauses.shape import ABOUT_THE_KEY
from pollproof.contract.model import Clause, Contract, Effect, Limits, Operation, Phase
from pollproof.contract.places import MISSING
from pollproof.contract.vocabulary import CALLBACK, CREATE, FETCH, POLL, SUCCEEDED
from pollproof.tasks.account import Account, replays
from pollproof.tasks.ages import age_most, may_be_over, may_be_spent, says_gone, surely_within_limits
from pollproof.tasks.fold import final_of
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import Unreadable, canonical, read_json
from pollproof.trace.events import READABLE, REFUSAL, STATE, Event
from pollproof.trace.exchange import Response

REMEMBERED_SECONDS = 60.0
"""Seconds after its creation for which a task is remembered where the documents promise it without a number."""


@dataclass(frozen=True, slots=True)
class WithinLimits:
    """The limits of the contract, within which a task is kept."""

    limits: Limits = from_limits("*")


_AT_WORK = (Phase.WAITING, Phase.RUNNING)


def describe(event: Event) -> str:
    """A response in a few words, for messages."""
    if event.answer is REFUSAL:
        return "an error without a code" if event.error_code is None else f"the error {event.error_code}"
    if event.answer is STATE:
        return "no status" if event.status is MISSING else f"status {event.status!r}"
    return "no readable response"


@Kind(
    "status-order",
    roles=(POLL, CALLBACK),
    ordered=True,
    exercised="several polls of an unfinished task",
    walks=("one-after-another",),
    hint="Read the status from one place; a cache or replica may be older than the last response.",
)
def status_order(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """The status of a task that is not finished never runs backwards."""
    before, now = history.phase, event.phase
    if before is None or now is None or history.terminal or event.request_errors or event.answer is not STATE:
        return None
    if history.lost is not None or may_be_spent(history, event, parameters.limits):
        return None
    if now.rank >= before.rank:
        return HELD
    since = numbered(history.phase_number)
    expected = f"no status before '{before.value}' in the life of the task once it is {before.value}"
    return Violation(expected, f"{describe(event)}, which is {now.value}", since)


@Kind(
    "terminal",
    roles=(POLL, FETCH, CALLBACK),
    ordered=True,
    exercised="a poll after the final response of a task",
    walks=("one-after-another", "read-many-times"),
    hint="Store the final state with the task; do not compute it anew at each poll.",
)
def terminal(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """A final response is final: what succeeded stays succeeded, what failed stays failed, until the task is lost."""
    final, limits = history.terminal, parameters.limits
    if final is None or event.request_errors or (event.answer not in READABLE and not history.is_stalled):
        return None
    if event.operation.role is FETCH and event.phase is not SUCCEEDED:
        return None  # a result that is not there any more is another clause's finding
    if event.phase in _AT_WORK:
        # What has ended is not in work again, lost or not, unless the documents leave open what comes now.
        spent = limits.polls is not None and history.polls_most >= limits.polls
        if may_be_over(history, event, limits) or (spent and limits.beyond_polls == "open"):
            return None
        return _ended(history, final, event)
    if final is not SUCCEEDED and event.phase is SUCCEEDED:
        gone = history.lost is not None and may_be_over(history, event, limits)
        return None if gone else _ended(history, final, event)
    if history.lost is not None or may_be_spent(history, event, limits):
        return None
    failed = event.effect is Effect.FAILED or event.phase is Phase.FAILED
    if (event.phase is final and event.answer is STATE) or (final is Phase.FAILED and failed):
        return _changed(history, event) or HELD
    if history.cancelled is not None and event.phase is Phase.CANCELLED:
        return None  # what a client has given up need not keep its end
    broken = failed or (event.answer is STATE and event.phase is not None)
    limited = limits.polls is not None or limits.lifetime is not None
    if not broken and limited and surely_within_limits(history, event, limits) and says_gone(history, event):
        broken = attribute(history, event, limits) is Attribution.NEITHER
    return _ended(history, final, event) if broken else None


def _changed(history: TaskState, event: Event) -> Violation | None:
    """A final response that is another one than before, though it means the same: by status, code or details."""
    before = history.final
    if before is None or event.operation.role is not POLL or event.response_errors:
        return None
    now = final_of(event)
    if now == before:
        return None
    since = numbered(history.terminal_number)
    if type(now.status) is str and type(before.status) is str and now.status != before.status:
        return Violation(f"status {before.status} (final)", f"status {now.status}", since)
    if now.error_code is not None and before.error_code is not None and now.error_code != before.error_code:
        return Violation(f"the error {before.error_code} (final)", f"the error {now.error_code}", since)
    if now.details is not None and before.details is not None and not same_text(before.details, now.details):
        return Violation(f"{before.details[:60]} (final)", now.details[:60], since)
    return None


def same_text(before: str, now: str) -> bool:
    """Whether two results are the same: as they are written, or as JSON that stands in a text."""
    if before == now:
        return True
    values = [read_json(text.encode("utf-8", "surrogatepass")) for text in (before, now)]
    if any(type(value) is Unreadable for value in values):
        return not before.strip() and not now.strip()
    return canonical(values[0]) == canonical(values[1])


def _ended(history: TaskState, final: Phase, event: Event) -> Violation:
    since = numbered(history.terminal_number)
    word = history.final.status if history.final is not None and type(history.final.status) is str else final.value
    seen = describe(event)
    if history.stall is not None and history.is_stalled:
        seen += f" {history.stall.times} times in a row"
    return Violation(f"status {word} (final)", seen, since)


@Kind(
    "error-is-final",
    ordered=True,
    exercised="a poll after the error of a task",
    walks=("one-after-another",),
    hint="Report work in progress as a status, not as an error.",
)
def error_is_final(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """An error is the end of a task, unless the documents list its code as one that passes."""
    if event.request_errors or history.lost is not None:
        return None
    if history.unclear is None:
        return HELD if event.effect is Effect.FAILED else None
    if event.answer is not STATE or event.phase is None or event.phase is Phase.FAILED:
        return None
    return Violation(
        "no status after an error that the documents do not list as passing", describe(event), (history.unclear,)
    )


@Kind(
    "unique-id",
    roles=(CREATE,),
    exercised="a second creation",
    walks=("one-after-another",),
    hint="Draw ids from a sequence or a random source that all workers share.",
)
def unique_id(account: Account, event: Event, parameters: Nothing) -> Finding:
    """Each creation gives an id of its own."""
    if event.answer is not STATE or event.task is None:
        return None
    before = account.tasks.get(event.task)
    if before is not None and replays(before, event):
        return None
    if before is None or before.created is None:
        if account.has_forgotten(event.task):
            return Violation("an id that no earlier task has", f"the id {event.raw_task!r}, which was given long ago")
        return HELD if account.tasks else None
    return Violation("an id that no earlier task has", f"the id {event.raw_task!r} again", (before.created,))


@dataclass(frozen=True, slots=True)
class OwnId:
    """For how long a task is surely known, and the error codes of one that is not there any more."""

    codes: Annotated[list[str], "The error codes of a task that is not there any more; any when empty."]
    seconds: Annotated[float, "Seconds from its creation for which a task is surely known."] = REMEMBERED_SECONDS
    unfinished: Annotated[float, "Seconds for which an unfinished task is surely known."] = 10 * REMEMBERED_SECONDS
    limits: Limits = from_limits("*")


@Kind(
    "own-id",
    roles=(POLL, FETCH),
    exercised="a poll of a task that was just created",
    walks=("one-after-another",),
    hint="Look the task up by the id that the creation returned, and store it before the creation is answered.",
)
def own_id(history: TaskState, event: Event, parameters: OwnId) -> Finding:
    """The id that a creation gave is known: never invalid, and for a while not unknown either."""
    if history.created is None or event.request_errors or history.cancelled is not None:
        return None
    if event.answer not in READABLE and not history.is_stalled:
        return None
    if event.answer is STATE:
        return HELD if event.phase is not None or event.operation.role is FETCH else None
    since = numbered(history.created)
    if history.stall is not None and history.is_stalled and history.terminal is not Phase.FAILED:
        seen = f"{describe(event)} {history.stall.times} times in a row"
        return Violation("the state of a task that was created", seen, since)
    response = event.exchange.response
    if event.effect in (Effect.BUSY, Effect.BLOCKED, Effect.FAILED) or event.transient:
        return None
    if response is not None and response.status in ABOUT_THE_KEY:
        return None
    if event.operation.role is FETCH and history.terminal is not SUCCEEDED:
        return None  # how a result is refused that is not there is documented nowhere
    if event.effect is Effect.REFUSED:
        return Violation(f"the id {history.raw_id!r} to be valid, since a creation gave it", describe(event), since)
    age = age_most(history, event, parameters.limits)
    known = parameters.seconds if history.terminal is not None else parameters.unfinished
    first = history.last_number is None and event.number == history.created + 1
    if age <= known or first:
        return Violation(f"task {history.raw_id!r} to be known", f"{describe(event)} {_age(age)}", since)
    if parameters.codes and event.error_code not in parameters.codes and not event.response_errors:
        return Violation(f"the error {' or '.join(parameters.codes)}", describe(event), since)
    return HELD


def _age(seconds: float) -> str:
    return "at its first poll" if math.isnan(seconds) else f"{seconds:.3f} s after its creation"


class ForgetsYoungTasks(FaultyProvider):
    """Does not know every third task at its first poll."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        if task is not None and task.number % 3 == 0 and "met" not in task.seen:
            task.seen.append("met")
            return self.unknown(operation, identifier)
        return super().poll(operation, identifier)


class RefusesOwnIds(FaultyProvider):
    """Takes the id of every third task for an invalid one."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        if task is not None and task.number % 3 == 0:
            return self.refuse(operation, self.contract.refusals.ill_formed_task)
        return super().poll(operation, identifier)


@mutates("own-id")
def _own_id(contract: Contract, clause: Clause) -> Iterator[Fault]:
    # A task that is unknown and comes back was lost, and did not stay so.
    yield Fault("unknown at its first poll", ForgetsYoungTasks, companions=("lost-stays-lost",))
    if contract.refusals.ill_formed_task:
        yield Fault("its own ids are invalid", RefusesOwnIds)


# An id that is given twice is given twice in batches too.
@breaks("unique-id", "every third task has the first one's id", ("batch-entries", "result-stable"))
class ReusesIds(FaultyProvider):
    """Gives the id of the first task to every third."""

    def new_id(self, number: int) -> Any:
        return super().new_id(1 if number % 3 == 0 else number)


@breaks("status-order", "waiting again after running", ("status-path",))
class RunsBackwards(FaultyProvider):
    """Says a waiting status again after a running one."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.RUNNING:
            task.seen.append(phase.value)
            if len(task.seen) % 2 == 0:
                phase = Phase.WAITING
        return super().state(operation, task, phase)


class ForgetsTheEnd(FaultyProvider):
    """Says running again at the third read of a result."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is SUCCEEDED and task.reads == 2:
            task.reads += 1
            phase = self.first_phase()
        return super().state(operation, task, phase)


class FailsAndSucceeds(FaultyProvider):
    """Shows a task as succeeded after it showed it as failed."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.FAILED:
            task.seen.append(phase.value)
            if len(task.seen) > 1:
                phase = SUCCEEDED
        return super().state(operation, task, phase)


def _failures(contract: Contract) -> list[str]:
    """The statuses, or else the error codes, of a task that has failed."""
    statuses = [each.value for each in contract.statuses.values() if each.phase is Phase.FAILED and each.documented]
    if statuses:
        return statuses if len(statuses) > 1 else []
    codes = [code for code, entry in contract.errors.items() if entry.effect is Effect.FAILED]
    return codes if len(codes) > 1 else []


class ChangesFailures(FaultyProvider):
    """Says of a failed task at every other poll that it has failed in another way."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is not Phase.FAILED:
            return super().state(operation, task, phase)
        task.seen.append("failed")
        word = _failures(self.contract)[task.seen.count("failed") % 2]
        if word in self.contract.statuses:
            return self.fill(operation, "failed", task, word)
        return self.fill(operation, "failed", task, "", word)


class LostWithoutError(FaultyProvider):
    """Says that a lost task is running."""

    def lost(self, operation: Operation, task: Task) -> Response:
        if operation.role is not POLL:
            return super().lost(operation, task)
        return self.state(operation, task, self.first_phase())


@mutates("terminal")
def _terminal(contract: Contract, clause: Clause) -> Iterator[Fault]:
    companions = ("status-path", "answer", "set-once", "timestamps", "progress")
    yield Fault("running again after the end", ForgetsTheEnd, companions=companions)
    yield Fault("succeeded after it had failed", FailsAndSucceeds)
    if contract.limits.polls is not None and contract.limits.beyond_polls == "lost":
        lost = ("status-path", "finishes", "progress", "lost-stays-lost")
        yield Fault("running again once it is lost", LostWithoutError, companions=lost)
    if _failures(contract):
        yield Fault("another failure at every poll", ChangesFailures)
