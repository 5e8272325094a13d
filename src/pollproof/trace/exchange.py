"""Traces: exchanges in order, each with the times it was sent and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

UNKNOWN_TIME = float("nan")
"""The time of an exchange whose time is not known. Every comparison with it is false, so nothing is judged by it."""


class Request(NamedTuple):
    """A request as it went over the wire; `path` is relative to the base URL, header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """A response as it came over the wire; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


CONNECTION_CUT = "the connection was cut on purpose before the response"
"""What an exchange says of a request whose response the suite did not wait for."""


class Exchange(NamedTuple):
    """One request and its response, or none.

    `sent` and `received` are seconds on one clock of the trace (`UNKNOWN_TIME` where a recording has none). The request
    left between `sent` and `sent + precision`, the response was there at `received` at the latest.
    `failure` is why there is no response. `probe` names what is deliberately wrong with the request
    (`unknown-task`, `wrong-credential`, `missing-field`, `malformed`); None for a request that means it.
    `leapt` is over how many seconds of waiting the clock of the client had leapt when the request came, since the trace
    began (UNKNOWN_TIME where it does not leap). `recorded` is false where there was a response that a recording does
    not hold: what the client saw is then not known. `connection` numbers the connections of a client that has several.
    `longest` is how many seconds an exchange can have taken whose end is not known.
    """

    request: Request
    response: Response | None
    sent: float
    received: float
    failure: str | None = None
    probe: str | None = None
    precision: float = 0.0
    leapt: float = UNKNOWN_TIME
    recorded: bool = True
    connection: int = 1
    longest: float = UNKNOWN_TIME


Trace = Sequence[Exchange]


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a trace that shows something: exchanges with their numbers in the whole trace.

    `exchanges` is empty where the trace was not kept; its source can be read again for these numbers. `places` say
    where in recordings the exchanges stand (empty for a trace that is none).
    """

    numbers: tuple[int, ...]
    exchanges: tuple[Exchange, ...]
    places: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)
