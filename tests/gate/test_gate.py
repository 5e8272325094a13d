"""The gate: scenarios that a conforming client passes, commands that are judged, and nothing that survives them."""

from __future__ import annotations

import io
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from rich.console import Console

from pollproof.bundled import bundled, folder
from pollproof.clauses.faults import Settings
from pollproof.clauses.timing import describe_gap
from pollproof.cli.main import cli
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.gate import bounds
from pollproof.gate import smoke as smoke_check
from pollproof.gate.clocks import DOUBT, MOST_AWAKE, MachineClock, span
from pollproof.gate.rehearsal import rehearse
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenario import Expects, Scenario
from pollproof.gate.scenario_provider import StagedProvider, task_of
from pollproof.gate.scenarios import scenarios
from pollproof.gate.server import serving
from pollproof.gate.tasks import with_task
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.processes.command import MAXIMUM_OUTPUT, Output, run
from pollproof.processes.program import CannotStart
from pollproof.report.document import build_document
from pollproof.report.scenarios import print_scenarios
from pollproof.trace.client_outcome import ClientOutcome, outcome_exchange
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.virtualtime import unavailable
from tests.traces import HandWritten, running

CONTRACTS = [load_contract(name) for name in bundled()]
SCENARIOS = [(contract, scenario) for contract in CONTRACTS for scenario in scenarios(contract)]
CLIENT = Path(__file__).parents[1] / "gate" / "client.py"
CAPSOLVER = next(contract for contract in CONTRACTS if contract.name == "capsolver")
leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")


def judged(*command: str, names: tuple[str, ...], **more: Any) -> Gating:
    known = scenarios(CAPSOLVER)
    chosen = tuple(scenario for scenario in known if scenario.name in names)
    assert len(chosen) == len(names)
    return judge(Gate(CAPSOLVER, command, chosen, known[0], **more))


def violated(gating: Gating) -> set[str]:
    return {entry.clause.id.removeprefix("capsolver.client.") for entry in gating.ledger.violated()}


# ----------------------------------------------------------------------------------------- scenarios


@pytest.mark.parametrize(("contract", "scenario"), SCENARIOS, ids=[f"{c.name}: {s.name}" for c, s in SCENARIOS])
def test_a_lawful_client_passes_every_scenario(contract: Contract, scenario: Scenario) -> None:
    result, monitor, provider = rehearse(contract, scenario)
    assert [entry.clause.id for entry in monitor.ledger.violated()] == []
    if scenario.expects is Expects.SUCCESS:
        assert any(token in json.dumps(result) for token in provider.tokens)
    if scenario.expects is Expects.FAILURE and scenario.needs is None:
        assert result is None
    assert provider.clock.now() <= max(scenario.seconds * 1.5, 400)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_catalogue_is_stable_and_says_what_it_asks(contract: Contract) -> None:
    known = scenarios(contract)
    assert known == scenarios(contract)
    assert known[0].name == "smoke"
    assert len({scenario.name for scenario in known}) == len(known) > 40
    for scenario in known:
        assert scenario.name == scenario.name.lower().replace("_", "-").replace(" ", "-")
        assert scenario.text.endswith((".", ".)"))


NULLS = [
    ("capsolver", "/createTask", {"task": {"type": "x"}, "appId": None, "callbackUrl": None}, True),
    ("capsolver", "/createTask", {"task": None}, False),
    ("capmonster", "/createTask", {"task": {"type": "x"}, "callbackUrl": None, "softId": None}, True),
    ("decodo", "/task", {"url": "https://example.com", "query": None, "parse": None, "callback_url": None}, True),
    ("decodo", "/task", {"url": None, "query": None}, False),
    ("decodo", "/task/batch", {"url": None, "query": ["one"], "passthrough": None}, True),
    ("decodo", "/task/batch", {"url": None}, False),
]


@pytest.mark.parametrize(("name", "path", "body", "accepted"), NULLS)
def test_null_is_no_more_than_absence(name: str, path: str, body: dict[str, Any], accepted: bool) -> None:
    contract = load_contract(name)
    key = contract.credential.sample
    headers = {"authorization": f"Basic {key}", "content-type": "application/json"}
    request = Request("POST", path, headers, json.dumps({"clientKey": key, **body}).encode())
    provider = StagedProvider(contract, VirtualClock(), scenarios(contract)[0])
    event = Reader(contract).read(Exchange(request, provider.play(request).response, 0.0, 0.0), 0)
    assert event is not None
    assert (event.answer is Answer.STATE) is accepted
    assert (event.request_errors == ()) is accepted


def test_no_scenario_asks_for_more_than_the_documents_do() -> None:
    known = {f"{contract.name} {scenario.name}": scenario for contract, scenario in SCENARIOS}
    assert known["decodo variant-nothing-as-404"].expects is Expects.EITHER
    assert [name for name in known if name.startswith("cnode") and name.endswith("-400")] == []
    assert known["cnode fault-500"].expects is known["cnode creation-fault-500"].expects is Expects.FAILURE
    assert known["cnode creation-fault-500"].turns[0].response is not None
    assert b"Fault>" in known["cnode creation-fault-500"].turns[0].response.body
    assert "cnode creation-reset-for-ever" in known


