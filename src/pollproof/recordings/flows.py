"""Flows of mitmproxy, read by mitmproxy's own reader where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from pollproof.recordings.assembly import EntryReader
from pollproof.recordings.encodings import NotRecorded
from pollproof.recordings.entry import Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import NO_TEXT, read_bytes
from pollproof.recordings.times import MILLISECOND

_EXTRA = "pollproof[mitmproxy]"
"""The extra that brings mitmproxy."""


def read_flows(stream: IO[bytes], name: str) -> Iterator[Entry]:
    """The entries of the HTTP flows in a file. Raises `RecordingError`."""
    try:
        from mitmproxy.exceptions import FlowReadException  # type: ignore[import-not-found, unused-ignore]
        from mitmproxy.io import FlowReader  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        problem = f"flows of mitmproxy, which its library reads: pip install '{_EXTRA}', or export them as HAR"
        raise RecordingError(name, "", problem) from None
    number, reader = 0, EntryReader(name, lambda number: f"flow {number}, ")
    try:
        for flow in FlowReader(stream).stream():
            if getattr(flow, "request", None) is not None:
                number += 1
                yield _entry(reader, flow, number)
    except FlowReadException as error:
        raise RecordingError(name, f"after flow {number}", f"cannot be read ({str(error)[:80]})") from None


def _entry(reader: EntryReader, flow: Any, number: int) -> Entry:
    asked, told = flow.request, flow.response
    entry = reader.begun(number, asked.method, asked.pretty_url)
    request_headers, response_headers = (
        {} if each is None else {key.lower(): value for key, value in each.headers.items(multi=False)}
        for each in (asked, told)
    )
    if asked.timestamp_start:
        ended = None if told is None else told.timestamp_end
        times = Times(float(asked.timestamp_start), float(ended) if ended else float("nan"), MILLISECOND)
        entry = entry._replace(times=times)

    def request(mended: list[str]) -> bytes:
        if asked.raw_content is None:
            raise NotRecorded("")
        return asked.get_content(strict=False) or b""

    def response(mended: list[str]) -> bytes:
        if told.raw_content is None:
            raise NotRecorded(NO_TEXT)
        return read_bytes(told.raw_content, response_headers, mended) if told.raw_content else b""

    failure = None if told is not None else str(flow.error or "no response")[:80]
    entry = entry._replace(request_headers=request_headers, response_headers=response_headers)
    try:
        return reader.completed(entry, None if told is None else told.status_code, failure, request, response)
    except RecordingError as error:
        return entry._replace(problem=error)
