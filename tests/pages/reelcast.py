"""The invented video transcoder of tests/apis/reelcast.toml, from its page alone: standard library only.

python -m tests.pages.reelcast PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pages.serving import PageService, run

KEY = "reel-key"
PREFIX = "/v2"
SECRET = b"reel-secret"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

FAULTS = (
    "created-201", "no-operation-location", "location-of-another", "created-no-retry-after", "created-processing",
    "same-id", "id-without-prefix", "metadata-lost", "key-taken", "key-taken-on-delete", "no-www-authenticate",
    "request-id-missing", "request-id-same", "problem-as-json", "problem-status-lies", "problem-type-missing",
    "invalid-400", "invalid-no-errors", "malformed-500", "text-plain-taken", "priority-ten-taken", "no-outputs-taken",
    "five-outputs-taken", "output-name-taken", "preset-unlisted-taken", "long-source-refused", "not-replayed",
    "replay-unmarked", "replay-202", "key-other-body-taken", "key-forgotten-early", "key-kept", "never-throttles",
    "throttle-no-retry-after", "too-many-active-taken", "active-limit-early", "substatus-always", "substatus-backwards",
    "substatus-missing", "path-skips-back", "progress-falls", "progress-percent", "progress-short", "started-moves",
    "started-while-queued", "finished-moves", "finished-early", "expires-wrong", "expires-while-running",
    "error-always", "error-missing", "error-code-unlisted", "count-wrong", "poll-no-retry-after", "poll-cacheable",
    "never-ends", "unknown-400", "gone-404", "gone-200", "deleted-early", "renditions-gap", "renditions-overlap",
    "renditions-loop", "renditions-total", "renditions-foreign-names", "renditions-change", "not-finished-200",
    "failed-renditions-404", "limit-taken", "cancel-200", "cancel-ended-202", "cancel-ignored", "cancel-slow",
    "cancelled-then-succeeds", "cancel-again-409", "cancels-by-itself", "delete-200", "delete-kept",
    "deleted-still-renditions", "delete-running-204", "no-webhook", "webhook-twice", "webhook-unsigned",
    "webhook-stale-signature", "webhook-wrong-event", "webhook-other-data", "webhook-not-retried",
    "webhook-other-delivery", "webhook-early", "webhook-no-cancelled", "done-undone",
)  # fmt: skip

VARIANTS = ("more-fields", "fast", "slow", "spaced", "fixed-window", "retry-date", "location-query", "cancels-at-once")


class Service(PageService):
    """All transcodes, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[str, float, dict[str, Any]]] = {}
        self.sent: list[float] = []
        self.waiting: list[dict[str, Any]] = []
        self.sequence = 0

    def problem(self, http: int, code: str, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
        kind = "application/json" if self.fault == "problem-as-json" else "application/problem+json"
        body: dict[str, Any] = {"type": f"https://api.reelcast.example/problems/{code}", "title": code, "code": code}
        body["status"] = 400 if self.fault == "problem-status-lies" else http
        if self.fault == "problem-type-missing":
            del body["type"]
        if http == 422 and self.fault != "invalid-no-errors":
            body["errors"] = [{"pointer": "/source", "message": "invalid"}]
        return http, body, {"Content-Type": kind, **(headers or {})}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        status, value, more = self.dispatch(method, path, headers, raw)
        more = dict(more)
        if self.fault != "request-id-missing":
            more["X-Request-Id"] = "req-1" if self.fault == "request-id-same" else str(uuid.uuid4())
        return status, value, more

    def dispatch(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        whole, fault = urlsplit(path), self.fault
        taken = fault == "key-taken" or (fault == "key-taken-on-delete" and method == "DELETE")
        if headers.get("authorization") != f"Bearer {KEY}" and not taken:
            return self.problem(
                401, "unauthorized", {} if fault == "no-www-authenticate" else {"WWW-Authenticate": "Bearer"}
            )
        parts = whole.path.removeprefix(PREFIX).strip("/").split("/")
        if parts[0] != "transcodes":
            return self.problem(404, "not_found")
        if len(parts) == 1 and method == "POST":
            return self.create(headers, raw)
        task = self.tasks.get(parts[1]) if len(parts) > 1 else None
        rest = parts[2:]
        if task is None:
            return self.problem(400 if fault == "unknown-400" else 404, "not_found")
        if task.get("deleted") and not (fault == "deleted-still-renditions" and rest) and fault != "delete-kept":
            return self.problem(404, "not_found")
        end = self.end(task)
        keep = 86400 if fault == "deleted-early" else 172800
        if end is not None and self.now() > end + keep and fault != "gone-200":
            return self.problem(404, "not_found") if fault == "gone-404" else self.problem(410, "gone")
        if method == "GET" and not rest:
            return self.poll(task)
        if method == "DELETE" and not rest:
            if end is None and fault != "delete-running-204":
                return self.problem(409, "not_finished")
            task["deleted"] = True
            return (200, self.shown(task), {}) if fault == "delete-200" else (204, None, {})
        if method == "GET" and rest == ["renditions"]:
            return self.renditions(task, {k: v[0] for k, v in parse_qs(whole.query).items()})
        if method == "POST" and rest == ["cancel"]:
            return self.cancel(task)
        return self.problem(404, "not_found")

    def retry(self, seconds: int) -> str:
        if self.variant == "retry-date":
            return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        return str(seconds)

    def create(self, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        now, fault = self.now(), self.fault
        if self.variant == "fixed-window":
            self.sent = [m for m in self.sent if m // 10 == now // 10]
        self.sent = [m for m in self.sent if now - m < 10]
        if len(self.sent) >= 30 and fault != "never-throttles":
            return self.problem(
                429, "rate_limited", {} if fault == "throttle-no-retry-after" else {"Retry-After": "10"}
            )
        self.sent.append(now)
        if not headers.get("content-type", "").startswith("application/json") and fault != "text-plain-taken":
            return self.problem(415, "unsupported_media_type")
        try:
            asked = json.loads(raw)
        except ValueError:
            return (500, {"error": "oops"}, {}) if fault == "malformed-500" else self.problem(400, "malformed")
        if not isinstance(asked, dict) or not self.good(asked):
            return self.problem(400 if fault == "invalid-400" else 422, "invalid")
        key, text = headers.get("idempotency-key"), json.dumps(asked, sort_keys=True)
        life = {"key-forgotten-early": 3600, "key-kept": 1e12}.get(fault, 86400)
        if key in self.keys and now - self.keys[key][1] < life and fault != "not-replayed":
            if self.keys[key][0] != text and fault != "key-other-body-taken":
                return self.problem(409, "key_conflict")
            marked = {} if fault == "replay-unmarked" else {"Idempotency-Replayed": "true"}
            return self.made(self.keys[key][2], 202 if fault == "replay-202" else 200, marked)
        active = sum(self.end(task) is None and not task.get("deleted") for task in self.tasks.values())
        if active >= (3 if fault == "active-limit-early" else 20) and fault != "too-many-active-taken":
            return self.problem(409, "too_many_active")
        self.sequence += 1
        number = self.sequence
        named = hashlib.sha256(f"{number // 3 if fault == 'same-id' else number}".encode()).hexdigest()[:20]
        task: dict[str, Any] = {"id": named if fault == "id-without-prefix" else f"tr_{named}", "number": number}
        task |= {"created": now, "asked": asked, "cancel": None, "polls": 0, "reads": 0}
        task["solving"] = {"fast": 0.2, "slow": 400.0}.get(self.variant, (6.0, 12.0, 30.0)[number % 3])
        task["fails"] = number % 6 == 0
        if fault == "never-ends" and number % 3 == 0:
            task["solving"] = 1e12
        self.tasks[task["id"]] = task
        if key:
            self.keys[key] = (text, now, task)
        if asked.get("webhook") and fault != "no-webhook":
            self.waiting.append({"task": task, "tries": 0, "next": 0.0, "id": f"dl_{number}"})
            if fault == "webhook-twice":
                self.waiting.append({"task": task, "tries": 0, "next": 0.0, "id": f"dl_{number}b"})
        return self.made(task, 201 if fault == "created-201" else 202, {})

    def good(self, asked: dict[str, Any]) -> bool:
        fault = self.fault
        source, outputs, metadata = asked.get("source"), asked.get("outputs"), asked.get("metadata", {})
        longest = 1000 if fault == "long-source-refused" else 1024
        if not isinstance(source, str) or not re.match("https?://.", source) or len(source) > longest:
            return False
        if asked.get("preset") not in ("h264-720p", "h264-1080p", "av1-1080p") and fault != "preset-unlisted-taken":
            return False
        priority = asked.get("priority", 5)
        if type(priority) is not int or not 0 <= priority <= (99 if fault == "priority-ten-taken" else 9):
            return False
        if not isinstance(outputs, list) or len(outputs) < (0 if fault == "no-outputs-taken" else 1):
            return False
        if len(outputs) > (50 if fault == "five-outputs-taken" else 4):
            return False
        for output in outputs:
            if not isinstance(output, dict) or output.get("format") not in ("mp4", "webm", "hls"):
                return False
            name = output.get("name")
            if not isinstance(name, str):
                return False
            if not re.fullmatch("[a-z0-9-]{1,32}", name) and fault != "output-name-taken":
                return False
        hook = asked.get("webhook")
        if "webhook" in asked and not (isinstance(hook, dict) and str(hook.get("url", "")).startswith("http")):
            return False
        if not isinstance(metadata, dict) or len(metadata) > 10:
            return False
        return all(isinstance(value, str) for value in metadata.values())

    def end(self, task: dict[str, Any]) -> float | None:
        now, done = self.now(), task["created"] + task["solving"]
        if task["cancel"] is not None:
            wait = 0 if self.variant == "cancels-at-once" else 300 if self.fault == "cancel-slow" else 4
            done = task["cancel"] + wait
        return done if now >= done else None

    def status(self, task: dict[str, Any]) -> str:
        end, age = self.end(task), self.now() - task["created"]
        if task["cancel"] is not None:
            if end is None:
                return "cancelling"
            return "succeeded" if self.fault == "cancelled-then-succeeds" else "cancelled"
        if end is not None:
            if self.fault == "cancels-by-itself" and task["number"] % 4 == 0:
                return "cancelled"
            return "failed" if task["fails"] else "succeeded"
        return "queued" if age < task["solving"] / 4 else "processing"

    def time(self, seconds: float) -> str:
        return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def shown(self, task: dict[str, Any]) -> dict[str, Any]:
        fault, status, now = self.fault, self.status(task), self.now()
        end, solving, age = self.end(task), task["solving"], now - task["created"]
        part = max(0.0, min(1.0, age / solving))
        started: float | None = task["created"] + solving / 4
        if status == "queued" or (task["cancel"] is not None and task["cancel"] < task["created"] + solving / 4):
            started = task["created"] if fault == "started-while-queued" else None
        if fault == "started-moves" and started is not None and end is not None:
            started += task["polls"]
        finished = end
        if finished is not None and fault == "finished-moves":
            finished += task["polls"] % 3
        if finished is None and fault == "finished-early" and status == "processing":
            finished = now
        sub = None
        if status == "processing":
            names = ["downloading", "encoding", "packaging"]
            if fault == "substatus-backwards":
                names.reverse()
            sub = names[min(2, int((part - 0.25) / 0.25))]
            if fault == "substatus-missing":
                sub = None
        elif fault == "substatus-always":
            sub = "encoding"
        progress = 1.0 if status == "succeeded" else round(part * 0.9, 3) if status != "queued" else 0.0
        if task["cancel"] is not None:
            progress = round(min(part, (task["cancel"] - task["created"]) / solving) * 0.9, 3)
        if fault == "progress-percent":
            progress *= 100
        if fault == "progress-falls" and task["polls"] % 2 and status == "processing":
            progress /= 2
        if fault == "progress-short" and status == "succeeded":
            progress = 0.99
        error = {"code": "source_unreachable", "message": "no"} if status == "failed" else None
        if error and fault == "error-code-unlisted":
            error["code"] = "boom"
        if fault == "error-always":
            error = {"code": "source_unreachable", "message": "no"}
        if fault == "error-missing":
            error = None
        kept = 3600 if fault == "expires-wrong" else 172800
        body = {
            "id": task["id"], "status": status, "substatus": sub, "progress": progress,
            "preset": task["asked"]["preset"], "metadata": task["asked"].get("metadata", {}),
            "created_at": self.time(task["created"]), "started_at": None if started is None else self.time(started),
            "finished_at": None if finished is None else self.time(finished),
            "expires_at": None if finished is None else self.time(finished + kept),
            "error": error,
        }  # fmt: skip
        if fault == "expires-while-running" and finished is None:
            body["expires_at"] = self.time(now + 172800)
        if fault == "metadata-lost":
            body["metadata"] = {}
        if status == "succeeded":
            body["output_count"] = len(task["asked"]["outputs"]) + (fault == "count-wrong")
        if self.variant == "more-fields":
            body["worker"] = "w1"
        return body

    def made(self, task: dict[str, Any], http: int, more: dict[str, str]) -> tuple[Any, ...]:
        fault = self.fault
        named = list(self.tasks)[max(len(self.tasks) - 2, 0)] if fault == "location-of-another" else task["id"]
        headers = {"Operation-Location": f"https://api.reelcast.example{PREFIX}/transcodes/{named}"}
        if self.variant == "location-query":
            headers["Operation-Location"] += "?view=full"
        if fault == "no-operation-location":
            headers = {}
        if fault != "created-no-retry-after":
            headers["Retry-After"] = self.retry(3)
        body = self.shown(task)
        if fault == "created-processing":
            body |= {"status": "processing", "substatus": "downloading", "started_at": body["created_at"]}
        return http, body, {**headers, **more}

    def poll(self, task: dict[str, Any]) -> tuple[Any, ...]:
        fault = self.fault
        task["polls"] += 1
        body = self.shown(task)
        if fault == "path-skips-back" and body["status"] == "processing" and task["polls"] % 2 == 0:
            body |= {"status": "queued", "substatus": None, "started_at": None, "progress": 0.0}
        if fault == "done-undone" and body["status"] == "succeeded" and task["polls"] % 3 == 0:
            body |= {"status": "processing", "substatus": "packaging", "finished_at": None, "expires_at": None}
        headers = {} if fault == "poll-cacheable" else {"Cache-Control": "no-store"}
        if body["status"] in ("queued", "processing", "cancelling") and fault != "poll-no-retry-after":
            headers["Retry-After"] = self.retry(3)
        return 200, body, headers

    def renditions(self, task: dict[str, Any], query: dict[str, str]) -> tuple[Any, ...]:
        fault, status = self.fault, self.status(task)
        if task["cancel"] is not None or status in ("queued", "processing"):
            if fault == "not-finished-200":
                return 200, {"data": [], "total": 0}, {}
            return self.problem(409, "not_finished")
        if status == "failed":
            return (
                self.problem(404, "not_found")
                if fault == "failed-renditions-404"
                else self.problem(409, "transcode_failed")
            )
        limit = query.get("limit", "2")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            if fault != "limit-taken":
                return self.problem(422, "invalid")
            limit = "2"
        task["reads"] += 1
        data = [
            {"name": f"x{n}" if fault == "renditions-foreign-names" else output["name"],
             "url": f"https://cdn.example/{task['id']}/{n}", "bytes": 1000 + n * 7 + task["number"]}
            for n, output in enumerate(task["asked"]["outputs"])
        ]  # fmt: skip
        if fault == "renditions-change" and task["reads"] > 4:
            data[0]["bytes"] += task["reads"] // 4
        size, start = int(limit), int(query.get("cursor", "c0")[1:] or 0)
        part = data[max(0, start - 1) if fault == "renditions-overlap" else start : start + size]
        after = start + size
        headers = {}
        more = after < len(data)
        if fault == "renditions-gap" and more:
            after += 1
        if more or fault == "renditions-loop":
            after = 0 if not more else after
            link = (
                f"https://api.reelcast.example{PREFIX}/transcodes/{task['id']}/renditions?cursor=c{after}&limit={limit}"
            )
            headers["Link"] = f'<{link}>; rel="next"'
        total = len(data) + (fault == "renditions-total")
        return 200, {"data": part, "total": total}, headers

    def cancel(self, task: dict[str, Any]) -> tuple[Any, ...]:
        fault, end = self.fault, self.end(task)
        if task["cancel"] is not None and end is None and fault == "cancel-again-409":
            return self.problem(409, "already_finished")
        if end is not None and fault != "cancel-ended-202":
            return self.problem(409, "already_finished")
        if task["cancel"] is None and fault != "cancel-ignored" and end is None:
            task["cancel"] = self.now()
        return (
            200 if fault == "cancel-200" else 202,
            {**self.shown(task), "status": "cancelling", "finished_at": None, "expires_at": None, "substatus": None},
            {},
        )

    def due(self) -> list[tuple[str, bytes, dict[str, str]]]:
        found = []
        with self.lock:
            for one in list(self.waiting):
                task, fault = one["task"], self.fault
                early = fault == "webhook-early" and self.status(task) == "processing"
                if (self.end(task) is None and not early) or self.now() < one["next"]:
                    continue
                body = self.shown(task)
                if fault == "webhook-no-cancelled" and body["status"] == "cancelled":
                    self.waiting.remove(one)
                    continue
                event = f"transcode.{body['status']}"
                if fault == "webhook-wrong-event":
                    event = "transcode.done"
                if fault == "webhook-other-data":
                    body["preset"] = "h264-1080p" if body["preset"] != "h264-1080p" else "av1-1080p"
                raw = self.written({"event": event, "data": body})
                t = int(self.now()) + 1_767_225_600
                over = f"{t - 5 if fault == 'webhook-stale-signature' else t}.".encode() + raw
                digest = hmac.new(b"x" if fault == "webhook-unsigned" else SECRET, over, hashlib.sha256).hexdigest()
                named = f"{one['id']}-{one['tries']}" if fault == "webhook-other-delivery" else one["id"]
                headers = {
                    "Content-Type": "application/json",
                    "Reelcast-Signature": f"t={t},v1={digest}",
                    "Reelcast-Delivery": named,
                }
                found.append((task["asked"]["webhook"]["url"], raw, headers))
                one["tries"] += 1
                self.waiting.remove(one)
                self.sequence_of = getattr(self, "sequence_of", {})
                self.sequence_of[named] = one
        return found

    def failed(self, headers: dict[str, str]) -> None:
        one = self.sequence_of[headers["Reelcast-Delivery"]]
        if one["tries"] <= 3 and self.fault != "webhook-not-retried":
            one["next"] = self.now() + (10, 60, 300)[one["tries"] - 1]
            self.waiting.append(one)


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
