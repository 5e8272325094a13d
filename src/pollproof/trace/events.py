"""Events: exchanges read through the contract."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pollproof.contract.model import Effect, Operation, Phase, Role
from pollproof.contract.places import MISSING, Place
from pollproof.trace.bodies import canonical
from pollproof.trace.client_outcome import OPERATION, read_outcome
from pollproof.trace.exchange import Exchange
from pollproof.trace.shapes import ShapeError

NOTHING: Mapping[str, Any] = MappingProxyType({})

CALLBACK_PATH = "/@callback"
"""The path under which a trace keeps requests that came from the provider, whatever address they were sent to."""


def mark_of(role: Role, place: Place) -> str:
    """The name of the mark that keeps the value at a place of operations of one role."""
    return f"@{role.value} {place.text}"


STATUS_MARK = "@status"
"""The mark that keeps the last status of a task, where a clause looks at it."""

TRANSIENT_HTTP = frozenset({429, 502, 503, 504})
"""Responses of overloaded servers and of gateways before them, whose bodies are nobody's contract (RFC 9110, 15.6)."""


class Answer(Enum):
    """What kind of response an exchange holds."""

    NONE = "none"  # the connection failed or nothing came
    UNREADABLE = "unreadable"  # something came that is not what the contract speaks
    REFUSED = "refused"  # an error
    STATE = "state"  # the state of a task


STATE: Final = Answer.STATE
REFUSAL: Final = Answer.REFUSED

READABLE = (STATE, REFUSAL)
"""The responses that state something."""


class Member(NamedTuple):
    """One task of a batch response: its id in comparable form, as it was written, and the whole entry."""

    task: str | None
    raw_task: Any
    entry: Any


class Event(NamedTuple):
    """One exchange as the contract reads it. `number` is its place in the trace, counted from 0.

    `task` is the id in one comparable form (None where there is none), `raw_task` as it was written.
    `request_errors` and `response_errors` are failures of the shapes. `documented` is false for a status that is
    known from elsewhere only. `marks` are the values at the operation's further places that are there.
    `result_text` is one text for equal results, None where the response hands out none. `formal` means that the
    shape of the response is documented at all, `transient` whether it is a gateway's or an overloaded server's page
    rather than the provider's word. `repeated` is a key that an object of the response has twice.
    """

    number: int
    exchange: Exchange
    operation: Operation
    request: Any
    response: Any
    request_errors: tuple[ShapeError, ...]
    response_errors: tuple[ShapeError, ...]
    task: str | None
    raw_task: Any
    echo: Any
    inline_kind: bool
    answer: Answer
    phase: Phase | None
    status: Any
    result: Any
    result_text: str | None
    error_code: str | None
    effect: Effect | None
    documented: bool
    marks: Mapping[str, Any]
    members: tuple[Member, ...]
    formal: bool
    transient: bool
    repeated: str | None = None

    @property
    def probe(self) -> str | None:
        """What is deliberately wrong with the request, None for one that means it."""
        return self.exchange.probe


def task_key(raw: Any) -> str | None:
    """The comparable form of a task id: its digits or characters; None for what can be no id."""
    kind = type(raw)
    if kind is str:
        return raw or None
    if kind is int:
        return str(raw)
    if kind is float:
        return repr(raw)
    return None


def outcome_event(exchange: Exchange, number: int) -> Event:
    """The event of what a client reported at its end: a `ClientOutcome` in place of the request, of no one task."""
    outcome = read_outcome(exchange.request.body)
    return Event(
        number=number,
        exchange=exchange,
        operation=OPERATION,
        request=MISSING if outcome is None else outcome,
        response=MISSING,
        request_errors=(),
        response_errors=(),
        task=None,
        raw_task=MISSING if outcome is None else outcome.task,
        echo=MISSING,
        inline_kind=False,
        answer=Answer.UNREADABLE if outcome is None else STATE,
        phase=None,
        status=MISSING,
        result=MISSING if outcome is None else outcome.result,
        result_text=None if outcome is None or outcome.result is None else canonical(outcome.result),
        error_code=None,
        effect=None,
        documented=True,
        marks=NOTHING,
        members=(),
        formal=False,
        transient=False,
    )
