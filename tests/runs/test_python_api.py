"""The public functions of the package, as docs/python.md shows them."""

import re
import sys
from pathlib import Path

import pytest

import pollproof
from pollproof.clock import VirtualClock
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from tests.servers import ROOT


def test_every_public_name_is_there() -> None:
    for name in pollproof.__all__:
        assert getattr(pollproof, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pollproof.nothing


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_the_page_run(number: int) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    exec(compile(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[number], "python.md", "exec"), {})


def test_an_implementation_in_this_process_is_judged_by_its_own_clock() -> None:
    contract, clock = load_contract("capsolver"), VirtualClock()
    provider = ReferenceProvider(contract, clock)
    report = pollproof.run_verify("capsolver", target=InProcessTarget("mine", provider.handle), clock=clock, examples=0)
    assert report.outcome is pollproof.Outcome.PASSED, report.document["causes"]
    assert report.document["target"] == "mine"


def test_a_violation_is_in_the_report() -> None:
    contract, clock = load_contract("capsolver"), VirtualClock()
    provider = mutant_named(contract, "capsolver.poll.terminal").provider(clock)
    report = pollproof.run_verify("capsolver", target=InProcessTarget("mine", provider.handle), clock=clock, examples=0)
    assert report.outcome is pollproof.Outcome.VIOLATED
    assert report.verdict("capsolver.poll.terminal") == "violated"
    assert any(text.startswith("capsolver.poll.terminal MUST violated ") for text in report.violations)


def test_recordings_are_checked() -> None:
    report = pollproof.run_check("decodo", ROOT / "cassettes" / "decodo" / "reference.yaml")
    assert report.outcome is pollproof.Outcome.PASSED, report.summary
    sides = pollproof.run_check("decodo", ROOT / "cassettes" / "decodo" / "reference.yaml", subject="client")
    assert {clause["subject"] for clause in sides.document["clauses"]} == {"client"}


def test_a_client_that_does_nothing_cannot_be_judged() -> None:
    report = pollproof.run_gate("capsolver", [sys.executable, "-c", ""], scenarios=["smoke"], clock="real")
    assert report.outcome is pollproof.Outcome.ERROR
    assert "never contacted the base URL" in report.summary or "never contacted" in str(report.document["error"])


def test_what_cannot_be_used_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(pollproof.InputError, match="profile"):
        pollproof.run_verify("capsolver", profile="quik")
    with pytest.raises(pollproof.PollproofError):
        pollproof.load_contract(str(tmp_path / "none.toml"))
