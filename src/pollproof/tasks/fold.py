"""The state of a task after one more event."""

from __future__ import annotations

from functools import partial
from typing import Any

from pollproof.contract.model import Effect, Limits, Phase, Role
from pollproof.contract.places import MISSING
from pollproof.contract.vocabulary import CALLBACK, CREATE, POLL, PUT_OFF, SUCCEEDED
from pollproof.tasks.ages import received_by, says_gone, surely_beyond_polls, surely_outside, surely_within_limits
from pollproof.tasks.state import (
    CALLBACK_REFUSED,
    CANCEL_ACCEPTED,
    CANCEL_REFUSED,
    CANCEL_SENT,
    DELETED,
    RESULT_EXPIRED,
    Final,
    TaskState,
)
from pollproof.trace.bodies import canonical
from pollproof.trace.events import READABLE, REFUSAL, STATE, Answer, Event
from pollproof.trace.exchange import Exchange
from pollproof.trace.pages import PAGE, follow

_state = partial(tuple.__new__, TaskState)
"""A state of all its values in their order, without the cost of naming them: there is a new one for each poll."""

_NAMES = (
    "created", "created_sent", "created_received", "inline", "polls_most", "polls_least", "unanswered", "phase",
    "phase_number", "terminal", "terminal_number", "result", "result_number", "lost", "gone", "last_number",
    "last_sent", "last_precision", "last_final", "answered", "unclear", "pending_sent", "ended_received", "creation",
    "callbacks", "marks", "first_number", "first_sent", "gaps", "final", "cancelled", "stall", "last_free",
)  # fmt: skip
(
    _CREATED, _CREATED_SENT, _CREATED_RECEIVED, _INLINE, _POLLS_MOST, _POLLS_LEAST, _UNANSWERED, _PHASE,
    _PHASE_NUMBER, _TERMINAL, _TERMINAL_NUMBER, _RESULT, _RESULT_NUMBER, _LOST, _GONE, _LAST_NUMBER, _LAST_SENT,
    _LAST_PRECISION, _LAST_FINAL, _ANSWERED, _UNCLEAR, _PENDING_SENT, _ENDED_RECEIVED, _CREATION, _CALLBACKS, _MARKS,
    _FIRST_NUMBER, _FIRST_SENT, _GAPS, _FINAL, _CANCELLED, _STALL, _LAST_FREE,
) = map(TaskState._fields.index, _NAMES)  # fmt: skip


