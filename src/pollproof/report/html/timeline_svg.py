"""The timeline of a violation as a drawing: exchanges and deadlines down a line, each with its moment.

The line is not to scale, so that 300 s and 300.001 s are two places; longer waits are drawn longer, and every place
shows its time. Width is counted in characters, so that the drawing is read on a phone without scrolling.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pollproof.report.visible import brief
from pollproof.text import one_line

SVG_WIDTH = 30
"""Characters of one line of text."""

LINES = 3
"""Lines of a response that are drawn."""

MAXIMUM_SVG_ROWS = 40
"""Places that are drawn: the first and the last of a longer trace."""

LINE, ROW, MARGIN, WAIT = 17, 13, 14, 9
"""Heights in pixels: of a line of text, between two rows, of the margin, and of each tenfold of a wait."""

RAIL, LANE = 98, 6
"""Where the line is, and how far apart the spans of deadlines are."""


@dataclass(slots=True)
class LanePlace:
    """One row of the drawing. `kind` is request, answer, more or deadline; `broken` marks what breaks the rule."""

    kind: str
    at: float | None
    lines: list[str]
    broken: bool = False
    y: int = 0

    exact: bool = False

    @property
    def time(self) -> str:
        """Its moment: to the thousandth, and exactly where a deadline and an exchange are nearer than that."""
        if self.kind == "more":
            return ""
        return seconds(self.at if self.at is None or self.exact else round(self.at, 3))


@dataclass(frozen=True, slots=True)
class Span:
    """The time to which a deadline belongs, beside the line."""

    x: int
    top: int
    bottom: int


@dataclass(slots=True)
class Drawing:
    """The geometry of one timeline."""

    places: list[LanePlace]
    spans: list[Span] = field(default_factory=list)
    height: int = 0
    rail: int = RAIL

    @property
    def text(self) -> int:
        """Where texts begin."""
        return RAIL + 14

    @property
    def words(self) -> str:
        """The drawing in one sentence for those who do not see it."""
        moments = [f"{place.time or 'then'}: {' '.join(place.lines)}" for place in self.places]
        return one_line("; ".join(moments), 1500)


def operation_name(name: str) -> str:
    """An operation as people read it: what no request of the API is has a name of its own in a trace."""
    return {"@outcome": "end of the client", "@callback": "callback"}.get(name, one_line(name))


def seconds(moment: float | None) -> str:
    """A moment as people read it: no more digits than it needs, at least to the thousandth where it has a fraction."""
    if moment is None:
        return "?"
    text = f"{moment:.3f}"
    if abs(moment - float(text)) > 1e-9:
        text = f"{moment:.6f}".rstrip("0")
    return f"{text.removesuffix('.000')} s"


def _rounded(moment: float | None) -> str:
    return seconds(None if moment is None else round(moment, 3))


def drawing_of(violation: Mapping[str, Any]) -> Drawing:
    """The timeline of a violation: its trace, and the deadlines that it is about."""
    places = _places(violation["trace"])
    deadlines = list(violation.get("deadlines", ()))[:8]
    for deadline in deadlines:
        _insert(places, LanePlace("deadline", deadline["at"], _wrapped(deadline["text"])))
    for place in places:
        place.exact = any(_near(place, other) for other in places)
    drawing = Drawing(_shortened(places))
    _lay_out(drawing)
    for number, deadline in enumerate(deadlines):
        if deadline["start"] is not None:
            top, bottom = _above(drawing, deadline["start"]), _above(drawing, deadline["at"])
            if bottom > top:
                drawing.spans.append(Span(RAIL - LANE * (number % 3), top, bottom))
    return drawing


def _places(trace: Sequence[Mapping[str, Any]]) -> list[LanePlace]:
    """The rows of a trace: runs of like exchanges are folded, the last exchange stands for itself."""
    places: list[LanePlace] = []
    index = 0
    while index < len(trace):
        first, end = trace[index], index + 1
        while end < len(trace) - 1 and _alike(first, trace[end]):
            end += 1
        places.append(_request(first, broken=index == len(trace) - 1))
        if end - index > 1:
            last = trace[end - 1]
            words = f"… {end - index - 1:,} more of the same, the last at {_rounded(last['sent'])}"
            places.append(LanePlace("more", last["sent"], _wrapped(words)))
        index = end
    return places


_SAME = ("operation", "probe", "request", "response", "failure")


def _alike(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return all(left[key] == right[key] for key in _SAME)


def _request(exchange: Mapping[str, Any], *, broken: bool) -> LanePlace:
    probe = f" [{exchange['probe']}]" if exchange["probe"] else ""
    response = exchange["response"]
    if response is None:
        answer = exchange["failure"] or "no response"
    else:
        status = "" if response["status"] == 200 else f"HTTP {response['status']} "
        answer = (status + (response.get("said") or brief(response["body"]))).strip() or "HTTP 200"
    sent, received = exchange["sent"], exchange["received"]
    late = f" (after {_rounded(received - sent)})" if None not in (sent, received) and received - sent >= 0.5 else ""
    words = [*_wrapped(operation_name(exchange["operation"]) + probe, 2), *_wrapped(f"→ {answer}{late}")]
    return LanePlace("request", sent, words, broken)


def _wrapped(text: str, lines: int = LINES) -> list[str]:
    return textwrap.wrap(one_line(text, 400), SVG_WIDTH, max_lines=lines, placeholder=" …", break_on_hyphens=False) or [
        ""
    ]


def _insert(places: list[LanePlace], deadline: LanePlace) -> None:
    """Put a deadline before the first place that is later than it."""
    for number, place in enumerate(places):
        if place.kind != "deadline" and place.at is not None and deadline.at is not None and place.at >= deadline.at:
            places.insert(number, deadline)
            return
    places.append(deadline)


def _shortened(places: list[LanePlace]) -> list[LanePlace]:
    left = len(places) - MAXIMUM_SVG_ROWS
    if left <= 0:
        return places
    half = MAXIMUM_SVG_ROWS // 2
    return [*places[:half], LanePlace("more", None, [f"… {left:,} steps are not drawn"]), *places[-half:]]


def _lay_out(drawing: Drawing) -> None:
    y, before = MARGIN, None
    for place in drawing.places:
        if place.at is not None and before is not None and place.at > before:
            y += round(WAIT * min(math.log10(1 + 10 * (place.at - before)), 5))
        place.y = y + LINE // 2
        y += LINE * len(place.lines) + ROW
        before = place.at if place.at is not None else before
    drawing.height = y + MARGIN - ROW


def _near(one: LanePlace, other: LanePlace) -> bool:
    """Whether two places, one of them a deadline, would show the same time and have not."""
    if one.at is None or other.at is None or (one.kind == "deadline") is (other.kind == "deadline"):
        return False
    return 0 < abs(one.at - other.at) < 0.001


def _above(drawing: Drawing, moment: float) -> int:
    """Where the last place is that is not after a moment."""
    earlier = [place.y for place in drawing.places if place.at is not None and place.at <= moment]
    return earlier[-1] if earlier else MARGIN
