"""Contracts drawn from the grammar: the reference keeps each of them, and exercises all of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pollproof import run_verify
from pollproof.loading import load_contract
from pollproof.loading.lint import ERROR, lint
from tests.lanes import a_few

ERROR_BODY = {"error": {"code": "$error_code", "message": "$error_text"}}
FOUND = [{"at": "response.http", "above": 399}]


def as_toml(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


class Draw:
    """One contract, its choices drawn by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.operations: dict[str, Any] = {}
        self.clauses: list[dict[str, Any]] = []
        self.limits: dict[str, Any] = {"wait": 2}
        self.statuses = {"queued": "waiting", "running": "running", "done": "succeeded", "failed": "failed"}
        self.lifecycle: dict[str, Any] = {"path": ["queued", "running", "done"]}
        self.errors = {
            "unknown": {"effect": "lost", "text": "no such task", "http": 404},
            "gone": {"effect": "lost", "text": "not kept any more", "http": 410},
            "bad-key": {"effect": "refused", "text": "a wrong key", "http": 401},
            "bad": {"effect": "refused", "text": "invalid", "http": 400},
            "notReady": {"effect": "running", "text": "not ready", "http": 409},
            "Ended": {"effect": "refused", "text": "ended", "http": 409},
        }
        self.result: Any = {"text": "{token}"}

    def one_of(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def clause(self, name: str, kind: str, **more: Any) -> None:
        self.clauses.append({"id": f"drawn.{name}", "kind": kind, **more, "source": ["page, x"], "text": f"{name}."})

    def contract(self) -> str:
        """The whole as TOML."""
        place = self.one_of("body", "header", "link")
        style, reading = (
            self.one_of("word", "word", "http", "done"),
            self.one_of("inline", "fetch", "pages", "redirect"),
        )
        further = self.one_of(False, True)
        self.create(place, further)
        self.poll(style, reading, further, place)
        if reading != "inline":
            self.fetch(reading)
        if style != "done" and self.one_of(True, False):
            self.cancel(self.one_of("at-once", "slowly", "removes"))
        self.limit(reading)
        credential = self.one_of(
            None,
            {"at": "request.header.X-Key"},
            {"at": "request.header.Authorization", "template": "Bearer {credential}"},
            {"at": "request.query.key"},
            {"at": "request.header.X-Key", "or": [{"at": "request.query.key"}]},
        )
        provider: dict[str, Any] = {"name": "drawn", "title": "Drawn", "base_url": "https://drawn.example/v1"}
        provider["body"] = "json"
        if credential is not None:
            provider["credential"] = {**credential, "sample": "YOUR_KEY", "wrong": "WRONG_KEY"}
            self.clause("key", "answer", to="wrong-credential", http=401, codes="bad-key")
            if "or" in credential:
                self.clause("either-key", "key-accepted")
        self.clause("unique", "unique-id")
        self.clause("terminal", "terminal")
        self.clause("finishes", "finishes", seconds=300)
        self.clause("unknown", "answer", to="unknown-task", operation="poll", http=404, codes="unknown")
        self.clause("errors", "error-http")
        refusals = {"unknown_task": "unknown", "lost_task": "gone", "wrong_credential": "bad-key"}
        refusals |= {"invalid_request": "bad", "not_ready": "notReady", "ended_task": "Ended"}
        whole = {
            "provider": provider,
            "sources": {"page": {"title": "the page", "document": "page", "basis": "primary"}},
            "statuses": self.statuses,
            "lifecycle": self.lifecycle,
            "errors": self.errors,
            "refusals": refusals,
            "limits": self.limits,
            "operations": self.operations,
            "task_id": {"type": self.one_of("uuid", "letters", "lower", "digits"), "unknown": ["9" * 19, "8" * 19]},
            "tasks": {"one": {"sample": {"input": "a {number}"}, "result": self.result}},
            "clauses": self.clauses,
        }
        return "\n".join(f"{key} = {as_toml(value)}" for key, value in whole.items()) + "\n"

    def create(self, place: str, further: bool) -> None:
        body: dict[str, Any] = {"status": "$status"}
        headers: dict[str, str] = {}
        operation: dict[str, Any] = {"role": "create", "method": "POST", "path": "/tasks", "request": "$task"}
        operation |= {"task_id": "response#/id", "error_code": "response#/error/code", "refused": FOUND}
        operation["required"] = ["request#/input"]
        if place == "body":
            body["id"] = "$task_id"
        else:
            headers["Location"] = "{base_url}/tasks/" + ("{op}" if further else "{task_id}")
            body["id"] = "$task_id"
        if place == "link":
            operation["links"] = {"poll": "response.header.Location"}
            self.clause("link", "link", leads_to="poll")
        if place == "header" and not further:
            operation["task_id"] = "response.header.Location ~ /tasks/([^/?]+)$"
            del body["id"]
        if further:
            operation["ids"] = {"op": "response#/op"}
            body["op"] = "$op"
        http = self.one_of(200, 201, 202)
        operation["answers"] = {"created": {"http": http, "headers": headers, "body": body}}
        operation["answers"] |= {"refused": {"http": 400, "body": ERROR_BODY}}
        self.operations["create"] = operation
        self.clause("created", "answer", to="created", http=http)
        self.clause("missing", "answer", to="missing-field", http=400, codes="bad")
        self.clause("malformed", "answer", to="malformed", operation="create", http=400)

    def poll(self, style: str, reading: str, further: bool, place: str) -> None:
        name = "op" if further else "task_id"
        operation: dict[str, Any] = {"role": "poll", "method": "GET", "path": f"/tasks/{{{name}}}"}
        operation |= {"task_id": f"request.path.{name}", "error_code": "response#/error/code", "refused": FOUND}
        operation |= {"takes": "op"} if further else {}
        said: Any = {"status": "$status"}
        phases: list[Any] = []
        if style == "word":
            operation["status"] = "response#/status"
            self.clause("path", "status-path")
        answers: dict[str, Any] = {"waiting": {"body": said}, "running": {"body": said}, "succeeded": {"body": said}}
        answers["failed"] = {"body": said}
        if style == "http":
            phases = [{"when": {"at": "response.http", "equals": 202}, "phase": "running"}]
            phases += [{"when": {"at": "response#/failure", "present": True}, "phase": "failed"}]
            phases += [{"when": {"at": "response.http", "below": 400}, "phase": "succeeded"}]
            answers |= {"waiting": {"http": 202}, "running": {"http": 202}, "failed": {"body": {"failure": "broken"}}}
        if style == "done":
            operation["status"] = "response#/done"
            self.statuses = {"false": "running", "true": "succeeded"}
            self.lifecycle["path"] = ["false", "true"]
            answers = {"running": {"body": {"done": False}}, "succeeded": {"body": {"done": True}}}
        if reading == "inline":
            operation["result"] = "response#/result"
            answers["succeeded"] = {"body": {**answers["succeeded"].get("body", {}), "result": "$result"}}
            self.clause("stable", "result-stable")
        if reading == "redirect":
            operation["links"] = {"result": "response.header.Location"}
            phases.insert(0, {"when": {"at": "response.http", "equals": 303}, "phase": "succeeded"})
            answers["succeeded"] = {"http": 303, "headers": {"Location": "/v1/results/{task_id}"}}
            self.clause("see-other", "answer", to="succeeded", operation="poll", http=303)
        if phases:
            operation["phases"] = phases
        answers |= {"unknown": {"http": 404, "body": ERROR_BODY}, "lost": {"http": 410, "body": ERROR_BODY}}
        answers["refused"] = {"http": 400, "body": ERROR_BODY}
        operation["answers"] = answers
        self.operations["poll"] = operation

    def fetch(self, reading: str) -> None:
        operation: dict[str, Any] = {"role": "fetch", "method": "GET", "path": "/results/{task_id}"}
        operation |= {"task_id": "request.path.task_id", "error_code": "response#/error/code", "refused": FOUND}
        operation |= {"result": "response#/text"}
        body: Any = {"text": "$result"}
        if reading == "pages":
            way = self.one_of("next", "cursor", "items", "pages")
            self.result = [{"n": number, "text": "{token}"} for number in range(5)]
            pages: dict[str, Any] = {"items": "response#/text"}
            body = {"text": "$items"}
            if way in ("next", "cursor"):
                pages |= {way: f"response#/{way}"}
                body[way] = f"${way}"
            pages |= {} if way == "next" else {"parameter": "at"}
            pages |= {"counts": way} if way in ("items", "pages") else {}
            if self.one_of(True, False):
                pages |= {"total": "response#/total"}
                body["total"] = "$total"
            if self.one_of(True, False):
                pages |= {"size": "limit"}
            operation["pages"] = pages
            self.clause("pages", "pages")
        operation["phases"] = [{"when": {"at": "response#/text", "present": True}, "phase": "succeeded"}]
        operation["answers"] = {"succeeded": {"body": body}, "nothing": {"http": 409, "body": ERROR_BODY}}
        operation["answers"] |= {
            "lost": {"http": 410, "body": ERROR_BODY},
            "refused": {"http": 400, "body": ERROR_BODY},
        }
        self.operations["result"] = operation
        self.clause("available", "result-available")
        self.clause("stable", "result-stable")
        self.clause("not-ready", "answer", to="nothing", http=409, codes="notReady")

    def cancel(self, way: str) -> None:
        operation: dict[str, Any] = {"role": "cancel", "method": "DELETE", "path": "/jobs/{task_id}"}
        operation |= {"task_id": "request.path.task_id", "error_code": "response#/error/code", "refused": FOUND}
        answers: dict[str, Any] = {"cancelled": {"http": 202}, "refused": {"http": 400, "body": ERROR_BODY}}
        answers["lost"] = {"http": 410, "body": ERROR_BODY}
        word = "status" in self.operations["poll"]
        self.clause("cancelled", "answer", to="cancelled", operation="cancel", http=202)
        if way != "removes":
            self.statuses["cancelled"] = "cancelled"
            own = {"status": "$status"} if word else {"cancelled": True}
            self.operations["poll"]["answers"]["cancelled"] = {"body": own}
            if not word:
                rule = {"when": {"at": "response#/cancelled", "present": True}, "phase": "cancelled"}
                self.operations["poll"]["phases"].insert(0, rule)
            answers["ended"] = {"http": 409, "body": ERROR_BODY}
            self.clause("ended", "answer", to="ended", http=409, codes="Ended")
            self.clause("cancel-ends", "cancel-ends", seconds=30, never_succeeds=True)
        if way == "slowly" and word:
            self.statuses["cancelling"] = "running"
            self.lifecycle["cancelling"] = "cancelling"
        operation["answers"] = answers
        self.operations["cancel"] = operation

    def limit(self, reading: str) -> None:
        since = self.one_of(None, "creation", "completion", "last-read")
        if since is not None:
            self.limits |= {"lifetime": 3600, "lifetime_from": since, "lifetime_slack": self.one_of(0, 60)}
            self.clause("kept", "lifetime-served")
            self.clause("deleted", "lifetime-ended")
            self.clause("gone", "answer", to="lost", operation="poll", http=410, codes="gone")
        if reading in ("fetch", "redirect") and since in (None, "completion"):
            self.limits |= {"result_lifetime": 600, "result_from": self.one_of("creation", "completion", "last-read")}
            self.operations["result"]["answers"]["removed"] = {"http": 410, "body": ERROR_BODY}
            self.clause("result-kept", "result-kept")
            self.clause("result-removed", "result-removed")
        if since in (None, "creation") and reading == "inline":
            self.limits |= {"polls": 30, "beyond_polls": "lost"}
            self.clause("budget", "budget-served")
            self.clause("budget-ended", "budget-ended")


@pytest.mark.parametrize("seed", a_few([*range(16), 33], 8))
def test_the_reference_keeps_a_contract_that_is_drawn(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "drawn.toml"
    file.write_text(Draw(seed).contract(), encoding="utf-8")
    contract = load_contract(file)
    assert [str(each) for each in lint(contract) if each.level == ERROR] == []
    report = run_verify(str(file), examples=0)
    assert report.outcome.value == "passed", (report.violations, report.summary)
