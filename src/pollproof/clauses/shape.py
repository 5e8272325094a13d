"""What one exchange shows by itself: shapes, statuses, refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.kinds import HELD, Finding, Nothing, Violation, kind
from pollproof.contract.declared import NAME, Form
from pollproof.contract.model import Effect, Phase, Role, Subject
from pollproof.contract.places import MISSING
from pollproof.tasks.state import TaskState
from pollproof.trace.events import TOLD, Answer, Event

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
    part: Annotated[str, "The body that is judged.", Form(choices=("request", "response"))]
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
    return answer + event.formal + 2 * (event.phase is Phase.SUCCEEDED)


def _redirected(event: Event) -> str:
    """What to say before the rest where an answer leads elsewhere; empty for any other."""
    response = event.exchange.response
    if response is None or not 300 <= response.status < 400 or "location" not in response.headers:
        return ""
    return f"HTTP {response.status}, a redirect, which is not followed: "


@kind(
    "shape",
    subject=(Subject.PROVIDER, Subject.CLIENT),
    roles=ANY,
    parameters=ShapeRule,
    probes=True,
    ordered=False,
    alike=_looks,
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


@kind("known-status", subject=Subject.PROVIDER, roles=ANY, parameters=Nothing, ordered=False)
def known_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A status is one that the documents list, not merely one that is known from elsewhere."""
    if event.answer is not Answer.STATE or type(event.status) is not str:
        return None
    if event.phase is None:
        return None  # an unknown word is the shape's affair
    if event.documented:
        return HELD
    return Violation("a status that the documents list", f"status {event.status!r}")


@kind("http-status", subject=Subject.PROVIDER, roles=ANY, parameters=Nothing, ordered=False)
def http_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """The state of a task comes with an HTTP status of success."""
    response = event.exchange.response
    if event.answer is not Answer.STATE or response is None or event.effect is not None:
        return None
    if 200 <= response.status < 300:
        return HELD
    return Violation("the state of a task with an HTTP status from 200 to 299", f"HTTP {response.status}")


@dataclass(frozen=True, slots=True)
class Probe:
    """What is wrong with the requests that must be refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]


@kind("refused", subject=Subject.PROVIDER, roles=ANY, parameters=Probe, probes=True, ordered=False)
def refused(history: TaskState | None, event: Event, parameters: Probe) -> Finding:
    """A wrong request is refused with an error, never answered with a task."""
    if event.probe != parameters.probe:
        return None
    response = event.exchange.response
    if response is None:
        if event.probe == "malformed":
            return Violation("a refusal", f"no answer ({event.exchange.failure})")
        return None
    if event.effect in (Effect.BUSY, Effect.BLOCKED) or event.transient:
        return None
    what = {
        "unknown-task": "the task id is unknown",
        "wrong-credential": "the key is wrong",
        "missing-field": "a required field is missing",
        "malformed": "the body is malformed",
    }.get(parameters.probe, parameters.probe.replace("-", " "))
    why = f"since the request is wrong on purpose: {what}"
    below = " below HTTP 500" if event.probe == "malformed" and response.status >= 500 else ""
    expected = f"an error{below}, {why}"
    if event.answer is Answer.REFUSED:
        fault = bool(event.operation.element)  # of SOAP, whose faults come with HTTP 500 (SOAP 1.1, 6.2)
        if event.probe == "malformed" and response.status >= 500 and not fault:
            return Violation(expected, f"HTTP {response.status}")
        if event.operation.role is Role.CREATE and event.task not in (None, "0", "0.0"):
            return Violation(f"an error and no task, {why}", f"an error together with the task id {event.raw_task!r}")
        return HELD
    if 400 <= response.status < 500:
        return HELD
    if event.answer is Answer.UNREADABLE:
        return Violation(expected, f"HTTP {response.status}, and {event.response.problem}")
    if event.operation.role is Role.CREATE and event.task is not None:
        return Violation(expected, f"a task, {event.raw_task!r}")
    status = "" if event.status is MISSING else f" with status {event.status!r}"
    return Violation(expected, f"an answer without error{status}")


@dataclass(frozen=True, slots=True)
class Holding:
    """`operation`: what is asked; `holding`: parameters one of which the request has (none: any request)."""

    operation: Annotated[str, "The operation whose requests are judged."]
    holding: Annotated[list[str], "Parameters one of which the request has, for the clause to speak of it."]


@kind("accepted", subject=Subject.PROVIDER, roles=ANY, parameters=Holding, ordered=False)
def accepted(history: TaskState | None, event: Event, parameters: Holding) -> Finding:
    """A request that keeps the documented rules is not refused."""
    if event.operation.name != parameters.operation or event.request_errors or not isinstance(event.request, dict):
        return None
    if parameters.holding and not any(name in event.request for name in parameters.holding):
        return None
    if event.answer is Answer.STATE:
        return HELD
    response = event.exchange.response
    if event.answer is not Answer.REFUSED or event.effect is not Effect.REFUSED:
        return None
    if response is not None and response.status in ABOUT_THE_KEY:
        return None
    http = "" if response is None else f" (HTTP {response.status})"
    return Violation("the request to be accepted, since it keeps the rules", f"a refusal{http}")


@dataclass(frozen=True, slots=True)
class Code:
    """One of the error `codes` with which a wrong request is refused."""

    probe: Annotated[str, "What is wrong with the request: a probe."]
    codes: Annotated[list[str], "Error codes of which the refusal has one."]


@kind("refusal-code", subject=Subject.PROVIDER, roles=ANY, parameters=Code, probes=True, ordered=False)
def refusal_code(history: TaskState | None, event: Event, parameters: Code) -> Finding:
    """A wrong request is refused with the error code that the documents give for it."""
    code = event.error_code
    if event.probe != parameters.probe or event.answer is not Answer.REFUSED or code is None:
        return None
    if event.effect in (Effect.BUSY, Effect.BLOCKED) or CODE.fullmatch(code) is None:
        return None  # words, where a Fault has no code
    if code in parameters.codes:
        return HELD
    return Violation(f"the error {' or '.join(parameters.codes)}", f"the error {code}")


@kind("echo", subject=Subject.PROVIDER, roles=(Role.POLL, Role.FETCH, Role.CANCEL), ordered=False)
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


@kind("inline-result", subject=Subject.PROVIDER, roles=(Role.CREATE,), ordered=False)
def inline_result(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A task of a synchronous kind that is accepted is answered in its creation."""
    if not event.inline_kind or event.answer is not Answer.STATE or event.request_errors:
        return None
    if event.phase is Phase.SUCCEEDED:
        return HELD
    status = "no status" if event.status in (MISSING, None, "") else f"status {event.status!r}"
    return Violation("the result in the answer of the creation", f"{status} and no result")