# ------------------------------------------------------------------------------------------- verdicts

FAULTS = {
    "": (),
    "create-request": ("smoke",),
    "poll-request": ("smoke",),
    "same-task-id": ("smoke",),
    "wait": ("ready-after-one-poll",),
    "budget": ("never-ready",),
    "final": ("task-failed",),
    "lifetime": ("never-ready",),
    "synchronous": ("result-in-the-creation",),
    "solution": ("ready-at-once",),
    "failure": ("task-failed", "creation-refused-error-zero-balance-200"),
    "retries": ("creation-reset-for-ever",),
    "endless": ("creation-reset-for-ever",),
}
COMPANIONS = {"budget": {"wait"}, "same-task-id": {"poll-request"}}
LAWFUL = ("smoke", "never-ready", "task-failed", "result-in-the-creation", "html-503-for-ever", "reset-connection",
          "truncated-answer", "stale-connection", "slow-answer", "huge-answer", "creation-reset")  # fmt: skip


@leaping
@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_is_convicted_by_exactly_the_clause_it_breaks(fault: str) -> None:
    names = FAULTS[fault] or LAWFUL
    gating = judged(sys.executable, str(CLIENT), *([fault] if fault else []), names=names)
    assert gating.error is None
    assert gating.clock == "leaping, by preload"
    guilty = violated(gating)
    if fault == "endless":  # it is ended at the most that can be proved where no document promises such responses
        assert guilty == {"retries"}
        (played,) = gating.detail.played
        assert played.ended is not None
        assert played.ended.words.startswith("still polling after ")
        assert played.exchanges < bounds.MAXIMUM_AFTERWARDS
        assert gating.cuts == []
        return
    assert guilty == ({fault} | COMPANIONS.get(fault, set()) if fault else set())
    if not fault:
        assert all(played.as_expected for played in gating.detail.played)


@leaping
def test_a_report_keeps_its_schema_and_shows_no_key() -> None:
    validator = Draft202012Validator(
        json.loads((folder("schemas") / "pollproof" / "report.schema.json").read_text(encoding="utf-8"))
    )
    document = build_document(judged(sys.executable, str(CLIENT), "wait", names=("smoke", "task-failed")))
    assert list(validator.iter_errors(json.loads(json.dumps(document)))) == []
    assert CAPSOLVER.credential.sample not in json.dumps(document)
    assert document["outcome"] == "violated"
    clause = next(clause for clause in document["clauses"] if clause["verdict"] == "violated")
    assert clause["violation"]["scenario"] == "smoke"
    assert [each["clauses"]["capsolver.client.wait"] for each in document["scenarios"]] == ["violated", "violated"]


def gate(*words: str) -> Any:
    return CliRunner().invoke(cli, ["gate", "capsolver", *words])


@leaping
def test_the_command_shows_a_violation_with_its_scenario_and_how_to_see_it_again(tmp_path: Path) -> None:
    files = tmp_path / "report.json", tmp_path / "junit.xml"
    result = gate(
        "-k", "smoke", "--json", str(files[0]), "--junit", str(files[1]), "--", sys.executable, str(CLIENT), "wait"
    )
    assert result.exit_code == 1, result.output
    assert "capsolver.client.wait MUST violated" in result.output
    assert "  scenario  smoke" in result.output
    assert f"pollproof gate capsolver --scenario smoke -- {sys.executable} {CLIENT} wait" in result.output
    assert json.loads(files[0].read_text(encoding="utf-8"))["mode"] == "gate"
    assert 'name="capsolver.client.wait"' in files[1].read_text(encoding="utf-8")


@leaping
def test_a_violated_should_warns_and_fails_when_strict() -> None:
    command = ("--scenario", "creation-reset-for-ever", "--", sys.executable, str(CLIENT), "retries")
    assert gate(*command).exit_code == 0
    assert gate("--strict", *command).exit_code == 1


# ------------------------------------------------------------------------------------ broken harnesses


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('hello')", "never contacted the base URL (POLLPROOF_BASE_URL); it ended with exit status 0"),
        ("1/0", "ZeroDivisionError"),
        ("GET /other", "requested GET /other"),
        ("POST /createTask", "every request was refused"),
        (
            "import os, urllib.request as r; r.urlopen(os.environ['POLLPROOF_BASE_URL'].replace('http', 'https'))",
            "contacted the base URL, but sent what is TLS, and the base URL begins with http; it ended with exit",
        ),
        (
            "import os, socket; s = socket.create_connection(os.environ['POLLPROOF_BASE_URL'][7:].split(':'));"
            "s.sendall(b'EHLO me\\r\\n\\r\\n'); print(s.recv(99)); exit(1)",
            "contacted the base URL, but sent not an HTTP/1 request; it ended with exit status 1",
        ),
    ],
)
def test_a_broken_harness_is_told_from_a_guilty_client(program: str, words: str) -> None:
    if program.startswith(("GET", "POST")):
        method, path = program.split()
        program = (
            "import http.client, os; c = http.client.HTTPConnection(os.environ['POLLPROOF_BASE_URL'][7:]);"
            f'c.request(\'{method}\', \'{path}\', \'{{"clientKey": "wrong", "task": {{"type": "x"}}}}\');'
            "c.getresponse()"
        )
    result = gate("--scenario", "smoke", "--", sys.executable, "-c", program)
    assert result.exit_code == 4
    assert words in result.output
    assert result.output.count("\n") == 1


