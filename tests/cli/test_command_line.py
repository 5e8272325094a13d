"""The command line as people and scripts meet it: what is printed where, and the exit status."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from jsonschema import Draft202012Validator

from pollproof import __version__
from pollproof.cli.main import COMMANDS, cli
from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from tests.servers import ROOT, clean_environment, pollproof

ESCAPE = "\x1b"
SCHEMA = ROOT / "schemas" / "pollproof" / "report.schema.json"
KEY = "PLANTED-key-0f9e8d7c6b5a"
Done = subprocess.CompletedProcess[str]


def usage_error(done: Done) -> str:
    """The one sentence of a run that was refused with exit status 2."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line.removeprefix("Error: ")


# --------------------------------------------------------------------------- help, version


@pytest.mark.parametrize("command", ["", "verify", "clauses", "explain", "serve"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(command: str, option: str) -> None:
    done = pollproof(*command.split(), option)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: pollproof")
    assert ESCAPE not in done.stdout


def test_every_command_is_in_the_help_and_knows_its_own() -> None:
    words = pollproof("--help").stdout
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary.split()[0])}", words, re.MULTILINE), name
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_the_help_imports_no_command() -> None:
    code = "import sys; from pollproof.cli.main import cli; cli(['--help'], standalone_mode=False); "
    code += "print([name for name in sys.modules if name.startswith('pollproof.') and name.count('.') > 1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1].replace("'", '"'))) <= {
        "pollproof.cli.main",
        "pollproof.cli.common",
    }


def test_the_help_of_verify_names_each_option_and_the_exit_status() -> None:
    words = pollproof("verify", "--help").stdout
    for option in ("base-url", "api-key", "advance-url", "task", "max-wait", "profile", "examples", "seed", "strict"):
        assert f"--{option}" in words
    for option in (
        "--require-all",
        "--json",
        "--html",
        "--markdown",
        "--junit",
        "--sarif",
        "-n",
        "-k",
        "-x",
        "--quiet",
        "Exit status: 0",
    ):
        assert option in words, option


