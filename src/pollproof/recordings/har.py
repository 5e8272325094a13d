"""HAR 1.2 as browsers, proxies and test tools write it (http://www.softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pollproof.recordings.assembly import NO_BODY, EntryReader
from pollproof.recordings.encodings import NotRecorded
from pollproof.recordings.entry import Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import (
    LEFT_OUT,
    NO_TEXT,
    Sizes,
    are_bytes,
    length_of,
    read_nothing,
    read_text,
    size_of,
)
from pollproof.recordings.times import NoTime, date_times, har_seconds, har_times, is_far, iso_seconds

_FAILED = frozenset({"_error", "_errorText", "_failureText", "_aborted", "_canceled", "error", "errorText"})
"""Members in which recorders say that a request failed, whatever its status says."""

_CACHED = frozenset({"_fromCache", "_servedFromCache", "_fetchedViaServiceWorker", "_fetchType"})
"""Members in which browsers say that they have answered themselves."""

_UNFINISHED = re.compile(r"(?i)fail|abort|exception|incomplete|block|cancel|error|receiving|discard|disconnect")
"""What members such as `_charlesStatus` say of an exchange that did not end well."""

_BODIES = ("postData", "content", "_content", "body", "_body", "_postData", "requestBody", "_requestBody")
_TEXTS = ("text", "_text", "content", "_content", "value", "raw", "body", "data")
"""Members in which recorders put bodies, and the texts of bodies; HAR itself has `postData`, `content` and `text`."""


class HarReader(EntryReader):
    """Makes entries of the entries of one HAR file."""

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda number: f"log.entries[{number - 1}].")

    def entry(self, node: Any, number: int) -> Entry:
        """One entry; raises `RecordingError` for one whose address cannot be determined."""
        if not isinstance(node, dict):
            raise RecordingError(self.name, f"log.entries[{number - 1}]", "must be an object")
        request = node.get("request")
        if not isinstance(request, dict):
            raise self.refuse(number, "request", "is missing or not an object")
        entry = self.begun(number, request.get("method"), request.get("url"))
        try:
            return self._read(entry, node, request)
        except RecordingError as error:
            return entry._replace(problem=error)

    def _read(self, entry: Entry, node: Mapping[str, Any], request: Mapping[str, Any]) -> Entry:
        number, response = entry.number, node.get("response")
        if response is None:
            response = {"status": 0, "_error": "no response was recorded"}
        if not isinstance(response, dict):
            raise self.refuse(number, "response", "must be an object")
        if not (_CACHED.isdisjoint(node) and _CACHED.isdisjoint(response)) and (
            _is_cached(node) or _is_cached(response)
        ):
            return entry._replace(skipped="answered from the browser's cache")
        request_headers = self.headers(request.get("headers"), number, "request.headers")
        response_headers = self.headers(response.get("headers"), number, "response.headers")
        if "non-authoritative-reason" in response_headers:
            return entry._replace(skipped="redirected by the browser itself")
        failure = None
        if not (_FAILED.isdisjoint(node) and _FAILED.isdisjoint(response)):
            failure = next((words for each in (response, node) for words in map(_words, _picked(each)) if words), None)
        failure = failure or _unfinished(node) or _unfinished(response)
        found = response.get("status")
        status = None if failure is not None and not found else self.status(number, found)
        times, untimed = self._times(node, response_headers, number)
        return self.completed(
            entry._replace(
                request_headers=request_headers,
                response_headers=response_headers,
                times=times,
                untimed=untimed,
                skewed=times is not None and is_far(times, response_headers.get("date")),
            ),
            status,
            failure,
            lambda mended: self._request_body(request, request_headers, number, mended),
            lambda mended: self._response_body(response, response_headers, status or 0, number, mended),
        )

    def _times(
        self, node: Mapping[str, Any], headers: Mapping[str, str], number: int
    ) -> tuple[Times | None, str | None]:
        """The times of an entry, or the place and the problem of those that cannot be used."""
        started = node.get("startedDateTime")
        if started is None:
            return (date_times(headers["date"]) if "date" in headers else None), None
        place = "startedDateTime"
        try:
            sent = iso_seconds(started)
            place = "time"
            return har_times(sent, har_seconds(node.get("time"))), None
        except NoTime as error:
            return None, str(self.refuse(number, place, str(error)))

    def _request_body(
        self, request: Mapping[str, Any], headers: Mapping[str, str], number: int, mended: list[str]
    ) -> bytes:
        posted = request.get("postData")
        if type(posted) is dict and "encoding" not in posted:
            body = _plain(posted.get("text"), 0)  # a key that was taken out makes it shorter than it was
            if body is not None:
                return body
        sizes = Sizes(max(size_of(request.get("bodySize")), length_of(headers)))
        if posted is not None and not isinstance(posted, dict | str):
            raise self.refuse(number, "request.postData", "must be an object")
        text, label = self._text(request, number, "request")
        if text:
            return read_text(text, label, headers, sizes, mended)
        params = posted.get("params") if isinstance(posted, dict) else None
        if isinstance(params, list) and params:
            return _form(params)
        if sizes.some or _unfinished(request) or (isinstance(posted, dict) and "_file" in posted):
            raise NotRecorded("")
        return b""

    def _response_body(
        self, response: Mapping[str, Any], headers: Mapping[str, str], status: int, number: int, mended: list[str]
    ) -> bytes:
        content = response.get("content")
        if content is not None and not isinstance(content, dict | str):
            raise self.refuse(number, "response.content", "must be an object")
        if type(content) is dict and "encoding" not in content and "content-length" not in headers:
            size, sent = content.get("size"), response.get("bodySize")
            if type(size) is int and type(sent) is int:
                body = _plain(content.get("text"), max(size, sent))
                if body is not None:
                    return body
        about = content if isinstance(content, dict) else {}
        wire, length, plain = size_of(response.get("bodySize")), length_of(headers), size_of(about.get("size"))
        text, label = self._text(response, number, "response")
        if text:
            return read_text(text, label, headers, Sizes(length if length > 0 else wire, plain), mended)
        if status in NO_BODY:
            return b""
        if "_file" in about or about.get("comment"):
            raise NotRecorded(LEFT_OUT)
        unpacked = size_of(about.get("compression"))
        body = read_nothing(headers, Sizes(max(wire, length), max(plain, unpacked)))
        unmeasured = about.get("text") is None and about.get("size") is None  # HAR has a size of what is empty
        if length != 0 and (wire != 0 or unmeasured):
            raise NotRecorded(NO_TEXT)
        return body

    def _text(self, message: Mapping[str, Any], number: int, part: str) -> tuple[str, Any]:
        """The text of a message's body and its label, empty where there is none."""
        for name in _BODIES:
            node = message.get(name)
            if isinstance(node, str) and node:
                return node, message.get("encoding")
            if not isinstance(node, dict):
                continue
            for key in _TEXTS:
                text = node.get(key)
                if isinstance(text, dict | list) and key == "text":  # a recorder that has parsed JSON
                    numbers = text.get("data") if isinstance(text, dict) and text.get("type") == "Buffer" else text
                    if isinstance(numbers, list) and are_bytes(numbers):
                        return bytes(numbers).decode("latin-1"), None
                    return json.dumps(text, ensure_ascii=False), None
                if isinstance(text, str) and text:
                    return text, node.get("encoding", node.get("_encoding"))
                if key == "text" and text is not None and not isinstance(text, str):
                    raise self.refuse(number, f"{part}.{name}.text", "must be text")
        return "", None