def posting(provider: str, body: dict[str, Any], headers: str) -> list[str]:
    """A run of the gate for a program that sends one request and gives up; `headers` are of its own language."""
    path = {"decodo": "/v3/task", "capsolver": "/createTask"}[provider]
    program = (
        "import http.client, os; key = os.environ['POLLPROOF_API_KEY'];"
        "c = http.client.HTTPConnection(os.environ['POLLPROOF_BASE_URL'][7:].split('/')[0]);"
        f"c.request('POST', '{path}', {json.dumps(body)!r}, {headers}); c.getresponse(); exit(1)"
    )
    return ["gate", provider, "--scenario", "smoke", "--", sys.executable, "-c", program]


@pytest.mark.parametrize(
    ("provider", "body", "headers", "told"),
    [
        (
            "decodo",
            {"url": "http://x"},
            "{'Authorization': 'Basic ' + key[1:]}",
            "Authorization: Basic POLLPROOF_API_KEY",
        ),
        ("capsolver", {"clientKey": "mine", "task": {"type": "x"}}, "{}", "clientKey: POLLPROOF_API_KEY"),
    ],
)
def test_a_command_that_shows_another_key_is_no_working_client(
    provider: str, body: dict[str, Any], headers: str, told: str
) -> None:
    result = CliRunner().invoke(cli, posting(provider, body, headers))
    assert result.exit_code == 4, result.output
    assert "but every request was refused, for none had " in result.output
    assert f"{told} (they had another key)" in result.output
    assert load_contract(provider).credential.sample not in result.output.replace("POLLPROOF_API_KEY", "")


@leaping
@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ("{}", "no Authorization"),
        ("{'Authorization': 'Bearer ' + key}", "Authorization with 'Bearer'"),
        ("{'Authorization': key}", "Authorization of one word"),
    ],
)
def test_a_client_that_shows_its_key_in_another_way_is_convicted(headers: str, seen: str) -> None:
    result = CliRunner().invoke(cli, posting("decodo", {"url": "http://x"}, headers))
    assert result.exit_code == 1, result.output
    assert result.output.count(" violated\n") == 1
    assert "decodo.client.authorization MUST violated" in result.output
    assert "expected  the header Authorization: Basic, and the key" in result.output
    assert seen in result.output


def test_a_command_that_does_not_exist_is_told() -> None:
    result = gate("--", "no-such-command")
    assert result.exit_code == 4
    assert "the command could not be started: no-such-command" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scenario", "smok", "--", "true"), "did you mean 'smoke'"),
        (("-k", "nothing-like-it", "--", "true"), "no scenario matches"),
        (("--timeout", "soon", "--", "true"), "invalid duration"),
        (("--clock", "sundial", "--", "true"), "sundial"),
        ((), "Missing argument"),
    ],
)
def test_bad_usage_is_one_sentence(words: tuple[str, ...], told: str) -> None:
    result = gate(*words)
    assert result.exit_code == 2
    assert told in result.output


def test_what_does_not_fit_the_budget_in_real_time_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.gate.scenarios.builder.USUAL_SOLVING", 0.2)  # which is waited for
    program = "import sys; exec(open(sys.argv[1]).read().replace('WAIT = 1.5 if', 'WAIT = 0.01 if 1 else 1.5 if'))"
    gating = judged(
        sys.executable,
        "-c",
        program,
        str(CLIENT),
        names=("ready-after-one-poll", "never-ready"),
        clock="real",
        budget=20.0,
    )
    assert gating.error is None
    assert gating.clock == "real time"
    ready, never = gating.detail.played
    assert ready.ended is not None
    assert "do not fit" in never.reason
    assert violated(gating) == {"wait"}


@leaping
def test_an_end_that_real_time_brought_is_not_held_against_a_client() -> None:
    program = (
        "import os, signal, sys, http.client\n"
        "if os.environ['POLLPROOF_SCENARIO'] != 'smoke': sys.argv = ['client.py', 'poll-request']\n"
        "sys.exit = lambda *words: signal.pause() if os.environ['POLLPROOF_SCENARIO'] != 'smoke' else None\n"
        f"exec(open({str(CLIENT)!r}).read())"
    )
    gating = judged(sys.executable, "-c", program, names=("ready-at-once",), timeout=3.0)
    (played,) = gating.detail.played
    assert played.undecided == (
        "the command was still running after 3 real seconds (--timeout); the clock did not leap: "
        "no thread waited for a time"
    )
    assert played.as_expected
    assert violated(gating) == {"poll-request"}  # what came before is judged
    document = build_document(gating)
    assert document["causes"] == [f"ready-at-once: the end was not judged; {played.undecided}"]
    assert build_document(judged(sys.executable, "-c", program.replace("'poll-request'", "''"),
                                   names=("ready-at-once",), timeout=3.0))["outcome"] == "inconclusive"  # fmt: skip


