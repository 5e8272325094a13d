"""A hot loop is told from retries that have waited for a response in vain."""

from __future__ import annotations

import json

import pytest

from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.exchange import Exchange, Request
from pollproof.trace.reader import Reader

CAPSOLVER = load_contract("capsolver")
POLL = Request(
    "POST",
    "/getTaskResult",
    {"content-type": "application/json"},
    json.dumps({"clientKey": CAPSOLVER.credential.sample, "taskId": "5f2d8c1e-1f3b-4a57-9c1d-2b7e6f0a9d31"}).encode(),
)


@pytest.mark.parametrize(("seconds", "violated"), [(30.0, False), (0.0, True)])
def test_a_time_out_is_a_pause(seconds: float, violated: bool) -> None:
    """A client whose requests time out after half a minute, and are sent again at that moment, is in no hot loop."""
    monitor = Monitor(Reader(CAPSOLVER), clauses_of(CAPSOLVER, Subject.CLIENT))
    for number in range(15):
        sent = number * seconds
        monitor.observe(Exchange(POLL, None, sent, sent + seconds, "the client did not wait for the response"))
    entry = monitor.ledger["capsolver.client.retries"]
    assert entry.exercised
    assert bool(entry.violations) is violated
