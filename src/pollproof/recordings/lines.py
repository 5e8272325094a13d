"""JSON Lines: logs with one exchange a line, their fields named by a mapping in TOML or by the usual names.

Spans of OpenTelemetry (OTLP in JSON), which hold their fields as attributes, are read as such lines too.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pollproof.recordings.assembly import NO_BODY, EntryReader
from pollproof.recordings.encodings import NotRecorded
from pollproof.recordings.entry import Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.json_entries import MAXIMUM_ENTRY, read_number
from pollproof.recordings.recorded_body import NO_TEXT, Sizes, length_of, read_text
from pollproof.recordings.times import LONGEST_EXCHANGE, NoTime, any_time
from pollproof.trace.bodies import write_json

LINE_ENDINGS = (".jsonl", ".ndjson", ".log")
"""What the names of JSON Lines end in, before `.gz`."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "ts", "@timestamp", "startedDateTime", "start_time", "request.time", "sent", "date"),
    "received": ("received", "end_time", "response.time", "finished"),
    "took": ("took_ms", "took", "duration_ms", "elapsed_ms", "latency_ms", "duration", "elapsed", "latency"),
    "method": ("method", "http.request.method", "http.method", "request.method", "req.method", "verb"),
    "url": ("url", "uri", "url.full", "http.url", "request.url", "request.uri", "req.url", "http.request.url"),
    "status": (
        "status", "status_code", "http.response.status_code", "http.status_code", "response.status",
        "response.status_code", "res.statusCode", "res.status", "code",
    ),
    "request_headers": ("request_headers", "request.headers", "req.headers", "http.request.headers"),
    "response_headers": ("response_headers", "response.headers", "res.headers", "http.response.headers"),
    "request_body": (
        "request_body", "request.body", "req.body", "http.request.body.content", "http.request.body", "request.content",
    ),
    "response_body": (
        "response_body", "response.body", "res.body", "http.response.body.content", "http.response.body",
        "response.content",
    ),
    "error": ("error", "exception", "failure"),
}  # fmt: skip
"""The fields of an exchange and the names under which logs usually have them; a dot leads into an object."""

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

_MISSING = object()


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Where the lines of a log have the fields of an exchange.

    `names` are candidates for each field, the first that is there counts. `unit` is that of `took`; None: taken from
    the name, else milliseconds. `lines` is the file of lines that a mapping belongs to (empty: named by itself).
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: USUAL)
    unit: str | None = None
    lines: str = ""


