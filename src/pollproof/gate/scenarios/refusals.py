"""Errors: creations that are refused, and polls that get each error that a provider has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pollproof.contract.model import Break, Effect, ErrorCode, Operation, Role
from pollproof.gate.basis import HAPPENS, LEFT_OPEN, PRIMARY, Grounds, grounds_of
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import (
    CLIENT_PATIENCE,
    IN_THE_END,
    RETRIES,
    Catalogue,
    kebab,
    refused_with,
    sample_parts,
)
from pollproof.trace.exchange import Response

AFTER: dict[Effect, tuple[Expects, float, str]] = {
    Effect.FAILED: (Expects.FAILURE, math.inf, "the task has failed; that is final"),
    Effect.LOST: (Expects.FAILURE, math.inf, "the task is gone; that is final"),
    Effect.REFUSED: (Expects.FAILURE, math.inf, "the request was invalid; a retry does not help"),
    Effect.BLOCKED: (Expects.FAILURE, math.inf, "the account is blocked; a client gives up or waits long"),
    Effect.BUSY: (Expects.EITHER, 2, "the provider is busy; a client may wait and retry, or give up"),
    Effect.RUNNING: (Expects.SUCCESS, 2, "the task goes on; a client waits and polls again"),
}
"""What an error means for a client: the end that is expected, the last poll that gets it, and why."""

SEEN = (400, 401, 403, 410, 422, 429, 503)
"""HTTP statuses with which APIs refuse that have no codes for their errors (404 is that of a lost task)."""

NO_TASK = "There is no task to poll; a client reports it."


def refusals(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of an error."""
    yield from _codes(of)
    yield from _http_errors(of)
    yield from _errors_without_codes(of)
    yield from _refused_creations(of)
    yield from _busy_creations(of)
    yield from _faults(of)


def _codes(of: Catalogue) -> Iterator[Scenario]:
    errors = [each for each in of.contract.errors.values() if not each.operations or of.poll.name in each.operations]
    for error in errors:
        expects, last, meaning = AFTER[error.effect]
        alike = [each.code for each in errors if each.effect is error.effect]
        for http in _statuses_of_errors(of.poll, error.effect):
            yield of.polled(
                f"error-{kebab(error.code)}-{http}",
                f"The second poll gets {error.code} with HTTP {http}: {meaning}.",
                expects,
                Turn(first=2, last=last, code=error.code, http=http),
                grounds=_grounds(error, http),
                adds=_adds(error, http, alike),
            )


def _adds(error: ErrorCode, http: int, alike: Sequence[str]) -> frozenset[str]:
    """The situations of an error at a poll: with an HTTP error, all errors that are an end are one."""
    if AFTER[error.effect][0] is Expects.FAILURE and http != 200:
        return frozenset({f"error that is an end {http}"})
    return sample_parts(f"error {error.effect.value}", http, error.code, alike)


def _grounds(error: ErrorCode, http: int) -> Grounds:
    """What an error in place of a state rests on.

    That an error is the end is documented for all errors; what else a code means is documented for the code.
    """
    if error.effect in (Effect.FAILED, Effect.LOST, Effect.REFUSED):
        return (
            PRIMARY
            if http == 200
            else Grounds(LEFT_OPEN.basis, f"the documents leave open whether it comes with HTTP {http}")
        )
    return grounds_of(error.citations)


def _http_errors(of: Catalogue) -> Iterator[Scenario]:
    """Errors whose HTTP status is all that distinguishes them."""
    for condition, effect in of.poll.effects:
        if of.contract.errors or condition.at.area != "http" or condition.comparison != "in":
            continue
        expects, last, meaning = AFTER[effect]
        for http in sorted(set(condition.operand) & set(SEEN)):
            yield of.polled(
                f"error-{http}",
                f"The second poll is refused with HTTP {http}: {meaning}.",
                expects,
                Turn(first=2, last=last, code="", http=http),
                grounds=LEFT_OPEN,
            )


def _statuses_of_errors(operation: Operation, effect: Effect = Effect.REFUSED) -> tuple[int, ...]:
    """The HTTP statuses with which an error code comes: in SOAP no other than 200, errors by HTTP are Faults there."""
    if operation.element:
        return (200,)
    return (200, refused_with(operation), *((429,) if effect is Effect.BUSY else ()))


