"""Flows of mitmproxy, read by mitmproxy's own reader where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from pollproof.recordings.encodings import BodyTooLarge, NotRecorded
from pollproof.recordings.entry import NOT_RECORDED, Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import NO_TEXT, read_bytes
from pollproof.recordings.times import MILLISECOND
from pollproof.trace.bodies import TOO_MANY, has_too_many_parts

EXTRA = "pollproof[mitmproxy]"
"""The extra that brings mitmproxy."""


def read_flows(stream: IO[bytes], name: str) -> Iterator[Entry]:
    """The entries of the HTTP flows in a file. Raises `RecordingError`."""
    try:
        from mitmproxy.exceptions import FlowReadException  # type: ignore[import-not-found, unused-ignore]
        from mitmproxy.io import FlowReader  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        problem = f"flows of mitmproxy, which its library reads: pip install '{EXTRA}', or export them as HAR"
        raise RecordingError(name, "", problem) from None
    number = 0
    try:
        for flow in FlowReader(stream).stream():
            if getattr(flow, "request", None) is not None:
                number += 1
                yield _entry(flow, number, name)
    except FlowReadException as error:
        raise RecordingError(name, f"after flow {number}", f"cannot be read ({str(error)[:80]})") from None


def _entry(flow: Any, number: int, name: str) -> Entry:
    request, response = flow.request, flow.response
    headers = {key.lower(): value for key, value in request.headers.items(multi=False)}
    entry = Entry(number, request.method.upper(), request.pretty_url, headers, b"", None, {}, b"")
    if request.timestamp_start:
        ended = None if response is None else response.timestamp_end
        sent = float(request.timestamp_start)
        entry = entry._replace(times=Times(sent, float(ended) if ended else float("nan"), MILLISECOND))
    if request.raw_content is None:
        return entry._replace(skipped="the body of the request was not recorded")
    try:
        entry = entry._replace(request_body=request.get_content(strict=False) or b"")
        if response is None:
            return entry._replace(failure=str(flow.error or "no response")[:80])
        told = {key.lower(): value for key, value in response.headers.items(multi=False)}
        entry = entry._replace(response_headers=told)
        if response.raw_content is None:
            raise NotRecorded(NO_TEXT)
        body, mended = read_bytes(response.raw_content, told) if response.raw_content else (b"", None)
        if has_too_many_parts(body):
            raise NotRecorded(TOO_MANY)
    except NotRecorded as error:
        return entry._replace(lost=str(error), failure=f"{NOT_RECORDED}: {error}")
    except BodyTooLarge:
        return entry._replace(problem=RecordingError(name, f"flow {number}", "a body unpacks to more than 64 MiB"))
    return entry._replace(status=response.status_code, response_body=body, mended=(mended,) if mended else ())