def test_version() -> None:
    done = pollproof("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"pollproof, version {__version__}")


# --------------------------------------------------------------- verify, embedded: one shared run


VIEWS = {
    "json": "report.json",
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "sarif": "report.sarif",
}


class Run:
    """One run with all reports."""

    def __init__(self, done: Done, folder: Path) -> None:
        self.done = done
        self.report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        self.junit = (folder / "junit.xml").read_text(encoding="utf-8")
        views = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
        assert len(views) == len(VIEWS)
        self.texts = [done.stdout, done.stderr, json.dumps(self.report), *views]


def run_with_reports(folder: Path, *words: str, **environment: str) -> Run:
    reports = [word for name, file in VIEWS.items() for word in (f"--{name}", str(folder / file))]
    return Run(pollproof("verify", *words, *reports, NO_PROXY="*", **environment), folder)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_with_reports(tmp_path_factory.mktemp("embedded"), "capsolver", "capmonster", "--examples", "1")


def test_verify_of_the_embedded_references_passes(embedded: Run) -> None:
    assert (embedded.done.returncode, embedded.done.stderr) == (0, "")
    assert embedded.done.stdout.splitlines()[-1].startswith("PASSED: ")
    lines = embedded.done.stdout.splitlines()
    assert len(lines) == 4, "a line for each provider, and the summary"
    assert re.fullmatch(r"PASSED: (\d+) of \1 MUST verified, 0 violations; .*; \d+\.\d s", lines[-1])
    assert embedded.report["summary"] == lines[-1]


def test_a_pipe_gets_no_escape_codes_and_no_live_display(embedded: Run) -> None:
    assert ESCAPE not in embedded.done.stdout + embedded.done.stderr
    assert "\r" not in embedded.done.stdout


def test_the_json_report_has_every_clause(embedded: Run) -> None:
    known = [clause.id for name in ("capsolver", "capmonster") for clause in load_contract(name).clauses]
    assert [clause["id"] for clause in embedded.report["clauses"]] == known
    assert {clause["verdict"] for clause in embedded.report["clauses"]} == {"held"}
    assert (embedded.report["outcome"], embedded.report["complete"]) == ("passed", True)
    assert embedded.report["pollproof"] == __version__


def test_the_junit_report_has_every_clause(embedded: Run) -> None:
    (suite,) = ElementTree.fromstring(embedded.junit).iter("testsuite")
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")
    names = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    for provider in ("capsolver", "capmonster"):
        for clause in load_contract(provider).clauses:
            assert (provider, clause.id) in names


def validate(report: Any) -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema of the report is not there yet")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    errors = [error.message[:300] for error in Draft202012Validator(schema).iter_errors(report)]
    assert not errors


def test_the_json_report_of_a_passed_run_is_valid(embedded: Run) -> None:
    validate(embedded.report)


# --------------------------------------------------------------------------- verify, options


def test_no_color_is_kept_where_colour_is_forced() -> None:
    done = pollproof("clauses", "capsolver", NO_COLOR="1", FORCE_COLOR="1")
    assert not re.search(r"\x1b\[(3|4|9)\d", done.stdout), "no colour, whatever else"


ENORMOUS = "9" * 5000


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("verify", "capsolvr"), "did you mean 'capsolver'?"),
        (("verify", "--no-such-option"), "no such option: --no-such-option"),
        (("verify", "--examples", "many"), "'many' is not a valid integer"),
        (("verify", "--examples", "-1"), "expected 0 or more"),
        (("verify", "--profile", "quik"), "did you mean 'quick'?"),
        (("verify", "--base-url", "http://127.0.0.1:1"), "--base-url goes with one provider"),
        (("verify", "capsolver", "--base-url", "nonsense"), "expected http://HOST"),
        (("verify", "capsolver", "--base-url", "http://[::1"), "its host cannot be read"),
        (("verify", "capsolver", "--base-url", "http://127.0.0.1:1", "--budget", "soon"), "invalid duration"),
        (("verify", "capsolver", "--base-url", "http://127.0.0.1:1", "--task", "none.json"), "cannot be read"),
        (("verify", "capsolver", "--base-url", "http://127.0.0.1:1", "--task", "pyproject.toml"), "is not JSON"),
        (("verify", "capsolver", "--api-key", "x"), "goes with --base-url"),
        (("verify", "capsolver", "--advance-url", "http://127.0.0.1:1"), "goes with --base-url"),
        (("verify", "capsolver", "--json", "no/such/folder/report.json"), "does not exist"),
        (("verify", "capsolver", "--examples", "0", "-k", "nothing_like_it"), "no clause matches"),
        (("explain", "capsolver.poll.terminl"), "did you mean 'capsolver.poll.terminal'?"),
        (("serve", "capsolvr"), "did you mean 'capsolver'?"),
        (("serve", "capsolver", "--mutant", "capsolver.poll.terminl"), "did you mean 'capsolver.poll.terminal'?"),
        (("serve", "capsolver", "--port", "65536"), "65536"),
        (("serve", "capsolver", "--for", "ever"), "invalid duration"),
        (("serve", "capsolver", "--for", ENORMOUS), "at most 1000000000s (31 years)"),
        (("gate", "capsolver", "--timeout", ENORMOUS, "--", "true"), "at most 1000000000s (31 years)"),
        (("verify", "capsolver", "-n", ENORMOUS), "expected a number of worker processes"),
        (("verify", "capsolver", "--seed", ENORMOUS), "not a valid integer"),
        (("clauses", "capsolvr"), "did you mean 'capsolver'?"),
        (("verfy",), "verfy"),
    ],
    ids=lambda value: " ".join(value)[:80] if isinstance(value, tuple) else None,
)
def test_what_cannot_be_used_is_told_in_one_sentence(words: tuple[str, ...], reason: str) -> None:
    assert reason in usage_error(pollproof(*words))