PATIENT = """
import http.client, json, os, sys, time
host, path = os.environ["POLLPROOF_BASE_URL"].removeprefix("http://").split("/")
connection, headers = http.client.HTTPConnection(host), {"Authorization": "Basic " + os.environ["POLLPROOF_API_KEY"]}
def ask(method, address, body=None):
    connection.request(method, f"/{path}/{address}", body, headers)
    return json.loads(connection.getresponse().read())
pause, patience = map(float, sys.argv[1:])
task = ask("POST", "task", os.environ["POLLPROOF_TASK"])["id"]
end = time.monotonic() + patience
while (status := ask("GET", f"task/{task}").get("status")) != "done" and time.monotonic() < end:
    time.sleep(pause)
print(ask("GET", f"task/{task}/results") if status == "done" else 1 / 0)
"""
DECODO = load_contract("decodo")


def patient(pause: float, patience: float, name: str, **more: Any) -> Gating:
    known = {scenario.name: scenario for scenario in scenarios(DECODO)}
    command = (sys.executable, "-c", PATIENT, str(pause), str(patience))
    return judge(Gate(DECODO, command, (known[name],), known["smoke"], **more))


@leaping
@pytest.mark.parametrize(
    ("pause", "patience", "name", "guilty"),
    [
        (3, 86_400, "never-ready", set()),
        (3, math.inf, "never-ready", {"failure"}),
        (0, math.inf, "never-ready", {"pace", "failure"}),
        (3, 86_400, "longest-solving-time", set()),
    ],
)
def test_a_client_with_much_patience_is_told_from_one_that_never_ends(
    pause: float, patience: float, name: str, guilty: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "EVIDENT", 20)
    monkeypatch.setattr(bounds, "UNENDING", 30)
    monkeypatch.setattr(bounds, "MAXIMUM_AFTERWARDS", 30)
    gating = patient(pause, patience, name)
    assert {entry.clause.id for entry in gating.ledger.violated()} == {f"decodo.client.{word}" for word in guilty}
    assert gating.cuts == []
    assert gating.notes == []


@leaping
def test_a_client_may_try_for_hours_to_create_a_task() -> None:
    program = (
        "import http.client, os, sys, time\n"
        "smoke = os.environ['POLLPROOF_SCENARIO'] == 'smoke'\n"
        f"smoke and (exec(open({str(CLIENT)!r}).read()), sys.exit())\n"
        "for attempt in range(12):\n"
        "    connection = http.client.HTTPConnection(os.environ['POLLPROOF_BASE_URL'][7:])\n"
        '    body = \'{"clientKey": "%s", "task": %s}\'\n'
        "    body %= os.environ['POLLPROOF_API_KEY'], os.environ['POLLPROOF_TASK']\n"
        "    connection.request('POST', '/createTask', body)\n"
        "    assert connection.getresponse().status == 503\n"
        "    time.sleep(2 ** attempt)\n"
        "sys.exit('gave up')\n"
    )
    gating = judged(sys.executable, "-c", program, names=("creation-html-503-for-ever",))
    assert gating.detail.played[0].virtual > 4_000
    assert violated(gating) == set()
    assert gating.cuts == []


def test_a_client_with_much_patience_is_no_more_than_not_judged_in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "EVIDENT", 3)
    monkeypatch.setattr(bounds, "UNENDING", 3)
    monkeypatch.setattr(bounds, "LEAST", 3)
    monkeypatch.setattr(bounds, "MAXIMUM_REAL", 6)
    short = replace(scenarios(DECODO)[0], settings=Settings(solving=0.3))
    never = replace(next(each for each in scenarios(DECODO) if each.name == "never-ready"), seconds=1.0)
    command = (sys.executable, "-c", PATIENT, "0.12", "inf")
    gating = judge(Gate(DECODO, command, (never,), short, "real"))
    assert gating.ledger.violated() == []
    assert gating.cuts
    assert ", and its time cannot be put forward" in gating.cuts[0].reason


@leaping
def test_a_client_that_waits_for_the_end_of_an_idle_connection_hears_of_it_as_from_any_server() -> None:
    program = (
        "import os, sys, http.client\n"
        "if os.environ['POLLPROOF_SCENARIO'] == 'creation-html-503-for-ever':\n"
        "    connection = http.client.HTTPConnection(os.environ['POLLPROOF_BASE_URL'][7:])\n"
        '    body = \'{"clientKey": "%s", "task": %s}\'\n'
        "    body %= os.environ['POLLPROOF_API_KEY'], os.environ['POLLPROOF_TASK']\n"
        "    connection.request('POST', '/createTask', body)\n"
        "    assert connection.getresponse().status == 503\n"
        "    connection.sock.settimeout(None)\n"
        "    while connection.sock.recv(4096): pass\n"
        "    sys.exit('gave up')\n"
        f"exec(open({str(CLIENT)!r}).read())"
    )
    gating = judged(sys.executable, "-c", program, names=("creation-html-503-for-ever", "ready-after-one-poll"))
    assert [played.as_expected for played in gating.detail.played] == [True, True]
    (played,) = (played for played in gating.detail.played if played.scenario.name.startswith("creation"))
    assert 75 <= played.virtual < 77
    assert violated(gating) == set()


def test_a_wait_that_is_known_with_a_doubt_is_told_with_it() -> None:
    assert describe_gap(1.703, 1.703) == "1.703 s"
    assert describe_gap(1.703, 1.723) == "at most 1.723 s"
    assert describe_gap(1.0, 2.0) == "1 to 2 s"


