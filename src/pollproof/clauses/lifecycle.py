"""What the answers about one task show together: order, final answers, results, identity."""

from __future__ import annotations

from dataclasses import dataclass

from pollproof.clauses.attribution import Attribution, blame
from pollproof.clauses.kinds import HELD, Finding, Nothing, Violation, from_limits, kind
from pollproof.contract.model import Effect, Limits, Phase, Role, Subject
from pollproof.contract.places import MISSING
from pollproof.tasks.state import Account, TaskState, says_gone, surely_within_limits
from pollproof.trace.events import TOLD, Answer, Event

MINIMUM_INDIVIDUAL_RESULTS = 12
"""Tasks with a result of their own before a shared one counts: fewer might be drawn from a stock of samples."""

MINIMUM_TOKEN_LENGTH = 16
"""Characters of a result that could not be the same twice by chance; short answers to like tasks may be alike."""


@dataclass(frozen=True, slots=True)
class WithinLimits:
    """The limits of the contract, within which a task is kept."""

    limits: Limits = from_limits("*")


_AT_WORK = (Phase.WAITING, Phase.RUNNING)
_READS = (Role.POLL, Role.FETCH)


def describe(event: Event) -> str:
    """The gist of an answer, for messages."""
    if event.answer is Answer.REFUSED:
        return "an error without a code" if event.error_code is None else f"the error {event.error_code}"
    if event.answer is Answer.STATE:
        return "no status" if event.status is MISSING else f"status {event.status!r}"
    return "no readable answer"


