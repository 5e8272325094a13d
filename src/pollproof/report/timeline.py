"""A trace as a few lines that a reader understands without the code: like neighbours are folded into one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAXIMUM_GIST = 96
"""Characters of one body on a line of the timeline."""


def gist(body: Any, limit: int = MAXIMUM_GIST) -> str:
    """A body in one short line."""
    if body is None:
        return "(no body)"
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _answer(exchange: Mapping[str, Any]) -> str:
    response = exchange["response"]
    if response is None:
        return exchange["failure"] or "no answer"
    status = "" if response["status"] == 200 else f"HTTP {response['status']} "
    return status + gist(response["body"])


def _clock(seconds: float | None) -> str:
    return "    ?     " if seconds is None else f"{seconds:9.3f} s"


def lines(trace: list[Mapping[str, Any]]) -> list[str]:
    """The lines of a trace; runs of the same request with the same answer become one line with their number."""
    written: list[str] = []
    index = 0
    while index < len(trace):
        first = trace[index]
        end = index + 1
        while end < len(trace) and _same(first, trace[end]):
            end += 1
        # The last exchange is what breaks the rule: it never disappears in a run of others.
        if end == len(trace) and end - index > 1:
            end -= 1
        probe = f" [{first['probe']}]" if first["probe"] else ""
        request = f"{first['operation']}{probe} {gist(first['request']['body'])}"
        if "place" in first:
            request += f"  ({first['place']})"
        written.append(f"{_clock(first['sent'])}  {request}")
        count = end - index
        if count > 1:
            last = trace[end - 1]
            written.append(f"              -> {_answer(first)}")
            place = f"  (until {last['place']})" if "place" in last else ""
            written.append(f"{_clock(last['sent'])}  ... {count - 1} more of the same, with the same answer{place}")
        else:
            written.append(f"              -> {_answer(first)}")
        index = end
    return written


def _same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return all(left[key] == right[key] for key in ("operation", "probe", "request", "response", "failure"))
