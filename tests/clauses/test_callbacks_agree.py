"""What a callback says is compared with polls after the end of its task alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.scaffold import write
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader

WEBHOOK = """
[operations.webhook]
role = "callback"
method = "POST"
path = ""
task_id = "request#/id"
status = "request#/status"

[operations.webhook.answers]
callback = { body = { id = "$task_id", status = "$status" } }

[[clauses]]
id = "my-api.webhook.agrees"
kind = "callback-agrees"
at = "request#/status"
polled = "response#/status"
source = ["docs, webhooks"]
text = "It says what a poll says."
"""

ID = "7b0ba1f5-0a4d-4bd7-94d1-0ea1ea1f1df5"


@pytest.mark.parametrize(
    ("last", "violated"), [(["running"], False), (["running", "done"], False), (["running", "failed"], True)]
)
def test_a_callback_is_not_held_to_a_poll_before_the_end(last: list[str], violated: bool, tmp_path: Path) -> None:
    write("my-api", tmp_path)
    file = tmp_path / "my-api.toml"
    file.write_text(file.read_text(encoding="utf-8") + WEBHOOK, encoding="utf-8")
    contract = load_contract(file)
    monitor = Monitor(Reader(contract), clauses_of(contract))
    key, at = {"x-api-key": contract.credential.sample}, 0.0

    def send(method: str, path: str, body: object, http: int, answer: object) -> None:
        nonlocal at
        at += 5.0
        sent = b"" if body is None else json.dumps(body).encode()
        received = b"" if answer is None else json.dumps(answer).encode()
        monitor.observe(Exchange(Request(method, path, key, sent), Response(http, {}, received), at, at))

    task = {"id": ID, "status": "queued"}
    send("POST", "/tasks", {"input": "x", "callback_url": "http://127.0.0.1/"}, 201, task)
    send("GET", f"/tasks/{ID}", None, 200, {**task, "status": last[0]})
    send("POST", CALLBACK_PATH, {"id": ID, "status": "done"}, 500, None)
    for status in last[1:]:
        send("GET", f"/tasks/{ID}", None, 200, {**task, "status": status, "result": {"text": "x"}})
    send("POST", CALLBACK_PATH, {"id": ID, "status": "done"}, 204, None)
    assert bool([entry for entry in monitor.ledger.violated() if "agrees" in entry.clause.id]) is violated
