"""Fields of responses from one to the next: times, progress, echoed parameters, embedded JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider, Task
from pollproof.clauses.kinds import (
    HELD,
    Finding,
    Kind,
    Nothing,
    Unjudged,
    Violation,
    breaks,
    from_limits,
    mutates,
    numbered,
)
from pollproof.contract.conditions import moment_of, same
from pollproof.contract.model import Break, Clause, Contract, Limits, Operation, Phase, Role
from pollproof.contract.places import MISSING, Place, follow_steps
from pollproof.contract.vocabulary import CALLBACK, CREATE, POLL, SUCCEEDED
from pollproof.tasks.ages import may_be_over
from pollproof.tasks.state import TaskState
from pollproof.trace.bodies import MAXIMUM_DIGITS, Unreadable, read_json, write_json
from pollproof.trace.events import STATE, Event
from pollproof.trace.exchange import Request, Response

STATES = (CREATE, POLL, CALLBACK, Role.BATCH)
"""The operations that show a whole task."""


@Kind(
    "timestamps",
    roles=STATES,
    ordered=True,
    walks=("one-after-another",),
    hint="Set the time of creation once; set the time of change only when the task changes.",
)
def timestamps(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """The time of creation never changes; the time of the last change never falls and never precedes it."""
    if event.answer is not STATE:
        return None
    if event.operation.role is Role.BATCH:
        return _entries(event)
    marks, before = event.marks, history.marks
    created: Any = marks.get("created_at")
    updated: Any = marks.get("updated_at")
    if not _comparable(created, updated):
        return None  # absent, or of another form, which is the shape's affair
    since = numbered(history.last_number)
    if updated < created:
        return Violation("a time of change not before the creation", f"created {created}, changed {updated}")
    if before.get("created_at") is not None and before["created_at"] != created:
        return Violation(
            f"the time of creation {before['created_at']} as before", f"the time of creation {created}", since
        )
    if _comparable(before.get("updated_at"), updated):
        if updated < before["updated_at"]:
            expected = f"a time of change not before {before['updated_at']}"
            return Violation(expected, f"the time of change {updated}", since)
    return HELD


def _comparable(one: Any, other: Any) -> bool:
    """Whether two times have one form in which the later is the greater: texts of one length, or numbers."""
    if isinstance(one, str) and isinstance(other, str):
        return len(one) == len(other)
    return _is_time(one) and _is_time(other)


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _entries(event: Event) -> Finding:
    """The times in the entries of a batch, which are all new."""
    for number, member in enumerate(event.members):
        entry = member.entry if isinstance(member.entry, dict) else {}
        created: Any = entry.get("created_at")
        updated: Any = entry.get("updated_at")
        if _comparable(created, updated):
            if updated < created:
                expected = f"a time of change not before the creation in entry {number}"
                return Violation(expected, f"created {created}, changed {updated}")
    return None


@dataclass(frozen=True, slots=True)
class Scale:
    """The limits of the contract, within which a task is known; `most`: the progress of a task that has succeeded."""

    limits: Limits = from_limits("*")
    most: Annotated[float | None, "The progress of a task that has succeeded, such as 1 or 100."] = None


@Kind(
    "progress",
    ordered=True,
    walks=("one-after-another",),
    hint="Compute the progress from the task alone, and never store a smaller value over a larger one.",
)
def progress(history: TaskState, event: Event, parameters: Scale) -> Finding:
    """The progress of a task never falls, and keeps its documented scale."""
    if may_be_over(history, event, parameters.limits):
        return None
    now, before = _number(event.marks.get("progress")), _number(history.marks.get("progress"))
    if event.answer is not STATE or now is None:
        return None
    most = parameters.most
    if most is not None and not 0 <= now <= most:
        return Violation(f"a progress from 0 to {most:g}", f"a progress of {now:g}")
    if most is not None and event.phase is SUCCEEDED and now != most:
        return Violation(f"a progress of {most:g} when the task has succeeded", f"a progress of {now:g}")
    if before is None or (history.terminal is None and event.phase in _GIVEN_UP):
        return None  # what the progress of a task is that ends without success is documented nowhere
    if now >= before:
        return HELD
    since = numbered(history.last_number)
    return Violation(f"a progress of {before:g} or more", f"a progress of {now:g}", since)


_GIVEN_UP = (Phase.FAILED, Phase.CANCELLED)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= MAXIMUM_DIGITS:
        return float(value)
    return None


@dataclass(frozen=True, slots=True)
class At:
    """`at`: a place in the response."""

    at: Annotated[Place, "The place of the text."]


@Kind(
    "json-text", walks=("one-after-another",), hint="Serialize the value as JSON before it is put into the text field."
)
def holds_json(history: TaskState, event: Event, parameters: At) -> Finding:
    """A text field that holds JSON is empty or JSON."""
    if event.answer is not STATE:
        return None
    text, name = follow_steps(event.response, parameters.at.steps), parameters.at.text.rpartition("/")[2]
    if not isinstance(text, str) or not text.strip():
        return Unjudged(f"every {name} was empty or absent, which is allowed", "absent")
    value = read_json(text.encode())
    if not isinstance(value, Unreadable):
        return HELD
    return Violation(f"JSON in {name}, or nothing", f"a text that is not JSON: {text[:60]!r}")


@Kind(
    "present",
    exercised="a poll of a task whose creation is known",
    walks=("one-after-another",),
    hint="Return the parameters of the task together with its status.",
)
def present(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """The state of a task comes with something of what was requested."""
    creation, state = history.creation, event.response
    if event.answer is not STATE or event.phase is None or event.request_errors:
        return None
    if not isinstance(creation, dict) or not creation or not isinstance(state, dict):
        return None
    if any(name in state for name in creation):
        return HELD
    return Violation(
        f"one of the parameters that were sent ({', '.join(creation)})", "none of them", numbered(history.created)
    )


@dataclass(frozen=True, slots=True)
class Echoed:
    """`always`: parameters that are repeated whenever they were sent; others may be left out."""

    always: Annotated[
        list[str], "Names of members of the request that creations and callbacks always repeat; others may be left out."
    ] = field(default_factory=list)


@Kind(
    "parameters-echoed",
    roles=(CREATE, POLL, CALLBACK, Role.BATCH),
    walks=("one-after-another", "called-back", "batches"),
    hint="Return the stored request, not a parsed or defaulted copy of it.",
)
def parameters_echoed(history: TaskState, event: Event, parameters: Echoed) -> Finding:
    """The parameters of a task come back in its responses and callbacks, unaltered."""
    role = event.operation.role
    if event.answer is not STATE or event.probe:
        return None
    if role is Role.BATCH:
        return _members_echoed(event, parameters)
    creation = event.request if role is CREATE else history.creation
    state = event.request if role is CALLBACK else event.response
    if not isinstance(creation, dict) or not isinstance(state, dict) or (role is CREATE and event.request_errors):
        return None
    always = parameters.always if role is not POLL else ()
    if role is CALLBACK:  # what has a place of its own there has a clause of its own
        creation = {name: value for name, value in creation.items() if name not in event.operation.marks}
    return _echoed(creation, state, always, numbered(history.created)) or HELD


def _members_echoed(event: Event, parameters: Echoed) -> Finding:
    """The parameters of a batch in each of its tasks; the entries themselves are other clauses' findings."""
    request = event.request
    if event.request_errors or not isinstance(request, dict) or not event.members:
        return None
    shared = {name: value for name, value in request.items() if not isinstance(value, list)}
    entries = [name for name in parameters.always if isinstance(request.get(name), list)]
    for number, member in enumerate(event.members):
        if not isinstance(member.entry, dict):
            return None
        for name in entries:
            if name in member.entry and member.entry[name] is None:
                return Violation(f"{name} in entry {number} of the batch", f"{name} = None")
        found = _echoed(shared, member.entry, (), ())
        if found is not None:
            return Violation(f"{found.expected} in entry {number} of the batch", found.seen)
    return HELD


