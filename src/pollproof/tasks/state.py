"""Histories: what a trace has said so far of one task, and of the account. Folded from events."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from pollproof.contract.model import Effect, Limits, Phase, Role
from pollproof.contract.places import MISSING
from pollproof.tasks.hash_set import HashSet
from pollproof.trace.bodies import canonical, read_real
from pollproof.trace.events import TOLD, Answer, Event, task_key
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange

MAXIMUM_SHARED = 1000
"""Shared results that are remembered: the first ones tell."""

HURRY = 0.1
"""Seconds between an answer and the next question below which nobody has paused."""

MAXIMUM_BATCHES = 7
"""Batches that were accepted and are kept: the last ones, by which a rate is judged."""

SLOW = 1.0
"""Seconds that a client may take to ask again, without a pause, on a machine that is busy."""

HARDLY = 0.02
"""Seconds of waiting over which a clock leaps that are no pause."""

AT_ONCE = 10
"""Questions in a row, each within `HURRY` of the answer before, that are no hot loop yet."""

ENDLESS_COUNT = 3
ENDLESS_SECONDS = 60.0
"""Refusals of one request as busy, and the seconds over which they came, from which on busy is not an excuse."""

UNHEARD = 0.1
"""The share of a lifetime after which a task of unknown age, of which nothing was heard meanwhile, may be gone."""

MAXIMUM_STALLS = 1_000
"""Requests that were refused as busy and are kept: the last ones."""

INSTANT = 0.001
"""Seconds by which a wait may fall short of what it should be, for clocks that count in parts of seconds."""

_NO_MARKS: Mapping[str, Any] = MappingProxyType({})

CANCEL_SENT = "@cancel-sent"
"""The mark of a task whose cancelling was requested: the number of the exchange."""

CALLBACK_REFUSED = "@callback-refused"
"""The mark of a task whose callback was not accepted: the exchange, when it came, and its headers."""

CANCEL_ACCEPTED = "@cancel-accepted"
"""The mark of a task whose cancelling was accepted: the exchange, when it was answered, and whether it had ended."""


class Final(NamedTuple):
    """A final answer by value: the provider's status, its error code, and what a task that failed says besides."""

    status: Any
    error_code: str | None
    details: str | None


class Stall(NamedTuple):
    """One request that was refused as busy again and again, each time after the wait that the provider may ask for.

    `times` refusals came of requests that were sent from `sent` to `last`; `first` and `number` are the first and the
    last exchange. `wait` is how many seconds the last one may ask a client to leave the provider alone.
    """

    times: int
    first: int
    number: int
    sent: float
    last: float
    wait: float

    @property
    def is_endless(self) -> bool:
        """Whether that is no patience any more that can be asked of a client."""
        return self.times >= ENDLESS_COUNT and self.last - self.sent >= ENDLESS_SECONDS


class TaskState(NamedTuple):
    """What is known of one task. Immutable: `fold` gives the next one.

    Times are seconds on the clock of the trace. `polls_most` counts every poll that may have counted toward a
    budget, `polls_least` those that surely did. `lost` is set once an answer has shown, not too early, that the
    task is gone, `unclear` once an unfinished task was answered with an error that no document lists. Numbers of
    exchanges are places in the trace. `last_number` and `last_sent` are of the last poll that was answered,
    `first_number` and `first_sent` of the first one, with `gaps` waits between the two.

    `gone` tells that an error has shown the loss. `final` is the first final poll by value: status, error code and, of
    a task that has not succeeded, what stands where its result would. `cancelled` is the exchange that cancelled it.
    `stall` is what the provider has put off until
    now; it is set while an exchange is judged, and never kept.

    `last_precision` is the precision of `last_sent`, `answered` the time at which all answers so far were there.
    `pending_sent` is when the last poll left that found the task unfinished, `ended_received` when the answer came
    that first told its end. `asked` is the body of the creation, `callbacks` how many came, `marks` the last values at
    the operation's further places.
    """

    id: str
    raw_id: object
    created: int | None = None
    created_sent: float = UNKNOWN_TIME
    created_received: float = UNKNOWN_TIME
    inline: bool = False
    polls_most: int = 0
    polls_least: int = 0
    phase: Phase | None = None
    phase_number: int | None = None
    terminal: Phase | None = None
    terminal_number: int | None = None
    result: str | None = None
    result_number: int | None = None
    lost: int | None = None
    last_number: int | None = None
    last_sent: float = UNKNOWN_TIME
    last_precision: float = 0.0
    answered: float = UNKNOWN_TIME
    last_final: bool = False
    unclear: int | None = None
    pending_sent: float = UNKNOWN_TIME
    ended_received: float = UNKNOWN_TIME
    asked: Any = None
    callbacks: int = 0
    marks: Mapping[str, Any] = _NO_MARKS
    first_number: int | None = None
    first_sent: float = UNKNOWN_TIME
    gaps: int = 0
    gone: bool = False
    final: Final | None = None
    cancelled: int | None = None
    stall: Stall | None = None