def requested_wait(event: Event) -> Any:
    """The wait before the next poll that a response demands; a date as seconds since the response's own Date.

    None where it demands none, or names a date and has no Date.
    """
    value = event.marks.get("retry_after")
    response = event.exchange.response
    if not isinstance(value, str) or "," not in value or response is None:
        return value
    from email.utils import parsedate_to_datetime  # it takes long to import, and few need it

    try:
        until, now = (parsedate_to_datetime(text) for text in (value, response.headers.get("date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def final_of(event: Event) -> Final:
    """The final response of a poll by value."""
    failed = event.phase is not SUCCEEDED
    details = canonical(event.result) if failed and event.result is not MISSING and event.result is not None else None
    return Final(event.status, event.error_code, details)


def fold(history: TaskState, event: Event, limits: Limits) -> TaskState:
    """The state of a task after one more event about it."""
    role, probe = event.operation.role, event.exchange.probe
    new = [*history]
    new[_STALL] = None
    if (event.marks or "retry_after" in history.marks) and event.answer in READABLE and not probe:
        new[_MARKS] = _marks(history, event)
    if limits.result_from == "last-read" and surely_outside(history, event, limits.of_result()):
        new[_MARKS] = {**new[_MARKS], RESULT_EXPIRED: event.number}
    if role is POLL:
        _poll(new, history, event, limits)
    elif role is CREATE:
        if event.answer is STATE and history.created is None:
            _create(new, event)
    elif probe:
        if role is Role.DELETE and event.answer is STATE and event.effect is None:
            _delete(new, history, event)  # an invalid deletion that is accepted counts too
            return _state(new)
        if role is not Role.CANCEL or event.answer is not STATE:
            return history
        new[_MARKS] = {CANCEL_SENT: event.number, **history.marks}  # an invalid cancelling that is accepted counts too
        if history.cancelled is None:
            new[_CANCELLED] = event.number
    elif role is CALLBACK:
        response = event.exchange.response
        if response is not None and response.status >= 300:
            refused = (event.number, event.exchange.received, event.exchange.request.headers)
            new[_MARKS] = {**new[_MARKS], CALLBACK_REFUSED: refused}
        else:
            new[_CALLBACKS] += 1
            _settle(new, event)
        _take_state(new, event)
    else:
        _read(new, history, event, limits)
        _take_state(new, event)
    return _state(new)


def _marks(history: TaskState, event: Event) -> dict[str, Any]:
    """The last values at the further places of the operations, with the wait of the last response."""
    kept = {name: value for name, value in history.marks.items() if name != "retry_after"}
    if event.answer is STATE:
        kept |= event.marks
        if PAGE in event.marks:
            kept = follow(kept)
    wait = requested_wait(event)
    if wait is not None:
        kept["retry_after"] = wait
    return kept


def _settle(new: list[Any], event: Event) -> None:
    """Note the time at which this response and all before it were there."""
    received = event.exchange.received - event.exchange.precision
    if not new[_ANSWERED] > received:
        new[_ANSWERED] = received


def _create(new: list[Any], event: Event) -> None:
    exchange, succeeded = event.exchange, event.phase is SUCCEEDED
    new[_CREATION] = event.request
    new[_CREATED], new[_CREATED_SENT], new[_CREATED_RECEIVED] = event.number, exchange.sent, exchange.received
    if event.operation.task_id is None or event.operation.task_id.part != "request":
        new[_CREATED_RECEIVED] = received_by(exchange)
    new[_ANSWERED] = exchange.received - exchange.precision
    new[_RESULT], new[_RESULT_NUMBER] = event.result_text, event.number if succeeded else None
    new[_INLINE] = succeeded and (event.inline_kind or "succeeded" in event.operation.answers)
    if succeeded and not new[_INLINE]:  # no document has tasks that are answered at once: it can be polled
        _take_state(new, event)


def _date_creation(new: list[Any], history: TaskState, exchange: Exchange) -> None:
    """Note that a creation whose end was not recorded was answered when its id was sent first: nobody guesses it."""
    if history.last_number is None and history.answered != history.answered:  # NaN: not recorded
        new[_CREATED_RECEIVED] = min(history.created_received, exchange.sent + exchange.precision)


def _read(new: list[Any], history: TaskState, event: Event, limits: Limits) -> None:
    """Take in the fetch of a result, or a cancelling."""
    _date_creation(new, history, event.exchange)
    if history.lost is None and history.terminal is SUCCEEDED and surely_outside(history, event, limits):
        new[_LOST] = event.number if says_gone(history, event) else None
    if event.operation.role is Role.CANCEL:
        marks = dict(new[_MARKS])
        marks.setdefault(CANCEL_SENT, event.number)
        if event.answer is STATE:
            if history.cancelled is None:
                new[_CANCELLED] = event.number
            ended = history.terminal is not None or event.phase in (SUCCEEDED, Phase.FAILED)
            marks.setdefault(CANCEL_ACCEPTED, (event.number, event.exchange.received, ended))
        elif event.answer is REFUSAL and event.effect not in PUT_OFF and not event.transient:
            marks[CANCEL_REFUSED] = (event.number, event.exchange.received)
        new[_MARKS] = marks
    if event.operation.role is Role.DELETE and event.answer is STATE and event.effect is None:
        _delete(new, history, event)
    new[_GONE] = history.gone or (new[_LOST] is not None and event.answer is REFUSAL)
    new[_LAST_NUMBER] = event.number
    _settle(new, event)


def _delete(new: list[Any], history: TaskState, event: Event) -> None:
    """Note that a task was deleted: it is lost from then on, and none of its ends is due any more."""
    new[_MARKS] = {DELETED: (event.number, event.exchange.received), **new[_MARKS]}
    if history.cancelled is None:
        new[_CANCELLED] = event.number
    if history.lost is None:
        new[_LOST] = event.number


def _take_state(new: list[Any], event: Event) -> None:
    """Take in the phase and the result that a response states."""
    phase = event.phase
    if event.answer is not STATE or phase is None:
        return
    if new[_TERMINAL] is None:
        new[_PHASE], new[_PHASE_NUMBER] = phase, event.number
        if phase.terminal:
            new[_TERMINAL], new[_TERMINAL_NUMBER] = phase, event.number
            new[_ENDED_RECEIVED] = received_by(event.exchange)
        elif event.operation.role is POLL:
            new[_PENDING_SENT] = event.exchange.sent
    if new[_RESULT] is None and event.result_text is not None:
        new[_RESULT], new[_RESULT_NUMBER] = event.result_text, event.number


def _poll(new: list[Any], history: TaskState, event: Event, limits: Limits) -> None:
    exchange, answer, phase, number = event.exchange, event.answer, event.phase, event.number
    new[_POLLS_MOST] += 1
    if exchange.probe or event.request_errors:
        return
    _date_creation(new, history, exchange)
    if answer is STATE:
        if history.lost is None and phase is not SUCCEEDED:
            if surely_beyond_polls(history, limits) or surely_outside(history, event, limits):
                new[_LOST] = number
        new[_POLLS_LEAST] += 1
        new[_LAST_FINAL] = phase is not None and phase.terminal
        if new[_LAST_FINAL] and history.final is None:
            new[_FINAL] = final_of(event)
        _take_state(new, event)
    elif answer is REFUSAL:
        _refuse(new, history, event, limits)
    elif answer is Answer.NONE:  # there is no response after which to wait
        new[_LAST_FINAL] = True
        new[_UNANSWERED] += exchange.recorded  # a response whose body alone was lost did come
    response = exchange.response
    # An error that is not in the provider's form is a gateway's page, of which no document speaks.
    is_page = answer is Answer.UNREADABLE and response is not None and response.status >= 400
    new[_LAST_FREE] = is_page or (answer is REFUSAL and not limits.wait_after_errors)
    if answer is not Answer.NONE:
        if history.last_number is None or history.first_number is None:
            new[_FIRST_NUMBER], new[_FIRST_SENT], new[_GAPS] = number, exchange.sent, 0
        else:
            new[_GAPS] += not history.last_free
        new[_LAST_NUMBER], new[_LAST_SENT], new[_LAST_PRECISION] = number, exchange.sent, exchange.precision
    _settle(new, event)


def _refuse(new: list[Any], history: TaskState, event: Event, limits: Limits) -> None:
    """Take in a poll that was answered with an error."""
    effect, number = event.effect, event.number
    new[_LAST_FINAL] = effect in (Effect.FAILED, Effect.LOST, Effect.REFUSED)
    if effect is Effect.UNCLEAR and history.terminal is None and history.unclear is None:
        new[_UNCLEAR] = number
    if effect is Effect.FAILED:
        if history.final is None:
            new[_FINAL] = final_of(event)
        if history.terminal is None:
            new[_TERMINAL], new[_TERMINAL_NUMBER] = Phase.FAILED, number
            new[_ENDED_RECEIVED] = received_by(event.exchange)
        return
    if history.lost is not None:
        return
    if not surely_within_limits(history, event, limits):
        beyond = surely_beyond_polls(history, limits) or surely_outside(history, event, limits)
        gone = effect is Effect.LOST or (beyond and effect not in PUT_OFF)
    else:
        gone = effect is Effect.LOST and limits.polls is None and limits.lifetime is None
    if gone:
        new[_LOST], new[_GONE] = number, True


def keep_later(after: TaskState, before: TaskState, event: Event) -> TaskState:
    """The state after an event that may have come first: no earlier than before in phase, polls and growing values."""
    if before.phase is not None and after.phase is not None and after.phase.rank < before.phase.rank:
        after = after._replace(phase=before.phase, phase_number=before.phase_number)
    if before.last_sent > after.last_sent:
        after = after._replace(
            last_number=before.last_number,
            last_sent=before.last_sent,
            last_precision=before.last_precision,
            last_final=before.last_final or after.last_final,
            last_free=before.last_free or after.last_free,
        )
    if event.operation.role is POLL and event.exchange.sent < after.first_sent:
        after = after._replace(first_number=event.number, first_sent=event.exchange.sent)
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
