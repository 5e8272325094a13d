"""Requests and responses, each in one short line, without what every body of its kind has."""

from __future__ import annotations

import json
import re
from typing import Any

from pollproof.contract.model import Phase, Role
from pollproof.contract.places import MISSING
from pollproof.trace.events import Answer, Event

BODY_ROOM = 120
"""Characters of one body on a line of the timeline."""

TEXT_ROOMS = (44, 28, 16, 12)
"""Characters of one text of a body: as many as leave room for all fields. An id fits, a result does not."""

NAME_ROOM = 32
"""Characters of the name of a field; names matter more than values, and real ones fit."""

NESTED = 28
"""With less room than this for a text, an object within a body shows its first field alone."""

ENTRIES = 3
"""Entries of an array that are shown; the rest is counted."""

_OUTER = re.compile(
    r"<\?xml[^>]*\?>|</?(?:[\w.-]+:)?(?:Envelope|Body)\b[^>]*>|<(?:[\w.-]+:)?Header\b[^>]*/>"
    r"|<(?:[\w.-]+:)?Header\b.*?</(?:[\w.-]+:)?Header>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"<[^<>!?/][^<>]*?\s(?!xmlns\b)[A-Za-z_][\w.-]*\s*=")
_LEAF = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?(?:/>|>([^<]*)</)")


def shorten_body(body: Any, limit: int = BODY_ROOM, judged: str = "") -> str:
    """A body in one short line; fields that `judged` names stand first where not all of them have room."""
    if body is None:
        return "(no body)"
    if isinstance(body, str):
        return _cut(_of_markup(body, limit) if body.lstrip().startswith("<") else body, limit)
    text = ""
    for room in TEXT_ROOMS:
        text = json.dumps(_short(body, room, 0), ensure_ascii=False)
        if len(text) <= limit:
            break
    if len(text) > limit and judged and isinstance(body, dict):
        named = sorted(body, key=lambda name: re.search(rf"\b{re.escape(str(name))}\b", judged) is None)
        text = json.dumps(_short({name: body[name] for name in named}, TEXT_ROOMS[-1], 0), ensure_ascii=False)
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _short(value: Any, room: int, depth: int) -> Any:
    """A value with its texts cut to `room` characters, and without what is long and deep in it."""
    if isinstance(value, str):
        return _cut(value, room)
    if isinstance(value, dict):
        if depth > 1 and len(json.dumps(value)) > room:
            return "{...}"
        fields = [(_cut(key, NAME_ROOM), _short(item, room, depth + 1)) for key, item in value.items()]
        hidden = len(fields) - 1 if depth and room < NESTED else 0
        return dict([*fields[:1], ("...", f"{hidden} more")] if hidden > 0 else fields)
    if isinstance(value, list):
        shown = [_short(item, room, depth) for item in value[:ENTRIES]]
        return [*shown, f"{len(value) - ENTRIES} more"] if len(value) > ENTRIES else shown
    return value


def _of_markup(text: str, limit: int) -> str:
    """XML as the fields that hold a text, without envelope and namespaces; HTML and XML with attributes as it is."""
    bare = _OUTER.sub("", text).strip()
    leaves = [(name, words.strip()) for name, words in _LEAF.findall(bare)]
    if bare == text.strip() or not leaves or _ATTRIBUTE.search(bare):
        return bare or text
    for room in TEXT_ROOMS:
        fields = ", ".join(f"{name}={_cut(words, room)}" for name, words in leaves)
        if len(fields) <= limit:
            return fields
    return fields


def state_in_words(event: Event | None) -> str | None:
    """What a response states of a task, as the contract reads it; None where that is nothing."""
    if event is None or event.operation.role in (Role.CALLBACK, Role.OUTCOME):
        return None
    if event.answer is Answer.REFUSED:
        return "an error" if event.error_code is None else f"error {event.error_code}"
    if event.answer is not Answer.STATE:
        return None
    role = event.operation.role
    if role is Role.BATCH:
        return f"{len(event.members)} tasks" if event.members else None
    words = []
    if role is Role.CREATE and event.task is not None:
        words.append(f"task {event.raw_task}")
    if isinstance(event.status, str) and event.status:
        words.append(f"status {event.status!r}")
    if event.phase is Phase.SUCCEEDED and event.result is not MISSING and event.result is not None:
        words.append("a result")
    elif role is Role.FETCH:
        words.append("no result")
    return ", ".join(words) or None
