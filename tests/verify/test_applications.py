"""Applications in process: a WSGI or ASGI application is called directly, and its clock is moved by a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from flask import Flask, request

from pollproof.clock import ShiftedClock
from pollproof.http.target import Target
from pollproof.trace import exchange
from pollproof.verify.applications import AsgiTarget, CalledClock, WsgiTarget, target_of


def flask_application() -> Any:
    application = Flask("flask_application")

    @application.post("/v2/echo")
    def echo() -> Any:
        told = {"body": request.get_data(as_text=True), "query": request.args["q"], "header": request.headers["X-Key"]}
        return told, 202, {"X-Seen": "yes"}

    @application.get("/broken")
    def broken() -> None:
        raise RuntimeError("on purpose")

    application.config["PROPAGATE_EXCEPTIONS"] = True
    return application


def fastapi_application() -> Any:
    application = FastAPI()

    @application.post("/v2/echo", status_code=202)
    async def echo(request: Request) -> Any:
        from fastapi.responses import JSONResponse

        told = {
            "body": (await request.body()).decode(),
            "query": request.query_params["q"],
            "header": request.headers["X-Key"],
        }
        return JSONResponse(told, 202, {"X-Seen": "yes"})

    @application.get("/broken")
    async def broken() -> None:
        raise RuntimeError("on purpose")

    return application


APPLICATIONS: dict[str, tuple[Callable[[], Any], type[Target]]] = {
    "wsgi": (flask_application, WsgiTarget),
    "asgi": (fastapi_application, AsgiTarget),
}


@pytest.fixture(params=APPLICATIONS)
def target(request: pytest.FixtureRequest) -> Any:
    make, kind = APPLICATIONS[request.param]
    found = target_of(make(), "/v2")
    assert type(found) is kind
    yield found
    found.close()


def test_a_request_reaches_the_application_as_it_was_sent(target: Target) -> None:
    headers = {"x-key": "YOUR_API_KEY", "content-type": "application/json"}
    outcome = target.exchange(exchange.Request("POST", "/echo?q=a%20b", headers, b'{"a": 1}'))
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.headers["x-seen"]) == (202, "yes")
    assert json.loads(outcome.response.body) == {"body": '{"a": 1}', "query": "a b", "header": "YOUR_API_KEY"}


def test_an_exception_of_the_application_is_an_error_of_the_server(target: Target) -> None:
    bare = target_of(APPLICATIONS["wsgi" if type(target) is WsgiTarget else "asgi"][0]())
    outcome = bare.exchange(exchange.Request("GET", "/broken", {}, b""))
    bare.close()
    assert outcome.response is not None
    assert outcome.response.status == 500
    assert b"RuntimeError" in outcome.response.body


def test_the_clock_moves_the_application_and_the_trace_alike() -> None:
    moved: list[float] = []
    clock, still = CalledClock(moved.append), ShiftedClock()
    before = clock.now() - still.now()
    clock.advance(299.5)
    assert moved == [299.5]
    assert clock.now() - still.now() - before == pytest.approx(299.5, abs=0.1)
    with pytest.raises(ValueError, match="finite"):
        clock.advance(float("nan"))
