"""Waits that the virtual clock does not see are never judged by it: real time, or no verdict, with the reason."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pollproof.gate.real_waits import RealWaits
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.virtualtime import LeapClock, unavailable

leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")

CAPSOLVER = load_contract("capsolver")
RAW = """
import ctypes, http.client, json, os, sys, time
libc, host = ctypes.CDLL(None), os.environ["POLLPROOF_BASE_URL"].removeprefix("http://")
def send(path, **body):
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("POST", path, json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}))
    return json.loads(connection.getresponse().read())
def raw(seconds):
    libc.syscall(35, ctypes.byref((ctypes.c_long * 2)(int(seconds), int(seconds % 1 * 1e9))), None)
waits = [raw if word == "raw" else time.sleep for word in sys.argv[1].split(",")]
lengths = [float(word) for word in sys.argv[2].split(",")]
task = send("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))["taskId"]
for number in range(int(sys.argv[3])):
    if number or os.environ["POLLPROOF_SCENARIO"] != "smoke":
        waits[number % len(waits)](lengths[number % len(lengths)])
    elif not number:
        time.sleep(5)
    answer = send("/getTaskResult", taskId=task)
    if answer.get("status") == "ready":
        print(answer["solution"])
        sys.exit()
sys.exit("gave up")
"""


def judged(waits: str, lengths: str, name: str, polls: int = 8, **more: Any) -> Gating:
    known = scenarios(CAPSOLVER)
    chosen = tuple(each for each in known if each.name == name)
    return judge(Gate(CAPSOLVER, (sys.executable, "-c", RAW, waits, lengths, str(polls)), chosen, known[0], **more))


pytestmark = [leaping, pytest.mark.skipif(sys.platform != "linux", reason="raw system calls of Linux")]


def test_seconds_that_did_not_pass_are_not_counted() -> None:
    """The smoke scenario has no raw wait: what shows later is met again under a clock that sees it."""
    gating = judged("sleep,raw", "3,1", "ready-after-one-poll")
    assert gating.clock.startswith("leaping")
    assert [entry.clause.id for entry in gating.ledger.violated()] == ["capsolver.client.wait"]
    (entry,) = gating.ledger.violated()
    assert entry.evidence is not None
    assert "a poll after at most 1." in entry.evidence.violation.message


def test_a_supervised_client_waits_in_its_own_way() -> None:
    """By raw system calls, too, at the pace that the documents ask for; and a second that is missing is seen."""
    conforming = judged("sleep,raw", "3,3", "never-ready", polls=100, clock="supervise", budget=0.5)
    assert conforming.clock == "leaping, by supervision"
    assert conforming.complete
    assert conforming.ledger.violated() == []
    assert conforming.ledger["capsolver.client.wait"].exercised > 50
    hurried = judged("sleep,raw", "3,2", "never-ready", clock="supervise", budget=0.5)
    assert [entry.clause.id for entry in hurried.ledger.violated()] == ["capsolver.client.wait"]


def test_where_real_time_does_not_suffice_nothing_is_said() -> None:
    gating = judged("sleep,raw", "3,1", "never-ready", clock="preload", budget=20.0)
    assert gating.ledger.violated() == []
    assert gating.ledger["capsolver.client.wait"].exercised == 0
    assert gating.ledger["capsolver.client.lifetime"].exercised == 0
    assert gating.cuts
    assert "by a call that the virtual clock does not see, and the clock went on by" in gating.cuts[0].reason


def test_ordinary_waits_are_judged_by_the_virtual_clock() -> None:
    gating = judged("sleep", "3.1", "never-ready", polls=90, budget=0.5)
    assert gating.cuts == []
    assert gating.ledger.violated() == []
    assert gating.ledger["capsolver.client.wait"].exercised > 50


@pytest.mark.parametrize("ends", [True, False])
def test_a_command_that_has_ended_is_not_a_stranger_to_the_clock(ends: bool) -> None:
    """The clock forgets a process that has ended, before anybody has waited for it."""
    server = SimpleNamespace(count=1, is_idle=lambda: True, waits=list)
    with LeapClock() as clock, subprocess.Popen(["true"] if ends else ["cat"], stdin=subprocess.PIPE) as process:
        while ends and Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        waits = RealWaits(server, clock)  # type: ignore[arg-type]
        waits.started(process.pid)
        waits.look()
        assert bool(waits.disagreement()) is not ends
        process.communicate()
