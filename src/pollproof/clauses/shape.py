"""What one exchange shows by itself: shapes, statuses, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, Provider, Task
from pollproof.clauses.kinds import (
    EITHER,
    HELD,
    PROVIDER,
    Finding,
    Kind,
    Nothing,
    Violation,
    mutates,
)
from pollproof.contract.declared import NAME, Form
from pollproof.contract.model import Break, Clause, Contract, Operation, Phase, Role, TaskKind
from pollproof.contract.places import MISSING
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import read_json, write_json
from pollproof.trace.events import TOLD, Answer, Event
from pollproof.trace.exchange import Response

CODE = re.compile("[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
"""What error codes look like, as opposed to words for people."""

ANY = tuple(Role)

ABOUT_THE_KEY = (401, 402, 403)
"""HTTP statuses that are about the key and its account, not about what was asked (RFC 9110, 15.5.2 to 15.5.4)."""


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """Which part of which operation; `rule` names an `x-rule` of its schema (empty: all that no rule claims).

    `when` narrows what counts as exercised: `succeeded`, `refused` or `accepted`; empty: every body.
    """

    operation: Annotated[str, "The operation whose bodies are judged."]
    part: Annotated[
        str, "The body that is judged; the response when left out.", Form(choices=("request", "response"))
    ] = "response"
    rule: Annotated[str, "The x-rule of the schema that is judged.", Form(pattern=NAME)] = ""
    when: Annotated[
        str,
        "Which bodies exercise the clause; all when left out.",
        Form(choices=("succeeded", "refused", "accepted")),
    ] = ""


def _open(history: TaskState | None, event: Event) -> bool:
    """Whether this answers the question for a result that is not there: how that is said is documented nowhere."""
    if event.operation.role is not Role.FETCH or event.phase is Phase.SUCCEEDED:
        return False
    return history is None or history.terminal is not Phase.SUCCEEDED


def _as_given(history: TaskState, event: Event) -> bool:
    """Whether the id of a request is the one that the creation gave: its form is then the provider's doing."""
    if history.created is None or event.operation.role is Role.CREATE:
        return False
    return type(history.raw_id) is type(event.raw_task) and history.raw_id == event.raw_task


def _is_when(event: Event, when: str) -> bool:
    if when == "succeeded":
        return event.phase is Phase.SUCCEEDED
    if when == "refused":
        return event.answer is Answer.REFUSED
    return event.answer is Answer.STATE


def _looks(event: Event) -> int:
    """What an event without errors in its bodies is to a shape, as a number."""
    answer = 4 if event.answer is Answer.STATE else 8 if event.answer is Answer.REFUSED else 0
    return answer + event.formal + 2 * (event.phase is Phase.SUCCEEDED) + 16 * (event.repeated is not None)


def _redirected(event: Event) -> str:
    """What to say before the rest where an answer leads elsewhere; empty for any other."""
    response = event.exchange.response
    if response is None or not 300 <= response.status < 400 or "location" not in response.headers:
        return ""
    return f"HTTP {response.status}, a redirect, which is not followed: "


@Kind(
    "shape",
    subjects=EITHER,
    roles=ANY,
    parameters=ShapeRule,
    probes=True,
    ordered=False,
    alike=_looks,
    walks=(
        "one-after-another",
        "side-by-side",
    ),
    hint="Compare the body with the schema that the message names: types, required fields, field names.",
)
def shape(history: TaskState | None, event: Event, rule: ShapeRule) -> Finding:
    """A body has the documented shape."""
    if event.operation.name != rule.operation:
        return None
    if rule.part == "request":
        if event.probe:
            return None
        errors = event.request_errors
        if errors and history is not None and _as_given(history, event):
            at = event.operation.task_id.pointer if event.operation.task_id is not None else ""
            errors = tuple(error for error in errors if error.pointer != at)
    else:
        if not event.formal or _open(history, event):
            return None
        errors = event.response_errors
    if errors:
        for error in errors:
            if error.rule == rule.rule:
                seen = _redirected(event) + error.message if rule.part == "response" else error.message
                return Violation(f"a {rule.part} of {rule.operation} as documented", seen)
        if not rule.rule:
            return None  # other clauses have their say about this body
    return HELD if not rule.when or _is_when(event, rule.when) else None


