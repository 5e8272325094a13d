"""Predictions in the style of Replicate's API, from its public pages alone: standard library only.

python predictions.py PORT [--fault NAME | --variant NAME] [--list]

POST /v1/predictions creates (201), GET /v1/predictions/ID polls, POST /v1/predictions/ID/cancel cancels. Output is
removed an hour after the end. `POST /_clock {"seconds": N}` moves the clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pages.serving import PageService, run

KEY = "r8_sample"
SECRET = base64.b64decode("cHJlZGljdGlvbi1zZWNyZXQ=")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = "/v1"

FAULTS = (
    "created-200", "no-urls", "same-id", "born-succeeded-status", "wrong-status-word", "goes-back", "ends-twice",
    "output-changes", "output-of-another", "output-too-soon", "no-output", "completed-moves", "created-moves",
    "started-missing", "completed-too-soon", "time-format", "never-ends", "output-stays", "output-goes-early",
    "data-removed-missing", "unknown-200", "unknown-403", "wrong-key-taken", "wrong-key-403", "scheme-ignored",
    "key-ignored-on-cancel", "cancel-ignored", "cancel-slow", "cancel-404", "cancel-ended-changes", "cancels-itself",
    "cancel-unknown-200", "no-version-taken", "no-input-taken", "input-type-taken", "bad-json-500",
    "problem-status-lies", "problem-type", "no-webhook", "webhook-twice", "webhook-early", "webhook-unsigned",
    "webhook-badly-signed",
    "webhook-no-id", "webhook-other-output", "throttle-never", "throttle-400", "logs-null", "id-upper", "input-altered",
    "webhook-not-retried", "webhook-retried-late",
)  # fmt: skip

VARIANTS = ("more-fields", "fast", "slow", "at-once", "compact", "keeps-urls-relative", "late-removal", "errors-text")


class Service(PageService):
    """All predictions, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.sent: list[float] = []

    def moment(self, seconds: float) -> str:
        if self.fault == "time-format":
            return (EPOCH + timedelta(seconds=seconds)).strftime("%d.%m.%Y %H:%M:%S")
        return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    # ------------------------------------------------------------------------------------------ requests

    def written(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":") if self.variant == "compact" else None).encode()

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any, dict[str, str]]:
        status, value = self._answer(method, path, headers, raw)
        more = {"Retry-After": "60"} if status == 429 else {}
        if status >= 400 and self.fault != "problem-type":
            more["Content-Type"] = "application/problem+json"
        return status, value, more

    def _answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        path, fault = path.partition("?")[0], self.fault
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        cancel = len(parts) == 3 and parts[2] == "cancel"
        if not (cancel and fault == "key-ignored-on-cancel") and not self.knows(headers.get("authorization", "")):
            if fault != "wrong-key-taken" or "authorization" not in headers:
                return self.problem(403 if fault == "wrong-key-403" else 401, "Unauthenticated", "wrong token")
        if parts[0] != "predictions" or len(parts) > 3:
            return self.problem(404, "Not found", "no such path")
        if method == "POST" and len(parts) == 1:
            return self.create(raw)
        if method == "GET" and len(parts) == 2:
            return self.poll(parts[1])
        if method == "POST" and cancel:
            return self.cancel(parts[1])
        return self.problem(405, "Method not allowed", "")

    def knows(self, shown: str) -> bool:
        scheme, _, key = shown.partition(" ")
        return (scheme.lower() == "bearer" or self.fault == "scheme-ignored") and key == KEY

    def problem(self, status: int, title: str, detail: str) -> tuple[int, Any]:
        body: dict[str, Any] = {"title": title, "detail": detail, "status": status}
        if self.fault == "problem-status-lies":
            body["status"] = 400
        if self.fault == "problem-type":
            del body["detail"]
        return status, body

    def create(self, raw: bytes) -> tuple[int, Any]:
        fault, now = self.fault, self.now()
        self.sent = [moment for moment in self.sent if now - moment < 60]
        if len(self.sent) >= 60 and fault != "throttle-never":
            return self.problem(400 if fault == "throttle-400" else 429, "Throttled", "Request was throttled.")
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.problem(500 if fault == "bad-json-500" else 400, "Bad request", "not JSON")
        wrong = not isinstance(asked, dict)
        if not wrong:
            wrong |= "version" not in asked and fault != "no-version-taken"
            wrong |= not isinstance(asked.get("version", ""), str) or asked.get("version", "x") in ("", None)
            wrong |= "input" not in asked and fault != "no-input-taken"
            given = asked.get("input", {})
            wrong |= not isinstance(given, dict) and fault != "input-type-taken"
            if isinstance(given, dict) and fault != "input-type-taken":
                steps = given.get("steps", 1)
                wrong |= isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 50
                wrong |= not isinstance(given.get("prompt", ""), str) or len(given.get("prompt", "")) > 100
                wrong |= given.get("format", "png") not in ("png", "jpg")
        if wrong:
            return self.problem(422, "Input validation failed", "see the schema")
        self.sent.append(now)
        number = len(self.tasks) + 1
        identifier = hashlib.sha256(str(number if fault != "same-id" else number // 3).encode()).hexdigest()[:26]
        if fault == "id-upper":
            identifier = identifier.upper()
        solving = {"fast": 1.0, "slow": 200.0, "at-once": 0.0}.get(self.variant, (3.0, 8.0, 20.0)[number % 3])
        task = {"id": identifier, "asked": asked, "created": now, "solving": solving, "number": number}
        task |= {"fails": number % 5 == 0, "canceled": None, "polls": 0, "hooked": False}
        if fault == "never-ends" and number % 3 == 0:
            task["solving"] = 1e9
        self.tasks[identifier] = task
        body = self.view(task, creating=True)
        if fault == "no-urls":
            del body["urls"]
        if fault == "born-succeeded-status":
            body["status"] = "succeeded"
        return 200 if fault == "created-200" else 201, body

    def state(self, task: dict[str, Any]) -> str:
        age = self.now() - task["created"]
        if task["canceled"] is not None:
            return "canceled"
        if age >= task["solving"]:
            if self.fault == "cancels-itself" and task["number"] % 4 == 0:
                return "canceled"
            return "failed" if task["fails"] else "succeeded"
        return "starting" if age < task["solving"] / 3 else "processing"

    def ended(self, task: dict[str, Any]) -> float | None:
        if task["canceled"] is not None:
            return float(task["canceled"])
        end = task["created"] + task["solving"]
        return end if self.now() >= end else None

    def view(self, task: dict[str, Any], creating: bool = False) -> dict[str, Any]:
        fault, status, now = self.fault, self.state(task), self.now()
        if creating and self.variant != "at-once":
            status = "starting"
        end = self.ended(task)
        begun = task["created"] + task["solving"] / 3
        root = "" if self.variant == "keeps-urls-relative" else "https://api.example.com"
        given = (
            {**task["asked"]["input"]} if isinstance(task["asked"].get("input"), dict) else task["asked"].get("input")
        )
        body: dict[str, Any] = {
            "id": task["id"],
            "version": task["asked"].get("version"),
            "status": status,
            "input": given if fault != "input-altered" else {"prompt": "another"},
            "output": None,
            "error": "it failed" if status == "failed" else None,
            "logs": None if fault == "logs-null" else "",
            "created_at": self.moment(task["created"] + (task["polls"] if fault == "created-moves" else 0)),
            "started_at": self.moment(begun) if now >= begun and fault != "started-missing" else None,
            "completed_at": None
            if end is None
            else self.moment(end + (now - end if fault == "completed-moves" else 0)),
            "data_removed": False,
            "urls": {
                "get": f"{root}/v1/predictions/{task['id']}",
                "cancel": f"{root}/v1/predictions/{task['id']}/cancel",
            },
        }
        if fault == "completed-too-soon" and status == "processing":
            body["completed_at"] = self.moment(now)
        if fault == "wrong-status-word" and status == "processing":
            body["status"] = "running"
        if status == "succeeded":
            number = task["number"] + (task["polls"] * 1000 if fault == "output-changes" else 0)
            if fault == "output-of-another" and task["polls"] > 2:
                number = max(each["number"] for each in self.tasks.values())
            body["output"] = [f"https://files.example.com/{hashlib.sha256(b'%d' % number).hexdigest()}.png"]
            keep = 3600 + (40 if self.variant == "late-removal" else 0)
            keep = {"output-stays": 1e12, "output-goes-early": 3000}.get(fault, keep)
            if end is not None and now - end > keep:
                body["output"], body["data_removed"] = None, fault != "data-removed-missing"
            if fault == "no-output":
                body["output"] = None
        elif fault == "output-too-soon" and status == "processing":
            body["output"] = ["https://files.example.com/early.png"]
        if self.variant == "more-fields":
            body |= {"metrics": {"predict_time": 1.5}, "model": "a/b", "source": "api"}
        return body

    def poll(self, identifier: str) -> tuple[int, Any]:
        task = self.tasks.get(identifier)
        if task is None:
            if self.fault == "unknown-200":
                return 200, {"id": identifier, "status": "starting", "created_at": self.moment(0)}
            return self.problem(403 if self.fault == "unknown-403" else 404, "Not found", "no such prediction")
        task["polls"] += 1
        body = self.view(task)
        if self.fault == "goes-back" and body["status"] == "processing" and task["polls"] % 2 == 0:
            body["status"] = "starting"
        if self.fault == "ends-twice" and body["status"] == "failed" and task["polls"] > 3:
            body["status"] = "succeeded"
            body["output"] = ["https://files.example.com/late.png"]
        return 200, body

    def cancel(self, identifier: str) -> tuple[int, Any]:
        task, fault = self.tasks.get(identifier), self.fault
        if task is None:
            if fault == "cancel-unknown-200":
                return 200, {"id": identifier, "status": "canceled"}
            return self.problem(404, "Not found", "no such prediction")
        if fault == "cancel-404":
            return self.problem(404, "Not found", "no such path")
        if self.state(task) not in ("starting", "processing"):
            if fault == "cancel-ended-changes":
                task["canceled"] = self.now()
            return 200, self.view(task)
        if fault == "cancel-ignored":
            return 200, self.view(task)
        task["canceled"] = self.now() + (90 if fault == "cancel-slow" else 0)
        if fault == "cancel-slow":
            task["solving"], task["canceled"] = task["solving"] + 90, None
        return 200, self.view(task)

    # ------------------------------------------------------------------------------------------ webhooks

    def due(self) -> list[tuple[str, bytes, dict[str, str]]]:
        """The webhooks that are due: address, body and headers."""
        found = []
        with self.lock:
            for task in self.tasks.values():
                address = task["asked"].get("webhook")
                early = self.fault == "webhook-early"
                if (
                    not isinstance(address, str)
                    or task["hooked"]
                    or self.now() < task.get("not_before", 0)
                    or (self.ended(task) is None and not early)
                ):
                    continue
                task["hooked"] = True
                if self.fault == "no-webhook":
                    continue
                view = self.view(task)
                if self.fault == "webhook-other-output" and view["output"]:
                    view["output"] = ["https://files.example.com/other.png"]
                body = json.dumps(view).encode()
                headers = self.signed(body, task)
                found += [(address, body, headers)] * (2 if self.fault == "webhook-twice" else 1)
        return found

    def failed(self, headers: dict[str, str]) -> None:
        """Send a webhook again half a minute later."""
        if self.fault == "webhook-not-retried":
            return
        number = int(headers.get("webhook-id", "msg_0").partition("_")[2])
        for task in self.tasks.values():
            if task["number"] == number:
                task["hooked"] = False
                task["not_before"] = self.now() + (300 if self.fault == "webhook-retried-late" else 30)

    def signed(self, body: bytes, task: dict[str, Any]) -> dict[str, str]:
        identifier, moment = f"msg_{task['number']:06d}", str(int(EPOCH.timestamp() + self.now()))
        text = f"{identifier}.{moment}.".encode() + body
        secret = b"another" if self.fault == "webhook-badly-signed" else SECRET
        signature = "v1," + base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        headers = {"content-type": "application/json", "webhook-id": identifier, "webhook-timestamp": moment}
        if self.fault == "webhook-no-id":
            del headers["webhook-id"]
        if self.fault != "webhook-unsigned":
            headers["webhook-signature"] = signature
        return headers


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
