"""What one exchange shows by itself: shapes, statuses, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import EITHER, HELD, Finding, Kind, Nothing, Unjudged, Violation, breaks, mutates
from pollproof.contract.declared import NAME, Form
from pollproof.contract.model import Break, Clause, Contract, Operation, Role, TaskKind
from pollproof.contract.places import MISSING
from pollproof.contract.vocabulary import CREATE, FETCH, POLL, SUCCEEDED
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import read_json, write_json
from pollproof.trace.events import READABLE, REFUSAL, STATE, Event
from pollproof.trace.exchange import Response

CODE = re.compile("[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
"""What error codes look like, as opposed to words for people."""

ANY = tuple(Role)
ANSWERED = tuple(role for role in Role if role is not Role.CALLBACK)
"""The operations whose responses are the provider's."""

READS = (POLL, FETCH)
"""The operations that read a task or its result."""

ABOUT_THE_KEY = (401, 402, 403)
"""HTTP statuses that are about the key and its account, not about the request itself (RFC 9110, 15.5.2 to 15.5.4)."""


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """Which part of which operation; `rule` names an `x-rule` of its schema (empty: all that no rule claims).

    `when` narrows what counts as exercised: `succeeded`, `refused` or `accepted`; empty: every body. With `accepted`
    errors are not judged either: their schema is another.
    """

    operation: Annotated[str, "The operation whose bodies are judged."]
    part: Annotated[
        str, "The body that is judged; the response when left out.", Form(choices=("request", "response"))
    ] = "response"
    rule: Annotated[str, "The x-rule of the schema that is judged.", Form(pattern=NAME)] = ""
    when: Annotated[
        str,
        "Which bodies exercise the clause; all when left out. With `accepted` errors are not judged.",
        Form(choices=("succeeded", "refused", "accepted")),
    ] = ""


class OptionalField(NamedTuple):
    """A shape rule about fields that may be left out: a body without them does not exercise it."""

    operation: str
    part: str
    rule: str
    when: str
    names: frozenset[str]


def _prepared(contract: Contract, clause: Clause) -> ShapeRule | OptionalField:
    """The rule, with the fields that it is about where these may be left out."""
    rule: ShapeRule = clause.parameters
    operation = contract.operations.get(rule.operation)
    name = None if operation is None else getattr(operation, f"{rule.part}_schema")
    schema = None if name is None else contract.schemas[name]
    if not rule.rule or not isinstance(schema, dict):
        return rule
    names = _optional_names(schema, rule.rule)
    return OptionalField(rule.operation, rule.part, rule.rule, rule.when, names) if names else rule


def _optional_names(schema: Mapping[str, Any], rule: str) -> frozenset[str]:
    """The properties that a rule of a schema is about; none where it demands one, or is kept by leaving it out."""
    names: set[str] = set()
    stack: list[Any] = [schema]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack += each
        elif isinstance(each, dict):
            if each.get("x-rule") == rule:
                properties = each.get("properties", {})
                if each.get("required") or not properties or any(map(_is_ban, properties.values())):
                    return frozenset()
                names.update(properties)
            stack += each.values()
    return frozenset(names)


def _is_ban(schema: Any) -> bool:
    """Whether a schema of a property lets through nothing but null and emptiness, or forbids some value."""
    if not isinstance(schema, dict):
        return schema is False
    return (
        "not" in schema
        or schema.get("maxProperties") == 0
        or all(each in (None, "") for each in schema.get("enum", "x"))
    )


def _holds(body: Any, names: frozenset[str], depth: int = 4) -> bool:
    """Whether one of these fields is somewhere in a body."""
    if type(body) is dict:
        if not names.isdisjoint(body):
            return True
        return depth > 0 and any(_holds(each, names, depth - 1) for each in body.values() if type(each) in _NESTED)
    return type(body) is list and depth > 0 and any(_holds(each, names, depth - 1) for each in body)


_NESTED = (dict, list)


def _open(history: TaskState | None, event: Event) -> bool:
    """Whether this answers the fetch of a result that is not there: how that is done is documented nowhere."""
    if event.operation.role is not FETCH or event.phase is SUCCEEDED:
        return False
    return history is None or history.terminal is not SUCCEEDED


def _as_given(history: TaskState, event: Event) -> bool:
    """Whether the id of a request is the one that the creation gave: its form is then the provider's doing."""
    if history.created is None or event.operation.role is CREATE:
        return False
    return type(history.raw_id) is type(event.raw_task) and history.raw_id == event.raw_task


def _is_when(event: Event, when: str) -> bool:
    if when == "succeeded":
        return event.phase is SUCCEEDED
    if when == "refused":
        return event.answer is REFUSAL
    return event.answer is STATE


def _looks(event: Event) -> int:
    """What an event without errors in its bodies is to a shape, as a number."""
    answer = 4 if event.answer is STATE else 8 if event.answer is REFUSAL else 0
    return answer + event.formal + 2 * (event.phase is SUCCEEDED) + 16 * (event.repeated is not None)


def _redirected(event: Event) -> str:
    """What stands before a message where a response leads elsewhere; empty for any other."""
    response = event.exchange.response
    if response is None or not 300 <= response.status < 400 or "location" not in response.headers:
        return ""
    return f"HTTP {response.status}, a redirect, which is not followed: "


