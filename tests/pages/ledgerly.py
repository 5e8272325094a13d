"""The invented exports of tests/apis/ledgerly.toml, from their page alone: forms in, XML out; standard library only.

python -m tests.pages.ledgerly PORT [--fault NAME | --variant NAME] [--list]
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.sax.saxutils import escape

from tests.pages.serving import PageService, run

KEY = "ledger-key"
PREFIX = ""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

FAULTS = (
    "created-200", "no-location", "location-elsewhere", "created-running", "id-upper", "account-lost", "repeat-201",
    "repeat-new-created", "repeat-other-fields-taken", "repeat-other-fields-400", "key-taken", "key-taken-on-file",
    "wrong-key-401", "invalid-422", "error-without-code", "error-as-json",
    "account-letters-taken", "reference-short-taken", "format-unlisted-taken", "copies-six-taken",
    "date-free-taken", "account-missing-taken", "long-reference-refused", "never-throttles",
    "throttle-no-retry-after", "throttle-seconds", "unknown-400", "unknown-runs", "path-skips-back", "state-word",
    "state-unlisted", "percent-falls", "percent-fraction", "percent-short", "created-moves", "no-retry-after",
    "never-ends", "done-200", "done-no-location", "done-other-file", "done-undone", "failed-without-reason",
    "polls-29", "polls-unlimited", "polls-as-404", "polls-revive", "file-early", "not-done-409", "failed-file-404",
    "rows-wrong", "file-of-another", "file-changes", "file-vanishes", "kept-71-hours", "kept-8-days", "gone-404",
    "gone-200", "not-xml", "content-type-json", "number-as-n", "created-format",
)  # fmt: skip

VARIANTS = ("more-fields", "fast", "slow", "kept-5-days", "fixed-window", "location-absolute", "declared", "cdata")


class Service(PageService):
    """All exports, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        super().__init__(fault, variant)
        self.exports: dict[str, dict[str, Any]] = {}
        self.sent: list[float] = []

    def written(self, value: Any) -> bytes:
        if not value:
            return b""
        head = '<?xml version="1.0"?>\n' if self.variant == "declared" else ""
        return f"{head}{value}".encode()

    def xml(self, http: int, text: str, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
        kind = "application/json" if self.fault == "content-type-json" else "application/xml"
        return http, text[:-3] if self.fault == "not-xml" else text, {"Content-Type": kind, **(headers or {})}

    def error(self, http: int, code: int, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
        if self.fault == "error-as-json":
            return http, f'{{"code": {code}}}', {"Content-Type": "application/json", **(headers or {})}
        named = "" if self.fault == "error-without-code" else f' code="{code}"'
        return self.xml(http, f"<error{named}><message>error {code}</message></error>", headers)

    def date(self, seconds: float) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        whole, fault = urlsplit(path), self.fault
        query = {name: values[0] for name, values in parse_qs(whole.query).items()}
        parts = whole.path.strip("/").split("/")
        taken = fault == "key-taken" or (fault == "key-taken-on-file" and len(parts) == 3)
        if query.get("apikey") != KEY and not taken:
            return self.error(401 if fault == "wrong-key-401" else 403, 3)
        if parts == ["exports"] and method == "POST":
            return self.create(raw)
        export = self.exports.get(parts[1].lower()) if len(parts) > 1 and parts[0] == "exports" else None
        if export is None or (fault != "id-upper" and export["id"] != parts[1]):
            if fault == "unknown-runs" and len(parts) == 2:
                return self.xml(200, f'<export id="{escape(parts[1])}"><state>10</state><percent>0</percent></export>')
            return self.error(400 if fault == "unknown-400" else 404, 44)
        ended = export["created"] + export["solving"]
        hours = {"kept-71-hours": 71, "kept-8-days": 192}.get(fault, 120 if self.variant == "kept-5-days" else 80)
        if self.now() > ended + hours * 3600 and fault != "gone-200":
            return self.error(404, 44) if fault == "gone-404" else self.error(410, 47)
        if len(parts) == 2:
            return self.poll(export)
        return self.file(export) if parts[2:] == ["file"] else self.error(404, 44)

    def create(self, raw: bytes) -> tuple[Any, ...]:
        now, fault = self.now(), self.fault
        if self.variant == "fixed-window":
            self.sent = [m for m in self.sent if m // 60 == now // 60]
        self.sent = [m for m in self.sent if now - m < 60]
        if len(self.sent) >= 20 and fault != "never-throttles":
            wait = {"Retry-After": "60" if fault == "throttle-seconds" else self.date(60)}
            return self.error(503, 50, {} if fault == "throttle-no-retry-after" else wait)
        self.sent.append(now)
        asked = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
        if not self.good(asked):
            return self.error(422 if fault == "invalid-422" else 400, 40)
        known = self.exports.get(asked["reference"])
        if known is not None:
            if known["asked"] != asked and fault != "repeat-other-fields-taken":
                return self.error(400, 40) if fault == "repeat-other-fields-400" else self.error(409, 41)
            if fault == "repeat-new-created":
                known["created"] = now
            return self.made(known, 201 if fault == "repeat-201" else 200)
        number = len(self.exports) + 1
        solving = {"fast": 0.2, "slow": 150.0}.get(self.variant, (4.0, 9.0, 20.0)[number % 3])
        export = {"id": asked["reference"], "asked": asked, "created": now, "solving": solving, "number": number}
        export |= {"polls": 0, "reads": 0, "fails": number % 6 == 0}
        if fault == "never-ends" and number % 3 == 0:
            export["solving"] = 1e12
        self.exports[asked["reference"]] = export
        return self.made(export, 200 if fault == "created-200" else 201)

    def good(self, asked: dict[str, str]) -> bool:
        fault = self.fault
        if fault == "account-missing-taken":
            asked.setdefault("account", "123456")
        shortest = 1 if fault == "reference-short-taken" else 8
        longest = 30 if fault == "long-reference-refused" else 40
        dates = r".*" if fault == "date-free-taken" else r"\d{4}-\d\d-\d\d"
        account = r".+" if fault == "account-letters-taken" else r"\d{6}"
        good = re.fullmatch(rf"[a-z0-9-]{{{shortest},{longest}}}", asked.get("reference", "")) is not None
        good &= re.fullmatch(account, asked.get("account", "")) is not None
        good &= all(re.fullmatch(dates, asked.get(name, "")) for name in ("from", "to"))
        good &= asked.get("format") in ("csv", "ofx", "pdf") or (fault == "format-unlisted-taken" and "format" in asked)
        most = "[1-9]" if fault == "copies-six-taken" else "[1-5]"
        return good and re.fullmatch(most, asked.get("copies", "1")) is not None

    def shown(self, export: dict[str, Any], state: str, more: str = "") -> str:
        fault = self.fault
        moment = EPOCH + timedelta(seconds=export["created"] + (export["polls"] if fault == "created-moves" else 0))
        created = moment.strftime("%d.%m.%Y" if fault == "created-format" else "%Y-%m-%dT%H:%M:%SZ")
        account = "" if fault == "account-lost" else export["asked"]["account"]
        account = f"<![CDATA[{account}]]>" if self.variant == "cdata" else account
        extra = "<worker>w1</worker>" if self.variant == "more-fields" else ""
        fields = f"<state>{state}</state>{more}<created>{created}</created><account>{account}</account>{extra}"
        return f'<export id="{export["id"]}">{fields}</export>'

    def made(self, export: dict[str, Any], http: int) -> tuple[Any, ...]:
        root = "https://api.ledgerly.example" if self.variant == "location-absolute" else ""
        where = "/jobs/" if self.fault == "location-elsewhere" else "/exports/"
        location = {} if self.fault == "no-location" else {"Location": f"{root}{where}{export['id']}"}
        return self.xml(http, self.shown(export, "20" if self.fault == "created-running" else "10"), location)

    def poll(self, export: dict[str, Any]) -> tuple[Any, ...]:
        fault, age, solving = self.fault, self.now() - export["created"], export["solving"]
        export["polls"] += 1
        most = {"polls-29": 29, "polls-unlimited": 10**9}.get(fault, 30)
        if export["polls"] > most and not (fault == "polls-revive" and export["polls"] > 31):
            return self.error(404, 44) if fault == "polls-as-404" else self.error(429, 49)
        done = age >= solving and not (fault == "done-undone" and export["polls"] % 4 == 0)
        if done and export["fails"]:
            reason = "" if fault == "failed-without-reason" else "<reason>no such account</reason>"
            return self.xml(200, self.shown(export, "90", f"<percent>100</percent>{reason}"))
        if done and fault != "done-200":
            name = next(iter(self.exports)) if fault == "done-other-file" else export["id"]
            root = "https://api.ledgerly.example" if self.variant == "location-absolute" else ""
            return 303, "", {} if fault == "done-no-location" else {"Location": f"{root}/exports/{name}/file"}
        share = min(age / solving, 1.0)
        state = ("10", "20", "25")[min(2, int(share * 3))]
        if fault == "path-skips-back" and export["polls"] % 2 == 0:
            state = "10"
        state = {"10": "queued"}.get(state, state) if fault == "state-word" else state
        state = "21" if fault == "state-unlisted" and state == "20" else state
        percent = int(share * 99)
        if fault == "percent-falls" and export["polls"] % 2:
            percent //= 2
        shown = (
            f"{share:.3f}" if fault == "percent-fraction" else f"{percent * 2}" if fault == "percent-short" else percent
        )
        name = "n" if fault == "number-as-n" else "percent"
        more = f"<{name}>{shown}</{name}>"
        wait = {} if fault == "no-retry-after" else {"Retry-After": self.date(2)}
        return self.xml(200, self.shown(export, state, more), wait)

    def file(self, export: dict[str, Any]) -> tuple[Any, ...]:
        fault = self.fault
        if self.now() < export["created"] + export["solving"] and fault != "file-early":
            return self.error(409 if fault == "not-done-409" else 404, 45)
        if export["fails"]:
            return self.error(404, 44) if fault == "failed-file-404" else self.error(410, 46)
        export["reads"] += 1
        if fault == "file-vanishes" and export["reads"] == 2:
            return self.error(404, 45)
        number = 1 if fault == "file-of-another" else export["number"]
        change = export["reads"] // 3 if fault == "file-changes" else 0
        rows = "".join(f'<row n="{n}"><amount>{number}.{n}{change}</amount></row>' for n in range(1, 4))
        count = 4 if fault == "rows-wrong" else 3
        return self.xml(200, f'<file export="{export["id"]}" rows="{count}">{rows}</file>')


if __name__ == "__main__":
    run(Service, FAULTS, VARIANTS)