def test_a_solution_that_was_not_waited_for_is_shown_with_what_promised_it() -> None:
    trace = HandWritten(CAPSOLVER)
    trace.create("a")
    trace.poll("a", running(), 3.0)
    trace.monitor.observe(outcome_exchange(ClientOutcome(False, promised=True, ended="exit status 1"), 4.0))
    (entry,) = trace.ledger.violated()
    assert entry.clause.id == "capsolver.client.solution"
    assert entry.evidence is not None
    assert entry.evidence.trace.numbers == (0, 1, 2)


BUSY = """
import http.client, json, os, time
connection = http.client.HTTPConnection(os.environ["POLLPROOF_BASE_URL"].removeprefix("http://"))
def ask(path, **body):
    connection.request("POST", path, json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}))
    return json.loads(connection.getresponse().read())
task = ask("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))["taskId"]
tick, status, work = time.monotonic(), "", 0.15
while status != "ready":
    tick += PACE
    time.sleep(tick - time.monotonic())
    end, work = time.perf_counter() + work, 0
    while time.perf_counter() < end:
        pass
    answer = ask("/getTaskResult", taskId=task)
    status = answer["status"]
print(answer["solution"])
"""


@leaping
@pytest.mark.parametrize(("pace", "guilty"), [("3", set()), ("2.5", {"wait"})])
def test_a_client_that_asks_at_a_steady_pace_is_not_accused_of_what_a_busy_machine_does(
    pace: str, guilty: set[str]
) -> None:
    gating = judged(sys.executable, "-c", BUSY.replace("PACE", pace), names=("ready-after-one-poll",))
    assert violated(gating) == guilty


def test_the_doubt_about_a_request_is_what_the_client_had_to_do_since_its_wait() -> None:
    assert span(100.0, math.inf, -math.inf) == (100.0 - DOUBT, DOUBT)
    assert span(100.0, 0.001, -math.inf) == (100.0 - DOUBT, DOUBT)
    assert span(100.0, 0.125, 97.0) == (99.875, 0.125)
    assert span(100.0, 9.0, 90.0) == (100.0 - MOST_AWAKE, MOST_AWAKE)
    assert span(100.0, 0.125, 99.9375) == (99.9375, 0.0625)  # it had a response meanwhile
    assert span(100.0, 0.125, 100.5) == (99.875, 0.125)  # a response to another request, sent side by side


ONCE_MORE = """
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["POLLPROOF_BASE_URL"].removeprefix("http://"))
def ask(path, **body):
    connection.request("POST", path, json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}))
    return json.loads(connection.getresponse().read())
import time
task = ask("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))["taskId"]
time.sleep(3)
ask("/getTaskResult", taskId=task)
print(ask("/getTaskResult", taskId=task)["solution"])
"""


@leaping
def test_a_question_right_after_the_final_answer_is_one_after_it() -> None:
    gating = judged(sys.executable, "-c", ONCE_MORE, names=("ready-at-once",))
    assert violated(gating) == {"final"}


@leaping
def test_a_client_that_never_waits_is_judged_by_the_leaping_clock() -> None:
    program = f"import sys; sys.argv = ['client.py', 'no-wait']; exec(open({str(CLIENT)!r}).read())"
    gating = judged(sys.executable, "-c", program, names=("ready-after-one-poll",))
    assert gating.error is None
    assert gating.clock == "leaping, by preload"
    assert "wait" in violated(gating)


UNHEARD = """
import os, subprocess, sys
environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
sys.exit(subprocess.call([sys.executable, "-c", sys.argv[1], *sys.argv[2:]], env=environment))
"""
HURRIED = "import sys; exec(open(sys.argv[1]).read().replace('WAIT = 1.5 if', 'WAIT = 0.2 if 1 else 1.5 if'))"


@leaping
@pytest.mark.parametrize("clock", ["auto", "leap"])
def test_waits_that_are_not_leapt_over_are_found_out(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.gate.clocks.supervision_unavailable", lambda: "No supervision here.")
    monkeypatch.setattr(smoke_check, "LEAST_WAITED", 0.3)
    monkeypatch.setattr(smoke_check, "LEAST_PAUSE", 0.1)
    smoke = scenarios(CAPSOLVER)[0]
    short = replace(smoke, settings=replace(smoke.settings, solving=0.5), seconds=1.0)
    command = (sys.executable, "-c", UNHEARD, HURRIED, str(CLIENT))
    gating = judge(Gate(CAPSOLVER, command, (short,), short, clock, budget=0.0))
    reason = "the command does not obey the clock by preload: it reads another clock than what it starts: "
    reason += "it has not loaded the library of the virtual clock; No supervision here."
    if clock == "leap":
        assert gating.error == reason
        return
    assert gating.error is None
    assert gating.clock == f"real time ({reason})"
    assert gating.detail.played[0].ended is not None


@leaping
def test_a_client_that_is_refused_before_it_could_wait_is_judged_by_the_leaping_clock() -> None:
    program = f"{UNHEARD.replace('LD_PRELOAD', 'NO_SUCH_VARIABLE')}"
    gating = judged(
        sys.executable, "-c", program, CLIENT.read_text(encoding="utf-8").replace("sys.argv[1]", "'create-request'")
        .replace("len(sys.argv)", "2"), names=("smoke",)
    )  # fmt: skip
    assert gating.error is None
    assert gating.clock == "leaping, by preload"
    assert violated(gating) == {"create-request"}


@pytest.mark.parametrize(
    ("between", "leapt", "guilty"),
    [(0.01, math.nan, True), (0.3, math.nan, False), (0.3, 0.0, True), (0.3, 0.2, False), (1.5, 0.0, False)],
)
def test_who_is_slow_to_ask_again_has_not_paused_where_the_clock_tells(
    between: float, leapt: float, guilty: bool
) -> None:
    contract = load_contract("decodo")
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.CLIENT))
    made = Response(200, {}, b'{"id": "7", "status": "pending"}')
    monitor.observe(Exchange(Request("POST", "/task", {}, b'{"url": "https://example.com"}'), made, 0.0, 0.0))
    for number in range(1, 13):
        moment = number * between
        request = Request("GET", "/task/7", {}, b"")
        monitor.observe(Exchange(request, made, moment, moment, leapt=number * leapt))
    assert bool(monitor.ledger["decodo.client.pace"].violations) is guilty