_history = partial(tuple.__new__, TaskState)
"""A history of all its values in their order, without the cost of naming them: there is a new one for each poll."""


class Streak(NamedTuple):
    """What was asked in vain, again and again: not answered, answered by an error, or found unfinished.

    `failures` counts the last ones in a row that were errors or no answers, `hurried` those that came within `HURRY`
    of the answer before. `first` and `number` are the first and the last exchange.
    """

    failures: int
    hurried: int
    first: int
    number: int
    received: float
    leapt: float = UNKNOWN_TIME

    def hurries(self, event: Event) -> bool:
        """Whether one more question surely came without a pause."""
        exchange = event.exchange
        between = exchange.sent + exchange.precision - self.received
        if between < HURRY:
            return True
        # A clock that leaps over waits tells them from work: who was merely slow has not paused.
        return between < SLOW and exchange.leapt - self.leapt < HARDLY


def streak_key(event: Event) -> tuple[str, Any]:
    """What makes two questions the same: their operation, and the task or the body."""
    role = event.operation.role
    asks = role is Role.POLL or role is Role.FETCH or role is Role.CANCEL
    return event.operation.name, event.task if asks else event.exchange.request.body


def age_least(history: TaskState, event: Event, limits: Limits) -> float:
    """Seconds that have surely passed since the lifetime began when the poll reached the provider (NaN: unknown)."""
    began = history.ended_received if limits.lifetime_from == "completion" else history.created_received
    return event.exchange.sent - began


def age_most(history: TaskState, event: Event, limits: Limits) -> float:
    """Seconds that may have passed since the lifetime began when the poll reached the provider (NaN: unknown)."""
    if limits.lifetime_from == "completion":
        began = history.created_sent if math.isnan(history.pending_sent) else history.pending_sent
    else:
        began = history.created_sent
    return event.exchange.received - began


