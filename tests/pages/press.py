"""The invented renderer of tests/apis/press.toml, from its page alone: standard library only.

python -m tests.pages.press PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pages.serving import PageService, run

KEY = "press-key"
PREFIX = "/v2"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

FAULTS = (
    "created-200", "no-location", "location-wrong", "no-retry-after", "created-done", "name-lost", "same-id",
    "not-replayed", "replay-unmarked", "key-other-body-taken", "key-forgotten-early", "key-kept", "never-throttles",
    "throttle-no-retry-after", "problem-json-missing", "problem-status-lies", "unknown-410", "gone-404", "gone-200",
    "key-taken", "key-taken-on-output", "invalid-400", "scene-number-taken", "scene-long-taken", "unreadable-422",
    "progress-percent", "progress-falls", "progress-short", "path-skips-back", "done-undone", "completed-moves",
    "poll-no-retry-after", "poll-201", "never-ends", "preview-early", "preview-stays", "output-early", "output-stays",
    "output-gone-404", "not-ready-404", "not-ready-200", "output-other-scene", "count-wrong", "output-changes",
    "deleted-early", "cancel-200", "cancel-ended-202", "cancel-ignored", "cancel-slow", "cancelled-then-done",
    "no-webhook", "webhook-twice", "webhook-unsigned", "webhook-bad-event", "webhook-old-signature", "updated-falls",
)  # fmt: skip

VARIANTS = ("location-relative", "more-fields", "fast", "slow", "spaced", "fixed-window", "late")


class Service(PageService):
    """All renders, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[str, float, dict[str, Any]]] = {}
        self.sent: list[float] = []

    def problem(self, http: int, code: str, headers: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
        kind = "application/json" if self.fault == "problem-json-missing" else "application/problem+json"
        status = 400 if self.fault == "problem-status-lies" else http
        return http, {"code": code, "title": code, "status": status}, {"Content-Type": kind, **(headers or {})}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        path, _, query = path.partition("?")
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        output = len(parts) == 3 and parts[2] == "output"
        taken = self.fault == "key-taken" or (self.fault == "key-taken-on-output" and output)
        if headers.get("authorization") != f"Bearer {KEY}" and not taken:
            return self.problem(401, "unauthorized")
        if parts[0] != "renders":
            return self.problem(404, "not-found")
        if method == "POST" and len(parts) == 1 and query == "mode=async":
            return self.create(headers, raw)
        task = self.tasks.get(parts[1]) if len(parts) > 1 else None
        if task is None:
            return self.problem(
                410 if self.fault == "unknown-410" else 404, "gone" if self.fault == "unknown-410" else "not-found"
            )
        end = self.ended(task)
        life = {"deleted-early": 80_000, "gone-200": 1e12}.get(self.fault, 86_400)
        if end is not None and self.now() - end > life:
            return self.problem(
                404 if self.fault == "gone-404" else 410, "not-found" if self.fault == "gone-404" else "gone"
            )
        if output:
            return self.output(task, end)
        return self.cancel(task) if method == "DELETE" else self.poll(task)

    def create(self, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        now, fault = self.now(), self.fault
        if self.variant == "fixed-window":
            self.sent = [moment for moment in self.sent if moment // 60 == now // 60]
        self.sent = [moment for moment in self.sent if now - moment < 60]
        if len(self.sent) >= 30 and fault != "never-throttles":
            more = {} if fault == "throttle-no-retry-after" else {"Retry-After": "60"}
            return self.problem(429, "slow-down", more)
        self.sent.append(now)
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.problem(422 if fault == "unreadable-422" else 400, "unreadable")
        scene = asked.get("scene") if isinstance(asked, dict) else None
        good = isinstance(scene, str) and (1 <= len(scene) <= 200 or fault == "scene-long-taken")
        good |= fault == "scene-number-taken" and isinstance(scene, int)
        if isinstance(asked, dict):
            good &= isinstance(asked.get("name", ""), str) and isinstance(asked.get("notify", {}), dict)
            good &= (
                isinstance(asked.get("notify", {"url": ""}).get("url"), str)
                if isinstance(asked.get("notify", {}), dict)
                else False
            )
        if not good:
            return self.problem(400 if fault == "invalid-400" else 422, "invalid")
        key = headers.get("idempotency-key")
        known = self.keys.get(key or "")
        keep = {"key-forgotten-early": 5000, "key-kept": 1e12}.get(fault, 7200)
        if known is not None and now - known[1] <= keep and fault != "not-replayed":
            if known[0] != json.dumps(asked, sort_keys=True) and fault != "key-other-body-taken":
                return self.problem(409, "key-reused")
            return self.made(known[2], replayed=fault != "replay-unmarked")
        number = len(self.tasks) + 1
        identifier = (
            hashlib.sha256(str(number // 3 if fault == "same-id" else number).encode()).hexdigest()[:16].upper()
        )
        solving = {"fast": 0.5, "slow": 240.0}.get(self.variant, (4.0, 9.0, 25.0)[number % 3])
        task = {"id": identifier, "asked": asked, "created": now, "solving": solving, "number": number, "polls": 0}
        task |= {"fails": number % 6 == 0, "cancel": None, "hooked": False}
        if fault == "never-ends" and number % 3 == 0:
            task["solving"] = 1e9
        self.tasks[identifier] = task
        if key is not None:
            self.keys[key] = (json.dumps(asked, sort_keys=True), now, task)
        return self.made(task)

    def made(self, task: dict[str, Any], replayed: bool = False) -> tuple[Any, ...]:
        fault, root = self.fault, "" if self.variant == "location-relative" else "https://press.example"
        headers = {"Location": f"{root}/v2/renders/{task['id']}", "Retry-After": "2"}
        if fault == "no-location":
            del headers["Location"]
        if fault == "location-wrong":
            headers["Location"] = f"{root}/v1/jobs/{task['id']}"
        if fault == "no-retry-after":
            del headers["Retry-After"]
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        name = None if fault == "name-lost" else task["asked"].get("name")
        return (
            200 if fault == "created-200" else 202,
            {"status": "done" if fault == "created-done" else "queued", "name": name},
            headers,
        )

    def ended(self, task: dict[str, Any]) -> float | None:
        end = task["created"] + task["solving"]
        if task["cancel"] is not None and self.fault != "cancelled-then-done":
            end = task["cancel"] + 100 if self.fault == "cancel-slow" else min(end, task["cancel"] + 2)
        return end if self.now() >= end else None

    def state(self, task: dict[str, Any]) -> str:
        end, age = self.ended(task), self.now() - task["created"]
        if end is not None:
            if task["cancel"] is not None and self.fault != "cancelled-then-done":
                return "cancelled"
            return "failed" if task["fails"] else "done"
        if task["cancel"] is not None:
            return "cancelling"
        return ("queued", "rendering", "encoding")[min(int(3 * age / task["solving"]), 2)]

    def poll(self, task: dict[str, Any]) -> tuple[Any, ...]:
        fault, now, end = self.fault, self.now(), self.ended(task)
        task["polls"] += 1
        status = self.state(task)
        if fault == "path-skips-back" and status == "encoding" and task["polls"] % 2 == 0:
            status = "rendering"
        if fault == "done-undone" and status == "done" and task["polls"] % 4 == 0:
            status = "encoding"
        share = (
            1.0
            if end is not None and status in ("done", "failed")
            else min((now - task["created"]) / task["solving"], 0.99)
        )
        if fault == "progress-falls" and status in ("rendering", "encoding"):
            share = 1 - share
        if fault == "progress-short" and status == "done":
            share = 0.98
        body: dict[str, Any] = {
            "id": task["id"],
            "status": status,
            "created_at": self.moment(task["created"]),
            "updated_at": self.moment(task["created"] - (task["polls"] % 2 if fault == "updated-falls" else 0) + 1),
            "completed_at": None
            if end is None
            else self.moment(end + (task["polls"] if fault == "completed-moves" else 0)),
            "progress": share * 100 if fault == "progress-percent" else share,
        }
        if status == "done":
            keep = {"preview-early": 1500, "preview-stays": 1e12}.get(fault, 1800)
            body["preview"] = "a preview" if end is not None and now - end <= keep else None
        if self.variant == "more-fields":
            body |= {"worker": "w1", "queue": 3}
        pending = status not in ("done", "failed", "cancelled") and fault != "poll-no-retry-after"
        return 201 if fault == "poll-201" else 200, body, {"Retry-After": "2"} if pending else {}

    def moment(self, seconds: float) -> str:
        return (EPOCH + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def output(self, task: dict[str, Any], end: float | None) -> tuple[Any, ...]:
        fault = self.fault
        if self.state(task) != "done" or end is None:
            if fault == "not-ready-200":
                return 200, {"frames": [], "scene": task["asked"]["scene"], "count": 0}, {}
            return self.problem(404 if fault == "not-ready-404" else 409, "not-ready")
        keep = {"output-early": 3000, "output-stays": 1e12}.get(fault, 3600)
        if self.now() - end > keep:
            return self.problem(404 if fault == "output-gone-404" else 410, "output-removed")
        number = task["number"] + (int(self.now()) if fault == "output-changes" else 0)
        frames = [hashlib.sha256(f"{number}-{frame}".encode()).hexdigest() for frame in range(3)]
        scene = "another" if fault == "output-other-scene" else task["asked"]["scene"]
        return 200, {"scene": scene, "frames": frames, "count": 2 if fault == "count-wrong" else 3}, {}

    def cancel(self, task: dict[str, Any]) -> tuple[Any, ...]:
        if self.state(task) in ("done", "failed", "cancelled"):
            if self.fault == "cancel-ended-202":
                return 202, {"id": task["id"], "status": "cancelling"}, {}
            return self.problem(409, "already-ended")
        if self.fault != "cancel-ignored" and task["cancel"] is None:
            task["cancel"] = self.now()
        return 200 if self.fault == "cancel-200" else 202, {"id": task["id"], "status": "cancelling"}, {}

    def due(self) -> list[tuple[str, bytes, dict[str, str]]]:
        found = []
        with self.lock:
            for task in self.tasks.values():
                address = (task["asked"].get("notify") or {}).get("url")
                if not address or task["hooked"] or self.ended(task) is None:
                    continue
                task["hooked"] = True
                body = json.dumps({"render": {"id": task["id"], "status": self.state(task)}}).encode()
                moment = str(int(EPOCH.timestamp() + self.now()))
                text = body if self.fault == "webhook-old-signature" else f"{moment}.".encode() + body
                signature = "v1=" + hmac.new(b"shared-secret", text, hashlib.sha256).hexdigest()
                event = "render.done" if self.fault == "webhook-bad-event" else "render.ended"
                headers = {"Content-Type": "application/json", "Press-Event": event, "Press-Timestamp": moment}
                if self.fault != "webhook-unsigned":
                    headers["Press-Signature"] = signature
                if self.fault != "no-webhook":
                    found += [(address, body, headers)] * (2 if self.fault == "webhook-twice" else 1)
        return found


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
