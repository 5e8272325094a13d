"""Pages: what gateways and overloaded servers answer in place of the provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pollproof.contract.model import Role
from pollproof.gate.basis import HAPPENS
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import IN_THE_END, LAWFUL, PATIENCE, Catalogue
from pollproof.trace.exchange import Response

HTML = b"<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"

ASKED_TO_WAIT = 7.0
"""Seconds that Retry-After asks for."""


def pages(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of an answer that is not the provider's."""
    for scenario in (*_errors(of), *_rate_limits(of)):
        yield replace(scenario, grounds=HAPPENS)


def page(status: int, **headers: str) -> Response:
    """An answer in HTML, as gateways give it."""
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"Content-Type": "text/html", **own}, HTML)


def _errors(of: Catalogue) -> Iterator[Scenario]:
    for http in (500, 503):
        yield of.asked(
            f"html-{http}-once",
            f"The second question is answered with an HTML page, HTTP {http}. {LAWFUL}",
            Expects.EITHER,
            Turn(first=2, last=2, response=page(http)),
        )
        yield of.asked(
            f"html-{http}-for-ever",
            f"From the second question on there is an HTML page, HTTP {http}. {IN_THE_END}",
            Expects.FAILURE,
            Turn(first=2, response=page(http)),
            seconds=of.patience,
        )
    yield of.asked(
        "html-200-for-ever",
        f"From the second question on there is an HTML page, HTTP 200. {IN_THE_END}",
        Expects.FAILURE,
        Turn(first=2, response=page(200)),
        seconds=of.patience,
    )
    yield _creation(of, "html-503-once", "The creation is answered with an HTML page, HTTP 503.", page(503), last=1)
    yield _creation(of, "html-503-for-ever", "Every creation is answered with an HTML page, HTTP 503.", page(503))


def _rate_limits(of: Catalogue) -> Iterator[Scenario]:
    seconds = page(429, Retry_After=f"{ASKED_TO_WAIT:g}")
    for name, words, turn in (
        ("rate-limited", "HTTP 429", Turn(first=2, last=2, response=page(429))),
        (
            "rate-limited-with-retry-after",
            f"HTTP 429 and Retry-After: {ASKED_TO_WAIT:g}",
            Turn(first=2, last=2, response=seconds),
        ),
        (
            "rate-limited-until-a-date",
            f"HTTP 429, and Retry-After is the date {ASKED_TO_WAIT:g} seconds from then",
            Turn(first=2, last=2, response=page(429), retry_date=ASKED_TO_WAIT),
        ),
    ):
        yield of.asked(name, f"The second question is answered with {words}. {LAWFUL}", Expects.EITHER, turn)
    yield of.asked(
        "rate-limited-for-ever",
        f"From the second question on every answer is HTTP 429. {IN_THE_END}",
        Expects.FAILURE,
        Turn(first=2, response=page(429)),
        seconds=of.patience,
    )
    yield _creation(of, "rate-limited-once", "The creation is answered with HTTP 429 and Retry-After.", seconds, last=1)
    yield _creation(of, "rate-limited-for-ever", "Every creation is answered with HTTP 429.", page(429))


def _creation(of: Catalogue, name: str, words: str, response: Response, last: float | None = None) -> Scenario:
    """A scenario in which the first creations, or all, are answered so."""
    turn = Turn((Role.CREATE,), response=response)
    if last is None:
        return of.scenario(
            f"creation-{name}", f"{words} {IN_THE_END}", Expects.FAILURE, turns=(turn,), seconds=PATIENCE
        )
    lawful = "A client tries again after a while, or gives up and says so."
    turns = (Turn((Role.CREATE,), last=last, response=response),)
    return of.scenario(f"creation-{name}", f"{words} {lawful}", Expects.EITHER, turns=turns)
