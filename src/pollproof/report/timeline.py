"""A trace as a few lines that a reader understands without the code: like neighbours are folded into one.

Deadlines stand between the exchanges, as lines of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pollproof.contract.model import SILENCE
from pollproof.report.body_phrases import shorten_body
from pollproof.trace.client_outcome import OUTCOME_PATH

Shown = Mapping[str, Any]
"""An exchange, or a deadline, as the document has it."""


MINIMUM_RUN = 2
"""Exchanges that may be the two ends of a run whose middle was left out of the evidence."""

MAXIMUM_OVERLAPPING = 4
"""Like exchanges over several connections that are shown one by one."""


def lines(trace: Sequence[Shown], deadlines: Sequence[Shown] = (), judged: str = "") -> list[str]:
    """The lines of a trace; runs of the same request with the same response become one line with their number.

    Args:
        trace: exchanges as a report has them.
        deadlines: deadlines as a report has them.
        judged: the words of the violation; fields that it names are shown first in bodies that are too long.
    """
    written: list[str] = []
    lanes = sorted({shown.get("connection", 1) for shown in trace})
    ahead = list(deadlines)
    index = 0
    while index < len(trace):
        first = trace[index]
        while ahead and _crossed(ahead[0], first):
            written.append(_moment(ahead.pop(0)))
        end = _end_of_run(trace, index, ahead)
        # The last exchange is what breaks the rule: it never disappears in a run of others.
        if end == len(trace) and end - index > 1:
            end -= 1
        written += _exchange(first, lanes, judged)
        count = end - index
        if count > 1:
            last = trace[end - 1]
            place = f"  (until {last['place']})" if "place" in last else ""
            between = last["number"] - first["number"] - count + 1
            among = f", {between} exchanges between them are not shown" if between and count == MINIMUM_RUN else ""
            used = len({shown.get("connection", 1) for shown in trace[index:end]})
            over = f" over {used} connections" if used > 1 else ""
            written.append(
                f"{_clock(last['sent'])}  ... {count - 1} more of the same{over}, with the same response{among}{place}"
            )
        index = end
    return written + [_moment(deadline) for deadline in ahead]


def _end_of_run(trace: Sequence[Shown], index: int, ahead: Sequence[Shown]) -> int:
    """Where a run of the same request with the same response ends, which no deadline divides.

    A few over several connections are shown one by one, since what matters may be that they overlap.
    """

    def end(*keys: str) -> int:
        found = index + 1
        while found < len(trace) and _same(trace[index], trace[found], *keys):
            if ahead and _crossed(ahead[0], trace[found]):
                break
            found += 1
        return found

    long = end()
    return long if long - index > MAXIMUM_OVERLAPPING else end("connection")


def _crossed(deadline: Shown, exchange: Shown) -> bool:
    """Whether a deadline was over when a request was sent."""
    return exchange["sent"] is not None and bool(deadline["at"] < exchange["sent"])


def _moment(deadline: Shown) -> str:
    return f"{_clock(deadline['at'])}  -- {deadline['text']} --"


def _lane(exchange: Shown, lanes: Sequence[int]) -> str:
    """The number of a connection in a column of its own, and when the response was there, where there are several."""
    if len(lanes) < 2:
        return ""
    own = exchange.get("connection", 1)
    columns = "".join(f"{lane if lane == own else '.':>2}" for lane in lanes)
    return f"{columns}  "


def _exchange(exchange: Shown, lanes: Sequence[int] = (), judged: str = "") -> list[str]:
    request = exchange["request"]
    place = f"  ({exchange['place']})" if "place" in exchange else ""
    if request["path"] == OUTCOME_PATH:
        return [f"{_clock(exchange['sent'])}  the client ended: {_ending(request['body'])}{place}"]
    if exchange["probe"] == SILENCE:
        return [f"{_clock(exchange['sent'])}  {exchange['operation']}: {exchange['failure']}{place}"]
    probe = f" [deliberately invalid: {exchange['probe']}]" if exchange["probe"] else ""
    sent = (
        f"{request['method']} {request['path']}"
        if request["body"] is None
        else shorten_body(request["body"], judged=judged)
    )
    return [
        f"{_clock(exchange['sent'])}  {_lane(exchange, lanes)}{exchange['operation']}{probe} {sent}{place}",
        f"{_INDENT}{_received(exchange, lanes)}-> {_answer(exchange, judged)}",
    ]


_INDENT = " " * 13


def _received(exchange: Shown, lanes: Sequence[int]) -> str:
    """When a response was there, where requests over several connections may have overlapped."""
    if len(lanes) < 2 or exchange["received"] is None:
        return ""
    return f"{'':{2 * len(lanes)}}  at {exchange['received']:.3f} s "


def _ending(body: Any) -> str:
    """How a client ended, in words."""
    if not isinstance(body, Mapping):
        return shorten_body(body)
    end = "success" if body.get("succeeded") else "no success"
    ended = f" ({body['ended']})" if body.get("ended") else ""
    result = f", with {shorten_body(body['result'])}" if body.get("result") is not None else ", without a result"
    return end + ended + result


def _answer(exchange: Shown, judged: str) -> str:
    response = exchange["response"]
    if response is None:
        return exchange["failure"] or "no response"
    status = "" if response["status"] == 200 else f"HTTP {response['status']} "
    state = response.get("said")
    return status + (f"{state}: " if state else "") + shorten_body(response["body"], judged=judged)


def _clock(seconds: float | None) -> str:
    return "    ?     " if seconds is None else f"{seconds:9.3f} s"


def _same(left: Shown, right: Shown, *further: str) -> bool:
    same = ("operation", "probe", "request", "response", "failure", *further)
    return all(left.get(key) == right.get(key) for key in same)
