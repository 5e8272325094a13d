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
        how = f"pip install '{_EXTRA}' on Python 3.12 or later"
        problem = f"flows of mitmproxy, which its library reads: {how}, or export them as HAR"
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
    request, response = flow.request, flow.response
    entry = reader.begun(number, request.method, request.pretty_url)
    request_headers, response_headers = (
        {} if each is None else {key.lower(): value for key, value in each.headers.items(multi=False)}
        for each in (request, response)
    )
    if request.timestamp_start:
        ended = None if response is None else response.timestamp_end
        times = Times(float(request.timestamp_start), float(ended) if ended else float("nan"), MILLISECOND)
        entry = entry._replace(times=times)

    def request_body(mended: list[str]) -> bytes:
        if request.raw_content is None:
            raise NotRecorded("")
        return request.get_content(strict=False) or b""

    def response_body(mended: list[str]) -> bytes:
        if response.raw_content is None:
            raise NotRecorded(NO_TEXT)
        return read_bytes(response.raw_content, response_headers, mended) if response.raw_content else b""

    status = None if response is None else response.status_code
    failure = None if response is not None else str(flow.error or "no response")[:80]
    entry = entry._replace(request_headers=request_headers, response_headers=response_headers)
    try:
        return reader.completed(entry, status, failure, request_body, response_body)
    except RecordingError as error:
        return entry._replace(problem=error)
