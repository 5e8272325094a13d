"""What one answer must look like as HTTP: status, headers, content type, error code, and conditions on its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pollproof.clauses.faults import Fault
from pollproof.clauses.kinds import HELD, KINDS, Finding, Kind, Violation, from_contract, from_limits, mutates
from pollproof.clauses.shape import ANY
from pollproof.contract.conditions import Condition, compile_condition
from pollproof.contract.declared import FILLED_BY_LOADER, ONE_OR_MORE, PAIRS
from pollproof.contract.model import (
    NEAR_MISS,
    Break,
    Clause,
    Contract,
    Effect,
    Limits,
    Operation,
    Phase,
    Role,
)
from pollproof.contract.places import MISSING, Place, View, compile_place
from pollproof.contract.requests import query_of
from pollproof.contract.vocabulary import CALLBACK, CREATE, FETCH, POLL, PUT_OFF, SUCCEEDED
from pollproof.tasks.account import replays
from pollproof.tasks.ages import surely_inside, surely_outside, surely_within_limits
from pollproof.tasks.state import CANCEL_ACCEPTED, DELETED, REPEATED, TaskState
from pollproof.trace.codecs import Check
from pollproof.trace.events import REFUSAL, STATE, STATUS_MARK, Event

SITUATIONS = {
    "created": "a creation that is accepted",
    "replayed": "a creation that is repeated with its idempotency key",
    "waiting": "a poll of a task that waits",
    "running": "a poll of a task in work",
    "succeeded": "a poll of a task that has succeeded, or a fetch of its result",
    "failed": "a poll of a task that has failed",
    "cancelled": "a poll of a cancelled task, or its cancelling",
    "nothing": "a fetch of a result that is not there yet",
    "removed": "a read of a task whose result is surely not kept any more",
    "ended": "the cancelling of a task that has ended",
    "too-late": "the cancelling of an unfinished task that can no longer be cancelled",
    "cancelled-again": "the cancelling of a task that is cancelled",
    "cancelling-again": "the cancelling of a task that is still being cancelled",
    "deleted": "the deletion of a task",
    "unfinished": "the deletion of a task that has not ended",
    "after-deletion": "a request about a task that was deleted",
    "lost": "a request about a task that is surely lost",
    "busy": "a request that is refused for a while (429 or an error that means it)",
    "refused": "any request that is refused",
    "callback": "a callback, which is a request itself",
    "not-modified": "a poll with the ETag of what has not changed",
    "modified": "a poll with the ETag of an earlier state",
}
"""What a response is given to, beside the probes, by name."""

FRESH = 1.0
"""Seconds after a poll that found a task unfinished in which it is taken to be so still."""

_ENDED = {Phase.FAILED: "failed", Phase.CANCELLED: "cancelled"}


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """What answers in a situation have: `to` names it, the rest what they have."""

    to: Annotated[tuple[str, ...], f"The situation: {', '.join(SITUATIONS)}, or a probe.", ONE_OR_MORE]
    limits: Limits = from_limits("*")
    loaded: Annotated[Any, FILLED_BY_LOADER] = from_contract("schemas")
    operation: Annotated[tuple[str, ...], "The operations that answer; all when left out.", ONE_OR_MORE] = ()
    http: Annotated[tuple[int, ...], "The HTTP status, or several that are all right.", ONE_OR_MORE] = ()
    headers: Annotated[
        tuple[tuple[str, str], ...],
        "Headers that are there, each with a regular expression that its text matches.",
        PAIRS,
    ] = ()
    content_type: Annotated[str, "The content type, without its parameters."] = ""
    codes: Annotated[tuple[str, ...], "Error codes of which the response has one.", ONE_OR_MORE] = ()
    schema: Annotated[str, "A JSON Schema or XSD of the body, relative to schemas/, for any kind of response."] = ""
    where: Annotated[tuple[Condition, ...], "Conditions that the response meets, all of them."] = ()
    when: Annotated[tuple[Condition, ...], "Conditions that narrow which answers are judged, all of them."] = ()
    empty: Annotated[bool, "Whether there is no body."] = False
    tests: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)

    @property
    def remembered(self) -> tuple[Place, ...] | None:
        """None: the statuses are remembered, where they tell whether a cancelling comes too late."""
        return None if "too-late" in self.to and self.limits.cancel_while else ()

    def __post_init__(self) -> None:
        tests = [(str(condition), condition, compile_condition(condition)) for condition in self.where]
        patterns = [(name.lower(), name, re.compile(pattern).search) for name, pattern in self.headers]
        shape = Check(self.loaded[self.schema]) if self.schema else None
        narrowing = [compile_condition(condition) for condition in self.when]
        object.__setattr__(self, "tests", (tests, patterns, shape, narrowing))


def situations(history: TaskState | None, event: Event, limits: Limits) -> tuple[str, ...]:
    """The names of what an event is a response to; empty where that is not certain."""
    role, response = event.operation.role, event.exchange.response
    if role is CALLBACK:
        return ("callback",) if not event.probe else ()
    if response is None or role is Role.OUTCOME:
        return ()
    if event.effect in PUT_OFF or response.status == 429:
        sent = (event.probe,) if event.probe in ("too-many", "too-many-unfinished") else ()
        return (*sent, "busy", "refused")
    if event.transient:
        return ()
    refused = event.answer is REFUSAL or response.status >= 400
    if event.probe:
        stranger = ("unknown-task",) if event.probe == NEAR_MISS else ()  # with which code it is refused is left open
        return (event.probe, "refused") if refused else (event.probe, *stranger)
    if event.request_errors:
        return ("refused",) if refused else ()
    known = () if history is None or history.created is None else _known(history, event, limits)
    if role in (CREATE, Role.BATCH):
        if not refused and history is not None:
            if REPEATED in history.marks:
                return ()  # of two creations with one key that overlap nobody knows which was served first
            if history.created is not None and replays(history, event):
                return ("replayed",)
        known = () if refused else ("created", "succeeded") if event.phase is SUCCEEDED else ("created",)
    return (*known, "refused") if refused else known


def _known(history: TaskState, event: Event, limits: Limits) -> tuple[str, ...]:
    """What a response about a task that was created is given to."""
    role, ended = event.operation.role, history.terminal
    refused = event.answer is not STATE
    kept = surely_within_limits(history, event, limits) and history.lost is None
    if DELETED in history.marks:
        return ("after-deletion",)
    if refused and (history.lost is not None or surely_outside(history, event, limits)):
        return ("lost",)
    if role is POLL:
        if event.effect is Effect.FAILED:
            return ("failed",)
        if event.phase is SUCCEEDED and limits.result_lifetime is not None:
            if surely_outside(history, event, limits.of_result()):
                return ("removed",)
            return ("succeeded",) if surely_inside(history, event, limits.of_result()) else ()
        return () if refused or event.phase is None else (event.phase.value,)
    if role is Role.DELETE:
        if ended is not None or not kept:
            return () if refused or event.effect is not None else ("deleted",)
        return ("unfinished",) if _is_fresh(history, event) else ()
    if role is Role.CANCEL:
        if ended is not None and not kept:
            return ()
        if ended is Phase.CANCELLED:
            return ("cancelled-again",) if "cancelled-again" in event.operation.answers else ("ended",)
        if ended is None and history.cancelled is not None:  # it may have ended, unless a poll has just shown otherwise
            accepted = history.marks.get(CANCEL_ACCEPTED)
            seen = accepted is not None and history.pending_sent >= max(accepted[1], history.last_sent)
            return ("cancelling-again",) if seen and event.exchange.sent - history.pending_sent < FRESH else ()
        if ended is None and _is_fresh(history, event) and is_too_late(history, event, limits):
            return ("too-late",)
        return ("ended",) if ended is not None else () if refused else ("cancelled",)
    if event.phase is SUCCEEDED:
        return ("succeeded",)
    if ended is SUCCEEDED and limits.result_lifetime is not None:
        return ("removed",) if kept and surely_outside(history, event, limits.of_result()) else ()
    if ended in _ENDED:
        return (_ENDED[ended],)
    # A task that was unfinished when it was last polled may have failed since, or be gone.
    failed = event.effect is Effect.FAILED or event.phase in _ENDED
    pending = ended is None and history.phase is not None and not failed and kept and _is_fresh(history, event)
    return ("nothing",) if pending and surely_inside(history, event, limits.of_result()) else ()


def _is_fresh(history: TaskState, event: Event) -> bool:
    """Whether a task was found unfinished a moment ago."""
    return history.pending_sent >= history.last_sent and event.exchange.sent - history.pending_sent < FRESH


def is_too_late(history: TaskState, event: Event, limits: Limits) -> bool:
    """Whether a cancelling surely comes after the time, or the statuses, in which a task can be cancelled."""
    if limits.cancel_within is not None and event.exchange.sent - history.created_received > limits.cancel_within:
        return True
    status = history.marks.get(STATUS_MARK)
    return bool(limits.cancel_while) and isinstance(status, str) and status not in limits.cancel_while


def view_of(history: TaskState | None, event: Event) -> View:
    """An event as places see it, with the request that created its task."""
    request, response = event.exchange.request, event.exchange.response
    creation = event.request if event.operation.role is CREATE else MISSING
    if creation is MISSING and history is not None:
        creation = history.creation
    return View(
        event.request,
        event.response,
        query_of(request.path),
        request.headers,
        {} if response is None else response.headers,
        None if response is None else response.status,
        creation,
    )


def _is_open(contract: Contract, clause: Clause) -> str:
    """Why a contract leaves open whether a response in the situation of a clause is ever given; empty: it does not."""
    rule: AnswerRule = clause.parameters
    absent = [
        each.comparison == "present" and each.operand is False for each in rule.when if each.at.part == "response"
    ]
    if absent and all(absent):
        return "no document says that what it is about is ever left out of a response, and it never was"
    reasons = {_OPEN.get(situation, "") for situation in rule.to}
    return reasons.pop() if len(reasons) == 1 else ""


_UNFINISHED = "no document says that a task is ever seen unfinished, and none was"
_OPEN = {
    "too-many-unfinished": "no document says how long tasks take, and never were so many unfinished at once",
    "cancelling-again": "no document says that a task is ever seen while it is being cancelled, and none was",
    "waiting": _UNFINISHED,
    "running": _UNFINISHED,
    "busy": "no document says that a request is ever refused for a while, and none was",
}
"""Situations of which a contract leaves open whether they ever come, and why."""


@Kind(
    "answer",
    roles=ANY,
    probes=True,
    exercised="a response in that situation",
    broad=True,
    conditional=_is_open,
    walks=("one-after-another", "side-by-side", "turned-away", "turned-away-elsewhere"),
)
def answer(history: TaskState | None, event: Event, rule: AnswerRule) -> Finding:
    """A response has the documented HTTP status, headers, content type, error code and values for its situation."""
    if rule.operation and event.operation.name not in rule.operation:
        return None
    found = situations(history, event, rule.limits)
    situation = next((name for name in rule.to if name in found), None)
    if situation is None:
        return None
    view = view_of(history, event)
    tests, patterns, shape, narrowing = rule.tests
    if not all(test(view) for test in narrowing):
        return None
    to = f", in response to {SITUATIONS.get(situation, situation.replace('-', ' '))}"
    problem = _http(event, rule, patterns) or _code(event, rule)
    if problem is None:
        problem = next(((text, _seen(condition, view)) for text, condition, test in tests if not test(view)), None)
    if problem is None and shape is not None:
        called, exchange = event.operation.role is CALLBACK, event.exchange
        body = exchange.request.body if called or exchange.response is None else exchange.response.body
        errors = shape(event.request if called else event.response, body)
        problem = ("a body as documented", errors[0].message) if errors else None
    return HELD if problem is None else Violation(problem[0] + to, problem[1])


def _http(
    event: Event, rule: AnswerRule, patterns: list[tuple[str, str, Callable[[str], Any]]]
) -> tuple[str, str] | None:
    """What was expected and what was seen where status, headers or content type are others."""
    response = event.exchange.response
    message = event.exchange.request if event.operation.role is CALLBACK or response is None else response
    if rule.http and response is not None and response.status not in rule.http:
        return f"HTTP {' or '.join(map(str, rule.http))}", f"HTTP {response.status}"
    for lower, name, search in patterns:
        text = next((value for key, value in message.headers.items() if key.lower() == lower), None)
        if text is None or search(text) is None:
            return f"the header {name} as documented", "none" if text is None else f"{name}: {text}"
    kind = next((value for key, value in message.headers.items() if key.lower() == "content-type"), "none")
    if rule.content_type and kind.partition(";")[0].strip().lower() != rule.content_type.lower():
        return f"the content type {rule.content_type}", kind
    if rule.empty and message.body:
        return "no body", f"a body of {len(message.body)} bytes"
    return None


def _code(event: Event, rule: AnswerRule) -> tuple[str, str] | None:
    if not rule.codes:
        return None
    code = event.error_code
    if code in rule.codes:
        return None
    return f"the error {' or '.join(rule.codes)}", "no error code" if code is None else f"the error {code}"


def _seen(condition: Condition, view: View) -> str:
    value = compile_place(condition.at)(view)
    text = f"{condition.at.text} {'missing' if value is MISSING else repr(value)[:100]}"
    if isinstance(condition.operand, Place):
        other = compile_place(condition.operand)(view)
        counted = f" with {len(other)} entries" if isinstance(other, list) else f" {other!r:.100}"
        text += f", {condition.operand.text}{counted}"
    return text


def template_of(operation: Operation, situation: str) -> str | None:
    """The response of the reference in a situation; None where it has none of its own."""
    instead = {
        "removed": ("removed", "lost"),
        "malformed": ("malformed", "refused"),
        "unknown-task": ("unknown", "lost", "refused"),
        "ill-formed-task": ("unknown", "lost", "refused"),
        "wrong-credential": ("unauthorized", "refused"),
        "wrong-scheme": ("unauthorized", "refused"),
        "too-many": ("busy", "refused"),
        "too-many-unfinished": ("busy", "refused"),
        "replayed": ("replayed", "created"),
        "cancelling-again": ("cancelled",),
        "too-late": ("too-late", "ended"),
        "modified": ("succeeded",),
        "unfinished": ("unfinished", "deleted"),
        "after-deletion": ("unknown", "lost", "refused"),
    }.get(situation, (situation,) if situation in SITUATIONS else ("refused",))
    return next((name for name in instead if name in operation.answers), None)


_ROLES = {
    POLL: (
        "unknown-task",
        "after-deletion",
        "ill-formed-task",
        "lost",
        "waiting",
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "not-modified",
        "modified",
    ),
    FETCH: ("nothing", "removed", "succeeded"),
    Role.DELETE: ("deleted", "unfinished"),
    Role.CANCEL: ("ended", "too-late", "cancelled-again", "cancelling-again", "cancelled"),
    CALLBACK: ("callback",),
}
"""The operations that show a situation best; all others are shown by creations."""


def _shown_by(contract: Contract, rule: AnswerRule, situation: str) -> Operation | None:
    """The operation whose response in a situation a mutant changes."""
    named = [each for each in contract.operations.values() if not rule.operation or each.name in rule.operation]
    probe = next((probe for probe in contract.probes if probe.name == situation), None)
    if probe is not None:
        named = [each for each in named if each.name == probe.operation]
    roles = [role for role, names in _ROLES.items() if situation in names] or [CREATE, POLL]
    if situation == "too-many" and all(rate.of != "create" for rate in contract.rates):
        roles = [POLL]
    fitting = sorted(named, key=lambda each: roles.index(each.role) if each.role in roles else len(roles))
    return next((each for each in fitting if template_of(each, situation) is not None), None)


@mutates("answer")
def _answer(contract: Contract, clause: Clause) -> Iterator[Fault]:
    rule: AnswerRule = clause.parameters
    every = tuple(KINDS)  # a response is what all kinds look at
    for situation in rule.to:
        operation = _shown_by(contract, rule, situation)
        name = None if operation is None else template_of(operation, situation)
        if operation is None or name is None:
            continue
        for words, change in _changes(contract, operation, name, rule):
            yield Fault(f"{words} ({operation.name}, {name})", changes=(change,), companions=every)
        return  # one of the situations is enough


def _changes(contract: Contract, operation: Operation, name: str, rule: AnswerRule) -> Iterator[tuple[str, Break]]:
    """How a response breaks each part of a rule."""
    base = Break("", operation.name, name)
    if rule.http:
        others = (301, 302, 307) if rule.http[0] < 400 else (400, 404, 409, 422, 410, 418)
        candidates = (200, 201, 202, 203) if rule.http[0] < 300 else others
        other = next(each for each in candidates if each not in (*rule.http, operation.answers[name].http))
        yield f"HTTP {other}", replace(base, http=other)
    for header, pattern in rule.headers:
        yield f"no {header}", replace(base, headers=((header, ""),))
        if pattern and not re.search(pattern, "!"):
            yield f"another {header}", replace(base, headers=((header, "!"),))
    if rule.content_type:
        yield "another content type", replace(base, headers=(("content-type", "application/x-other"),))
    place = operation.error_code
    if rule.codes and place is not None and place.area == "body":
        yield "another error code", replace(base, set=((place.pointer, "another-code"),))
    for condition in rule.where:
        change = _contradiction(base, condition)
        if change is not None:
            yield f"{condition} is not so", change
    if rule.schema and isinstance(contract.schemas[rule.schema], dict):
        for needed in contract.schemas[rule.schema].get("required", ())[:1]:
            yield f"a body without {needed}", replace(base, remove=(f"/{needed}",))
    if rule.empty:
        yield "a body", replace(base, set=(("", {"text": "a body"}),))


def _contradiction(base: Break, condition: Condition) -> Break | None:
    """A change of a response that does not meet a condition; None where it is not about the response."""
    at, absent = condition.at, condition.comparison == "present" and condition.operand is False
    if at.part != "response" or at.area not in ("body", "header"):
        return None
    if at.area == "header":
        return replace(base, headers=((at.steps[0], "!" if absent else ""),))
    if absent:
        return replace(base, set=((at.pointer, "there all the same"),))
    if condition.comparison in ("present", "equals", "in", "prefix", "matches"):
        return replace(base, remove=(at.pointer,))
    # A word, since what is merged into a response is put over its constants.
    wrong = {"below": 1e12, "above": -987654321}.get(condition.comparison, "$timestamp")
    return replace(base, set=((at.pointer, wrong),))
