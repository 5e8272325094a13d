"""The example applications keep their contracts, in process and with a moved clock; a fault in one is found."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

import pollproof
from pollproof.verify.applications import CalledClock, target_of
from tests.servers import ROOT


@pytest.fixture
def moved_time() -> Iterator[CalledClock]:
    with time_machine.travel(time.time(), tick=True) as traveller:
        yield CalledClock(traveller.shift)


def module_of(name: str) -> Any:
    """The module of an example application."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        return importlib.import_module(f"{name}.app")
    finally:
        sys.path.remove(str(ROOT / "examples"))


@pytest.mark.parametrize(
    ("name", "contract"), [("flask_app", "capsolver"), ("fastapi_app", "capmonster"), ("django_app", "capsolver")]
)
def test_an_example_keeps_its_contract(name: str, contract: str, moved_time: CalledClock) -> None:
    module = module_of(name)
    application = module.application if name == "django_app" else module.create_app()
    report = pollproof.run_verify(
        contract, api_key="YOUR_API_KEY", target=target_of(application), clock=moved_time, examples=2
    )
    assert report.violations == []
    assert report.document["error"] is None
    assert report.verdict(f"{contract}.poll.terminal") == "held"
    assert report.verdict(f"{contract}.poll.lifetime-ended") == "held"


def test_a_lifetime_that_is_too_long_is_found(moved_time: CalledClock, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of("flask_app")
    monkeypatch.setattr(module, "LIFETIME", 600)
    report = pollproof.run_verify(
        "capsolver", api_key="YOUR_API_KEY", target=target_of(module.create_app()), clock=moved_time, examples=0
    )
    assert report.outcome is pollproof.Outcome.VIOLATED
    assert report.verdict("capsolver.poll.lifetime-ended") == "violated"