@Kind(
    "shape",
    subjects=EITHER,
    roles=ANY,
    probes=True,
    alike=_looks,
    prepared=_prepared,
    walks=("one-after-another", "side-by-side"),
    hint="Compare the body with the schema that the message names: types, required fields, field names.",
)
def shape(history: TaskState | None, event: Event, rule: ShapeRule | OptionalField) -> Finding:
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
        if rule.when == "accepted" and event.answer is REFUSAL:
            return None
        errors = event.response_errors
        if errors and event.probe is not None and event.answer is STATE:
            return None  # an error was due, so it does not matter what else this is
    if errors:
        for error in errors:
            if error.rule == rule.rule:
                seen = _redirected(event) + error.message if rule.part == "response" else error.message
                return Violation(f"a {rule.part} of {rule.operation} as documented", seen)
        if not rule.rule:
            return None  # other clauses judge this body
    if rule.when and not _is_when(event, rule.when):
        return None
    if type(rule) is OptionalField and not _holds(
        event.request if rule.part == "request" else event.response, rule.names
    ):
        return Unjudged(
            f"no {rule.part} of {rule.operation} has {' or '.join(sorted(rule.names))}, which is optional", "absent"
        )
    return HELD


@Kind(
    "unique-keys",
    roles=ANY,
    probes=True,
    alike=_looks,
    exercised="a response in JSON",
    walks=("one-after-another",),
    hint="Write each key of a JSON object once.",
)
def unique_keys(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """No object of a response has a key twice."""
    if event.repeated is not None:
        return Violation("each key of an object once", f"the key {event.repeated!r} twice")
    return HELD if event.answer in READABLE else None


@Kind(
    "known-status",
    roles=ANY,
    walks=("one-after-another",),
    hint="Map internal states to the documented statuses before answering.",
)
def known_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A status is one that the documents list, not merely one that is known from elsewhere."""
    if event.answer is not STATE or type(event.status) is not str:
        return None
    if event.phase is None:
        if event.response_errors or event.operation.role not in (CREATE, POLL):
            return None  # an unknown word is the shape's affair, where that lists them
        return Violation("a status that the documents list", f"status {event.status!r:.100}")
    if event.documented:
        return HELD
    return Violation("a status that the documents list", f"status {event.status!r}, which is undocumented")


@Kind(
    "http-status",
    roles=ANSWERED,
    walks=("one-after-another",),
    hint="Answer with HTTP 200 whenever the body holds the state of a task.",
)
def http_status(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """The state of a task comes with an HTTP status of success."""
    response = event.exchange.response
    if event.answer is not STATE or response is None or event.effect is not None:
        return None
    if response.status == 304 and "if-none-match" in event.exchange.request.headers:
        return None  # the client has the state already
    if 200 <= response.status < 300:
        return HELD
    return Violation("the state of a task with an HTTP status from 200 to 299", f"HTTP {response.status}")


_NO_ECHO = Unjudged("no response names its task, which is optional", "absent")


@Kind(
    "echo",
    roles=(POLL, FETCH, Role.CANCEL),
    walks=("one-after-another",),
    hint="Take the id in the response from the task that was found, and look the task up by the exact id.",
)
def echo(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A task id in the response to a poll is that of the request."""
    echoed = event.echo
    if echoed is MISSING and event.answer is STATE:
        return _NO_ECHO
    if event.answer not in READABLE or echoed is MISSING or event.task is None:
        return None
    if type(echoed) is not type(event.raw_task) or (event.answer is REFUSAL and echoed == 0):
        return None  # null, or another type, which is the shape's affair
    if echoed == "" and event.answer is REFUSAL:
        return None
    if str(echoed) == event.task:
        return HELD
    return Violation(f"the task id {event.raw_task!r} of the request", f"the task id {echoed!r}")


@Kind(
    "inline-result",
    roles=(CREATE,),
    exercised="the creation of a task that is answered at once",
    walks=("answered-at-once",),
    hint="Answer the creation of a synchronous task only when its result is there.",
)
def inline_result(history: TaskState | None, event: Event, parameters: Nothing) -> Finding:
    """A task of a synchronous kind that is accepted is answered in its creation."""
    if not event.inline_kind or event.answer is not STATE or event.request_errors:
        return None
    if event.phase is SUCCEEDED:
        return HELD
    status = "no status" if event.status in (MISSING, None, "") else f"status {event.status!r}"
    return Violation("the result in the response of the creation", f"{status} and no result")


@breaks("echo", "another task id is repeated", ("link",))
class WrongEcho(FaultyProvider):
    """Repeats another task id than that of the request."""

    def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if task is None or operation.echo is None or name == "created":
            return super().fill(operation, name, task, status, code)
        own = task.id
        task.id = self.new_id(task.number + 1_000_000)
        try:
            return super().fill(operation, name, task, status, code)
        finally:
            task.id = own


@breaks("inline-result", "a synchronous task must be polled")
class NeverInline(FaultyProvider):
    """Gives a task id where the result should be."""

    def inline(self, kind: TaskKind) -> bool:
        return False


@mutates("http-status")
def _http_status(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a result with HTTP 500", changes=(Break("", answer="succeeded", http=500),))


@breaks("unique-keys", "a key is there twice")
class RepeatsKeys(FaultyProvider):
    """Writes the first key of a response twice."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        answer = super().poll(operation, identifier)
        body = read_json(answer.body)
        if not isinstance(body, dict) or not body:
            return answer
        name, value = next(iter(body.items()))
        return answer._replace(body=write_json({name: value})[:-1] + b"," + answer.body.lstrip()[1:])
