"""A batch API in the style of OpenAI's, by tests/apis/batches.toml's page alone: standard library only.

python -m tests.pages.batches PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.pages.serving import PageService, run

KEY = "batch-key"
PREFIX = "/v1"
ENDPOINTS = ("/v1/responses", "/v1/chat/completions", "/v1/embeddings")

FAULTS = (
    "created-201", "created-in-progress", "endpoint-lost", "object-other", "same-id", "window-any", "endpoint-any",
    "embeddings-refused", "file-missing-taken", "malformed-500", "key-taken", "scheme-any", "key-403", "code-other",
    "poll-202", "id-of-another", "file-early", "file-missing", "file-changes", "completed-moves", "created-moves",
    "goes-back", "completed-undone", "failed-completed", "never-ends", "unknown-200", "unknown-400", "file-404",
    "output-changes", "output-of-another", "output-endpoint", "file-deleted-early", "file-stays", "cancel-cancelled",
    "cancel-slow", "cancel-completes", "cancel-ended-200", "cancels-itself", "file-key-taken",
)  # fmt: skip

VARIANTS = ("fast", "slow", "spaced", "more-fields", "null-fields-left-out")


class Service(PageService):
    """All batches, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}

    def error(self, http: int, code: str) -> tuple[Any, ...]:
        return http, {"error": {"code": "oops" if self.fault == "code-other" else code, "message": code}}, {}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        fault, parts = self.fault, path.removeprefix(PREFIX).strip("/").split("/")
        word, _, key = headers.get("authorization", "").partition(" ")
        known = key == KEY and (word == "Bearer" or fault == "scheme-any")
        known |= fault == "key-taken" or (fault == "file-key-taken" and parts[0] == "files")
        if not known:
            return self.error(403 if fault == "key-403" else 401, "invalid_api_key")
        if parts == ["batches"] and method == "POST":
            return self.create(raw)
        batch = self.batches.get(parts[1]) if len(parts) > 1 and parts[0] == "batches" else None
        if batch is not None and len(parts) == 2 and method == "GET":
            return self.poll(batch)
        if batch is not None and parts[2:] == ["cancel"] and method == "POST":
            return self.cancel(batch)
        if parts[0] == "files" and len(parts) == 3 and parts[1] in self.files:
            return self.file(self.files[parts[1]])
        if fault == "unknown-200" and parts[0] == "batches":
            return 200, {"id": parts[1], "object": "batch", "status": "validating"}, {}
        return self.error(400 if fault == "unknown-400" else 404, "not_found")

    def create(self, raw: bytes) -> tuple[Any, ...]:
        fault = self.fault
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.error(500 if fault == "malformed-500" else 400, "invalid_request_error")
        if not isinstance(asked, dict):
            return self.error(400, "invalid_request_error")
        file = asked.get("input_file_id", "x" if fault == "file-missing-taken" else None)
        good = isinstance(file, str) and len(file) > 0
        good &= asked.get("endpoint") in ENDPOINTS or fault == "endpoint-any"
        good &= asked.get("completion_window") == "24h" or fault == "window-any"
        if not good or (fault == "embeddings-refused" and asked["endpoint"] == ENDPOINTS[2]):
            return self.error(400, "invalid_request_error")
        number = len(self.batches) + 1
        name = self.name("batch", number // 3 if fault == "same-id" else number)
        solving = {"fast": 0.5, "slow": 40_000.0}.get(self.variant, (4.0, 9.0, 25.0)[number % 3])
        if fault == "never-ends" and number % 3 == 0:
            solving = 1e12
        batch: dict[str, Any] = {"id": name, "number": number, "created": self.now(), "asked": asked, "polls": 0}
        batch |= {"solving": solving, "fails": number % 6 == 0, "cancel": None, "file": self.name("file", number)}
        self.batches[name] = self.files[batch["file"]] = batch
        state = "in_progress" if fault == "created-in-progress" else "validating"
        return 201 if fault == "created-201" else 200, self.shown(batch, state), {}

    def name(self, kind: str, number: int) -> str:
        return f"{kind}-{hashlib.sha256(f'{kind}{number}'.encode()).hexdigest()[:16]}"

    def end(self, batch: dict[str, Any]) -> float:
        return float(batch["created"] + batch["solving"])

    def state(self, batch: dict[str, Any]) -> str:
        now, fault = self.now(), self.fault
        if batch["cancel"] is not None:
            late = 2000 if fault == "cancel-slow" else 5
            if now - batch["cancel"] < late:
                return "cancelling"
            return "completed" if fault == "cancel-completes" else "cancelled"
        if now >= self.end(batch):
            if fault == "cancels-itself" and batch["number"] % 4 == 0:
                return "cancelled"
            return "failed" if batch["fails"] else "completed"
        return ("validating", "in_progress", "finalizing")[min(int(3 * (now - batch["created"]) / batch["solving"]), 2)]

    def shown(self, batch: dict[str, Any], state: str) -> dict[str, Any]:
        fault, done = self.fault, state == "completed"
        file = batch["file"] + (str(batch["polls"]) if fault == "file-changes" else "")
        body: dict[str, Any] = {
            "id": self.name("batch", batch["number"] + 1)
            if fault == "id-of-another" and batch["polls"]
            else batch["id"],
            "object": "job" if fault == "object-other" else "batch",
            "endpoint": None if fault == "endpoint-lost" else batch["asked"].get("endpoint"),
            "status": state,
            "created_at": int(batch["created"]) + (batch["polls"] if fault == "created-moves" else 0),
            "completed_at": int(self.end(batch)) + (batch["polls"] if fault == "completed-moves" else 0)
            if done
            else None,
            "output_file_id": file if (done and fault != "file-missing") or fault == "file-early" else None,
        }
        if self.variant == "null-fields-left-out":
            body = {name: value for name, value in body.items() if value is not None}
        return {**body, "request_counts": {"total": 2}} if self.variant == "more-fields" else body

    def poll(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        batch["polls"] += 1
        fault, state, odd = self.fault, self.state(batch), batch["polls"] % 2 == 0
        if fault == "goes-back" and state == "finalizing" and odd:
            state = "validating"
        if fault == "completed-undone" and state == "completed" and batch["polls"] % 3 == 0:
            state = "in_progress"
        if fault == "failed-completed" and state == "failed" and odd:
            state = "completed"
        return 202 if fault == "poll-202" else 200, self.shown(batch, state), {}

    def file(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        fault, age = self.fault, self.now() - self.end(batch)
        kept = {"file-deleted-early": 2_000_000, "file-stays": 1e12}.get(fault, 2_592_000)
        if self.state(batch) != "completed" or age > kept or fault == "file-404":
            return self.error(404, "not_found")
        number = batch["number"]
        if fault == "output-of-another":
            number = max(number - 1, 1)
        batch["reads"] = batch.get("reads", 0) + 1
        text = self.name("text", number) + (str(batch["reads"] // 2) if fault == "output-changes" else "")
        endpoint = "/v1/other" if fault == "output-endpoint" else batch["asked"]["endpoint"]
        return 200, {"endpoint": endpoint, "lines": [{"custom_id": "one", "text": text}]}, {}

    def cancel(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        if self.state(batch) in ("completed", "failed", "cancelled") and self.fault != "cancel-ended-200":
            return self.error(409, "already_ended")
        if batch["cancel"] is None and self.now() < self.end(batch):
            batch["cancel"] = self.now()
        return 200, self.shown(batch, "cancelled" if self.fault == "cancel-cancelled" else "cancelling"), {}


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
