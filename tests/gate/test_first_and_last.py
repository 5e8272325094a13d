"""Faults that show at the first poll of a task, or in the last result of a batch alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.report.document import build_document
from pollproof.virtualtime import unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")

DROPS = """
import re, runpy, io, sys, contextlib
printed, status = io.StringIO(), 0
sys.argv = sys.argv[1:]
with contextlib.redirect_stdout(printed):
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as error:
        status = error.code
tokens = sorted(set(re.findall("token-[0-9a-f]+", printed.getvalue())))
print(printed.getvalue() if len(tokens) < 2 or DROPPED is None else printed.getvalue().replace(tokens[-1], "lost"))
sys.exit(status)
"""
INSISTS = """
import json, os, sys, time, urllib.error, urllib.request
def send(path, **body):
    words = json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}).encode()
    request = urllib.request.Request(os.environ["POLLPROOF_BASE_URL"] + path, words)
    try:
        return json.loads(urllib.request.urlopen(request, timeout=60).read())
    except urllib.error.HTTPError as error:
        return json.loads(error.read())
task = send("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))["taskId"]
for number in range(90):
    time.sleep(3)
    answer = send("/getTaskResult", taskId=task)
    if answer.get("status") == "ready":
        print(answer["solution"])
        sys.exit()
    if answer.get("errorId") and (number or not INSISTENT):
        sys.exit("failed")
sys.exit("gave up")
"""

LEAVES = """
import json, os, sys, time, urllib.request
def send(path, body=None):
    words = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Basic " + os.environ["POLLPROOF_API_KEY"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["POLLPROOF_BASE_URL"] + path, words, headers)
    return json.loads(urllib.request.urlopen(request, timeout=60).read())
task = json.loads(os.environ["POLLPROOF_TASK"])
is_batch = any(isinstance(each, list) for each in task.values())
if is_batch:
    queued = [each["id"] for each in send("/task/batch", task)["queries"]][:WANTED]
else:
    queued = [send("/task", task)["id"]]
for number in queued:
    while (status := send("/task/" + number)["status"]) == "pending":
        time.sleep(2)
    if status != "done":
        sys.exit(status)
    print(send("/task/" + number + "/results"))
"""

CRASHES = """
import http.client, json, os, sys, time
from urllib.parse import urlsplit
base = urlsplit(os.environ["POLLPROOF_BASE_URL"])
def send(path, **body):
    connection = http.client.HTTPConnection(base.netloc, timeout=60)
    connection.request("POST", base.path + path, json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}))
    return json.loads(connection.getresponse().read())
task = send("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))["taskId"]
for _ in range(90):
    time.sleep(3)
    found = send("/getTaskResult", taskId=task)
    if REPORTS and found["errorId"]:
        sys.exit(found["errorCode"])
    if found["status"] == "ready":
        print(found["solution"])
        sys.exit()
"""


def judged(provider: str, name: str, program: str, *words: str) -> Gating:
    contract = load_contract(provider)
    known = scenarios(contract)
    chosen = tuple(each for each in known if each.name == name)
    return judge(Gate(contract, (sys.executable, "-c", program, *words), chosen, known[0]))


@pytest.mark.parametrize(("dropped", "violated"), [("None", []), ("1", ["decodo.client.solution"])])
def test_each_served_result_of_a_batch_is_returned(dropped: str, violated: list[str]) -> None:
    client = str(Path("tests/clients/python/decodo.py").resolve())
    gating = judged("decodo", "batch", DROPS.replace("DROPPED", dropped), client)
    assert gating.error is None
    assert [entry.clause.id for entry in gating.ledger.violated()] == violated


@pytest.mark.parametrize(("insistent", "violated"), [("False", []), ("True", ["capsolver.client.final"])])
def test_a_failure_at_the_first_poll_is_final(insistent: str, violated: list[str]) -> None:
    gating = judged("capsolver", "failed-at-once", INSISTS.replace("INSISTENT", insistent))
    assert gating.error is None
    assert [entry.clause.id for entry in gating.ledger.violated()] == violated


@pytest.mark.parametrize(("wanted", "violated"), [("None", []), ("1", ["decodo.client.failure"])])
def test_success_for_a_batch_needs_the_results_of_all_its_tasks(wanted: str, violated: list[str]) -> None:
    gating = judged("decodo", "batch", LEAVES.replace("WANTED", wanted))
    assert gating.error is None
    assert [entry.clause.id for entry in gating.ledger.violated()] == violated


@pytest.mark.parametrize(("reports", "outcome"), [("True", "passed"), ("False", "inconclusive")])
def test_a_client_that_crashes_at_each_failure_has_reported_none(reports: str, outcome: str) -> None:
    document = build_document(judged("capsolver", "task-failed", CRASHES.replace("REPORTS", reports)))
    assert document["outcome"] == outcome
    (clause,) = (each for each in document["clauses"] if each["id"] == "capsolver.client.failure")
    assert clause["verdict"] == ("held" if reports == "True" else "unexercised")
    assert any("fault of its own" in note for note in document["notes"]) is (reports == "False")
    assert any("an uncaught KeyError in task-failed" in cause for cause in document["causes"]) is (reports == "False")