@kind("status-order", subject=Subject.PROVIDER, roles=(Role.POLL, Role.CALLBACK), parameters=WithinLimits)
def status_order(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """The status of a task that is not finished never runs backwards."""
    before, now = history.phase, event.phase
    if before is None or now is None or history.terminal or event.request_errors or event.answer is not Answer.STATE:
        return None
    if not surely_within_limits(history, event, parameters.limits) or history.lost is not None:
        return None
    if now.rank >= before.rank:
        return HELD
    since = () if history.phase_number is None else (history.phase_number,)
    expected = f"no status before '{before.value}' in the life of the task once it is {before.value}"
    return Violation(expected, f"{describe(event)}, which is {now.value}", since)


@kind(
    "terminal",
    subject=Subject.PROVIDER,
    roles=(Role.POLL, Role.FETCH, Role.CALLBACK),
    parameters=WithinLimits,
)
def terminal(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """A final answer is final: what succeeded stays succeeded, what failed stays failed, until the task is lost."""
    final, limits = history.terminal, parameters.limits
    if final is None or event.request_errors or event.answer not in TOLD:
        return None
    if event.operation.role is Role.FETCH and event.phase is not Phase.SUCCEEDED:
        return None  # a result that is not there any more is another clause's finding
    if event.phase in _AT_WORK:
        # Lost or not, what has ended is not in work again, unless the documents leave open what comes now.
        if limits.beyond_polls == "open" and limits.polls is not None and history.polls_most >= limits.polls:
            return None
        return _ended(history, final, event)
    if final is not Phase.SUCCEEDED and event.phase is Phase.SUCCEEDED:
        return _ended(history, final, event)  # nor does what has failed succeed, whatever the time
    if history.lost is not None or not surely_within_limits(history, event, limits):
        return None
    failed = event.effect is Effect.FAILED or event.phase is Phase.FAILED
    if (event.phase is final and event.answer is Answer.STATE) or (final is Phase.FAILED and failed):
        return HELD
    broken = failed or (event.answer is Answer.STATE and event.phase is not None)
    kept = limits.polls is not None or limits.lifetime is not None
    if not broken and kept and says_gone(history, event):
        broken = blame(history, event, limits) is Attribution.NEITHER
    return _ended(history, final, event) if broken else None


def _ended(history: TaskState, final: Phase, event: Event) -> Violation:
    since = () if history.terminal_number is None else (history.terminal_number,)
    return Violation(f"that the task, once {final.value}, stays {final.value} until it is lost", describe(event), since)


@kind("error-is-final", subject=Subject.PROVIDER, parameters=WithinLimits)
def error_is_final(history: TaskState, event: Event, parameters: WithinLimits) -> Finding:
    """An error is the end of a task, unless the documents list its code as one that passes."""
    if event.request_errors or history.lost is not None:
        return None
    if history.unclear is None:
        return HELD if event.effect is Effect.FAILED else None
    if event.answer is not Answer.STATE or event.phase is None or event.phase is Phase.FAILED:
        return None
    return Violation(
        "no status after an error that the documents do not list as passing", describe(event), (history.unclear,)
    )


@kind("result-stable", subject=Subject.PROVIDER, roles=(Role.POLL, Role.FETCH), scope="account", ordered=False)
def result_stable(account: Account, event: Event, parameters: Nothing) -> Finding:
    """The result of a task is the same at every read."""
    history = _read(account, event)
    if history is None or history.result is None:
        return None
    now = event.result_text or ""
    if now == history.result:
        return HELD
    if account.owners.get(now, history.id) != history.id:
        return None  # another task's result: that is another clause's finding
    since = () if history.result_number is None else (history.result_number,)
    before, seen = _difference(history.result, now)
    return Violation(f"the result that the task had before, {before}", f"another result, {seen}", since)


def _difference(before: str, now: str) -> tuple[str, str]:
    """The part of two results in which they differ, each in few characters."""
    place = next((n for n, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]), 0)
    begin = max(place - 20, 0)
    return _part(before, begin), _part(now, begin)


def _part(text: str, begin: int) -> str:
    end = begin + 50
    return ("..." if begin else "") + text[begin:end] + ("..." if len(text) > end else "")


@kind("result-own", subject=Subject.PROVIDER, roles=(Role.POLL, Role.FETCH), scope="account", ordered=False)
def result_own(account: Account, event: Event, parameters: Nothing) -> Finding:
    """The result is that of the task asked for, never another task's."""
    history = _read(account, event)
    if history is None:
        return None
    now = event.result_text or ""
    owner = account.owners.get(now, history.id)
    if history.result is not None and now != history.result and owner != history.id:
        since = tuple(number for number in (history.result_number, account.result_number(owner)) if number)
        return Violation("the result of the task asked for", f"the result of task {owner!r}", since, tasks=(owner,))
    individual = len(account.owners)
    if individual < MINIMUM_INDIVIDUAL_RESULTS:
        return HELD if history.result is not None and individual > 1 and not account.shared else None
    if history.result is None and owner != history.id and len(now) >= MINIMUM_TOKEN_LENGTH:
        # Results of this provider differ from task to task, so the first one that is shared was somebody else's.
        if not account.shared:
            since = tuple(number for number in (account.result_number(owner),) if number is not None)
            return Violation("a result of the task's own", f"the result of task {owner!r}", since, tasks=(owner,))
        return None
    if len(account.shared) == 1 and individual >= 2 * MINIMUM_INDIVIDUAL_RESULTS:
        number, task, first = account.shared[0]
        result = account.tasks[task].result if task in account.tasks and first in account.tasks else None
        if result is not None and len(result) >= MINIMUM_TOKEN_LENGTH and result == account.tasks[first].result:
            since = tuple(n for n in (account.result_number(first),) if n is not None)
            return Violation(
                "a result of the task's own",
                f"task {task!r} has the result of task {first!r}",
                since,
                number,
                (first, task),
            )
    return None if account.shared else HELD


def _read(account: Account, event: Event) -> TaskState | None:
    """The history of the task whose result this event reads, None where it reads none."""
    if event.result_text is None or event.task is None:
        return None
    if event.operation.role not in _READS or event.request_errors:
        return None
    return account.tasks.get(event.task)


@kind("unique-id", subject=Subject.PROVIDER, roles=(Role.CREATE,), scope="account", ordered=False)
def unique_id(account: Account, event: Event, parameters: Nothing) -> Finding:
    """Each creation gives an id of its own."""
    if event.answer is not Answer.STATE or event.task is None:
        return None
    before = account.tasks.get(event.task)
    if before is None or before.created is None:
        if account.has_forgotten(event.task):
            return Violation("an id that no earlier task has", f"the id {event.raw_task!r}, which was given long ago")
        return HELD if account.tasks else None
    return Violation("an id that no earlier task has", f"the id {event.raw_task!r} again", (before.created,))
