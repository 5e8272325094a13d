"""`pollproof replay`: the trace of a report is sent again, and judged."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pollproof.cli.main import cli
from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from pollproof.report.document import with_reproduction
from tests.reports import violated

CLAUSE = "capsolver.poll.terminal"
KEY = "YOUR_API_KEY"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["replay", "report.json", *words])


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A served mutant, and the report of a run against it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POLLPROOF_API_KEY", raising=False)
    contract, clock = load_contract("capsolver"), ShiftedClock()
    with serve(mutant_named(contract, CLAUSE).provider(clock), clock) as served:
        command = f"pollproof verify capsolver --base-url {served.base_url} --advance-url {served.advance_url}"
        document = with_reproduction(violated(CLAUSE), command)
        (tmp_path / "report.json").write_text(json.dumps(document), encoding="utf-8")
        yield served


def test_a_violation_is_shown_again_with_its_curl_commands(faulty: Served) -> None:
    done = run("--clause", CLAUSE)
    assert done.exit_code == 1, done.output
    assert f"{CLAUSE}: violated; expected status ready (final), got status " in done.stdout
    assert done.stdout.count(f"{faulty.base_url}/createTask") == 1
    assert f"curl -sS {faulty.advance_url}" in done.stdout


def test_a_conforming_server_holds_the_clause(faulty: Served) -> None:
    contract, clock = load_contract("capsolver"), ShiftedClock()
    with serve(ReferenceProvider(contract, clock), clock) as served:
        done = run("--clause", CLAUSE, "--base-url", served.base_url, "--advance-url", served.advance_url)
    assert (done.exit_code, f"{CLAUSE}: held in this replay" in done.stdout) == (0, True), done.output


def test_the_curl_commands_work_as_printed(faulty: Served) -> None:
    lines = run("--dry-run").stdout.splitlines()
    assert all(line.startswith("curl ") for line in lines)
    done = subprocess.run(lines[0], shell=True, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)["taskId"]


def test_a_key_that_was_given_is_a_variable_in_the_commands(faulty: Served) -> None:
    done = run("--dry-run", "--api-key", "PLANTED-key-0f9e8d7c6b5a")
    assert "PLANTED" not in done.output
    words = shlex.split(done.stdout.splitlines()[0])
    assert json.loads(words[-1])["clientKey"] == "$POLLPROOF_API_KEY"


def test_what_cannot_be_sent_again_is_refused_with_one_sentence(faulty: Served, tmp_path: Path) -> None:
    done = run("--clause", "capsolver.poll.termina")
    assert done.exit_code == 2
    assert "does not violate 'capsolver.poll.termina'; violated: " in done.stderr
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for clause in document["clauses"]:
        if clause["violation"]:
            clause["violation"]["again"] = "pollproof verify capsolver --launch 'touch owned; sleep 9'"
    (tmp_path / "report.json").write_text(json.dumps(document), encoding="utf-8")
    done = run()
    assert (done.exit_code, "the report names no address; give --base-url or --launch" in done.stderr) == (2, True)
    assert not (tmp_path / "owned").exists()