def surely_inside(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the poll surely reached the provider within the documented lifetime (true where none is documented).

    The answer arrived before the lifetime can have begun plus its length, less what the documents leave open.
    """
    lifetime = limits.lifetime
    return lifetime is None or age_most(history, event, limits) <= lifetime - limits.lifetime_slack


def surely_outside(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the poll surely reached the provider after the documented lifetime (false where none is documented).

    The poll left after the lifetime has surely begun plus its length and what the documents leave open.
    """
    lifetime = limits.lifetime
    return lifetime is not None and age_least(history, event, limits) > lifetime + limits.lifetime_slack


def may_be_over(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the documented lifetime may be over when the poll reached the provider (false where none is documented).

    Of a task whose creation is not known it may be over where the last answer came long before.
    """
    lifetime = limits.lifetime
    if lifetime is None:
        return False
    if math.isnan(history.created_sent):
        return event.exchange.received - history.last_sent > UNHEARD * lifetime
    return age_most(history, event, limits) > lifetime - limits.lifetime_slack


def surely_within_limits(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether the documents promise this poll an answer: surely within the budget and within the lifetime."""
    if limits.polls is not None and history.polls_most >= limits.polls:
        return False
    return surely_inside(history, event, limits)


def surely_beyond_polls(history: TaskState, limits: Limits) -> bool:
    """Whether the poll that follows is surely over a budget beyond which the documents promise nothing."""
    return limits.polls is not None and limits.beyond_polls == "lost" and history.polls_least >= limits.polls


def says_gone(history: TaskState, event: Event) -> bool:
    """Whether a well-formed poll is turned away as if there were no such task.

    A busy or blocked provider says nothing of the task, unless it is so for ever; a code that no document lists may be
    a way to fail, unless the task had succeeded; a task that has failed, or was cancelled, may be forgotten.
    """
    if history.cancelled is not None:
        return False
    endless = history.stall is not None and history.stall.is_endless
    if event.operation.role is Role.FETCH:
        if history.terminal is not Phase.SUCCEEDED or endless:
            return endless and history.terminal is not Phase.FAILED
        if event.effect in (Effect.BUSY, Effect.BLOCKED):
            return False
        if event.response_errors and event.answer is Answer.STATE:
            return False  # something is there; that it has the wrong form is another finding
        return event.answer in TOLD and event.phase is not Phase.SUCCEEDED
    if history.terminal is Phase.FAILED:
        return False
    if endless:
        return True
    if event.answer is not Answer.REFUSED:
        return False
    if event.effect in (Effect.LOST, Effect.REFUSED):
        return True
    return event.effect is Effect.UNCLEAR and history.terminal is Phase.SUCCEEDED


def asked_to_wait(event: Event) -> Any:
    """What an answer says of the wait before the next poll; a date as seconds since the answer's own Date.

    None where it says nothing, or names a date and has no Date.
    """
    value = event.marks.get("retry_after")
    response = event.exchange.response
    if not isinstance(value, str) or "," not in value or response is None:
        return value
    try:
        until, now = (parsedate_to_datetime(text) for text in (value, response.headers.get("date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def fold(history: TaskState, event: Event, limits: Limits) -> TaskState:
    """The history after one more event of the same task."""
    if (event.marks or "retry_after" in history.marks) and event.answer in TOLD and not event.probe:
        kept = {name: value for name, value in history.marks.items() if name != "retry_after"}
        if event.answer is Answer.STATE:
            kept |= event.marks
        asked = asked_to_wait(event)
        if asked is not None:
            kept["retry_after"] = asked
        history = history._replace(marks=kept)
    if event.operation.role is Role.POLL:
        return _fold_poll(history, event, limits)
    match event.operation.role:
        case Role.CREATE:
            return _created(history, event)
        case Role.CALLBACK:
            if event.probe:
                return history
            answered = _later(history.answered, event.exchange)
            response = event.exchange.response
            if response is not None and response.status >= 300:
                refused = (event.number, event.exchange.received, event.exchange.request.headers)
                return _fold_state(history._replace(marks={**history.marks, CALLBACK_REFUSED: refused}), event)
            return _fold_state(history._replace(callbacks=history.callbacks + 1, answered=answered), event)
        case Role.FETCH | Role.CANCEL:
            if event.probe:
                accepted = event.operation.role is Role.CANCEL and event.answer is Answer.STATE
                return _requested(history, event) if accepted else history
            lost = history.lost
            if lost is None and history.terminal is Phase.SUCCEEDED and surely_outside(history, event, limits):
                lost = event.number if says_gone(history, event) else None
            if event.operation.role is Role.CANCEL and event.answer is Answer.STATE and history.cancelled is None:
                history = history._replace(cancelled=event.number)
            answered = _later(history.answered, event.exchange)
            if event.operation.role is Role.CANCEL:
                history = _cancelled(history, event)
            gone = history.gone or (lost is not None and event.answer is Answer.REFUSED)
            history = history._replace(lost=lost, gone=gone, last_number=event.number, answered=answered)
            return _fold_state(history, event)
    return _fold_poll(history, event, limits)


def final_of(event: Event) -> Final:
    """The final answer of a poll by value."""
    failed = event.phase is not Phase.SUCCEEDED
    details = canonical(event.result) if failed and event.result is not MISSING and event.result is not None else None
    return Final(event.status, event.error_code, details)


def _requested(history: TaskState, event: Event) -> TaskState:
    """The state with the first cancelling that was requested: an invalid one too, where the provider accepts it."""
    return history._replace(marks={CANCEL_SENT: event.number, **history.marks})


def _cancelled(history: TaskState, event: Event) -> TaskState:
    """The state with what the first cancelling of a task came to."""
    marks = dict(_requested(history, event).marks)
    if event.answer is Answer.STATE and event.exchange.response is not None:
        ended = history.terminal is not None or event.phase in (Phase.SUCCEEDED, Phase.FAILED)
        marks.setdefault(CANCEL_ACCEPTED, (event.number, event.exchange.received, ended))
    return history._replace(marks=marks)


def _later(answered: float, exchange: Exchange) -> float:
    """The time at which this answer and all before it were there."""
    received = exchange.received - exchange.precision
    return answered if answered > received else received


def _fold_state(history: TaskState, event: Event) -> TaskState:
    """Take in what an operation other than polling says of a task: its end, and its result."""
    if event.answer is not Answer.STATE or event.phase is None:
        return history
    if history.terminal is None:
        history = history._replace(phase=event.phase, phase_number=event.number)
        if event.phase.terminal:
            history = history._replace(
                terminal=event.phase, terminal_number=event.number, ended_received=event.exchange.received
            )
    if history.result is None and event.result_text is not None:
        history = history._replace(result=event.result_text, result_number=event.number)
    return history


def _created(history: TaskState, event: Event) -> TaskState:
    exchange = event.exchange
    if event.answer is Answer.STATE and history.created is None:
        succeeded = event.phase is Phase.SUCCEEDED
        return history._replace(
            asked=event.request,
            created=event.number,
            created_sent=exchange.sent,
            created_received=exchange.received,
            answered=exchange.received - exchange.precision,
            inline=succeeded,
            result=event.result_text,
            result_number=event.number if succeeded else None,
        )
    return history


def _fold_poll(history: TaskState, event: Event, limits: Limits) -> TaskState:
    exchange = event.exchange
    if event.probe or event.request_errors:
        return history._replace(polls_most=history.polls_most + 1)
    answer, phase = event.answer, event.phase
    (
        identifier,
        raw_id,
        created,
        created_sent,
        created_received,
        inline,
        polls_most,
        polls_least,
        last_phase,
        phase_number,
        terminal,
        terminal_number,
        result,
        result_number,
        lost,
        last_number,
        last_sent,
        last_precision,
        answered,
        last_final,
        unclear,
        pending_sent,
        ended_received,
        asked,
        callbacks,
        marks,
        first_number,
        first_sent,
        gaps,
        gone,
        final,
        cancelled,
        _,
    ) = history
    if answer is Answer.STATE:
        if lost is None and surely_beyond_polls(history, limits) and phase is not Phase.SUCCEEDED:
            lost = event.number
        polls_least += 1
        last_final = False
        if phase is not None:
            if final is None and phase.terminal:
                final = final_of(event)
            last_final = phase.terminal
            if terminal is None:
                last_phase, phase_number = phase, event.number
                if phase.terminal:
                    terminal, terminal_number = phase, event.number
                    ended_received = exchange.received
                else:
                    pending_sent = exchange.sent
            if result is None and event.result_text is not None:
                result, result_number = event.result_text, event.number
    elif answer is Answer.REFUSED:
        effect = event.effect
        last_final = effect in (Effect.FAILED, Effect.LOST, Effect.REFUSED)
        if effect is Effect.UNCLEAR and terminal is None and unclear is None:
            unclear = event.number
        if effect is Effect.FAILED:
            if final is None:
                final = final_of(event)
            if terminal is None:
                terminal, terminal_number = Phase.FAILED, event.number
                ended_received = exchange.received
        elif lost is None and not surely_within_limits(history, event, limits):
            beyond = surely_beyond_polls(history, limits) or surely_outside(history, event, limits)
            if effect is Effect.LOST or (beyond and effect not in (Effect.BUSY, Effect.BLOCKED)):
                lost = event.number
                gone = True
        elif lost is None and effect is Effect.LOST and limits.polls is None and limits.lifetime is None:
            lost = event.number
            gone = True
    elif answer is Answer.NONE:
        last_final = True  # nothing was answered, so there is no answer to wait after
    if lost is None and answer is Answer.STATE and phase is not Phase.SUCCEEDED:
        if surely_outside(history, event, limits):
            lost = event.number
    if answer is not Answer.NONE:  # without an answer there is none after which to wait
        if last_number is None or first_number is None:
            first_number, first_sent, gaps = event.number, exchange.sent, 0
        else:
            gaps += 1
        last_number, last_sent, last_precision = event.number, exchange.sent, exchange.precision
    return _history(
        (
            identifier,
            raw_id,
            created,
            created_sent,
            created_received,
            inline,
            polls_most + 1,
            polls_least,
            last_phase,
            phase_number,
            terminal,
            terminal_number,
            result,
            result_number,
            lost,
            last_number,
            last_sent,
            last_precision,
            _later(answered, exchange),
            last_final,
            unclear,
            pending_sent,
            ended_received,
            asked,
            callbacks,
            marks,
            first_number,
            first_sent,
            gaps,
            gone,
            final,
            cancelled,
            None,
        )
    )


def _not_before(after: TaskState, before: TaskState) -> TaskState:
    """A state that is no earlier than one that is known as well: phase and values that only grow."""
    if before.phase is not None and after.phase is not None and after.phase.rank < before.phase.rank:
        after = after._replace(phase=before.phase, phase_number=before.phase_number)
    later = {
        name: value
        for name, value in before.marks.items()
        if name in GROWING and _is_greater(value, after.marks.get(name))
    }
    return after._replace(marks={**after.marks, **later}) if later else after


GROWING = ("progress", "updated_at")
"""Marks whose values never fall while a task lives."""


def _is_greater(one: Any, other: Any) -> bool:
    numbers = (int, float)
    return (type(one) is type(other) or (type(one) in numbers and type(other) in numbers)) and bool(one > other)


def replays(history: TaskState, event: Event) -> bool:
    """Whether a creation repeats the one of a task, with its idempotency key."""
    key = event.marks.get("idempotency_key")
    return key is not None and history.marks.get("idempotency_key") == key


class Account:
    """What is known across the tasks of a trace: all histories, and which task a result belongs to.

    `owners` maps the canonical form of a result to the task that first showed it. `shared` are results that a
    second task showed as its first: number of the exchange, task and owner. Results that came with a creation
    are left out: the same picture is read the same way twice. `twice` are ids that two creations gave. `unnamed` tells
    that a task was created whose id was not said, or by a request that should have been refused. `last_batch` is the
    last batch, `batches` are the last ones that were accepted, `late_refusals` counts the last ones in a row that were
    refused as busy although they came after the pause.
    `whole` tells whether the trace holds all that was said about its tasks, which a recording seldom does.
    `streaks` are the questions that were last asked in vain; with `watches` they are kept.
    `remember` bounds the number of tasks that are known at a time: those that were silent longest are forgotten.
    With `spends`, of a forgotten task it stays known that there was such an id, in some 20 bytes.
    """

    __slots__ = (
        "_ids",
        "_spent",
        "batches",
        "last_batch",
        "last_created",
        "last_received",
        "late_refusals",
        "owners",
        "remember",
        "shared",
        "spends",
        "stalls",
        "streaks",
        "tasks",
        "twice",
        "unnamed",
        "watches",
        "whole",
    )

    def __init__(
        self, *, whole: bool = True, remember: int | None = None, watches: bool = False, spends: bool = False
    ) -> None:
        self.whole = whole
        self.watches = watches
        self.spends = spends
        self._spent = HashSet()
        self.streaks: dict[tuple[str, Any], Streak] = {}
        self.remember = remember
        self.last_batch: Event | None = None
        self.late_refusals = 0
        self.batches: deque[Event] = deque(maxlen=MAXIMUM_BATCHES)
        self.last_created: int | None = None
        self.tasks: dict[str, TaskState] = {}
        self.owners: dict[str, str] = {}
        self.shared: list[tuple[int, str, str]] = []
        self.twice: set[str] = set()
        self.unnamed = False
        self._ids: dict[float, str] = {}
        self.stalls: dict[tuple[str, Any], Stall] = {}
        self.last_received = UNKNOWN_TIME

    def result_number(self, task: str) -> int | None:
        """The exchange in which a task first showed its result."""
        history = self.tasks.get(task)
        return None if history is None else history.result_number

    def rounded_like(self, raw: Any) -> TaskState | None:
        """The task whose id became this one in a language without 64-bit integers; None for an id of its own.

        Ids near to each other round to the same number: only that number itself, as such a language writes it, tells
        that an id was rounded.
        """
        rounded = _rounded(task_key(raw))
        if rounded is None or (type(raw) is not float and task_key(raw) not in _written(rounded)):
            return None
        return self.tasks.get(self._ids.get(rounded, ""))

    def has_forgotten(self, task: str | None) -> bool:
        """Whether a creation gave this id to a task of which no more than that is known."""
        return task is not None and task in self._spent

    def note_refusal(self, event: Event, wait: float) -> Stall:
        """Take in that a request was refused as busy, and ask of the next one a wait of that many seconds.

        It counts only where the client has left the provider alone for the wait that the last refusal asked for.
        """
        key, exchange = streak_key(event), event.exchange
        before = self.stalls.pop(key, None)
        sent = exchange.sent
        if before is not None and sent - self.last_received >= before.wait - INSTANT:
            stall = Stall(before.times + 1, before.first, event.number, before.sent, sent, wait)
        else:
            stall = Stall(1, event.number, event.number, sent, sent, wait)
        if len(self.stalls) >= MAXIMUM_STALLS:
            del self.stalls[next(iter(self.stalls))]
        self.stalls[key] = stall
        return stall

    def endless(self, event: Event) -> Stall | None:
        """The stall that a refusal which was just taken in has made endless, or longer; None for any other event."""
        stall = self.stalls.get(streak_key(event)) if self.stalls else None
        return stall if stall is not None and stall.number == event.number and stall.is_endless else None

    def are_different(self, one: str, other: str) -> bool:
        """Whether two tasks surely are about different things: their creations are known, and are not the same."""
        first, second = self.tasks.get(one), self.tasks.get(other)
        if first is None or second is None or first.asked is None or second.asked is None:
            return False
        return first.asked is not second.asked and bool(first.asked != second.asked)

    def note_creation(self, event: Event) -> None:
        """Remember an id that a creation gives although an earlier task has it."""
        if event.task is not None and event.answer is Answer.STATE and not event.probe:
            before = self.tasks.get(event.task)
            if before is not None and replays(before, event):
                return
            if (before is not None and before.created is not None) or self.has_forgotten(event.task):
                self.twice.add(event.task)

    def fold(self, event: Event, limits: Limits, *, overlapped: bool = False) -> Sequence[str]:
        """Take one more event in; the tasks that were forgotten for it, mostly none.

        One that `overlapped` with others that were taken in before may have come first: no state runs backwards by it.
        """
        if self.watches:
            self._watch(event)
        if event.operation.role is Role.BATCH and not event.probe:
            late = event.effect is Effect.BUSY and self.comes_late(event, limits.batch_wait)
            self.late_refusals = self.late_refusals + 1 if late else 0
        self.last_received = event.exchange.received
        if self.stalls and event.answer is Answer.STATE:
            self.stalls.pop(streak_key(event), None)
        if event.operation.role is Role.BATCH:
            self._fold_batch(event)
            return self._forget()
        task = event.task
        if task is None:
            return ()
        before = self.tasks.get(task)
        if before is None:
            if event.probe:
                self.unnamed = self.unnamed or (event.operation.role is Role.CREATE and event.answer is Answer.STATE)
                return ()
            if event.operation.role is Role.CREATE and event.answer is not Answer.STATE:
                return ()
            if event.operation.role is Role.CALLBACK:
                return ()
            before = TaskState(task, event.raw_task)
        elif self.remember is not None:
            del self.tasks[task]  # so that the dictionary is in the order of who was heard of last
        after = fold(before, event, limits)
        if overlapped:
            after = _not_before(after, before)
        self.tasks[task] = after
        if after.created is not None and before.created is None:
            self._note_id(after)
        if after.result is not None and before.result is None and after.result_number is not None and not after.inline:
            owner = self.owners.setdefault(after.result, task)
            if owner != task and len(self.shared) < MAXIMUM_SHARED and self.are_different(task, owner):
                self.shared.append((after.result_number, task, owner))
        return self._forget()

    def _watch(self, event: Event) -> None:
        """Keep what was asked in vain; an answer that says something ends a streak."""
        role = event.operation.role
        if event.probe or role is Role.CALLBACK or role is Role.OUTCOME:
            return
        key = streak_key(event)
        before = self.streaks.pop(key, None)
        if not event.exchange.recorded:
            return  # what the client saw is not known, so neither is what it repeats
        failed = event.answer is not Answer.STATE
        if not failed and (role is not Role.POLL and role is not Role.FETCH):
            return
        if not failed and event.phase is not None and event.phase.terminal:
            return
        number, received, leapt = event.number, event.exchange.received, event.exchange.leapt
        if before is None:
            self.streaks[key] = Streak(int(failed), 0, number, number, received, leapt)
        else:
            hurried = before.hurried + 1 if before.hurries(event) else 0
            if failed != (before.failures > 0):
                hurried = 0  # a retry after an error is another thing than one more question
            failures = before.failures + 1 if failed else 0
            self.streaks[key] = Streak(failures, hurried, before.first, number, received, leapt)
        if self.remember is not None and len(self.streaks) > self.remember:
            del self.streaks[next(iter(self.streaks))]

    def _note_id(self, history: TaskState) -> None:
        self.last_created = history.created
        rounded = _rounded(history.id)
        if rounded is not None:
            self._ids[rounded] = history.id

    def _forget(self) -> Sequence[str]:
        if self.remember is None or len(self.tasks) <= self.remember:
            return ()
        forgotten = []
        while len(self.tasks) > self.remember:
            task = next(iter(self.tasks))
            self.forget(task)
            forgotten.append(task)
        return forgotten

    def forget(self, task: str) -> None:
        """Forget all that is known of a task."""
        history = self.tasks.pop(task, None)
        if history is None:
            return
        self.twice.discard(task)
        if self.spends and history.created is not None:
            self._spent.add(task)
        rounded = _rounded(task)
        if rounded is not None and self._ids.get(rounded) == task:
            del self._ids[rounded]
        if history.result is not None and self.owners.get(history.result) == task:
            del self.owners[history.result]

    def forget_streaks(self, since: int) -> None:
        """Forget what was asked in vain before the exchange of that number, and not again."""
        for key, streak in list(self.streaks.items()):
            if streak.number < since:
                del self.streaks[key]

    def comes_late(self, event: Event, seconds: float | None) -> bool:
        """Whether a batch surely came so long after the last request, which was answered."""
        last = self.last_batch
        if last is None or last.exchange.response is None or seconds is None:
            return False
        return event.exchange.sent - max(last.exchange.received, self.last_received) >= seconds

    def _fold_batch(self, event: Event) -> None:
        if not event.probe and not event.request_errors:
            self.last_batch = event
            if event.answer is Answer.STATE:
                self.batches.append(event)
                self.unnamed = self.unnamed or len(event.members) < _entries(event)
        for place, member in enumerate(event.members):
            if member.task is None:
                continue
            if member.task in self.tasks or self.has_forgotten(member.task):
                self.twice.add(member.task)
            else:
                self.tasks[member.task] = TaskState(
                    member.task,
                    member.raw_task,
                    created=event.number,
                    created_sent=event.exchange.sent,
                    created_received=event.exchange.received,
                    answered=event.exchange.received - event.exchange.precision,
                    asked=_asked_for(event, place),
                )
                self._note_id(self.tasks[member.task])


def _entries(event: Event) -> int:
    """How many tasks a batch asks for: the entries of its longest array."""
    values = event.request.values() if type(event.request) is dict else ()
    return max((len(value) for value in values if type(value) is list), default=0)


def _asked_for(event: Event, place: int) -> Any:
    """What a batch asks for in one of its tasks: its body, with one entry in place of the array; None if unknown."""
    request = event.request
    if type(request) is not dict:
        return None
    arrays = [name for name, value in request.items() if type(value) is list and len(value) == len(event.members)]
    if len(arrays) != 1:
        return None
    name, entry = arrays[0], event.members[place].entry
    told = entry.get(name) if type(entry) is dict else None
    wanted = request[name][place]
    if type(told) is type(wanted) and told != wanted and told in request[name]:
        wanted = told  # in another order than they were sent, which is another finding
    return {**request, name: wanted}


def _written(rounded: float) -> tuple[str, ...]:
    """A rounded id as languages write it: with all digits, or with as few as tell it from its neighbours."""
    if not math.isfinite(rounded):
        return ()
    return str(int(rounded)), f"{Decimal(repr(rounded)):f}".removesuffix(".0"), repr(rounded)


def _rounded(key: str | None) -> float | None:
    """An id as a language without 64-bit integers would keep it; None for one that is no number."""
    if key is None:
        return None
    try:
        return read_real(key)
    except ValueError:
        return None


CLOSE = 10.0
"""Seconds between two polls within which the end of a task is known well enough to report how long it took."""


def solving_times(account: Account) -> list[tuple[float, float]]:
    """For each task whose end was seen closely: seconds from its creation to its success, at least and at most."""
    times = []
    for history in account.tasks.values():
        if history.terminal is Phase.SUCCEEDED and history.created is not None and not history.inline:
            pending = history.pending_sent - history.created_received
            least = 0.0 if math.isnan(pending) else max(pending, 0.0)
            most = history.ended_received - history.created_sent
            if most - least <= CLOSE:
                times.append((least, most))
    return times