def _echoed(
    creation: Mapping[str, Any], state: Mapping[str, Any], always: Sequence[str], since: tuple[int, ...]
) -> Violation | None:
    for name, value in creation.items():
        back = state.get(name, MISSING)
        if back is MISSING:
            if name in always and value is not None:
                return Violation(f"the parameter {name!r} that was sent", "a response without it", since)
            continue
        if not _alike(value, back):
            return Violation(f"{name} = {value!r} as it was sent", f"{name} = {back!r}", since)
    return None


def _alike(sent: Any, back: Any) -> bool:
    """Whether a value came back as it was sent; what is added inside an object is left open."""
    if isinstance(sent, bool) and isinstance(back, int):
        return int(sent) == int(back)  # one page writes false, another 0
    if isinstance(sent, dict) and isinstance(back, dict):
        return all(name in back and _alike(value, back[name]) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(back, list):
        return len(sent) == len(back) and all(_alike(*pair) for pair in zip(sent, back, strict=True))
    return same(sent, back)


def retry_after_seconds(value: Any) -> float | None:
    """The seconds of a Retry-After header, None for a date or anything else (RFC 9110, 10.2.3)."""
    return _number(value)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """How the wait is written."""

    dates: Annotated[bool, "Whether it may be an HTTP date as well, as RFC 9110 has it."] = False


@Kind(
    "retry-after",
    walks=("one-after-another",),
    hint="Send Retry-After with a whole number of seconds while the task is unfinished.",
)
def states_retry_after(history: TaskState, event: Event, parameters: RetryAfter) -> Finding:
    """A response about an unfinished task states after how many seconds to poll again."""
    if event.answer is not STATE or event.phase is None or event.phase.terminal:
        return None
    value = event.marks.get("retry_after")
    if retry_after_seconds(value) is not None:
        return HELD
    if parameters.dates and isinstance(value, str) and moment_of(value) is not None:
        return HELD
    return Violation("Retry-After with a number of seconds", "none" if value is None else f"{value!r}")


@breaks("timestamps", "the time of change falls")
class FallingTimes(FaultyProvider):
    """Shows a time of change that falls back to the creation once the task has ended and was read."""

    def updated(self, task: Task, now: float) -> float:
        task.seen.append("updated")
        return task.created + len(task.seen) % 2


@breaks("progress", "the progress falls")
class FallingProgress(FaultyProvider):
    """Counts its progress down."""

    def progress(self, task: Task, share: float) -> int:
        return 100 - int(100 * share)


class WithoutRetryAfter(FaultyProvider):
    """Does not state when to poll again."""

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "retry-after"}
        return answer._replace(headers=headers)


