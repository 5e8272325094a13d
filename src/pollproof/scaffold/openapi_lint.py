"""What the OpenAPI document of an asynchronous API must say, and does not: the questions of its clients.

The rules follow published guidelines and linters for long-running operations (docs/adding-an-api.md names them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pollproof.loading.errors import ContractError
from pollproof.loading.files import read
from pollproof.loading.lint import ERROR, NOTE, WARNING, LintFinding
from pollproof.loading.schemas import load_document, resolved
from pollproof.scaffold.errors import ScaffoldError
from pollproof.scaffold.openapi import RESULTS, FoundOperation, operations_of, phase_of

_STATUS_NAMES = ("status", "state", "phase")
ADDRESSES = ("location", "operation-location", "content-location")


class Pair(NamedTuple):
    """A creation and the operation that polls its tasks, None where the document names none."""

    create: FoundOperation
    poll: FoundOperation | None


SAID: Mapping[str, tuple[str, str, str]] = {
    "no-lifetime": (
        r"retain|retention|expire|lifetime|\bttl\b|\bkept\b|\bkeep|deleted after|removed after|available for",
        "how long a task and its result are kept",
        'say it, as "A task is kept for 24 hours after it has ended"',
    ),
    "no-pace": (
        r"retry-after|polling interval|poll (no|not|at most|every)|every \d+ ?(s|min)|seconds between",
        "how often a task may be polled",
        "describe the header Retry-After of polls, or a wait in words",
    ),
    "no-budget": (
        r"rate limit|too many requests|requests (per|a) (second|minute|hour|day)|quota|\b429\b",
        "how many requests a client may send",
        "describe the response 429 and its limits",
    ),
    "no-bound": (
        r"within \d|time[sd]? ?out|at most \d+ ?(s|min|hour)|no longer than|maximum (duration|polling)",
        "within which time a task ends",
        'say it, as "A task ends within ten minutes"',
    ),
}
"""What is looked for in the texts of a document, by the rule that misses it: a pattern, what it is, and the remedy."""


def lint_openapi(file: Path) -> list[LintFinding]:
    """What a document leaves open of its asynchronous operations; raises `ScaffoldError` for what is not a document."""
    try:
        document, text = load_document(file), read(file)
    except ContractError as error:
        raise ScaffoldError(str(error)) from None
    pairs = list(_pairs(document))
    if not pairs:
        reason = "no operation creates a task: none answers 202, or gives an id or address of what is polled"
        remedy = "describe the response 202, with the header Location or the id of the task"
        return [LintFinding("no-asynchronous-operation", ERROR, None, file.name, reason, remedy)]
    found = [each for pair in pairs for each in _of_pair(document, pair, text)]
    words = " ".join(text.lower().split())
    for rule, (pattern, what, remedy) in SAID.items():
        if re.search(pattern, words) is None:
            found.append(LintFinding(rule, WARNING, None, file.name, f"it does not say {what}", remedy))
    if not document.get("components", {}).get("securitySchemes"):
        remedy = "list it under components/securitySchemes, or say that none is needed (security: [])"
        found.append(LintFinding("no-key", NOTE, None, file.name, "it does not say where the key goes", remedy))
    order = {ERROR: 0, WARNING: 1, NOTE: 2}
    return sorted(found, key=lambda each: (order[each.level], each.line or 0))


def _pairs(document: Mapping[str, Any]) -> Iterator[Pair]:
    operations = list({each.pointer: each for _, each in operations_of(document)}.values())
    for each in operations:
        if each.method not in ("POST", "PUT"):
            continue
        below = [
            other
            for other in operations
            if other.method == "GET" and re.fullmatch(re.escape(each.path.rstrip("/")) + r"/\{[^/]+\}", other.path)
        ]
        codes = {str(code) for code in each.node.get("responses", {})}
        linked = _linked(document, each, operations)
        polls = [*linked, *(other for other in below if _status_of(document, other) is not None or "202" in codes)]
        if not polls and "202" in codes:
            polls = [other for other in operations if other.method == "GET" and _status_of(document, other) is not None]
        if polls or "202" in codes:
            yield Pair(each, polls[0] if polls else None)


def _linked(
    document: Mapping[str, Any], operation: FoundOperation, operations: list[FoundOperation]
) -> list[FoundOperation]:
    """The operations that a creation's `links` name."""
    names = [
        resolved(document, link).get("operationId")
        for response in operation.node.get("responses", {}).values()
        for link in resolved(document, response).get("links", {}).values()
    ]
    return [each for each in operations if each.method == "GET" and each.node.get("operationId") in names]


