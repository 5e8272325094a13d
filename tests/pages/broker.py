"""A service broker in the style of the Open Service Broker API's last_operation, of tests/apis/broker.toml.

python -m tests.pages.broker PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pages.serving import PageService, run

KEY = "YnJva2VyOnNlY3JldA=="
PREFIX = ""

FAULTS = (
    "accepted-200", "accepted-201", "no-operation", "repeated-new-operation", "repeated-409", "conflict-taken",
    "conflict-400", "version-ignored", "version-400", "sync-taken", "sync-400", "service-missing-taken",
    "invalid-422", "malformed-500", "key-taken", "wrong-key-403", "unknown-200", "unknown-400", "state-word",
    "state-capital", "poll-202", "goes-back", "fails-after-success", "never-ends",
    "state-missing", "deleted-kept", "deleted-404", "delete-204", "delete-unknown-200", "key-taken-on-delete",
)  # fmt: skip

VARIANTS = ("described", "fast", "slow", "spaced", "dashboard", "no-retry-after")


class Service(PageService):
    """All instances, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.instances: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()

    def error(self, http: int, code: str) -> tuple[Any, ...]:
        return http, {"error": code, "description": code}, {}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        whole, fault = urlsplit(path), self.fault
        query = {name: values[0] for name, values in parse_qs(whole.query).items()}
        parts = whole.path.strip("/").split("/")
        taken = fault == "key-taken" or (fault == "key-taken-on-delete" and method == "DELETE")
        if headers.get("authorization") != f"Basic {KEY}" and not taken:
            return self.error(403 if fault == "wrong-key-403" else 401, "Unauthorized")
        if "x-broker-api-version" not in headers and fault != "version-ignored":
            return self.error(400 if fault == "version-400" else 412, "VersionMissing")
        if len(parts) < 3 or parts[:2] != ["v2", "service_instances"]:
            return self.error(404, "NotFound")
        if method == "PUT":
            return self.provision(parts[2], query, raw)
        if method == "DELETE":
            return self.deprovision(parts[2])
        return self.last_operation(parts[2])

    def provision(self, name: str, query: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        fault, now = self.fault, self.now()
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.error(500 if fault == "malformed-500" else 400, "BadRequest")
        needed = ("plan_id",) if fault == "service-missing-taken" else ("service_id", "plan_id")
        if not isinstance(asked, dict) or not all(isinstance(asked.get(each), str) and asked[each] for each in needed):
            return self.error(422 if fault == "invalid-422" else 400, "BadRequest")
        if not isinstance(asked.get("context", {}), dict):
            return self.error(400, "BadRequest")
        if query.get("accepts_incomplete") != "true" and fault != "sync-taken":
            return self.error(400 if fault == "sync-400" else 422, "AsyncRequired")
        known = self.instances.get(name)
        if known is not None and known["asked"] != asked and fault != "conflict-taken":
            return self.error(400 if fault == "conflict-400" else 409, "Conflict")
        if known is not None and fault == "repeated-409":
            return self.error(409, "Conflict")
        if known is None:
            number = len(self.instances) + 1
            solving = {"fast": 0.2, "slow": 120.0}.get(self.variant, (3.0, 8.0, 20.0)[number % 3])
            if fault == "never-ends" and number % 3 == 0:
                solving = 1e12
            known = {"asked": asked, "created": now, "solving": solving, "number": number, "polls": 0, "tries": 0}
            self.instances[name] = known
        known["tries"] += 1
        operation = f"op-{known['number']}" + (f"-{known['tries']}" if fault == "repeated-new-operation" else "")
        body = {} if fault == "no-operation" else {"operation": operation}
        if self.variant == "dashboard":
            body["dashboard_url"] = f"https://broker.example/{name}"
        return {"accepted-200": 200, "accepted-201": 201}.get(fault, 202), body, {}

    def last_operation(self, name: str) -> tuple[Any, ...]:
        fault, known = self.fault, self.instances.get(name)
        if known is None:
            if name in self.deleted:
                return self.error(404, "NotFound") if fault == "deleted-404" else self.error(410, "Gone")
            if fault == "unknown-200":
                return 200, {"state": "in progress"}, {}
            return self.error(400 if fault == "unknown-400" else 404, "NotFound")
        known["polls"] += 1
        done = self.now() - known["created"] >= known["solving"]
        state = ("failed" if known["number"] % 6 == 0 else "succeeded") if done else "in progress"
        if fault == "goes-back" and done and known["polls"] % 3 == 0:
            state = "in progress"
        if fault == "fails-after-success" and state == "succeeded" and known["polls"] % 4 == 0:
            state = "failed"
        state = {"state-word": "working", "state-capital": "In Progress"}.get(fault, state) if not done else state
        body = {} if fault == "state-missing" and not done else {"state": state}
        if self.variant == "described":
            body["description"] = "as it stands"
        wait = {} if done or self.variant == "no-retry-after" else {"Retry-After": "2"}
        return 202 if fault == "poll-202" else 200, body, wait

    def deprovision(self, name: str) -> tuple[Any, ...]:
        if name not in self.instances:
            return (200, {}, {}) if self.fault == "delete-unknown-200" else self.error(410, "Gone")
        if self.fault != "deleted-kept":
            del self.instances[name]
            self.deleted.add(name)
        return (204, None, {}) if self.fault == "delete-204" else (200, {}, {})


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