def read_fields(path: Path) -> FieldNames:
    """A mapping of fields in TOML. Raises `RecordingError`."""
    name = str(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(name, "", f"cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecordingError(name, "", f"is not TOML ({str(error)[:120]})") from None
    given = table.get("fields")
    unknown = [key for key in table if key not in ("lines", "took_unit", "fields")]
    if not isinstance(given, dict) or unknown:
        place = unknown[0] if unknown else "fields"
        raise RecordingError(name, place, "expected lines, took_unit and the table [fields] of a mapping of JSON Lines")
    names = dict(USUAL)
    for key, value in given.items():
        values = value if isinstance(value, list) else [value]
        if key not in USUAL or not all(isinstance(each, str) and each for each in values):
            raise RecordingError(name, f"fields.{key}", f"expected the name of a field for one of {', '.join(USUAL)}")
        names[key] = tuple(values)
    unit, lines = table.get("took_unit"), table.get("lines", "")
    if unit is not None and unit not in UNITS:
        raise RecordingError(name, "took_unit", f"expected one of {', '.join(UNITS)}")
    if not isinstance(lines, str):
        raise RecordingError(name, "lines", "expected the name of the file of lines")
    return FieldNames(names, unit, lines)


def read_lines(stream: IO[bytes], name: str, fields: FieldNames) -> Iterator[Entry]:
    """The entries of JSON Lines; those that are not exchanges are left out. Raises `RecordingError`."""
    number = 0
    found = False
    for line_number in range(1, 1 << 62):
        line = stream.readline(MAXIMUM_ENTRY + 1)
        if not line:
            break
        if len(line) > MAXIMUM_ENTRY:
            raise RecordingError(name, f"line {line_number}", f"more than {MAXIMUM_ENTRY >> 20} MiB")
        if not line.strip(b"\xef\xbb\xbf \t\r\n"):
            continue
        try:
            record = json.loads(line.decode("utf-8-sig"), parse_int=read_number)
        except (ValueError, RecursionError) as error:
            raise RecordingError(name, f"line {line_number}", f"is not JSON ({str(error)[:80]})") from None
        found = True
        for each in spans_of(record):
            entry = _Line(name, line_number, each, fields).entry(number + 1)
            if entry is not None:
                number += 1
                yield entry
    if not found:
        raise RecordingError(name, "", "the file is empty")


def spans_of(record: Any) -> Iterator[Mapping[str, Any]]:
    """The records that a line stands for: itself, or the spans of OpenTelemetry in it, with their attributes."""
    if not isinstance(record, dict):
        return
    resources = record.get("resourceSpans")
    if not isinstance(resources, list):
        yield record
        return
    for resource in resources:
        for scope in _list(resource, "scopeSpans") + _list(resource, "instrumentationLibrarySpans"):  # older exports
            for span in _list(scope, "spans"):
                if isinstance(span, dict):
                    flat = {"time": span.get("startTimeUnixNano"), "received": span.get("endTimeUnixNano")}
                    for each in _list(span, "attributes"):
                        if isinstance(each, dict) and isinstance(each.get("key"), str):
                            flat[each["key"]] = _plain(each.get("value"))
                    yield flat


def _list(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _plain(value: Any) -> Any:
    """An attribute's value without the type around it."""
    if not isinstance(value, dict):
        return value
    if "arrayValue" in value:
        return [_plain(each) for each in _list(value["arrayValue"], "values")]
    return next(iter(value.values()), None)


class _Line(EntryReader):
    """One line of a log."""

    def __init__(self, name: str, line: int, record: Mapping[str, Any], fields: FieldNames) -> None:
        super().__init__(name, lambda _: f"line {line}, ")
        self._record, self._fields = record, fields

    def entry(self, number: int) -> Entry | None:
        """The entry of the line; None where it has no address."""
        url = self._text("url")
        if not url:
            return None
        entry = self.begun(number, self._text("method") or "GET", url)
        try:
            return self._read(entry)
        except RecordingError as error:
            return entry._replace(problem=error)

    def _read(self, entry: Entry) -> Entry:
        request_headers, response_headers = self._headers("request"), self._headers("response")
        times, untimed = self._times()
        entry = entry._replace(
            request_headers=request_headers, response_headers=response_headers, times=times, untimed=untimed
        )
        found = self._value("status")
        status = self.status(entry.number, None if found is _MISSING else found)

        def request(mended: list[str]) -> bytes:
            return b"" if self._value("request_body") is _MISSING else self._body("request", request_headers, mended)

        def response(mended: list[str]) -> bytes:
            return b"" if status in NO_BODY else self._body("response", response_headers, mended)

        failure = self._text("error")[:80] or None if status is None else None
        return self.completed(entry, status, failure, request, response)

    def _value(self, key: str) -> Any:
        for name in self._fields.names[key]:
            found = _find_value(self._record, name)
            if key in ("method", "url", "status") and isinstance(found, dict | list):
                continue  # an object of that name has the field in it
            if found is not _MISSING and found is not None:
                return found
        return _MISSING

    def _text(self, key: str) -> str:
        found = self._value(key)
        return found if isinstance(found, str) else ""

    def _headers(self, side: str) -> dict[str, str]:
        found, prefix = self._value(f"{side}_headers"), f"http.{side}.header."
        more = [[key.removeprefix(prefix), value] for key, value in self._record.items() if key.startswith(prefix)]
        return self.headers(None if found is _MISSING else found, 0, f"{side}_headers") | self.headers(more, 0, "")

    def _body(self, side: str, headers: Mapping[str, str], mended: list[str]) -> bytes:
        found = self._value(f"{side}_body")
        if found is _MISSING or (found == "" and length_of(headers) > 0):
            raise NotRecorded(NO_TEXT)
        if not isinstance(found, str):
            try:
                return write_json(found)
            except (TypeError, ValueError, RecursionError):
                raise NotRecorded("it is not a JSON value") from None
        return read_text(found, None, headers, Sizes(length_of(headers)), mended) if found else b""

    def _times(self) -> tuple[Times | None, str | None]:
        found = self._value("time")
        if found is _MISSING:
            return None, None
        try:
            key = "time"
            sent, precision = any_time(found)
            key = "received"
            ended = self._value("received")
            received = math.nan if ended is _MISSING else any_time(ended)[0] + any_time(ended)[1]
            key = "took"
            if ended is _MISSING:
                received = sent + precision + self._took()
            if received < sent:
                raise NoTime("expected a time that is not before the request")
        except NoTime as error:
            return None, str(self.refuse(0, key, str(error)))
        return Times(sent, received, precision), None

    def _took(self) -> float:
        """How many seconds the exchange took, NaN where it is not stated."""
        name = next(
            (name for name in self._fields.names["took"] if _find_value(self._record, name) is not _MISSING), None
        )
        if name is None:
            return math.nan
        found = _find_value(self._record, name)
        unit = self._fields.unit or next((unit for unit in ("ms", "us", "ns") if name.endswith("_" + unit)), "ms")
        if (
            isinstance(found, bool)
            or not isinstance(found, int | float)
            or not 0 <= found * UNITS[unit] <= LONGEST_EXCHANGE
        ):
            raise NoTime(f"expected a number of {unit}")
        return found * UNITS[unit]


def _find_value(record: Mapping[str, Any], name: str) -> Any:
    """The value of a field: of that very name, or of the path that its dots lead along."""
    if name in record:
        return record[name]
    value: Any = record
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            return _MISSING
        value = value[step]
    return value
