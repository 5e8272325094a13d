"""Pages: responses of gateways and overloaded servers in place of the provider's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pollproof.contract.model import Role
from pollproof.gate.basis import HAPPENS
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import CLIENT_PATIENCE, IN_THE_END, RETRIES, Catalogue
from pollproof.trace.exchange import Response

HTML = b"<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"

RETRY_AFTER = 7.0
"""Seconds that Retry-After states."""


def gateway_scenarios(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of a response that is not the provider's."""
    for scenario in (*_errors(of), *_rate_limits(of)):
        yield replace(scenario, grounds=HAPPENS)


def html_page(status: int, **headers: str) -> Response:
    """A response in HTML, as gateways send it."""
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"Content-Type": "text/html", **own}, HTML)


def _errors(of: Catalogue) -> Iterator[Scenario]:
    for http in (500, 503):
        yield of.polled(
            f"html-{http}-for-ever",
            f"From the second poll on there is an HTML page, HTTP {http}. {IN_THE_END}",
            Expects.FAILURE,
            Turn(first=2, response=html_page(http)),
            seconds=of.patience,
            adds=frozenset({"page of an error without end"}),
        )
        yield of.polled(
            f"html-{http}-once",
            f"The second poll gets an HTML page, HTTP {http}. {RETRIES}",
            Expects.EITHER,
            Turn(first=2, last=2, response=html_page(http)),
            adds=frozenset({"page of an error once"}),
        )
    yield of.polled(
        "html-200-for-ever",
        f"From the second poll on there is an HTML page, HTTP 200. {IN_THE_END}",
        Expects.FAILURE,
        Turn(first=2, response=html_page(200)),
        seconds=of.patience,
    )
    yield _creation(of, "html-503-for-ever", "Every creation gets an HTML page, HTTP 503.", html_page(503))
    yield _creation(of, "html-503-once", "The creation gets an HTML page, HTTP 503.", html_page(503), last=1)


def _rate_limits(of: Catalogue) -> Iterator[Scenario]:
    seconds = html_page(429, Retry_After=f"{RETRY_AFTER:g}")
    for name, words, turn in (
        ("rate-limited", "HTTP 429", Turn(first=2, last=2, response=html_page(429))),
        (
            "rate-limited-with-retry-after",
            f"HTTP 429 and Retry-After: {RETRY_AFTER:g}",
            Turn(first=2, last=2, response=seconds),
        ),
        (
            "rate-limited-until-a-date",
            f"HTTP 429, and Retry-After is the date {RETRY_AFTER:g} seconds from then",
            Turn(first=2, last=2, response=html_page(429), retry_date=RETRY_AFTER),
        ),
    ):
        yield of.polled(name, f"The second poll gets {words}. {RETRIES}", Expects.EITHER, turn)
    yield of.polled(
        "rate-limited-for-ever",
        f"From the second poll on every response is HTTP 429. {IN_THE_END}",
        Expects.FAILURE,
        Turn(first=2, response=html_page(429)),
        seconds=of.patience,
    )
    yield _creation(of, "rate-limited-once", "The creation gets HTTP 429 and Retry-After.", seconds, last=1)
    yield _creation(of, "rate-limited-for-ever", "Every creation gets HTTP 429.", html_page(429))


def _creation(of: Catalogue, name: str, words: str, response: Response, last: float | None = None) -> Scenario:
    """A scenario in which the first creations, or all, get this response."""
    turn = Turn((Role.CREATE,), response=response)
    if last is None:
        return of.scenario(
            f"creation-{name}", f"{words} {IN_THE_END}", Expects.FAILURE, turns=(turn,), seconds=CLIENT_PATIENCE
        )
    reaction = "A client retries after a pause, or gives up and reports it."
    turns = (Turn((Role.CREATE,), last=last, response=response),)
    return of.scenario(f"creation-{name}", f"{words} {reaction}", Expects.EITHER, turns=turns)