def _answers(document: Mapping[str, Any], operation: FoundOperation) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The responses of success, each with its JSON schema."""
    for code, node in operation.node.get("responses", {}).items():
        response = resolved(document, node)
        if str(code).startswith(("2", "3")):
            media = [each for kind, each in response.get("content", {}).items() if "json" in kind]
            yield response, resolved(document, media[0].get("schema", {})) if media else {}


def _properties(document: Mapping[str, Any], operation: FoundOperation) -> dict[str, Any]:
    return {
        name: resolved(document, part)
        for _, schema in _answers(document, operation)
        for piece in (schema, *(resolved(document, each) for each in schema.get("allOf", ())))
        for name, part in piece.get("properties", {}).items()
    }


def _headers(document: Mapping[str, Any], operation: FoundOperation) -> set[str]:
    return {name.lower() for response, _ in _answers(document, operation) for name in response.get("headers", {})}


def _status_of(document: Mapping[str, Any], operation: FoundOperation) -> Mapping[str, Any] | None:
    known = _properties(document, operation)
    return next((known[name] for name in _STATUS_NAMES if name in known), known.get("done"))


def _of_pair(document: Mapping[str, Any], pair: Pair, text: str) -> Iterator[LintFinding]:
    create, poll = pair
    line = _line(text, create.path)
    name = f"{create.method} {create.path}"

    def finding(rule: str, level: str, about: FoundOperation, reason: str, remedy: str) -> LintFinding:
        at = line if about is create else _line(text, about.path)
        return LintFinding(rule, level, at, f"{about.method} {about.path}", reason, remedy)

    codes = {str(code) for code in create.node.get("responses", {})}
    if "202" not in codes:
        yield finding(
            "not-202", NOTE, create, "it creates a task and does not answer 202", "answer 202 (RFC 9110, 15.3.3)"
        )
    known = _properties(document, create)
    has_id = any(key.lower() == "id" or key.lower().endswith("id") or key == "name" for key in known)
    has_id |= any("id" in {key.lower() for key in part.get("properties", {})} for part in known.values())
    if not has_id and not _headers(document, create) & set(ADDRESSES):
        remedy = "give the id of the task in the body, or its address in Location"
        yield finding("no-task-id", ERROR, create, "no response gives the id or the address of the task", remedy)
    if not any(str(code).startswith("4") for code in codes):
        yield finding(
            "no-refusals", WARNING, create, "no response says how it refuses", "describe the responses 400, 401, 429"
        )
    if poll is None:
        remedy = "add GET with its status, or name it in `links` of the creation"
        yield finding("no-poll", ERROR, create, f"no operation polls the tasks of {name}", remedy)
        return
    yield from (finding(*each) for each in _of_poll(document, create, poll))


def _of_poll(
    document: Mapping[str, Any], create: FoundOperation, poll: FoundOperation
) -> Iterator[tuple[str, str, FoundOperation, str, str]]:
    status = _status_of(document, poll)
    words = [str(word) for word in (status or {}).get("enum", ())]
    boolean = (status or {}).get("type") == "boolean"
    if status is None:
        yield "no-status", ERROR, poll, "its response has no status", "add a property `status` with all its values"
    elif not words and not boolean:
        remedy = "list all statuses as `enum`, and say which are final"
        yield "no-final-states", ERROR, poll, "the values of its status are not listed", remedy
    elif not boolean:
        phases = {word: phase_of(word) for word in words}
        for phase in ("succeeded", "failed"):
            if phase not in phases.values():
                reason = f"no status is known to mean {phase}"
                yield "no-final-states", WARNING, poll, reason, f"list the status of a task that has {phase}"
        unknown = [word for word, phase in phases.items() if phase is None]
        if unknown:
            remedy = "say of each whether it is final"
            yield "unclear-status", WARNING, poll, f"what {', '.join(unknown)} mean is not certain", remedy
    codes = {str(code) for code in poll.node.get("responses", {})}
    if not codes & {"404", "410", "4XX", "default"}:
        yield (
            "no-unknown-id",
            WARNING,
            poll,
            "it does not say what an unknown id is answered",
            "describe the response 404",
        )
    if "retry-after" not in _headers(document, poll) | _headers(document, create):
        yield (
            "no-retry-after",
            WARNING,
            poll,
            "no response has the header Retry-After",
            "describe it while a task is in work",
        )
    known = _properties(document, poll)
    elsewhere = [each for _, each in operations_of(document) if each.path.startswith(poll.path.rstrip("/") + "/")]
    if not set(known) & set(RESULTS) and not elsewhere and not _headers(document, poll) & set(ADDRESSES):
        yield (
            "no-result",
            WARNING,
            poll,
            "it does not say how a result is had",
            "add a property `result`, or an operation for it",
        )
    if not any(word in str(known).lower() for word in ("error", "reason", "failure", "message")):
        yield (
            "no-failure",
            NOTE,
            poll,
            "a task that fails does not say why",
            "add a property `error` with code and message",
        )


def _line(text: str, path: str) -> int | None:
    """The line of a document on which a path stands as a key."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().strip("\"'").rstrip(":{ ").strip("\"'") == path:
            return number
    return None