@pytest.mark.parametrize(("asked", "guilty"), [("9007199254740993", False), ("9007199254740992", True)])
def test_a_client_that_only_reads_results_is_judged_by_its_id_too(asked: str, guilty: bool) -> None:
    contract = load_contract("decodo")
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.CLIENT))
    made = Response(200, {}, b'{"id": "9007199254740993", "status": "pending"}')
    monitor.observe(Exchange(Request("POST", "/task", {}, b'{"url": "https://example.com"}'), made, 0.0, 0.0))
    request = Request("GET", f"/task/{asked}/results", {}, b"")
    monitor.observe(Exchange(request, Response(204, {}, b""), 3.0, 3.0))
    entry = monitor.ledger["decodo.client.same-task-id"]
    assert (entry.exercised, entry.violations) == (1, int(guilty))


# ------------------------------------------------------------------------------------------ the task


TASK = {"type": "AntiTurnstileTaskProxyLess", "websiteURL": "https://example.com/login", "websiteKey": "KEY"}


def test_a_task_of_ones_own_stands_in_for_the_sample_and_for_nothing_else() -> None:
    known = scenarios(CAPSOLVER)
    own = {scenario.name: task_of(scenario) for scenario in with_task(CAPSOLVER, known, TASK)}
    assert own.pop("result-in-the-creation")["type"] == "ImageToTextTask"
    assert list(own.values()) == [TASK] * (len(known) - 1)
    assert with_task(CAPSOLVER, known, None) == known
    decodo = load_contract("decodo")
    kept = {each.name: task_of(each) for each in with_task(decodo, scenarios(decodo), {"query": "shoes"})}
    assert kept["lost"] == {"query": "shoes"}
    assert isinstance(kept["batch"]["url"], list)


@leaping
def test_the_command_is_told_the_task_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(TASK), encoding="utf-8")
    result = gate("--task", str(file), "--json", "-", "--scenario", "smoke", "--", sys.executable, str(CLIENT), "wait")
    clause = next(clause for clause in json.loads(result.stdout)["clauses"] if clause["verdict"] == "violated")
    assert clause["violation"]["trace"][0]["request"]["body"]["task"] == TASK
    assert f"--task {file} --scenario smoke -- " in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "task.json: cannot be read (No such file or directory)"),
        ("{", "task.json: is not JSON"),
        ("[]", "task.json: expected a JSON object, the task to create"),
        ("{}", "task.json: the task does not have the documented form of createTask: at /task: 'type' is missing"),
        ('{"type": "ImageToTextTask"}', "task.json: the task is answered in its creation, so there is nothing to poll"),
    ],
)
def test_a_task_that_cannot_be_created_is_told(text: str | None, told: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "task.json").write_text(text, encoding="utf-8")
    result = gate("--task", str(tmp_path / "task.json"), "--", "true")
    assert result.exit_code == 2
    assert told in result.output.replace("\n", " ")


# --------------------------------------------------------------------------------- nothing survives


def shell(program: str, **more: Any) -> Any:
    return run(["/bin/sh", "-c", program], dict(os.environ), **{"timeout": 20.0, **more})


def test_a_command_that_makes_progress_has_five_times_as_long() -> None:
    assert shell("sleep 0.5", timeout=0.2, progresses=lambda: True).status == 0
    ended = shell("sleep 50", timeout=0.2, progresses=lambda: True)
    assert (ended.cut, ended.stopped) == (True, "still running after 1 real seconds")
    assert shell("sleep 50", timeout=0.2).stopped == "still running after 0.2 real seconds"


