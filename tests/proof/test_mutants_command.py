"""`pollproof mutants`: the kill matrix tells what is proved, and ends with status 1 where anything is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from pollproof.cli.main import cli
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.proof import Matrix, Trial, prove, try_mutant
from pollproof.proof.mutants import mutants
from pollproof.proof.trials import survival_of
from tests.servers import ROOT

SCHEMA = json.loads((ROOT / "schemas" / "pollproof" / "mutants.schema.json").read_text(encoding="utf-8"))
CLAUSE = "capsolver.poll.budget-ended"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["mutants", *words])


def document(result: Result) -> Any:
    found = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return prove(load_contract("capsolver"), f"{CLAUSE} or capsolver.client.budget")


def written(folder: Path, old: str, new: str) -> str:
    """A copy of a bundled contract in which one thing is different."""
    text = (ROOT / "contracts" / "capsolver.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "copy.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def test_a_clause_that_is_proved_ends_with_status_0_and_tells_the_exchanges_that_it_took() -> None:
    result = run("capsolver", "-k", CLAUSE, "--json", "-")
    assert result.exit_code == 0, result.output
    [provider] = document(result)["providers"]
    [mutant] = provider["mutants"]
    assert mutant["result"] == "killed"
    assert mutant["exchanges_to_kill"] > 120, "the 121st poll is the first that can show it"
    assert mutant["exchanges"] > mutant["exchanges_to_kill"], "the walks go on, so that other clauses can complain"
    assert {variant["result"] for variant in provider["variants"]} == {"let pass"}
    assert CLAUSE in result.stderr
    assert "1 clause, 1 mutant: 1 killed" in result.stderr


def test_a_clause_of_the_client_is_proved_by_a_client_and_its_companion_is_declared(matrix: Matrix) -> None:
    [trial] = matrix.of("capsolver.client.budget")
    assert trial.subject.value == "client"
    assert set(trial.violated) == {"capsolver.client.budget", "capsolver.client.wait"}
    assert trial.bystanders == ()
    assert matrix.problems() == []


def test_a_mutant_that_breaks_nothing_survives_and_ends_with_status_1(tmp_path: Path) -> None:
    kept = '{ name = "errorId as a boolean", answer = "running", set = { "/errorId" = false } }'
    copy = written(tmp_path, kept, kept.replace("false", "0"))
    result = run(copy, "-k", "capsolver.poll.response-shape", "--json", "-")
    assert result.exit_code == 1, result.output
    [provider] = document(result)["providers"]
    assert [mutant["result"] for mutant in provider["mutants"]] == ["survived", "killed"]
    reason = "the change alters nothing in the responses of the reference; correct its operation, answer or pointers"
    assert provider["problems"] == [
        f"capsolver.poll.response-shape: the mutant 'errorId as a boolean' survived: {reason}"
    ]
    assert "SURVIVED" in result.stderr


def test_a_mutant_that_survives_has_its_reason() -> None:
    contract = load_contract("capsolver")
    mutant = next(each for each in mutants(contract) if each.clause.id == "capsolver.poll.response-shape")
    ledger, given = Ledger(contract.clauses), {("getTaskResult", "running")}
    assert "the reference never gave the response" in survival_of(mutant, ledger, set())
    assert "nothing exercised the clause; it takes " in survival_of(mutant, ledger, given)
    ledger[mutant.clause.id].exercised = 7
    assert "the clause held in 7 exchanges with it" in survival_of(mutant, ledger, given)


def test_a_variant_that_is_not_lawful_is_accused_and_ends_with_status_1(tmp_path: Path) -> None:
    copy = written(tmp_path, "settings = { lifetime = 303.0 }", "settings = { lifetime = 310.0 }")
    result = run(copy, "-k", "lifetime-ended", "--json", "-")
    assert result.exit_code == 1, result.output
    [provider] = document(result)["providers"]
    assert "accused" in {variant["result"] for variant in provider["variants"]}
    assert any("was accused by capsolver.poll.lifetime-ended" in problem for problem in provider["problems"])


def test_only_what_is_unproved_and_the_summary_are_printed_when_it_is_to_be_quiet() -> None:
    result = run("capsolver", "-k", "capsolver.client.synchronous", "-q")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1


def test_an_expression_that_means_nothing_is_told_with_status_2() -> None:
    assert "no clause and no mutant matches -k 'nothing'" in run("cnode", "-k", "nothing").stderr
    assert run("cnode", "-k", "nothing").exit_code == 2
    assert run("cnode", "-k", "a and").exit_code == 2
    assert run("nobody").exit_code == 2


def test_workers_find_what_one_process_finds(matrix: Matrix) -> None:
    shared = prove(matrix.contract, "capsolver.client.budget", workers=2)
    assert shared.of("capsolver.client.budget") == matrix.of("capsolver.client.budget")


def test_a_mutant_that_the_walks_let_live_meets_the_state_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.verify.run.WALKS", [])
    contract = load_contract("capsolver")
    mutant = next(each for each in mutants(contract) if each.clause.kind == "result-stable")
    assert not try_mutant(mutant, examples=0).killed
    assert try_mutant(mutant).killed


# ------------------------------------------------------------------------ what the matrix calls a problem


def changed(matrix: Matrix, name: str, **fields: Any) -> Matrix:
    """The matrix with one trial otherwise."""
    trials = tuple(replace(trial, **fields) if trial.name == name else trial for trial in matrix.trials)
    assert trials != matrix.trials
    return replace(matrix, trials=trials)


@pytest.mark.parametrize(
    ("name", "fields", "problem"),
    [
        ("121 polls are answered", {"violated": {}}, "the mutant '121 polls are answered' survived"),
        (
            "121 polls are answered",
            {"violated": {CLAUSE: 7, "capsolver.poll.terminal": 9}},
            "was found by others too: capsolver.poll.terminal",
        ),
        ("slow", {"violated": {CLAUSE: 7}}, f"the legal variant 'slow' was accused by {CLAUSE}"),
        ("slow", {"error": "no response"}, "slow: it could not be tried: no response"),
    ],
)
def test_it_calls_a_problem(matrix: Matrix, name: str, fields: dict[str, Any], problem: str) -> None:
    assert any(problem in text for text in changed(matrix, name, **fields).problems())


def without(matrix: Matrix, unwanted: Any) -> Matrix:
    return replace(matrix, trials=tuple(trial for trial in matrix.trials if not unwanted(trial)))


def test_a_clause_without_mutant_or_variant_or_source_is_unproved(matrix: Matrix) -> None:
    def names(trial: Trial) -> bool:
        return not trial.is_mutant and CLAUSE in trial.clauses

    assert without(matrix, lambda trial: trial.is_mutant and trial.clauses == (CLAUSE,)).problems() == [
        f"{CLAUSE}: no mutant shows that it can fail"
    ]
    assert f"{CLAUSE}: no legal variant shows what it lets pass" in without(matrix, names).problems()
    unexercised = replace(
        matrix,
        trials=tuple(replace(trial, held=trial.held - {CLAUSE}) if names(trial) else trial for trial in matrix.trials),
    )
    assert any("no legal variant that names it exercises it" in text for text in unexercised.problems())
    contract: Contract = matrix.contract
    unsourced = replace(matrix, clauses=tuple(replace(clause, citations=()) for clause in matrix.clauses))
    assert contract.clauses[0].citations
    assert f"{CLAUSE}: no source is given" in unsourced.problems()