# -------------------------------------------------------------------- verify, a faulty target


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a planted key against a target that takes any key, and tells it back in its responses."""
    contract = load_contract("capsolver")

    class Telltale(ReferenceProvider):
        def handle(self, request: Any) -> Any:
            answer = super().handle(request._replace(body=request.body.replace(KEY.encode(), b"YOUR_API_KEY")))
            if not request.body.endswith(b"}"):  # no JSON
                return answer._replace(status=500)
            told = b'{"clientKey":"' + KEY.encode() + b'","Bearer ' + KEY.encode() + b'":1,'
            return answer._replace(body=answer.body.replace(b"{", told, 1).replace(b'"idle"', b'"queued"'))

    clock = ShiftedClock()
    with serve(Telltale(contract, clock), clock) as found:
        where = ("--base-url", found.base_url, "--advance-url", found.advance_url)
        options = ("capsolver", "--examples", "1", "--api-key", KEY)
        return run_with_reports(tmp_path_factory.mktemp("faulty"), *options, *where)


def test_a_violation_is_exit_status_1_and_explains_itself(faulty: Run) -> None:
    said = faulty.done.stdout
    assert faulty.done.returncode == 1
    assert "capsolver.poll.status MUST violated" in said
    assert "queued" in said
    for label in ("rule ", "source ", "expected ", "got ", "trace", "reproduce "):
        assert f"\n  {label}" in said
    assert "VIOLATED: " in said.splitlines()[-1]


def test_the_key_is_printed_nowhere(faulty: Run) -> None:
    for text in faulty.texts:
        assert KEY not in text
        assert KEY.swapcase() not in text
        assert KEY[:-1] not in text
    assert '--api-key "$POLLPROOF_API_KEY"' in faulty.done.stdout


def test_the_json_report_of_a_violated_run_is_valid(faulty: Run) -> None:
    validate(faulty.report)


def test_the_junit_report_fails_the_violated_musts(faulty: Run) -> None:
    clauses = [clause for clause in faulty.report["clauses"] if clause["level"] == "MUST"]
    told = {clause["id"] for clause in clauses if clause["verdict"] == "violated"}
    cases = ElementTree.fromstring(faulty.junit).iter("testcase")
    assert {case.get("name") for case in cases if case.find("failure") is not None} == told


@contextlib.contextmanager
def mutant(name: str) -> Iterator[tuple[str, ...]]:
    clock = ShiftedClock()
    with serve(mutant_named(load_contract("capsolver"), name).provider(clock), clock) as found:
        yield ("--base-url", found.base_url, "--advance-url", found.advance_url)


def test_k_judges_the_clauses_that_match_and_no_others() -> None:
    with mutant("capsolver.poll.order") as where:
        done = pollproof("verify", "capsolver", "--examples", "0", "-k", "poll.echo", *where, NO_PROXY="*")
    assert done.returncode == 0
    assert "capsolver.poll.order" not in done.stdout


def test_k_ends_once_all_that_it_selects_is_violated() -> None:
    counts = {}
    with mutant("capsolver.poll.terminal") as where:
        for selected in ("poll.terminal", "poll.terminal or poll.echo"):
            done = pollproof("verify", "capsolver", "--examples", "0", "-q", "-k", selected, *where, NO_PROXY="*")
            assert done.returncode == 1
            counts[selected] = int(re.search(r"([\d,]+) requests", done.stdout)[1].replace(",", ""))  # type: ignore[index]
    assert counts["poll.terminal"] < counts["poll.terminal or poll.echo"] / 2


def test_a_violated_should_warns(faulty: Run) -> None:
    assert "capsolver.malformed SHOULD violated" in faulty.done.stdout
    assert " 1 warning" in faulty.done.stdout


def test_a_violated_should_fails_a_strict_run_and_quiet_prints_no_table() -> None:
    with mutant("capsolver.malformed") as where:
        done = pollproof("verify", "capsolver", "--examples", "0", "-q", "--strict", *where, NO_PROXY="*")
        again = next(line for line in done.stdout.splitlines() if line.startswith("  reproduce "))
        repeated = pollproof(*shlex.split(again)[2:], NO_PROXY="*")
    assert done.returncode == 1
    assert "capsolver.malformed SHOULD violated" in done.stdout
    assert "capsolver.poll.terminal" not in done.stdout
    assert repeated.returncode == 1, "the command that shows it again does"
    assert "capsolver.malformed SHOULD violated" in repeated.stdout
    assert "exchanges so far" not in done.stdout


# --------------------------------------------------------------------------- clauses, explain


def test_clauses_lists_every_clause() -> None:
    done = pollproof("clauses", "capsolver")
    assert (done.returncode, done.stderr) == (0, "")
    assert ESCAPE not in done.stdout
    for clause in load_contract("capsolver").clauses:
        assert clause.id in done.stdout


def test_clauses_as_json() -> None:
    rows = json.loads(pollproof("clauses", "capmonster", "--json").stdout)
    assert [row["id"] for row in rows] == [clause.id for clause in load_contract("capmonster").clauses]
    assert all(row["text"] and row["source"] and row["level"] in ("MUST", "SHOULD") for row in rows)


def test_the_kinds_of_clauses() -> None:
    rows = json.loads(pollproof("clauses", "--kinds", "--json").stdout)
    assert {"terminal", "budget-ended", "shape"} <= {row["kind"] for row in rows}
    assert "budget-ended" in pollproof("clauses", "--kinds").stdout


def test_explain() -> None:
    done = pollproof("explain", "capsolver.poll.budget-ended")
    assert (done.returncode, done.stderr) == (0, "")
    for label in ("rule ", "source ", "judged ", "mutant ", "legal "):
        assert f"\n{label}" in done.stdout


# ---------------------------------------------------------------------------------- serve


@contextlib.contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A `pollproof serve` process, its base URL and its clock hook."""
    command = [sys.executable, "-m", "pollproof", "serve", *words, "--for", "60s"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean_environment(PYTHONUNBUFFERED="1"), cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        try:
            base_url = process.stdout.readline().strip()
            hook = process.stdout.readline().strip().removeprefix("clock hook: ")
            yield process, base_url, hook
        finally:
            if process.poll() is None:
                process.terminate()


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, json.dumps(body).encode(), method="POST"), timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