def processes(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_bytes().decode(errors="replace"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
@pytest.mark.parametrize(
    "program",
    [
        "sleep {}",
        "setsid sleep {} &",
        "(setsid sleep {} &) &",
        "env -i setsid sleep {} & echo token-0",
        "sleep {} & exec 1>&-",
    ],
)
def test_no_process_survives(program: str) -> None:
    seconds = f"4{abs(hash(program)) % 10**6:06d}.5"
    began = time.monotonic()
    ended = shell(program.format(seconds), timeout=0.5)
    assert time.monotonic() - began < 10
    assert processes(seconds) == []
    assert (ended.status, ended.stopped) in ((0, None), (None, "still running after 0.5 real seconds"))


@leaping
def test_a_command_ends_when_pollproof_is_killed(tmp_path: Path) -> None:
    """The command writes to a pipe when it runs, and would then sleep on in a session of its own."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ["setsid", "sh", "-c", f"echo $$ > {pipe}; while :; do :; done"]
    gate = [sys.executable, "-m", "pollproof", "gate", "capsolver", "--clock", "leap", "--scenario", "smoke", "--"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([*gate, *words], env=environment, stdout=subprocess.DEVNULL) as process:
        command = os.pidfd_open(int(pipe.read_text()))
        process.kill()
    ended, _, _ = select.select([command], [], [], 60)
    os.close(command)
    assert ended, "the command is still there"


@leaping
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_hidden_survives_a_gate_that_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    """An orphan with an emptied environment and a session of its own, and the folders of the run."""
    seconds = f"4{os.getpid() % 10**6:06d}.{int(number)}"
    program = f"(env -i setsid sleep {seconds} &) ; while :; do sleep 0.01; done"
    words = [sys.executable, "-m", "pollproof", "gate", "capsolver", "--scenario", "smoke", "--", "sh", "-c", program]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 30
        while not processes(f"sleep\0{seconds}") and time.monotonic() < end:
            time.sleep(0.05)
        assert processes(f"sleep\0{seconds}")
        time.sleep(0.5)
        process.send_signal(number)
    end = time.monotonic() + 30
    while (processes(seconds) or list(tmp_path.iterdir())) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes(seconds) == []
    assert list(tmp_path.iterdir()) == []


def test_a_command_has_a_folder_of_its_own_that_goes_with_it() -> None:
    ended = shell("echo hello > $TMPDIR/left-behind; printf %s $TMPDIR")
    assert ended.status == 0
    assert not Path(ended.output.head).exists()


def test_output_is_bounded_and_searched_to_the_end() -> None:
    output = Output()
    output.add(b"begin" + b"x" * 40_000 + b"token-0123456789")
    output.add(b"0123456789" + b"y" * 40_000 + b"end")
    assert output.tokens == ["token-01234567890123456789"]
    assert output.head.startswith("begin")
    assert output.tail.endswith("end")
    assert len(output.head) + len(output.tail) + output.left_out == output.total


@leaping
def test_a_solution_counts_where_it_is_printed_and_not_in_a_log() -> None:
    program = f"import sys; sys.argv = ['client.py']; {{}}; exec(open({str(CLIENT)!r}).read())"
    logged = judged(sys.executable, "-c", program.format("sys.stdout = sys.stderr"), names=("smoke",))
    assert violated(logged) == {"solution"}
    document = build_document(logged)
    told = "smoke: the solution stands in standard error alone, and is looked for in standard output"
    assert document["notes"] == [told]
    ended = document["scenarios"][0]
    assert ended["output"] == {"bytes": 0, "head": "", "tail": ""}
    assert "token-" in ended["errors"]["head"]
    assert (
        violated(judged(sys.executable, "-c", program.format("print('x', file=sys.stderr)"), names=("smoke",))) == set()
    )


def test_each_stream_is_kept_for_itself() -> None:
    ended = shell("echo token-01234567890123456789 >&2; echo hello; yes why | head -c 50000 >&2")
    assert (ended.output.head, ended.output.tokens) == ("hello\n", [])
    assert ended.errors.total == 50_000 + len("token-01234567890123456789\n")
    assert ended.errors.left_out > 0
    assert ended.last_words.endswith("why / why")


def test_a_command_that_prints_without_end_is_ended() -> None:
    ended = shell("yes & exec yes >&2")
    assert ended.stopped == f"printed more than {MAXIMUM_OUTPUT // 1024 // 1024} MiB"
    assert ended.status is None


def test_a_signal_is_told_by_its_name() -> None:
    assert shell("kill -SEGV $$").words == "ended by SIGSEGV"


def test_what_cannot_be_started_is_said() -> None:
    with pytest.raises(CannotStart, match="could not be started"):
        run(["/no/such/file"], {}, timeout=1)


# ------------------------------------------------------------------------------------------- callbacks


@leaping
@pytest.mark.parametrize("suffix", ["", "-before-the-creation-answer", "-twice", "-misspelt"])
def test_a_client_is_called_back(suffix: str) -> None:
    contract = load_contract("decodo")
    known = scenarios(contract)
    chosen = tuple(scenario for scenario in known if scenario.name == f"callback{suffix}")
    gating = judge(Gate(contract, (sys.executable, str(CLIENT.with_name("called_back.py"))), chosen, known[0]))
    assert gating.error is None
    (played,) = gating.detail.played
    assert played.ended is not None
    assert played.as_expected, played.ended.output.tail
    assert gating.ledger.violated() == []
    assert ("passtrough" in played.ended.output.head) is (suffix == "-misspelt")
    assert played.exchanges == (4 if suffix == "-twice" else 3)


# ----------------------------------------------------------------------- what real clients send

BODY = b'{"clientKey": "YOUR_API_KEY", "task": {"type": "x"}}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
WAYS = {
    "no content type": b"POST /createTask HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,
    "text": b"POST /createTask HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + LENGTH + b"\r\n" + BODY,
    "a slash at the end": b"POST /createTask/ HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,
    "two slashes": b"POST //createTask HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,
    "a query": b"POST /createTask?soft=1 HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,
    "a whole address": b"POST http://x/createTask HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,
    "HTTP/1.0": b"POST /createTask HTTP/1.0\r\n" + LENGTH + b"\r\n" + BODY,
    "chunks": b"POST /createTask HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a wish to go on": b"POST /createTask HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + LENGTH + b"\r\n" + BODY,
    "after OPTIONS": b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\nPOST /createTask HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
    "after a balance": b"POST /getBalance HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}POST /createTask HTTP/1.1\r\n"
    + LENGTH
    + b"\r\n"
    + BODY,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_provider_takes_what_real_clients_send(way: str) -> None:
    provider = StagedProvider(CAPSOLVER, VirtualClock(), scenarios(CAPSOLVER)[0])
    with serving(provider.play, "", MachineClock()) as server:
        with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])), timeout=10) as stream:
            stream.sendall(WAYS[way])
            stream.shutdown(socket.SHUT_WR)
            with stream.makefile("rb") as answers:
                told = answers.read()
        assert told.rpartition(b"HTTP/1.1 ")[2].startswith(b"200 OK")
        assert b'"taskId"' in told
        created = Reader(CAPSOLVER).read(server.trace()[-1], 0)
    assert created is not None
    assert (created.answer, created.request_errors) == (Answer.STATE, ())


NIL = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
<e:Body><n:{0} xmlns:n="ns1">{1}</n:{0}></e:Body></e:Envelope>"""


@pytest.mark.parametrize(
    ("operation", "parameters", "lawful"),
    [
        ("startLogin", '<uniqueTransferId i:nil="true"/><seriesId i:nil="1"></seriesId>', True),
        ("getTaskStatus", '<taskId>A1</taskId><callback i:nil="true"/><uniqueTransferId i:nil="true"/>', True),
        ("getTaskStatus", '<taskId i:nil="true"/>', False),
        ("getTaskStatus", "<taskId>A1</taskId><callback>soon</callback>", False),
    ],
)
def test_nil_is_no_more_than_absence(operation: str, parameters: str, lawful: bool) -> None:
    contract = load_contract("cnode")
    request = Request("POST", "", {"content-type": "text/xml"}, NIL.format(operation, parameters).encode())
    provider = StagedProvider(contract, VirtualClock(), scenarios(contract)[0])
    response = provider.play(request).response
    event = Reader(contract).read(Exchange(request, response, 0.0, 0.0), 0)
    assert event is not None
    assert (event.request_errors == ()) is lawful
    assert (b"ERR_INVALID_TASK_ID" in response.body) is not lawful


def test_a_terminal_shows_the_worst_scenarios_first_with_the_last_words_of_the_command() -> None:
    levels = {"x.wait": "SHOULD", "x.failure": "MUST"}
    scenario = {"run": True, "expects": "either", "as_expected": True, "status": 1, "ended": "exit status 1"}
    quiet = {"errors": None, "output": {"head": "", "tail": ""}}
    scenarios_ = [
        *({**scenario, **quiet, "name": f"warned-{number}", "clauses": {"x.wait": "violated"}} for number in range(30)),
        {**scenario, **quiet, "name": "guilty", "clauses": {"x.failure": "violated"}},
        {
            **scenario,
            "name": "unsolved",
            "as_expected": False,
            "clauses": {},
            "output": {"head": "log\n", "tail": ""},
            "errors": {"head": "Traceback\nKeyError: 'status'\n\n", "tail": ""},
        },
    ]
    document = {"scenarios": scenarios_, "clauses": [{"id": name, "level": level} for name, level in levels.items()]}
    written = io.StringIO()
    print_scenarios(Console(file=written, width=120), document)
    lines = written.getvalue().splitlines()
    assert lines[0].startswith("scenarios: 0 of ")
    assert lines[2].split() == ["a", "unsolved", "either", "exit", "status", "1:", "KeyError:", "'status'"]
    assert lines[3].split()[:2] == ["b", "guilty"]
    assert lines[4].split()[:2] == ["c", "warned-0"]
    assert "... and 12 more with findings; --json FILE has them all" in lines


def test_ordinary_answers_look_as_the_documents_show_them() -> None:
    contract = load_contract("capmonster")
    known = {scenario.name: scenario for scenario in scenarios(contract)}
    for name, echoes in (("ready-at-once", False), ("variant-extra-fields", False), ("variant-task-id-echoed", True)):
        provider = StagedProvider(contract, VirtualClock(), known[name])
        for path, body in (("/createTask", {"task": {"type": "x"}}), *[("/getTaskResult", {"taskId": 100000007})] * 2):
            request = {"clientKey": contract.credential.sample, **body}
            response = provider.play(Request("POST", path, {}, json.dumps(request).encode())).response
        told = json.loads(response.body)
        assert told["status"] == "ready"
        assert ("taskId" in told) is echoes
