"""`gate --cassette`: a client meets a recorded conversation, in its own time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pollproof.cli.main import cli
from pollproof.clock import VirtualClock
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenario_provider import StagedProvider
from pollproof.gate.scenarios.recorded import recorded_scenarios
from pollproof.loading import load_contract
from pollproof.recordings.errors import RecordingError
from pollproof.trace.exchange import Request
from pollproof.virtualtime import unavailable

CAPSOLVER = load_contract("capsolver")
CLIENT = (sys.executable, str(Path("tests/clients/python/captcha.py").resolve()), "capsolver")
TASK = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.org/own", "websiteKey": "own"}


def exchange(path: str, body: Any, response: Any) -> dict[str, Any]:
    return {
        "request": {
            "method": "POST",
            "uri": f"https://api.capsolver.com/{path}",
            "headers": {"Content-Type": ["application/json"]},
            "body": json.dumps({"clientKey": "KEY", **body}),
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": json.dumps(response)},
        },
    }


def recording(folder: Path, *polls: tuple[str, int]) -> str:
    created = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": "own-1"}
    interactions = [exchange("createTask", {"task": TASK}, created)]
    for status, _ in polls:
        solution = {"solution": {"gRecaptchaResponse": "solved"}} if status == "ready" else {}
        body = {"errorId": 0, "taskId": "own-1", "status": status, **solution}
        interactions.append(exchange("getTaskResult", {"taskId": "own-1"}, body))
    path = folder / "own.json"
    times = [{"sent": float(second), "received": float(second)} for second in (0, *(second for _, second in polls))]
    own = {"pollproof": {"format": 1, "exchanges": times}}
    path.write_text(json.dumps({"version": 1, "metadata": own, "interactions": interactions}))
    return str(path)


def judged(cassette: str, *options: str) -> Gating:
    known = recorded_scenarios(CAPSOLVER, [cassette])
    return judge(Gate(CAPSOLVER, (*CLIENT, *options), tuple(known), known[0], cassettes=(cassette,)))


def test_a_polled_task_goes_on_by_the_clock_of_the_client(tmp_path: Path) -> None:
    """A pending response is not repeated for ever, nor given beyond its time."""
    polls = [("processing", second) for second in range(3, 30, 3)]
    (scenario,) = recorded_scenarios(CAPSOLVER, [recording(tmp_path, *polls, ("ready", 30))])
    clock = VirtualClock()
    provider = StagedProvider(CAPSOLVER, clock, scenario)

    def send(path: str, **body: Any) -> Any:
        headers = {"content-type": "application/json"}
        written = json.dumps({"clientKey": "KEY", **body}).encode()
        return json.loads(provider.play(Request("POST", path, headers, written)).response.body)

    assert send("/createTask", task=TASK)["taskId"] == "own-1"
    clock.advance(3)
    assert send("/getTaskResult", taskId="own-1")["status"] == "processing"
    clock.advance(27)
    assert send("/getTaskResult", taskId="own-1")["status"] == "ready"
    assert provider.missed == []
    assert send("/getTaskResult", taskId="other")["pollproof"] == "no recorded response"
    assert len(provider.missed) == 1


@pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")
def test_a_client_is_judged_by_its_requests(tmp_path: Path) -> None:
    cassette = recording(tmp_path, ("processing", 3), ("processing", 6), ("ready", 9))
    assert judged(cassette).ledger.violated() == []
    assert [entry.clause.id for entry in judged(cassette, "--fault", "half-wait").ledger.violated()] == [
        "capsolver.client.wait"
    ]


@pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")
def test_a_recording_that_ends_too_early_proves_nothing_about_the_end(tmp_path: Path) -> None:
    gating = judged(recording(tmp_path, ("processing", 3)))
    assert gating.ledger.violated() == []
    assert "recorded-1: the end was not judged; the recording has no response to a request" in gating.cuts[0].reason


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no task of cnode is created there"):
        recorded_scenarios(load_contract("cnode"), [recording(tmp_path, ("ready", 3))])
    words = ["gate", "capsolver", "--cassette", recording(tmp_path, ("ready", 3))]
    done = CliRunner().invoke(cli, [*words, "--task", "task.json", "--", "true"])
    assert done.exit_code == 2
    assert "--cassette and --task exclude each other" in done.output
    listed = CliRunner().invoke(cli, [*words, "--list"])
    assert listed.exit_code == 0
    assert "recorded-1" in listed.output