def _plain(text: Any, size: int) -> bytes | None:
    """The body that most texts are: JSON as it was sent, no shorter than its size; None for any other."""
    if type(text) is not str or text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
        return None
    if text[1:2] == "&" or text[1:2].isalpha():  # entities, or a mark in brackets
        return None
    body = text.encode("utf-8", "surrogatepass")
    return body if len(body) >= size else None


def _is_cached(node: Mapping[str, Any]) -> bool:
    """Whether a browser says that it has answered itself."""
    found = {node.get(key) or "" for key in _CACHED if not isinstance(node.get(key), dict | list)}
    return not found <= {"", "Network Load", "Unknown"}  # the latter two are Safari's


def _unfinished(node: Mapping[str, Any]) -> str | None:
    """What a recorder says in a member for states of its own of an exchange or a body that is not whole."""
    for name in node:
        if name[:1] == "_" and name[-5:].lower() in ("tatus", "state"):
            value = node[name]
            if isinstance(value, str) and _UNFINISHED.search(value):
                return value[:80]
    return None


def _picked(node: Mapping[str, Any]) -> list[Any]:
    return [node[name] for name in _FAILED if name in node]


def _words(error: Any) -> str | None:
    """What a recorder says of a failure, None where it says nothing."""
    if isinstance(error, dict):
        error = next((each for each in error.values() if isinstance(each, str)), "the request failed" if error else "")
    if isinstance(error, str):
        return error[:80].strip() or None
    if error is True:
        return "the request failed"
    return f"error {error}" if isinstance(error, int | float) and error else None


def _form(params: list[Any]) -> bytes:
    """The body of a form; or JSON, which some recorders take for the name of a form's only field."""
    pairs = [(str(each.get("name", "")), str(each.get("value") or "")) for each in params if isinstance(each, dict)]
    if pairs and pairs[0][0].lstrip()[:1] in ("{", "["):
        return "&".join(name + (f"={value}" if value else "") for name, value in pairs).encode("utf-8", "replace")
    return urlencode(pairs, errors="replace").encode()
