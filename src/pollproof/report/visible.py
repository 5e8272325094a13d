"""Documents as views show them: every text visible, bodies in many lines or in few words."""

from __future__ import annotations

import json
from typing import Any

from pollproof.text import MAXIMUM_SHOWN, one_line, visible

DEEPEST = 30
"""Levels of a document outside bodies; no document has half as many."""


def body_text(body: Any, limit: int = MAXIMUM_SHOWN) -> str:
    """A body of a report's exchange in many lines."""
    if body is None:
        return ""
    return visible(body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2), limit)


def brief(body: Any, limit: int = 160) -> str:
    """A body in few words: its fields one after the other, long values cut, what is nested or empty left out."""
    if body is None:
        return ""
    if isinstance(body, dict):
        fields = [(one_line(str(key), 24), _value(value)) for key, value in list(body.items())[:12] if value != ""]
        fields.sort(key=lambda pair: pair[1].endswith(("…", "}", "]")))  # what shows little stands last
        text = ", ".join(" ".join(pair) for pair in fields) or "{}"
    else:
        text = _value(body, limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _value(value: Any, limit: int = 22) -> str:
    if isinstance(value, str):
        text = " ".join(visible(value[: limit + 1]).split())
        return (text if len(text) <= limit else text[: limit - 1] + "…") or '""'
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, bool | None) else f"{value}"[:limit]


def tidy(value: Any, depth: int = 0) -> Any:
    """A document with every text in it made visible; bodies stay as they are, for `body_text` and `brief`."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        if depth > DEEPEST:
            return "…"
        return {visible(str(key), 200): item if key == "body" else tidy(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [tidy(item, depth + 1) for item in value] if depth <= DEEPEST else "…"
    return value