def _errors_without_codes(of: Catalogue) -> Iterator[Scenario]:
    """Errors of an API with codes that have none this time."""
    place = of.poll.error_code
    if place is None or place.area != "body" or of.poll.element or not of.contract.errors:
        return
    name, pointer = of.poll.name, place.pointer
    for word, change in (
        ("no", Break("", name, "refused", remove=(pointer,))),
        ("a-null", Break("", name, "refused", set=((pointer, None),))),
        ("an-empty", Break("", name, "refused", set=((pointer, ""),))),
    ):
        there = "without" if word == "no" else "without a word in"
        yield of.polled(
            f"error-with-{word}-code",
            f"From the second poll on the response is an error with {word.replace('-', ' ')} code. It is an error; "
            f"{IN_THE_END[0].lower()}{IN_THE_END[1:]}",
            Expects.FAILURE,
            Turn(first=2, code=of.contract.refusals.invalid_request),
            changes=(change,),
            seconds=of.patience,
            grounds=HAPPENS,
            adds=frozenset({f"error {there} its code"}),
        )


def _refused_creations(of: Catalogue) -> Iterator[Scenario]:
    cases = [
        (error.code, http, grounds_of(error.citations))
        for error in _of_creations(of, Effect.REFUSED)
        for http in _statuses_of_errors(of.create)
    ]
    codes = [code for code, _, _ in cases]
    for code, http, grounds in cases or [("", http, LEFT_OPEN) for http in (refused_with(of.create), 401, 403)]:
        yield of.scenario(
            f"creation-refused-{kebab(code) + '-' if code else ''}{http}",
            f"The creation is refused{f' with {code}' if code else ''}, HTTP {http}. {NO_TASK}",
            Expects.FAILURE,
            turns=(Turn((Role.CREATE,), code=code, http=http),),
            seconds=of.wait,
            grounds=grounds,
            adds=sample_parts("creation refused", http, code, codes) if code else frozenset(),
        )


def _of_creations(of: Catalogue, *effects: Effect) -> list[ErrorCode]:
    """The errors of these effects that a creation can get."""
    errors = of.contract.errors.values()
    return [
        each for each in errors if each.effect in effects and (not each.operations or of.create.name in each.operations)
    ]


def _busy_creations(of: Catalogue) -> Iterator[Scenario]:
    """Creations that are turned away for a while."""
    busy = _of_creations(of, Effect.BUSY)
    for error in busy:
        for http in _statuses_of_errors(of.create):
            yield of.scenario(
                f"creation-busy-{kebab(error.code)}-{http}",
                f"The first creation gets {error.code} with HTTP {http}. A client retries after a pause, or "
                "gives up and reports it.",
                Expects.EITHER,
                turns=(Turn((Role.CREATE,), last=1, code=error.code, http=http),),
                grounds=grounds_of(error.citations),
                adds=sample_parts("creation busy", http, error.code, [each.code for each in busy]),
            )
    for error in _of_creations(of, Effect.BUSY, Effect.BLOCKED)[:1]:
        yield of.scenario(
            "creation-busy-for-ever",
            f"Every creation gets {error.code}. {NO_TASK}",
            Expects.FAILURE,
            turns=(Turn((Role.CREATE,), code=error.code),),
            seconds=CLIENT_PATIENCE,
            grounds=grounds_of(error.citations),
        )


def _faults(of: Catalogue) -> Iterator[Scenario]:
    """Faults of SOAP, which come with HTTP 500 (SOAP 1.1, 6.2)."""
    if not of.poll.element:
        return
    body = of.codec.write({"Fault": {"faultcode": "SOAP-ENV:Server", "faultstring": "Something went wrong"}})
    fault = Response(500, {"Content-Type": of.codec.content_type}, body)
    yield of.polled(
        "fault-500-once",
        f"The second poll gets a SOAP Fault, HTTP 500. {RETRIES}",
        Expects.EITHER,
        Turn(first=2, last=2, response=fault),
        grounds=LEFT_OPEN,
    )
    yield of.polled(
        "fault-500",
        f"From the second poll on the response is a SOAP Fault, HTTP 500. {IN_THE_END}",
        Expects.FAILURE,
        Turn(first=2, response=fault),
        seconds=of.patience,
        grounds=LEFT_OPEN,
    )
    yield of.scenario(
        "creation-fault-500",
        f"Every creation gets a SOAP Fault, HTTP 500. {NO_TASK}",
        Expects.FAILURE,
        turns=(Turn((Role.CREATE,), response=fault),),
        seconds=CLIENT_PATIENCE,
        grounds=LEFT_OPEN,
    )