@mutates("retry-after")
def _retry_after(contract: Contract, clause: Clause) -> Iterator[Fault]:
    poll = contract.operation(POLL)
    place = poll.marks.get("retry_after", poll.marks.get("retry_after_ms"))
    if place is not None and place.area == "body":
        change = Break("", operation=poll.name, remove=(place.pointer,))
        yield Fault(f"no {place.text}", changes=(change,), companions=("answer", "shape"))
    else:
        yield Fault("no Retry-After", WithoutRetryAfter, companions=("answer",))


class NullsParameters(FaultyProvider):
    """Shows null for a parameter that was sent, in polls and callbacks."""

    def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if task is None or name == "created" or not isinstance(task.creation, dict):
            return super().fill(operation, name, task, status, code)
        own = task.creation
        task.creation = {**own, next(iter(own)): None}
        try:
            return super().fill(operation, name, task, status, code)
        finally:
            task.creation = own


class ForgetsParametersInCallbacks(FaultyProvider):
    """Sends callbacks without the parameters of the task."""

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        own = task.creation
        task.creation = {name: value for name, value in own.items() if name == "passthrough"}
        try:
            return super().callback(operation, task, phase)
        finally:
            task.creation = own


@mutates("parameters-echoed")
def _parameters_echoed(contract: Contract, clause: Clause) -> Iterator[Fault]:
    create = contract.operation(CREATE)
    for name in clause.parameters.always[:1]:
        change = Break("", operation=create.name, answer="created", set=((f"/{name}", "$status"),))
        yield Fault(f"another {name} than was sent", changes=(change,))
    yield Fault("null for a parameter that was sent", NullsParameters)
    if contract.operation_of(CALLBACK) is not None:
        yield Fault("callbacks without the parameters", ForgetsParametersInCallbacks)


@breaks("present", "states without anything of the request")
class HidesTheRequest(FaultyProvider):
    """Answers polls with the state of the task alone."""

    def poll(self, operation: Operation, identifier: Any) -> Response:
        answer = super().poll(operation, identifier)
        task = self.find(identifier)
        body = read_json(answer.body)
        if task is None or not isinstance(task.creation, dict) or not isinstance(body, dict):
            return answer
        kept = {name: value for name, value in body.items() if name not in task.creation}
        return answer._replace(body=write_json(kept))
