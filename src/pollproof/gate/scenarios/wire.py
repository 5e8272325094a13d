"""What goes wrong on the wire: responses that are broken, slow, huge, cut short, or never come."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from pollproof.contract.model import Role
from pollproof.gate.basis import HAPPENS
from pollproof.gate.faults import Manner
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import CLIENT_PATIENCE, IN_THE_END, RETRIES, Catalogue
from pollproof.trace.exchange import Response

HUGE = 4 * 1024 * 1024
"""Characters of a huge response."""

SLOW_SECONDS = 8.0
"""Seconds that a slow response takes: below the time limits that clients have."""

LONG_SILENCE = 360.0
"""Seconds after which the connection ends of a request that never gets a response: beyond the time limits that clients
have. A client without a time limit of its own waits for this end."""

MALFORMED = b'{"errorId": 0, "status": "rea<'


def wire(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of a response that does not arrive as it should."""
    for scenario in _wire(of):
        yield replace(scenario, grounds=HAPPENS)


def _wire(of: Catalogue) -> Iterator[Scenario]:
    for name, once_name, alike, words, turn in _troubles(of):
        once = replace(turn, first=2, last=2)
        yield of.polled(
            f"{name}-for-ever",
            f"From the second poll on every one {words}. {IN_THE_END}",
            Expects.FAILURE,
            replace(turn, first=2, last=math.inf),
            seconds=of.patience + _TRIES * turn.delay,
        )
        yield of.polled(
            once_name,
            f"The second poll {words}. {RETRIES}",
            Expects.EITHER,
            once,
            seconds=3 * of.wait + turn.delay,
            adds=frozenset({f"{alike} once"}),
        )
    yield from _answers_that_come(of)
    for name, _, alike, words, turn in _troubles(of):
        creation = replace(turn, roles=(Role.CREATE,), last=math.inf, phase=None, status="")
        yield of.scenario(
            f"creation-{name}-for-ever",
            f"Every creation {words}. {IN_THE_END}",
            Expects.FAILURE,
            turns=(creation,),
            seconds=CLIENT_PATIENCE + _TRIES * turn.delay,
            adds=frozenset({f"creation, {alike} without end"}),
        )
        yield of.scenario(
            f"creation-{name}",
            f"The first creation {words}. A client retries, or gives up and reports it.",
            Expects.EITHER,
            turns=(replace(creation, last=1),),
            seconds=3 * of.wait + turn.delay,
            adds=frozenset({f"creation, {alike} once"}),
        )


_TRIES = 4
"""How often a conforming client retries, more or less."""


def _troubles(of: Catalogue) -> Iterator[tuple[str, str, str, str, Turn]]:
    """Responses of which nothing can be read: name, name where it happens once, what most clients take it for (of
    troubles that happen once, and of creations, a sample has one of each), words about a request, and what happens.
    """
    kind = {"Content-Type": of.codec.content_type}
    silence = min(LONG_SILENCE, (of.limits.lifetime or math.inf) / 2)
    quiet = f"gets no response: the connection stays open, and ends after {silence:g} seconds"
    silent = replace(of.unfinished, manner=Manner.SILENT, delay=silence)
    malformed, empty = (Turn(response=Response(200, kind, body)) for body in (MALFORMED, b""))
    reset, cut = (replace(of.unfinished, manner=manner) for manner in (Manner.RESET, Manner.CUT))
    yield "malformed", "malformed-answer", "unreadable", "gets a response that cannot be read", malformed
    yield "empty", "empty-answer", "unreadable", "gets a response without a body", empty
    yield "reset", "reset-connection", "cut", "gets no response: the connection is reset", reset
    yield "truncated", "truncated-answer", "cut", "gets half of a response, and the connection ends", cut
    yield "no-answer", "no-answer", "no response", quiet, silent


def _answers_that_come(of: Catalogue) -> Iterator[Scenario]:
    """Responses that are all there in the end."""
    yield of.polled(
        "stale-connection",
        "After the first response the connection ends without notice, as idle ones do. A client opens another one.",
        Expects.EITHER,
        replace(of.unfinished, manner=Manner.STALE),
    )
    yield of.polled(
        "slow-answer",
        f"The second poll gets its response after {SLOW_SECONDS:g} seconds. A client waits, retries, or gives up.",
        Expects.EITHER,
        replace(of.unfinished, first=2, last=2, delay=SLOW_SECONDS),
        seconds=4 * of.wait + SLOW_SECONDS,
        adds=frozenset({"slow"}),
    )
    yield of.scenario(
        "slow-for-ever",
        f"Every response takes {SLOW_SECONDS:g} seconds. A client that waits for them returns the solution; "
        "one that does not reports it.",
        Expects.EITHER,
        turns=(Turn((Role.CREATE, Role.POLL, Role.FETCH), delay=SLOW_SECONDS),),
        seconds=3 * (SLOW_SECONDS + of.wait),
        adds=frozenset({"slow", "slow without end"}),
    )
    yield of.polled(
        "huge-answer",
        f"The second poll gets {HUGE // 1024 // 1024} MiB by which the task goes on. A client reads it, or "
        "gives up and reports it.",
        Expects.EITHER,
        replace(of.unfinished, first=2, last=2, padding=HUGE),
    )
