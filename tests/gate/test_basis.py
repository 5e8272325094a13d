"""The basis of a scenario: MUST is held against a client by primary documents alone; the rest is robustness."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pollproof.bundled import bundled
from pollproof.cli.main import cli
from pollproof.gate.basis import Basis
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.virtualtime import unavailable

leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")

CATALOGUE = {f"{name} {each.name}": each for name in bundled() for each in scenarios(load_contract(name))}
CONTENT = Path(__file__).with_name("strict.py")
"""A client that takes a documented error for the end, and refuses members that no page lists."""


@pytest.mark.parametrize(
    ("scenario", "basis", "source"),
    [
        ("capsolver smoke", Basis.PRIMARY, ""),
        ("capsolver result-in-the-creation", Basis.PRIMARY, "line"),
        ("capsolver id-not-echoed", Basis.PRIMARY, "older page"),
        ("capsolver error-error-captcha-unsolvable-200", Basis.PRIMARY, ""),
        ("capsolver error-error-captcha-unsolvable-400", Basis.OPEN, "HTTP 400"),
        ("capsolver variant-extra-fields", Basis.OPEN, "leave it open"),
        ("capsolver creation-refused-error-zero-balance-200", Basis.ADJACENT, "ERROR_ZERO_BALANCE"),
        ("capmonster error-captcha-not-ready-200", Basis.ADJACENT, "API errors, English"),
        ("capmonster id-2-to-the-63", Basis.OPEN, ""),
        ("decodo id-2-to-the-63", Basis.PRIMARY, ""),
        ("decodo variant-nothing-as-an-entry", Basis.OPEN, ""),
        ("decodo variant-nothing-as-empty-list", Basis.OPEN, ""),
        ("decodo lost", Basis.OPEN, ""),
        ("cnode lost", Basis.PRIMARY, ""),
        ("cnode status-finished-err", Basis.PRIMARY, ""),
        ("cnode status-series-finished", Basis.OPEN, ""),
        ("cnode html-503-for-ever", Basis.HAPPENS, "no document"),
        ("cnode creation-reset-for-ever", Basis.HAPPENS, "no document"),
    ],
)
def test_a_scenario_says_what_it_rests_on(scenario: str, basis: Basis, source: str) -> None:
    grounds = CATALOGUE[scenario].grounds
    assert grounds.basis is basis
    assert source in str(grounds)


@pytest.mark.parametrize(("name", "basis"), [("capsolver", Basis.PRIMARY), ("replicate", Basis.OPEN)])
def test_a_client_owes_patience_without_end_no_bound_that_nobody_documents(name: str, basis: Basis) -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "contracts" / f"{name}.toml"
    known = scenarios(load_contract(path if path.exists() else name))
    assert next(each for each in known if each.name == "never-ready").grounds.basis is basis


def test_every_scenario_that_is_not_primary_has_a_source() -> None:
    assert len(CATALOGUE) > 400
    others = {name: each.grounds for name, each in CATALOGUE.items() if each.grounds.basis is not Basis.PRIMARY}
    assert [name for name, grounds in others.items() if not grounds.source] == []


def gate(provider: str, names: str, *words: str) -> tuple[Result, dict[str, object]]:
    command = ["gate", provider, "-k", names, "--json", "-", *words, "--", sys.executable, str(CONTENT), provider]
    result = CliRunner().invoke(cli, command)
    return result, json.loads(result.stdout)


@leaping
@pytest.mark.parametrize(
    ("provider", "names", "basis"),
    [
        ("capmonster", "error-captcha-not-ready-200", "adjacent"),
        ("capmonster", "variant-extra-fields", "left open"),
        ("capsolver", "variant-extra-fields", "left open"),
    ],
)
def test_what_no_primary_document_promises_warns_and_convicts_nobody(provider: str, names: str, basis: str) -> None:
    result, document = gate(provider, names)
    assert result.exit_code == 0, result.output
    clauses = {clause["id"]: clause for clause in document["clauses"]}  # type: ignore[attr-defined]
    found = clauses[f"{provider}.client.solution.robustness"]
    assert (found["level"], found["verdict"]) == ("SHOULD", "violated")
    assert found["robustness"]["basis"] == basis
    assert found["robustness"]["source"] in found["source"]
    assert clauses[f"{provider}.client.solution"]["verdict"] != "violated"
    assert f"{provider}.client.solution.robustness SHOULD violated" in result.stderr
    assert basis in result.stderr
    assert gate(provider, names, "--strict")[0].exit_code == 1


@leaping
def test_a_fault_is_a_violation_where_the_scenario_is_primary_and_robustness_elsewhere() -> None:
    faulty = [sys.executable, str(Path(__file__).with_name("client.py")), "failure"]
    words = ["gate", "capsolver", "-k", "task-failed or error-with-no-code", "--json", "-", "--", *faulty]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    found = [clause["id"] for clause in document["clauses"] if clause["verdict"] == "violated"]
    assert found == ["capsolver.client.failure", "capsolver.client.failure.robustness"]
    shown = {each["name"]: (each["basis"], each["clauses"]) for each in document["scenarios"]}
    assert shown["task-failed"] == ("primary", {**shown["task-failed"][1], "capsolver.client.failure": "violated"})
    assert shown["error-with-no-code"][0] == "happens all the same"
    assert shown["error-with-no-code"][1]["capsolver.client.failure.robustness"] == "violated"
    assert shown["error-with-no-code"][1].get("capsolver.client.failure") != "violated"