TASK = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.com", "websiteKey": "SAMPLE"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_moves_its_clock_and_ends_when_told(number: signal.Signals) -> None:
    with serving("capsolver") as (process, base_url, hook):
        task = post(f"{base_url}/createTask", {"clientKey": "YOUR_API_KEY", "task": TASK})["taskId"]
        poll = {"clientKey": "YOUR_API_KEY", "taskId": task}
        assert post(f"{base_url}/getTaskResult", poll)["status"] in ("idle", "processing")
        post(hook, {"seconds": 60})
        assert post(f"{base_url}/getTaskResult", poll)["status"] == "ready"
        process.send_signal(number)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]


def test_serve_a_mutant_and_verify_it_with_x_and_a_key_of_the_environment(tmp_path: Path) -> None:
    with serving("capsolver", "--mutant", "capsolver.poll.order") as (_, base_url, hook):
        words = ("capsolver", "--examples", "0", "-x", "--base-url", base_url, "--advance-url", hook)
        run = run_with_reports(tmp_path, *words, POLLPROOF_API_KEY="YOUR_API_KEY")
    assert run.done.returncode == 1
    assert "capsolver.poll.order MUST violated" in run.done.stdout
    (suite,) = ElementTree.fromstring(run.junit).iter("testsuite")
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert all("YOUR_API_KEY" not in text for text in run.texts)


def test_serve_on_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = usage_error(pollproof("serve", "capsolver", "--port", str(port), "--for", "5s"))
    assert f"port {port} cannot be used" in said


def test_a_step_of_github_actions_prints_annotations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tape = Path(__file__).parents[2] / "cassettes" / "capsolver" / "bad" / "capsolver.poll.terminal.yaml"
    command = [sys.executable, "-m", "pollproof", "check", "capsolver", str(tape), "-q"]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    annotated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (plain.returncode, annotated.returncode) == (1, 1)
    assert "::error " not in plain.stdout
    assert "::error file=" in annotated.stdout
    assert "capsolver.poll.terminal (MUST)" in annotated.stdout
