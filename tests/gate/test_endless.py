"""Clients without an end: they are convicted at all providers, whatever they wait, and in seconds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pollproof.gate import bounds, run
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenario import Expects
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.virtualtime import unavailable
from tests.lanes import only

leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")

ENDLESS = Path(__file__).with_name("endless.py")
CLAUSES = {
    "capsolver": {"budget", "lifetime"},
    "capmonster": {"budget", "lifetime"},
    "decodo": {"failure"},
    "cnode": {"failure"},
}
"""The clauses by which an unhurried client without an end may be convicted."""


def endless(provider: str, pause: float, *names: str, **more: Any) -> Gating:
    contract = load_contract(provider)
    known = scenarios(contract)
    chosen = tuple(each for each in known if each.name in names)
    command = (sys.executable, str(ENDLESS), provider, str(pause))
    return judge(Gate(contract, command, chosen, known[0], **more))


def musts(gating: Gating) -> set[str]:
    return {
        entry.clause.id.rpartition(".")[2] for entry in gating.ledger.violated() if entry.clause.level.value == "MUST"
    }


@leaping
@pytest.mark.parametrize(
    ("provider", "pause"),
    only(
        [(provider, pause) for provider in CLAUSES for pause in (3.0, 3.5, 7.0, 30.0)],
        [("capsolver", 3.0), ("decodo", 7.0)],
    ),
)
def test_a_client_without_a_bound_of_its_own_is_convicted(provider: str, pause: float) -> None:
    gating = endless(provider, pause, "never-ready")
    assert gating.error is None
    guilty = musts(gating)
    assert guilty
    assert guilty <= CLAUSES[provider]
    assert gating.detail.played[0].exchanges < 400
    assert gating.cuts == []


@leaping
@pytest.mark.parametrize("provider", only(CLAUSES, ["capsolver", "decodo"]))
def test_a_hot_loop_without_an_end_is_convicted_by_a_must(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAXIMUM_AFTERWARDS", 100)
    gating = endless(provider, 0.0, "never-ready")
    assert musts(gating) & {"failure", "wait", "budget"}
    assert gating.detail.played[0].exchanges < 300
    assert gating.cuts == []


@leaping
def test_the_same_proof_is_not_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAXIMUM_AFTERWARDS", 100)
    gating = endless("decodo", 5.0, "never-ready", "unknown-status-for-ever", "ready-at-once")
    never, unknown, ready = sorted(gating.detail.played, key=lambda played: -played.exchanges)
    assert (never.scenario.name, never.cut_short) == ("never-ready", "")
    assert unknown.scenario.name == "unknown-status-for-ever"
    assert unknown.cut_short == "the command was ended early: an earlier scenario had shown that it does not end"
    assert (ready.scenario.expects, ready.as_expected) == (Expects.SUCCESS, True)


@leaping
def test_a_client_that_polls_past_the_lifetime_is_seen_although_it_ends_later() -> None:
    assert musts(endless("capsolver", 3.2, "never-ready", timeout=50.0)) == {"lifetime", "budget"}


@leaping
def test_a_bound_of_the_gate_is_never_a_violation() -> None:
    client = str(Path(__file__).with_name("client.py"))
    program = (
        "import os, sys\n"
        "if os.environ['POLLPROOF_SCENARIO'] != 'smoke': print('x' * 40_000_000)\n"
        f"sys.argv = ['client.py']; exec(open({client!r}).read())"
    )
    contract = load_contract("capsolver")
    known = scenarios(contract)
    chosen = tuple(each for each in known if each.name == "ready-at-once")
    gating = judge(Gate(contract, (sys.executable, "-c", program), chosen, known[0]))
    assert gating.error is None
    assert gating.ledger.violated() == []
    assert gating.detail.played[0].undecided == "the command printed more than 32 MiB, more than the gate takes"
    assert gating.cuts


RETRIES_FOR_EVER = """
import http.client, os, time
host = os.environ["POLLPROOF_BASE_URL"].removeprefix("http://")
body = '{"clientKey": "%s", "task": %s}' % (os.environ["POLLPROOF_API_KEY"], os.environ["POLLPROOF_TASK"])
connection = http.client.HTTPConnection(host, timeout=60)
while True:
    connection.request("POST", "/createTask", body)
    response = connection.getresponse()
    text = response.read().decode()
    if response.status < 500 and '"taskId"' in text:
        break
    time.sleep(3)
import json
task = json.loads(text)["taskId"]
for _ in range(90):
    time.sleep(3)
    words = {"clientKey": os.environ["POLLPROOF_API_KEY"], "taskId": task}
    connection.request("POST", "/getTaskResult", json.dumps(words))
    answer = json.loads(connection.getresponse().read())
    if answer.get("status") == "ready":
        print(answer["solution"])
        break
else:
    raise SystemExit("gave up")
"""


@leaping
def test_creations_without_an_end_are_proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No document promises such responses, so a SHOULD is the most that can be found: the client is ended by then."""
    monkeypatch.setattr(run, "AT_A_TIME", 1)  # two that begin together have both sent the proof when it is found
    contract = load_contract("capsolver")
    known = scenarios(contract)
    names = ("creation-html-503-for-ever", "creation-malformed-for-ever")
    chosen = tuple(each for each in known if each.name in names)
    gating = judge(Gate(contract, (sys.executable, "-c", RETRIES_FOR_EVER), chosen, known[0], timeout=50.0))
    assert gating.error is None
    assert "capsolver.client.retries" in {entry.clause.id for entry in gating.ledger.violated()}
    assert musts(gating) == set()
    assert gating.cuts == []
    first, other = gating.detail.played
    assert 370 < first.exchanges < 600  # 371 prove it; on a busy machine some more arrive before the client is ended
    assert first.cut_short == ""
    assert other.exchanges < 300  # 41 are enough
    assert other.cut_short == "the command was ended early: an earlier scenario had shown that it does not end"
