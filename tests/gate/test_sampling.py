"""Which scenarios a client meets: those that add something, and none in which it would get the same responses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pollproof.gate.rehearsal import exercised
from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenarios import scenarios
from pollproof.gate.selection import sampled
from pollproof.gate.tasks import with_task
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.virtualtime import unavailable
from tests.gate.test_endless import ENDLESS, endless

leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")

HASTY = """
import http.client, json, os, sys, time
from urllib.parse import urlsplit
base, key = urlsplit(os.environ["POLLPROOF_BASE_URL"]), os.environ["POLLPROOF_API_KEY"]
retries = int(sys.argv[1])

def post(path, **body):
    for number in range(retries + 1):
        time.sleep(3 * number)
        try:
            connection = http.client.HTTPConnection(base.netloc, timeout=30)
            connection.request("POST", base.path + path, json.dumps({"clientKey": key, **body}))
            found = json.loads(connection.getresponse().read())
            return sys.exit("refused") if found["errorId"] else found
        except (OSError, ValueError, http.client.HTTPException) as error:
            problem = error
    sys.exit(REPORTED)

task = post("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))
for _ in range(90):
    time.sleep(3)
    found = post("/getTaskResult", taskId=task["taskId"])
    if found["status"] == "ready":
        print(found["solution"])
        sys.exit()
sys.exit("gave up")
"""
"""A client that gives up at the first trouble, or retries as often as its argument says."""

TROUBLES = ("reset-connection", "reset-for-ever", "creation-malformed", "creation-malformed-for-ever", "html-500-once")


@pytest.mark.parametrize("provider", ["capsolver", "decodo"])
def test_a_sample_exercises_every_clause_that_all_scenarios_exercise(provider: str) -> None:
    contract = load_contract(provider)
    known = scenarios(contract)
    sample = sampled(known)
    assert len(sample) < len(known)
    every = {name for each in known for name in exercised(contract, each)}
    assert {name for each in sample for name in exercised(contract, each)} == every


@pytest.mark.parametrize("provider", ["capsolver", "capmonster", "decodo", "cnode"])
def test_a_sample_has_every_situation_and_is_the_same_each_time(provider: str) -> None:
    known = scenarios(load_contract(provider))
    sample = sampled(known)
    assert {what for each in sample for what in each.adds} == {what for each in known for what in each.adds}
    assert sample == sampled(known)
    assert all(each in sample for each in known if not each.adds)
    assert all(
        each.adds - {what for other in sample if other is not each for what in other.adds}
        for each in sample
        if each.adds
    )


def hasty(folder: Path, retries: int, *, merges: bool, reported: str = "'no response'") -> Gating:
    contract = load_contract("capsolver")
    known = scenarios(contract)
    (folder / "hasty.py").write_text(HASTY.replace("REPORTED", reported), encoding="utf-8")
    chosen = tuple(each for each in known if each.name in TROUBLES)
    command = (sys.executable, str(folder / "hasty.py"), str(retries))
    return judge(Gate(contract, command, chosen, known[0], merges=merges))


def verdicts(gating: Gating) -> dict[str, dict[str, Verdict]]:
    return {
        each.scenario.name: {
            name: entry.verdict for name, entry in (*each.ledger.entries.items(), *each.robustness.entries.items())
        }
        for each in gating.detail.played
    }


@leaping
@pytest.mark.parametrize("reported", ["'no response'", "0"])
def test_what_happens_once_is_the_same_for_a_client_that_gives_up(tmp_path: Path, reported: str) -> None:
    merged, whole = (hasty(tmp_path, 0, merges=merges, reported=reported) for merges in (True, False))
    assert {each.scenario.name: each.same_as for each in merged.detail.played if each.same_as} == {
        "reset-connection": "reset-for-ever",
        "creation-malformed": "creation-malformed-for-ever",
    }
    assert not any(each.same_as for each in whole.detail.played)
    assert verdicts(merged) == verdicts(whole)
    assert merged.exchanges < whole.exchanges
    assert bool(merged.detail.robustness.violated()) is (reported == "0")


@leaping
def test_nothing_is_the_same_for_a_client_that_retries(tmp_path: Path) -> None:
    assert not any(each.same_as for each in hasty(tmp_path, 2, merges=True).detail.played)


@leaping
def test_a_client_that_was_ended_shows_nothing_about_another_scenario() -> None:
    gating = endless("capsolver", 3.0, "never-ready", "unknown-status", merges=True)
    assert [each.same_as for each in gating.detail.played] == ["", ""]


@leaping
def test_a_client_that_is_called_back_meets_each_scenario() -> None:
    contract = load_contract("decodo")
    known = scenarios(contract)
    chosen = tuple(each for each in known if each.name in ("smoke", "callback", "callback-twice"))
    task = {"url": "https://ip.decodo.com", "callback_url": "http://127.0.0.1:9/"}
    for own, same in ((None, ["", "smoke", "smoke"]), (task, ["", "", ""])):
        own_chosen = with_task(contract, chosen, own)
        command = (sys.executable, str(ENDLESS), "decodo", "2")
        gating = judge(Gate(contract, command, tuple(own_chosen), own_chosen[0], merges=True))
        assert gating.error is None
        assert [each.same_as for each in gating.detail.played] == same
