"""Results that are fetched by an operation of their own."""

from __future__ import annotations

from dataclasses import dataclass

from pollproof.clauses.attribution import Attribution, blame
from pollproof.clauses.deadlines import kept_until
from pollproof.clauses.kinds import HELD, Finding, Violation, from_limits, kind
from pollproof.clauses.lifecycle import describe
from pollproof.contract.model import Limits, Phase, Role, Subject
from pollproof.tasks.state import TaskState, says_gone, surely_within_limits
from pollproof.trace.events import Answer, Event


@dataclass(frozen=True, slots=True)
class Kept:
    """The limits of the contract, within which a result is kept."""

    limits: Limits = from_limits("*")


@kind("result-available", subject=Subject.PROVIDER, roles=(Role.FETCH,), parameters=Kept)
def result_available(history: TaskState, event: Event, parameters: Kept) -> Finding:
    """Once a task has succeeded its result is there."""
    if history.terminal is not Phase.SUCCEEDED or event.request_errors:
        return None
    if event.phase is Phase.SUCCEEDED:
        return HELD
    if not surely_within_limits(history, event, parameters.limits) or not says_gone(history, event):
        return None
    if blame(history, event, parameters.limits) is not Attribution.NEITHER:
        return None
    response = event.exchange.response
    http = "" if response is None else f" (HTTP {response.status})"
    since = () if history.terminal_number is None else (history.terminal_number,)
    moments = kept_until(history, parameters.limits)
    seen = describe(event) if event.answer is Answer.REFUSED else "no result"
    return Violation("the result of a task that has succeeded", seen + http, since, deadlines=moments)
