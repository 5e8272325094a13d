"""The invented document converter of tests/apis/docmill.toml, from its page alone: standard library only.

python -m tests.pages.docmill PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pages.serving import PageService, run

KEY = "mill-key"
PREFIX = "/v1"

FAULTS = (
    "created-200", "no-operation-location", "location-of-another", "location-elsewhere", "signature-ignored-404",
    "created-done", "no-operation-id", "same-job", "not-replayed", "key-other-body-taken", "never-throttles",
    "throttle-no-retry-after", "key-taken", "key-taken-in-query", "query-key-refused", "wrong-key-403",
    "source-missing-taken", "format-unlisted-taken", "quality-eleven-taken", "source-long-refused", "one-source-taken",
    "merge-number-taken", "list-taken", "invalid-422", "unreadable-500", "errors-without-message", "unknown-410",
    "gone-404", "gone-200", "counts-from-creation", "deleted-early", "poll-202", "done-200", "done-no-location",
    "result-of-another", "skips-back", "done-undone", "no-retry-after", "never-ends", "pages-overlap", "pages-gap",
    "pages-loop", "pages-total-wrong", "pages-shuffled", "page-limit-ignored", "next-broken", "pages-change",
    "not-ready-404", "not-ready-empty", "pages-vanish", "cancel-200", "cancel-ended-202", "cancel-ignored",
    "cancel-slow", "cancels-by-itself", "merge-created-201", "merge-never-ends", "merge-pages-gap",
)  # fmt: skip

VARIANTS = (
    "location-relative",
    "more-fields",
    "fast",
    "slow",
    "spaced",
    "fixed-window",
    "longer",
    "next-relative",
)


class Service(PageService):
    """All jobs, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[str, dict[str, Any]]] = {}
        self.sent: list[float] = []

    def error(self, http: int, code: str, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
        error = {"code": code} if self.fault == "errors-without-message" else {"code": code, "message": code}
        return http, {"error": error}, headers or {}

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        whole = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(whole.query).items()}
        if not self.knows(headers.get("x-api-key"), query.get("api_key")):
            return self.error(403 if self.fault == "wrong-key-403" else 401, "bad_key")
        parts = whole.path.removeprefix(PREFIX).strip("/").split("/")
        if method == "POST" and parts in (["conversions"], ["merges"]):
            return self.create(parts[0], headers, raw)
        if parts[0] == "operations" and len(parts) == 2:
            return self.poll(parts[1], query)
        if parts[0] == "jobs" and len(parts) == 3 and parts[2] == "pages":
            return self.pages(parts[1], query)
        if parts[0] == "jobs" and len(parts) == 2 and method == "DELETE":
            return self.cancel(parts[1])
        return self.error(404, "not_found")

    def knows(self, header: str | None, query: str | None) -> bool:
        if self.fault == "key-taken" and (header or query):
            return True
        if header is None and query is not None:
            if self.fault == "query-key-refused":
                return False
            return query == KEY or self.fault == "key-taken-in-query"
        return header == KEY

    def create(self, what: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        now, fault = self.now(), self.fault
        if self.variant == "fixed-window":
            self.sent = [moment for moment in self.sent if moment // 60 == now // 60]
        self.sent = [moment for moment in self.sent if now - moment < 60]
        if len(self.sent) >= 30 and fault != "never-throttles":
            return self.error(429, "slow_down", {} if fault == "throttle-no-retry-after" else {"Retry-After": "60"})
        self.sent.append(now)
        try:
            asked = json.loads(raw)
        except ValueError:
            return self.error(500 if fault == "unreadable-500" else 400, "bad_request")
        if isinstance(asked, list) and fault == "list-taken":
            asked = {"source": "a", "format": "pdf", "sources": ["a", "b"]}
        if not isinstance(asked, dict) or not (self.good if what == "conversions" else self.good_merge)(asked):
            return self.error(422 if fault == "invalid-422" else 400, "bad_request")
        key, text = headers.get("idempotency-key"), json.dumps([what, asked], sort_keys=True)
        known = self.keys.get(key or "")
        if known is not None and fault != "not-replayed":
            if known[0] != text and fault != "key-other-body-taken":
                return self.error(422, "key_reused")
            return self.made(known[1])
        number = len(self.jobs) + 1
        job: dict[str, Any] = {"id": self.name("job", number // 3 if fault == "same-job" else number), "number": number}
        job |= {"created": now, "what": what, "polls": 0, "reads": 0, "cancel": None, "asked": asked}
        job |= {"operation": self.name("op", number), "touched": now, "fails": number % 7 == 0}
        job["solving"] = {"fast": 0.5, "slow": 120.0}.get(self.variant, (4.0, 9.0, 25.0)[number % 3])
        if (fault == "never-ends" and number % 3 == 0) or (fault == "merge-never-ends" and what == "merges"):
            job["solving"] = 1e9
        self.jobs[job["id"]] = self.operations[job["operation"]] = job
        if key is not None:
            self.keys[key] = (text, job)
        return self.made(job)

    def good(self, asked: dict[str, Any]) -> bool:
        source, quality = asked.get("source"), asked.get("quality", 5)
        if self.fault == "source-missing-taken" and source is None:
            source = "x"
        longest = 2000 if self.fault == "source-long-refused" else 2048
        good = isinstance(source, str) and 1 <= len(source) <= longest
        good &= asked.get("format") in ("pdf", "html", "txt") or self.fault == "format-unlisted-taken"
        notify = asked.get("notify", {"url": "https://client.example/"})
        good &= isinstance(notify, dict) and str(notify.get("url", "")).startswith("http")
        most = 100 if self.fault == "quality-eleven-taken" else 10
        good &= isinstance(quality, int) and not isinstance(quality, bool) and 1 <= quality <= most
        return good

    def good_merge(self, asked: dict[str, Any]) -> bool:
        sources = asked.get("sources")
        least = 1 if self.fault == "one-source-taken" else 2
        if not isinstance(sources, list) or not least <= len(sources) <= 20:
            return False
        return all(isinstance(each, str) and each for each in sources) or self.fault == "merge-number-taken"

    def name(self, kind: str, number: int) -> str:
        return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()[:20]

    def made(self, job: dict[str, Any]) -> tuple[Any, ...]:
        fault, root = self.fault, "" if self.variant == "location-relative" else "https://api.docmill.example"
        operation = self.name("op", max(job["number"] - 1, 1)) if fault == "location-of-another" else job["operation"]
        where = f"{root}/v1/operations/{operation}?sig={operation[:6]}"
        if fault == "location-elsewhere":
            where = f"{root}/v1/status/{operation}"
        headers = {"Operation-Location": where, "Retry-After": "2"}
        if fault == "no-operation-location":
            del headers["Operation-Location"]
        body = {"job": {"id": job["id"], "state": "done" if fault == "created-done" else "pending"}}
        body |= {} if fault == "no-operation-id" else {"operation_id": job["operation"]}
        body |= {"queue": 1} if self.variant == "more-fields" else {}
        http = (
            200 if fault == "created-200" else 201 if fault == "merge-created-201" and job["what"] == "merges" else 202
        )
        return http, body, headers

    def state(self, job: dict[str, Any]) -> str:
        age = self.now() - job["created"]
        if job["cancel"] is not None:
            if job["cancel"] + (200 if self.fault == "cancel-slow" else 2) <= self.now():
                return "cancelled"
            return "cancelling"
        if age >= job["solving"]:
            if self.fault == "cancels-by-itself" and job["number"] % 4 == 0:
                return "cancelled"
            return "failed" if job["fails"] else "done"
        return "pending" if age < job["solving"] / 2 else "converting"

    def gone(self, job: dict[str, Any]) -> bool:
        fault, now = self.fault, self.now()
        life = {"deleted-early": 80_000, "gone-200": 1e12}.get(fault, 86_430 if self.variant == "longer" else 86_400)
        began = job["created"] if fault == "counts-from-creation" else job["touched"]
        job["gone"] = job.get("gone", False) or now - began > life
        job["touched"] = job["touched"] if job["gone"] else now
        return bool(job["gone"])

    def poll(self, identifier: str, query: dict[str, str]) -> tuple[Any, ...]:
        fault, job = self.fault, self.operations.get(identifier)
        if job is None:
            return self.error(410, "gone") if fault == "unknown-410" else self.error(404, "not_found")
        if fault == "signature-ignored-404" and "sig" in query:
            return self.error(404, "not_found")
        if self.gone(job):
            return self.error(404, "not_found") if fault == "gone-404" else self.error(410, "gone")
        job["polls"] += 1
        state = self.state(job)
        if fault == "skips-back" and state == "converting" and job["polls"] % 2 == 0:
            state = "pending"
        if fault == "done-undone" and state == "done" and job["polls"] % 4 == 0:
            state = "converting"
        if state == "done" and fault != "done-200":
            name = self.name("job", max(job["number"] - 1, 1)) if fault == "result-of-another" else job["id"]
            where = (
                {} if fault == "done-no-location" else {"Location": f"https://api.docmill.example/v1/jobs/{name}/pages"}
            )
            return 303, None, where
        pending = state in ("pending", "converting", "cancelling") and fault != "no-retry-after"
        http = 202 if fault == "poll-202" else 200
        return http, {"operation_id": identifier, "state": state}, {"Retry-After": "2"} if pending else {}

    def pages(self, identifier: str, query: dict[str, str]) -> tuple[Any, ...]:
        fault, job = self.fault, self.jobs.get(identifier)
        if job is None:
            return self.error(404, "not_found")
        if self.gone(job):
            return self.error(410, "gone")
        if self.state(job) != "done":
            if fault == "not-ready-empty":
                return 200, {"items": [], "next": None, "total": 0}, {}
            return self.error(404, "not_found") if fault == "not-ready-404" else self.error(409, "not_ready")
        job["reads"] += 1
        if fault == "pages-vanish" and job["reads"] == 2:
            return self.error(409, "not_ready")
        count = 7 if job["what"] == "conversions" else 5
        items = [{"number": n + 1, "text": self.name(f"text{n}-", job["number"])} for n in range(count)]
        if fault == "pages-change":
            items[2]["text"] = str(job["reads"] // 9)
        limit = query.get("limit", "")
        size = int(limit) if limit.isdigit() and fault != "page-limit-ignored" else 3
        if fault == "pages-shuffled" and size == 1:
            items[1], items[2] = items[2], items[1]
        start = int(query["from"]) if query.get("from", "").isdigit() else 0
        after = start + size
        part = items[max(start - 1, 0) if fault == "pages-overlap" else start : after]
        if (fault == "pages-gap" or (fault == "merge-pages-gap" and job["what"] == "merges")) and after < count:
            after += 1
        more = after < count or fault == "pages-loop"
        address = f"/v1/jobs/{identifier}/pages?from={0 if fault == 'pages-loop' and after >= count else after}"
        address += f"&limit={limit}" if limit else ""
        if fault == "next-broken":
            address = address.replace("pages?", "page?")
        root = "" if self.variant == "next-relative" else "https://api.docmill.example"
        total = count + 1 if fault == "pages-total-wrong" else count
        return 200, {"items": part, "next": root + address if more else None, "total": total}, {}

    def cancel(self, identifier: str) -> tuple[Any, ...]:
        fault, job = self.fault, self.jobs.get(identifier)
        if job is None:
            return self.error(404, "not_found")
        if self.gone(job):
            return self.error(410, "gone")
        if self.state(job) in ("done", "failed", "cancelled") and fault != "cancel-ended-202":
            return self.error(409, "ended")
        if job["cancel"] is None and fault != "cancel-ignored" and self.state(job) in ("pending", "converting"):
            job["cancel"] = self.now()
        return 200 if fault == "cancel-200" else 202, {"id": identifier, "state": "cancelling"}, {}


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