@Kind(
    "unique-keys",
    subjects=PROVIDER,
    roles=ANY,
    probes=True,
    ordered=False,
    alike=_looks,
    exercised="an answer in JSON",
    walks=("one-after-another",),
    hint="Write each key of a JSON object once.",
)
def unique_keys(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """No object of an answer has a key twice."""
    if event.repeated is not None:
        return Violation("each key of an object once", f"the key {event.repeated!r} twice")
    return HELD if event.answer in TOLD else None


@Kind(
    "known-status",
    subjects=PROVIDER,
    roles=ANY,
    parameters=Nothing,
    ordered=False,
    walks=("one-after-another",),
    hint="Map internal states to the documented statuses before answering.",
)
def known_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A status is one that the documents list, not merely one that is known from elsewhere."""
    if event.answer is not Answer.STATE or type(event.status) is not str:
        return None
    if event.phase is None:
        return None  # an unknown word is the shape's affair
    if event.documented:
        return HELD
    return Violation("a status that the documents list", f"status {event.status!r}, which is undocumented")


@Kind(
    "http-status",
    subjects=PROVIDER,
    roles=ANY,
    parameters=Nothing,
    ordered=False,
    walks=("one-after-another",),
    hint="Answer with HTTP 200 whenever the body holds the state of a task.",
)
def http_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """The state of a task comes with an HTTP status of success."""
    response = event.exchange.response
    if event.answer is not Answer.STATE or response is None or event.effect is not None:
        return None
    if 200 <= response.status < 300:
        return HELD
    return Violation("the state of a task with an HTTP status from 200 to 299", f"HTTP {response.status}")


@Kind(
    "echo",
    subjects=PROVIDER,
    roles=(Role.POLL, Role.FETCH, Role.CANCEL),
    ordered=False,
    walks=("one-after-another",),
    hint="Take the id in the answer from the task that was found, and look the task up by the exact id.",
)
def echo(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A task id in the answer to a poll is the one that was asked for."""
    told = event.echo
    if event.answer not in TOLD or told is MISSING or event.task is None:
        return None
    if type(told) is not type(event.raw_task) or (event.answer is Answer.REFUSED and told == 0):
        return None  # null, or another type, which is the shape's affair
    if told == "" and event.answer is Answer.REFUSED:
        return None
    if str(told) == event.task:
        return HELD
    return Violation(f"the task id {event.raw_task!r} that was asked for", f"the task id {told!r}")


@Kind(
    "inline-result",
    subjects=PROVIDER,
    roles=(Role.CREATE,),
    ordered=False,
    exercised="the creation of a task that is answered at once",
    walks=("answered-at-once",),
    hint="Answer the creation of a synchronous task only when its result is there.",
)
def inline_result(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A task of a synchronous kind that is accepted is answered in its creation."""
    if not event.inline_kind or event.answer is not Answer.STATE or event.request_errors:
        return None
    if event.phase is Phase.SUCCEEDED:
        return HELD
    status = "no status" if event.status in (MISSING, None, "") else f"status {event.status!r}"
    return Violation("the result in the answer of the creation", f"{status} and no result")


class WrongEcho(Provider):
    """Repeats another task id than the one asked for."""

    def say(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if task is None or operation.echo is None or name == "created":
            return super().say(operation, name, task, status, code)
        own = task.id
        task.id = self.new_id(task.number + 1_000_000)
        try:
            return super().say(operation, name, task, status, code)
        finally:
            task.id = own


@mutates("echo")
def _echo(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("another task id is repeated", WrongEcho)


class NeverInline(Provider):
    """Gives a task id where the result should be."""

    def inline(self, kind: TaskKind) -> bool:
        return False


@mutates("inline-result")
def _inline_result(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a synchronous task must be polled", NeverInline)


@mutates("http-status")
def _http_status(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a result with HTTP 500", changes=(Break("", answer="succeeded", http=500),))


class RepeatsKeys(Provider):
    """Writes the first key of an answer twice."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        answer = super().poll(operation, identifier)
        body = read_json(answer.body)
        if not isinstance(body, dict) or not body:
            return answer
        name, value = next(iter(body.items()))
        return answer._replace(body=write_json({name: value})[:-1] + b"," + answer.body.lstrip()[1:])


@mutates("unique-keys")
def _unique_keys(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a key is there twice", RepeatsKeys)
