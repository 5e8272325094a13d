"""The invented e-signature API of tests/apis/signet.toml, from its page alone: standard library only.

python -m tests.pages.signet PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pages.serving import PageService, run

KEY = "sig-key"
PREFIX = "/v1"
SECRET = b"sig-secret"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "application/vnd.api+json"

FAULTS = (
    "created-200", "no-location", "location-other", "type-of-answers", "same-id", "state-at-creation", "title-lost",
    "reference-lost", "signers-lost", "not-replayed", "replay-201", "key-other-body", "key-forgotten", "key-not-needed",
    "json-taken", "no-signers-taken", "six-signers-taken", "title-long-taken", "email-taken", "hours-71-taken",
    "hours-168-refused", "invalid-400", "malformed-422", "error-status-number", "error-status-lies", "error-no-id",
    "error-id-other", "error-code-spelt", "request-id-same", "request-id-missing", "request-id-no-uuid", "key-taken",
    "key-taken-on-void", "unknown-410", "purged-404", "purged-200", "purged-after-6-days", "purged-never",
    "skips-back", "state-unknown", "signed-undone", "declined-undone", "declined-without-reason", "signer-unsigned",
    "signer-goes-back", "signed-at-moves", "closed-at-missing", "closed-at-moves", "updated-falls", "no-etag",
    "etag-same", "etag-ignored", "never-ends", "expires-late", "poll-rate-none",
    "poll-rate-no-retry-after", "audit-early", "audit-not-ready-404", "audit-gap", "audit-overlap", "audit-loop",
    "audit-total", "audit-changes", "audit-foreign", "audit-size-101", "void-202", "void-ignored", "void-late",
    "void-delivered", "void-window-short", "void-too-late-422", "void-closed-200", "void-closed-other-code",
    "voids-by-itself", "voided-then-signed", "no-webhook", "webhook-twice", "webhook-sha256", "webhook-no-timestamp",
    "webhook-early", "webhook-other-data", "webhook-wrong-event", "webhook-json",
)  # fmt: skip

VARIANTS = (
    "more-fields", "fast", "slow", "spaced", "relative-location", "fixed-window", "weak-etag", "skips-delivered",
    "charset",
)  # fmt: skip


class Service(PageService):
    """All envelopes, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[str, float, dict[str, Any]]] = {}
        self.hooks: list[dict[str, Any]] = []
        self.request_id = ""

    def error(self, http: int, code: str, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
        fault = self.fault
        status: Any = http if fault == "error-status-number" else "400" if fault == "error-status-lies" else str(http)
        one: dict[str, Any] = {"id": self.request_id, "status": status, "code": code, "title": code}
        if fault == "error-no-id":
            del one["id"]
        if fault == "error-id-other":
            one["id"] = str(uuid.uuid4())
        if fault == "error-code-spelt":
            one["code"] = code.upper().replace(".", "_")
        return http, {"errors": [one]}, headers or {}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        fault = self.fault
        self.request_id = "5f1d0000-0000-4000-8000-000000000000" if fault == "request-id-same" else str(uuid.uuid4())
        if fault == "request-id-no-uuid":
            self.request_id = self.request_id[:8]
        http, value, more = self.dispatch(method, path, headers, raw)
        charset = "; charset=utf-8" if self.variant == "charset" else ""
        kind = "application/json" if fault == "type-of-answers" else TYPE + charset
        given = {"Content-Type": kind, **more}
        if fault != "request-id-missing":
            given["X-Request-Id"] = self.request_id
        return http, value, given

    def dispatch(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        whole, fault = urlsplit(path), self.fault
        parts = whole.path.removeprefix(PREFIX).strip("/").split("/")
        taken = fault == "key-taken" or (fault == "key-taken-on-void" and parts[-1] == "void")
        if headers.get("x-signet-key") != KEY and not taken:
            return self.error(401, "auth.invalid_key")
        if parts[0] != "envelopes":
            return self.error(404, "route.not_found")
        if len(parts) == 1 and method == "POST":
            return self.create(headers, raw)
        task = self.tasks.get(parts[1]) if len(parts) > 1 else None
        if task is None:
            return self.error(410 if fault == "unknown-410" else 404, "envelope.not_found")
        closed = self.closed(task)
        kept = {"purged-after-6-days": 6 * 86400, "purged-never": 1e12}.get(fault, 7 * 86400)
        if closed is not None and self.now() > closed + kept and fault != "purged-200":
            if fault == "purged-404":
                return self.error(404, "envelope.not_found")
            return self.error(410, "envelope.purged")
        rest = parts[2:]
        if method == "GET" and not rest:
            return self.poll(task, headers)
        if method == "GET" and rest == ["audit"]:
            return self.audit(task, {name: value[0] for name, value in parse_qs(whole.query).items()})
        if method == "POST" and rest == ["void"]:
            return self.void(task)
        return self.error(404, "route.not_found")

    def create(self, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        fault, now = self.fault, self.now()
        kind = headers.get("content-type", "").partition(";")[0]
        if kind != TYPE and not (fault == "json-taken" and kind == "application/json"):
            return self.error(415, "request.media_type")
        try:
            sent = json.loads(raw)
        except ValueError:
            return self.error(422 if fault == "malformed-422" else 400, "request.not_json")
        key = headers.get("idempotency-key")
        if not key and fault != "key-not-needed":
            return self.error(400, "idempotency.missing")
        if not self.good(sent):
            return self.error(400 if fault == "invalid-400" else 422, "envelope.invalid")
        known = self.keys.get(key or "")
        if known and now - known[1] < (60 if fault == "key-forgotten" else 86400) and fault != "not-replayed":
            if known[0] != json.dumps(sent, sort_keys=True) and fault != "key-other-body":
                return self.error(409, "idempotency.conflict")
            return self.made(known[2], 201 if fault == "replay-201" else 200)
        number = len(self.tasks) + 1
        named = hashlib.sha256(str(number // 2 if fault == "same-id" else number).encode()).hexdigest()[:16]
        task: dict[str, Any] = {"id": f"env_{named}", "number": number, "created": now, "void": None, "polls": []}
        task |= {"attributes": sent["data"]["attributes"], "reads": 0, "seen": 0}
        task["solving"] = {"fast": 3.0, "slow": 4000.0}.get(self.variant, (20.0, 90.0, 1500.0)[number % 3])
        task["declines"] = number % 5 == 0
        task["ignored"] = number % 11 == 7 or (fault == "never-ends" and number % 2 == 0)
        self.tasks[task["id"]] = task
        self.keys[key or str(uuid.uuid4())] = (json.dumps(sent, sort_keys=True), now, task)
        if task["attributes"].get("notify_url") and fault != "no-webhook":
            self.hooks += [{"task": task}] * (2 if fault == "webhook-twice" else 1)
        return self.made(task, 200 if fault == "created-200" else 201)

    def good(self, sent: Any) -> bool:
        fault = self.fault
        data = sent.get("data") if isinstance(sent, dict) else None
        if (
            not isinstance(data, dict)
            or data.get("type") != "envelopes"
            or not isinstance(data.get("attributes"), dict)
        ):
            return False
        given = data["attributes"]
        title, signers, hours = given.get("title"), given.get("signers"), given.get("expires_in_hours", 72)
        if not isinstance(title, str) or not 1 <= len(title) <= (9999 if fault == "title-long-taken" else 120):
            return False
        if not isinstance(signers, list) or len(signers) < (0 if fault == "no-signers-taken" else 1):
            return False
        if len(signers) > (60 if fault == "six-signers-taken" else 5):
            return False
        for signer in signers:
            if not isinstance(signer, dict) or not isinstance(signer.get("name"), str) or not signer["name"]:
                return False
            email = signer.get("email")
            if not isinstance(email, str) or (not re.fullmatch(r"[^@ ]+@[^@ ]+", email) and fault != "email-taken"):
                return False
        lowest, highest = 1 if fault == "hours-71-taken" else 72, 167 if fault == "hours-168-refused" else 168
        if type(hours) is not int or not lowest <= hours <= highest:
            return False
        reference, url = given.get("reference", ""), given.get("notify_url", "http://x")
        return isinstance(reference, str) and isinstance(url, str) and url.startswith("http")

    def closed(self, task: dict[str, Any]) -> float | None:
        hours = task["attributes"].get("expires_in_hours", 72) + (24 if self.fault == "expires-late" else 0)
        done = task["created"] + (hours * 3600.0 if task["ignored"] else task["solving"])
        if self.fault == "never-ends" and task["ignored"]:
            done = 1e12
        if task["void"] is not None and not (self.fault == "voided-then-signed" and task["number"] % 2):
            done = min(task["void"], done)
        return done if self.now() >= done else None

    def state(self, task: dict[str, Any]) -> str:
        fault, closed, age = self.fault, self.closed(task), self.now() - task["created"]
        if closed is None:
            late = age > task["solving"] * 0.5 and self.variant != "skips-delivered"
            state = "delivered" if late else "pending"
            if fault == "skips-back" and state == "delivered" and len(task["polls"]) % 2:
                state = "pending"
            return state.replace("delivered", "opened") if fault == "state-unknown" else state
        if task["void"] is not None and task["void"] <= closed:
            return "voided"
        if fault == "voids-by-itself" and task["number"] % 4 == 0:
            return "voided"
        if task["ignored"]:
            return "expired"
        if fault == "signed-undone" and len(task["polls"]) % 3 == 0 and not task["declines"]:
            return "delivered"
        if fault == "declined-undone" and len(task["polls"]) % 3 == 0 and task["declines"]:
            return "delivered"
        return "declined" if task["declines"] else "signed"

    def time(self, seconds: float) -> str:
        return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def shown(self, task: dict[str, Any], state: str = "") -> dict[str, Any]:
        fault, given = self.fault, task["attributes"]
        state = state or self.state(task)
        closed, signers = self.closed(task), []
        for number, signer in enumerate(given["signers"]):
            word = {"pending": "waiting", "delivered": "viewed", "signed": "signed"}.get(state, "viewed")
            word = "waiting" if state == "voided" else word
            if state == "declined" and number == 0:
                word = "declined"
            if fault == "signer-unsigned" and state == "signed" and number == len(given["signers"]) - 1:
                word = "viewed"
            if fault == "signer-goes-back" and state == "delivered" and len(task["polls"]) % 2:
                word = "waiting"
            moment = closed if word == "signed" else None
            if moment is not None and fault == "signed-at-moves":
                moment += len(task["polls"])
            signers.append({**signer, "state": word, "signed_at": None if moment is None else self.time(moment)})
        end = closed if state not in ("pending", "delivered", "opened") else None
        if end is not None and fault == "closed-at-moves":
            end += len(task["polls"])
        updated = task["created"] + (task["solving"] / 2 if state != "pending" else 0.0)
        updated = updated if end is None else max(end, task["created"])
        if fault == "updated-falls" and len(task["polls"]) % 2 and end is not None:
            updated = task["created"]
        attributes = {
            "title": given["title"], "state": state, "reference": given.get("reference"), "signers": signers,
            "created_at": self.time(task["created"]), "updated_at": self.time(updated),
            "closed_at": None if end is None or fault == "closed-at-missing" else self.time(end), "decline": None,
        }  # fmt: skip
        if state == "declined" and fault != "declined-without-reason":
            attributes["decline"] = {"email": given["signers"][0]["email"], "reason": "not mine"}
        for name in ("title", "reference", "signers"):
            if fault == f"{name}-lost":
                attributes[name] = [] if name == "signers" else "x"
        if self.variant == "more-fields":
            attributes["color"] = "blue"
        return {"data": {"type": "envelopes", "id": task["id"], "attributes": attributes}}

    def made(self, task: dict[str, Any], http: int) -> tuple[Any, ...]:
        fault = self.fault
        named = "env_" + "0" * 16 if fault == "location-other" else task["id"]
        address = f"{PREFIX}/envelopes/{named}"
        if self.variant != "relative-location":
            address = "https://api.signet.example" + address
        state = "delivered" if fault == "state-at-creation" else "pending" if http == 201 else ""
        return http, self.shown(task, state), {} if fault == "no-location" else {"Location": address}

    def poll(self, task: dict[str, Any], headers: dict[str, str]) -> tuple[Any, ...]:
        fault, now = self.fault, self.now()
        window = [each for each in task["polls"] if now - each < 60]
        if self.variant == "fixed-window":
            window = [each for each in task["polls"] if each // 60 == now // 60]
        if len(window) >= 30 and fault != "poll-rate-none":
            return self.error(
                429, "rate.exceeded", {} if fault == "poll-rate-no-retry-after" else {"Retry-After": "60"}
            )
        task["polls"].append(now)
        body = self.shown(task)
        if fault == "no-etag":
            return 200, body, {}
        parts = [task["id"], *([] if fault == "etag-same" else [json.dumps(body)])]
        tag = f'"{hashlib.sha1("".join(parts).encode()).hexdigest()[:12]}"'
        tag = f"W/{tag}" if self.variant == "weak-etag" else tag
        if headers.get("if-none-match") == tag and fault != "etag-ignored":
            return 304, None, {"ETag": tag}
        return 200, body, {"ETag": tag}

    def audit(self, task: dict[str, Any], query: dict[str, str]) -> tuple[Any, ...]:
        fault, state = self.fault, self.state(task)
        if self.closed(task) is None and fault != "audit-early":
            return self.error(404 if fault == "audit-not-ready-404" else 409, "audit.not_ready")
        size = query.get("page[size]", "2")
        if not size.isdigit() or not 1 <= int(size) <= (1000 if fault == "audit-size-101" else 100):
            return self.error(400, "page.invalid")
        task["reads"] += 1
        events = [{"seq": 1, "what": f"created {task['id']}"}]
        events += [
            {"seq": n + 2, "what": f"signer {signer['email']} {state}"}
            for n, signer in enumerate(task["attributes"]["signers"])
        ]
        events += [
            {"seq": len(events) + 1 + n, "what": f"{word} {task['id']}"} for n, word in enumerate(("sealed", "filed"))
        ]
        if fault == "audit-changes" and task["reads"] > 5:
            events[0] = {"seq": 1, "what": f"created {task['reads']}"}
        if fault == "audit-foreign" and task["number"] % 2 == 0:
            events[0] = {"seq": 1, "what": "created env_of_another"}
        start = int(query.get("page[cursor]", "c0")[1:] or 0)
        first, after = start, start + int(size)
        if fault == "audit-overlap" and start:
            first -= 1
        part, more = events[first:after], after < len(events)
        if fault == "audit-gap" and more:
            after += 1
        cursor = f"c{after}" if more else "c0" if fault == "audit-loop" else None
        return 200, {"data": part, "meta": {"total": len(events) + (fault == "audit-total"), "next_cursor": cursor}}, {}

    def void(self, task: dict[str, Any]) -> tuple[Any, ...]:
        fault, now = self.fault, self.now()
        window = {"void-late": 1e12, "void-window-short": 300.0}.get(fault, 600.0)
        if self.closed(task) is not None:
            if fault == "void-closed-200":
                return 200, self.shown(task), {}
            return self.error(409, "envelope.done" if fault == "void-closed-other-code" else "envelope.closed")
        if now - task["created"] > window or (self.state(task) != "pending" and fault != "void-delivered"):
            return self.error(422 if fault == "void-too-late-422" else 409, "envelope.too_late")
        if fault != "void-ignored":
            task["void"] = now
        return 202 if fault == "void-202" else 200, self.shown(task, "voided" if fault == "void-ignored" else ""), {}

    def written(self, value: Any) -> bytes:
        return super().written(value)

    def due(self) -> list[tuple[str, bytes, dict[str, str]]]:
        found = []
        with self.lock:
            for one in list(self.hooks):
                task, fault = one["task"], self.fault
                early = fault == "webhook-early" and self.state(task) == "delivered"
                if self.closed(task) is None and not early:
                    continue
                self.hooks.remove(one)
                body = self.shown(task)
                state = body["data"]["attributes"]["state"]
                if fault == "webhook-other-data":
                    body["data"]["attributes"]["title"] = "another"
                body["meta"] = {"event": "envelope.done" if fault == "webhook-wrong-event" else f"envelope.{state}"}
                raw, moment = self.written(body), str(int(self.now()) + 1_767_225_600)
                digest = hashlib.sha256 if fault == "webhook-sha256" else hashlib.sha512
                signed = hmac.new(SECRET, f"{moment}.".encode() + raw, digest).hexdigest()
                headers = {"Content-Type": "application/json" if fault == "webhook-json" else TYPE}
                headers |= {"X-Signet-Timestamp": moment, "X-Signet-Signature": signed}
                if fault == "webhook-no-timestamp":
                    del headers["X-Signet-Timestamp"]
                found.append((task["attributes"]["notify_url"], raw, headers))
        return found


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
