"""Tasks of the Model Context Protocol by its specification alone, of examples/contracts/mcp-tasks.toml.

python -m tests.pages.mcp_tasks PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pages.serving import PageService, run

KEY = ""
PREFIX = ""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

FAULTS = (
    "created-completed", "created-no-date", "date-number", "same-id", "number-id", "other-rpc-id", "rpc-1.0",
    "other-id-in-get", "no-ttl", "ttl-text", "status-word", "running-again", "failed-then-completed",
    "cancelled-then-completed",
    "unknown-working", "unknown-32001", "no-result", "result-changes", "result-of-another", "no-related-task",
    "related-to-another", "cancel-working", "cancel-ignored", "cancel-refused", "cancel-ended", "cancel-ended-32001",
    "cancels-itself", "interval-text", "no-task",
)  # fmt: skip

VARIANTS = (
    "more-fields", "fast", "slow", "spaced", "no-interval", "ttl-null", "input-required",
    "forgets-cancelled",
    "failure-is-error", "messages",
)  # fmt: skip


class Service(PageService):
    """All tasks, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        try:
            asked = json.loads(raw)
            method, params = asked["method"], asked.get("params", {})
        except (ValueError, TypeError, KeyError):
            return 400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}, {}
        rpc_id = 0 if self.fault == "other-rpc-id" else asked.get("id")
        whole = {"jsonrpc": "1.0" if self.fault == "rpc-1.0" else "2.0", "id": rpc_id}
        result = self.called(method, params)
        return 200, {**whole, "error" if "code" in result else "result": result}, {}

    def called(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        fault = self.fault
        if method == "tools/call":
            return self.create(params)
        task = self.tasks.get(str(params.get("taskId")))
        if task is not None and self.variant == "forgets-cancelled" and task["cancelled"] is not None:
            task = None
        if task is None:
            if fault == "unknown-working" and method == "tasks/get":
                return {**self.shown(self.new({}, False)), "taskId": params.get("taskId")}
            return {"code": -32001 if fault == "unknown-32001" else -32602, "message": "Task not found"}
        if method == "tasks/get":
            task["polls"] += 1
            return self.shown(task)
        if method == "tasks/result":
            return self.result(task)
        if method == "tasks/cancel":
            return self.cancel(task)
        return {"code": -32601, "message": "Method not found"}

    def new(self, arguments: dict[str, Any], kept: bool = True) -> dict[str, Any]:
        number = len(self.tasks) + 1
        named = str(uuid.UUID(int=(number // 2 if self.fault == "same-id" else number) * 7919 + (4 << 76)))
        task = {"id": number if self.fault == "number-id" else named, "number": number, "created": self.now()}
        task |= {"name": arguments.get("name"), "polls": 0, "reads": 0, "cancelled": None, "fails": number % 5 == 0}
        task["solving"] = {"fast": 0.1, "slow": 300.0}.get(self.variant, (2.0, 8.0, 20.0)[number % 3])
        if kept:
            self.tasks[str(task["id"])] = task
        return task

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("name") != "greet" or not isinstance(params.get("arguments"), dict):
            return {"code": -32602, "message": "Invalid params"}
        if "task" not in params:
            if self.fault == "no-task":
                return {"content": [{"type": "text", "text": "it has to be called as a task"}], "isError": True}
            return {"code": -32601, "message": "it has to be called as a task"}
        shown = self.shown(self.new(params["arguments"]))
        shown["status"] = "completed" if self.fault == "created-completed" else "working"
        if self.fault == "created-no-date":
            del shown["createdAt"]
        return {"task": shown}

    def status(self, task: dict[str, Any]) -> str:
        fault, age = self.fault, self.now() - task["created"]
        if task["cancelled"] is not None and not (fault == "cancelled-then-completed" and age > task["solving"] + 2):
            return "cancelled"
        if age < task["solving"]:
            if self.variant == "input-required" and age > task["solving"] / 2 and task["polls"] % 2:
                return "input_required"
            return "in_progress" if fault == "status-word" else "working"
        if fault == "cancels-itself" and task["number"] % 4 == 0:
            return "cancelled"
        if fault == "running-again" and task["polls"] % 3 == 0:
            return "working"
        if task["fails"] and not (fault == "failed-then-completed" and task["polls"] % 2):
            return "failed"
        return "completed"

    def time(self, seconds: float) -> Any:
        if self.fault == "date-number":
            return seconds
        return (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    def shown(self, task: dict[str, Any]) -> dict[str, Any]:
        fault, variant = self.fault, self.variant
        ended = min(self.now(), task["created"] + task["solving"])
        shown: dict[str, Any] = {
            "taskId": task["id"],
            "status": self.status(task),
            "createdAt": self.time(task["created"]),
        }
        shown |= {"lastUpdatedAt": self.time(task["created"] if shown["status"] == "working" else ended)}
        shown["ttl"] = None if variant == "ttl-null" else "3600000" if fault == "ttl-text" else 3_600_000
        if variant != "no-interval":
            shown["pollInterval"] = "500 ms" if fault == "interval-text" else 500
        if fault == "no-ttl":
            del shown["ttl"]
        if fault == "other-id-in-get" and task["polls"]:
            shown["taskId"] = str(uuid.UUID(int=9))
        if variant == "more-fields":
            shown["_meta"] = {"progress": 1}
        if variant == "messages":
            shown["statusMessage"] = f"it is {shown['status']}"
        return shown

    def result(self, task: dict[str, Any]) -> dict[str, Any]:
        fault, status = self.fault, self.status(task)
        if fault == "no-result" or status in ("working", "input_required", "cancelled"):
            return {"code": -32603, "message": "there is no result"}
        if status == "failed" and self.variant == "failure-is-error":
            return {"code": -32603, "message": "the tool has failed"}
        task["reads"] += 1
        newest = max(self.tasks.values(), key=lambda each: each["number"])
        name = (newest if fault == "result-of-another" else task)["name"]
        text = f"Hello, {name}{'!' * (1 + task['reads'] // 3 if fault == 'result-changes' else 1)}"
        related = str(uuid.UUID(int=9)) if fault == "related-to-another" else task["id"]
        found: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": status == "failed"}
        if fault != "no-related-task":
            found["_meta"] = {"io.modelcontextprotocol/related-task": {"taskId": related}}
        return found

    def cancel(self, task: dict[str, Any]) -> dict[str, Any]:
        fault, status = self.fault, self.status(task)
        if status not in ("working", "input_required"):
            if fault == "cancel-ended":
                return self.shown(task)
            return {"code": -32001 if fault == "cancel-ended-32001" else -32602, "message": "it has ended"}
        if fault == "cancel-refused":
            return {"code": -32602, "message": "no"}
        if fault != "cancel-ignored":
            task["cancelled"] = self.now()
        return {**self.shown(task), "status": "working" if fault == "cancel-working" else "cancelled"}


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
