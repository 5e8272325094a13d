"""Long-running operations by Azure's guideline alone, of tests/apis/azure-guideline.toml.

python -m tests.pages.azure_guideline PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.pages.serving import PageService, run

KEY = "azure-token"
PREFIX = "/api"

FAULTS = (
    "accepted-201", "no-address", "relative-address", "address-of-another", "same-id", "accepted-as-queued",
    "accepted-no-id",
    "accepted-with-result", "no-retry-after", "retry-after-text", "other-id", "status-word", "status-missing",
    "backwards", "undone", "failed-no-error", "result-early", "result-changes", "monitor-202", "monitor-500",
    "gone-after-an-hour", "unknown-200", "token-taken", "no-url-taken", "never-final-result", "cancel-other-status",
)  # fmt: skip

VARIANTS = (
    "more-fields", "fast", "slow", "spaced", "unknown-410", "address-query", "kept-for-ever", "malformed-415",
    "cancel-ignored",
)  # fmt: skip


class Service(PageService):
    """All operations, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}

    def error(self, http: int, code: str) -> tuple[Any, ...]:
        return http, {"error": {"code": code, "message": code}}, {"x-ms-error-code": code}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        fault = self.fault
        if headers.get("authorization") != f"Bearer {KEY}" and fault != "token-taken":
            return self.error(401, "Unauthorized")
        path = path.partition("?")[0].removeprefix(PREFIX)
        if method == "POST" and path == "/documents:analyze":
            return self.create(raw)
        named, _, action = path.removeprefix("/operations/").partition(":")
        task = self.tasks.get(named)
        kept = {"gone-after-an-hour": 3600.0}.get(fault, 86_500.0 if self.variant != "kept-for-ever" else 1e12)
        if task is None or self.now() > task["created"] + task["solving"] + kept:
            if fault == "unknown-200":
                return 200, {"id": named, "status": "NotStarted"}, {"Retry-After": "1"}
            return self.error(410 if self.variant == "unknown-410" else 404, "NotFound")
        if method == "POST" and action == "cancel":
            if self.status(task) in ("NotStarted", "Running") and self.variant != "cancel-ignored":
                task["cancelled"] = self.now()
            shown = self.shown(task)
            return 200, {**shown, "status": "Stopping"} if fault == "cancel-other-status" else shown, {}
        if method != "GET":
            return self.error(405, "MethodNotAllowed")
        task["polls"] += 1
        shown = self.shown(task)
        waits = shown.get("status") in ("NotStarted", "Running", "Working")
        given = {"Retry-After": "soon" if fault == "retry-after-text" else "1"} if waits else {}
        if fault == "no-retry-after":
            given = {}
        http = 202 if fault == "monitor-202" and waits else 500 if fault == "monitor-500" and not waits else 200
        return http, shown, given

    def create(self, raw: bytes) -> tuple[Any, ...]:
        fault, number = self.fault, len(self.tasks) + 1
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.error(415 if self.variant == "malformed-415" else 400, "InvalidJson")
        url = asked.get("url") if isinstance(asked, dict) else None
        if (not isinstance(url, str) or not url) and fault != "no-url-taken":
            return self.error(400, "InvalidRequest")
        named = str(uuid.UUID(int=(number // 2 if fault == "same-id" else number) * 104_729 + (4 << 76)))
        task = {"id": named, "number": number, "created": self.now(), "url": url, "polls": 0, "cancelled": None}
        task["solving"] = {"fast": 0.1, "slow": 900.0}.get(self.variant, (2.0, 8.0, 25.0)[number % 3])
        self.tasks[named] = task
        at = str(uuid.UUID(int=7)) if fault == "address-of-another" else named
        address = f"{PREFIX}/operations/{at}" + ("?api-version=2026-01-01" if self.variant == "address-query" else "")
        address = address if fault == "relative-address" else f"https://example.com{address}"
        given = {} if fault == "no-address" else {"Operation-Location": address}
        shown: dict[str, Any] = {"id": named, "status": "Queued" if fault == "accepted-as-queued" else "NotStarted"}
        if fault == "accepted-no-id":
            del shown["id"]
        if fault == "accepted-with-result":
            shown["result"] = {"text": "early"}
        return 201 if fault == "accepted-201" else 202, shown, {**given, "Retry-After": "1"}

    def status(self, task: dict[str, Any]) -> str:
        fault, age = self.fault, self.now() - task["created"]
        if task["cancelled"] is not None:
            return "Canceled"
        if age < task["solving"]:
            begun = age > task["solving"] / 3 and not (fault == "backwards" and task["polls"] % 2)
            return ("Working" if fault == "status-word" else "Running") if begun else "NotStarted"
        if fault == "undone" and task["polls"] % 3 == 0:
            return "Running"
        return "Failed" if task["number"] % 5 == 0 else "Succeeded"

    def shown(self, task: dict[str, Any]) -> dict[str, Any]:
        fault, status = self.fault, self.status(task)
        shown: dict[str, Any] = {"id": task["id"], "status": status}
        if fault == "other-id":
            shown["id"] = str(uuid.UUID(int=7))
        if fault == "status-missing" and status == "Running":
            del shown["status"]
        if status == "Failed" and fault != "failed-no-error":
            shown["error"] = {"code": "Unreadable", "message": "the document cannot be read"}
        if (status == "Succeeded" and fault != "never-final-result") or (
            fault == "result-early" and status == "Running"
        ):
            shown["result"] = {"text": f"of {task['url']}{task['polls'] // 4 if fault == 'result-changes' else ''}"}
        if self.variant == "more-fields":
            shown["kind"] = "analysis"
        return shown


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
