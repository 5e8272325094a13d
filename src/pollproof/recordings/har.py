"""HAR 1.2 as browsers, proxies and test tools write it (http://www.softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pollproof.recordings.encodings import BodyTooLarge, NotRecorded
from pollproof.recordings.entry import NOT_RECORDED, Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import (
    LEFT_OUT,
    NO_TEXT,
    Sizes,
    length_of,
    read_nothing,
    read_text,
    size_of,
)
from pollproof.recordings.times import NoTime, date_times, duration, har_times, is_far, iso_seconds
from pollproof.trace.bodies import TOO_MANY, has_too_many_parts

REQUEST_LOST = "the body of the request was not recorded"

_FAILED = frozenset({"_error", "_errorText", "_failureText", "_aborted", "_canceled", "error", "errorText"})
"""Members in which recorders say that a request failed, whatever its status says."""

_CACHED = frozenset({"_fromCache", "_servedFromCache", "_fetchedViaServiceWorker", "_fetchType"})
"""Members in which browsers say that they have answered themselves."""

_UNFINISHED = re.compile(r"(?i)fail|abort|exception|incomplete|block|cancel|error|receiving|discard|disconnect")
"""What members such as `_charlesStatus` say of an exchange that did not end well."""

_BODIES = ("postData", "content", "_content", "body", "_body", "_postData", "requestBody", "_requestBody")
_TEXTS = ("text", "_text", "content", "_content", "value", "raw", "body", "data")
"""Members in which recorders put bodies, and the texts of bodies; HAR itself has `postData`, `content` and `text`."""


class HarReader:
    """Makes entries of the entries of one HAR file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def entry(self, node: Any, number: int) -> Entry:
        """One entry; raises `RecordingError` for one whose address cannot be told."""
        if not isinstance(node, dict):
            raise RecordingError(self._name, f"log.entries[{number - 1}]", "must be an object")
        request = node.get("request")
        if not isinstance(request, dict):
            raise self._refuse(number, "request", "is missing or not an object")
        method, url = request.get("method"), request.get("url")
        if not isinstance(method, str):
            raise self._refuse(number, "request.method", "must be text such as POST")
        if not isinstance(url, str):
            raise self._refuse(number, "request.url", "must be text")
        method = method.upper()
        try:
            return self._read(number, method, url, node, request)
        except RecordingError as error:
            return Entry(number, method, url, {}, b"", None, {}, b"", problem=error)

    def _read(self, number: int, method: str, url: str, node: Mapping[str, Any], request: Mapping[str, Any]) -> Entry:
        response = node.get("response")
        if response is None:
            response = {"status": 0, "_error": "no response was recorded"}
        if not isinstance(response, dict):
            raise self._refuse(number, "response", "must be an object")
        if not (_CACHED.isdisjoint(node) and _CACHED.isdisjoint(response)) and (
            _is_cached(node) or _is_cached(response)
        ):
            return Entry(number, method, url, {}, b"", None, {}, b"", skipped="answered from the browser's cache")
        request_headers = self._headers(request.get("headers"), number, "request.headers")
        response_headers = self._headers(response.get("headers"), number, "response.headers")
        if "non-authoritative-reason" in response_headers:
            return Entry(number, method, url, {}, b"", None, {}, b"", skipped="redirected by the browser itself")
        mended: list[str] = []
        try:
            request_body, found = self._request_body(request, request_headers, number)
        except NotRecorded:
            return Entry(number, method, url, request_headers, b"", None, {}, b"", skipped=REQUEST_LOST)
        if has_too_many_parts(request_body):
            return Entry(number, method, url, {}, b"", None, {}, b"", skipped=TOO_MANY)
        if found:
            mended.append(found)
        failure = None
        if not (_FAILED.isdisjoint(node) and _FAILED.isdisjoint(response)):
            failure = next((words for each in (response, node) for words in map(_words, _picked(each)) if words), None)
        failure = failure or _unfinished(node) or _unfinished(response)
        status = self._status(response.get("status"), number, failure)
        body, lost = b"", None
        if status <= 0:
            failure = failure or "no response"
        elif failure is None:
            try:
                body, found = self._response_body(response, response_headers, status, number)
                mended += [found] if found else []
                lost = TOO_MANY if has_too_many_parts(body) else None
            except NotRecorded as error:
                lost = str(error)
            failure = None if lost is None else f"{NOT_RECORDED}: {lost}"
        times, untimed = self._times(node, response_headers, number)
        return Entry(
            number,
            method,
            url,
            request_headers,
            request_body,
            None if failure is not None else status,
            response_headers,
            b"" if failure is not None else body,
            failure,
            times,
            lost=lost,
            untimed=untimed,
            mended=tuple(mended),
            skewed=times is not None and is_far(times, response_headers.get("date")),
        )

    def _refuse(self, number: int, place: str, problem: str) -> RecordingError:
        return RecordingError(self._name, f"log.entries[{number - 1}].{place}", problem)

    def _status(self, status: Any, number: int, failure: str | None) -> int:
        """The status of a response, 0 where there was none."""
        if status is None or status == "" or (failure is not None and not status):
            return 0
        if isinstance(status, str) and status.isascii() and status[:3].isdigit() and status[3:4] in ("", " "):
            status = int(status[:3])
        if isinstance(status, float) and status.is_integer():
            status = int(status)
        if isinstance(status, bool) or not isinstance(status, int) or not (status <= 0 or 100 <= status <= 999):
            raise self._refuse(number, "response.status", "must be a number such as 200")
        return status

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
            return har_times(sent, duration(node.get("time"))), None
        except NoTime as error:
            return None, str(self._refuse(number, place, str(error)))

    def _request_body(
        self, request: Mapping[str, Any], headers: Mapping[str, str], number: int
    ) -> tuple[bytes, str | None]:
        posted = request.get("postData")
        if type(posted) is dict and "encoding" not in posted:
            body = _plain(posted.get("text"), 0)  # a key that was taken out makes it shorter than it was
            if body is not None:
                return body, None
        sizes = Sizes(max(size_of(request.get("bodySize")), length_of(headers)))
        if posted is not None and not isinstance(posted, dict | str):
            raise self._refuse(number, "request.postData", "must be an object")
        text, label = self._text(request, number, "request")
        if text:
            return self._bytes(text, label, headers, sizes, number, "request.postData.text")
        params = posted.get("params") if isinstance(posted, dict) else None
        if isinstance(params, list) and params:
            return _form(params), None
        if sizes.some or _unfinished(request) or (isinstance(posted, dict) and "_file" in posted):
            raise NotRecorded(LEFT_OUT)
        return b"", None

    def _response_body(
        self, response: Mapping[str, Any], headers: Mapping[str, str], status: int, number: int
    ) -> tuple[bytes, str | None]:
        content = response.get("content")
        if content is not None and not isinstance(content, dict | str):
            raise self._refuse(number, "response.content", "must be an object")
        if status == 304:
            raise NotRecorded("not modified, so it stands in an earlier response")
        if type(content) is dict and "encoding" not in content and "content-length" not in headers:
            size, sent = content.get("size"), response.get("bodySize")
            if type(size) is int and type(sent) is int:
                body = _plain(content.get("text"), max(size, sent))
                if body is not None:
                    return body, None
        about = content if isinstance(content, dict) else {}
        wire, length, plain = size_of(response.get("bodySize")), length_of(headers), size_of(about.get("size"))
        text, label = self._text(response, number, "response")
        if text:
            sizes = Sizes(length if length > 0 else wire, plain)
            return self._bytes(text, label, headers, sizes, number, "response.content.text")
        if status in (204, 205):
            return b"", None
        if "_file" in about or about.get("comment"):
            raise NotRecorded(LEFT_OUT)
        unpacked = size_of(about.get("compression"))
        body = read_nothing(headers, Sizes(max(wire, length), max(plain, unpacked)))
        if wire != 0 and length != 0:
            raise NotRecorded(NO_TEXT)
        return body, None

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
                    if isinstance(numbers, list) and _are_bytes(numbers):
                        return bytes(numbers).decode("latin-1"), None
                    return json.dumps(text, ensure_ascii=False), None
                if isinstance(text, str) and text:
                    return text, node.get("encoding", node.get("_encoding"))
                if key == "text" and text is not None and not isinstance(text, str):
                    raise self._refuse(number, f"{part}.{name}.text", "must be text")
        return "", None

    def _bytes(
        self, text: str, label: Any, headers: Mapping[str, str], sizes: Sizes, number: int, place: str
    ) -> tuple[bytes, str | None]:
        try:
            return read_text(text, label, headers, sizes)
        except BodyTooLarge:
            raise self._refuse(number, place.rpartition(".")[0], "unpacks to more than 64 MiB") from None

    def _headers(self, headers: Any, number: int, place: str) -> dict[str, str]:
        """Headers by their lower-case names; what a recorder repeats stands there once."""
        found: dict[str, str] = {}
        if headers is None:
            return found
        if isinstance(headers, dict):
            headers = [
                {"name": name, "value": value}
                for name, values in headers.items()
                for value in (values if isinstance(values, list) else [values])
            ]
        if not isinstance(headers, list):
            raise self._refuse(number, place, "must be a list")
        repeated: dict[str, list[str]] = {}
        for header in headers:
            name, value = (header.get("name"), header.get("value")) if isinstance(header, dict) else (None, None)
            if isinstance(value, int):
                value = str(value)
            if isinstance(name, str) and isinstance(value, str):
                key = name.lower()
                if key not in found:
                    found[key] = value
                    continue
                values = repeated.setdefault(key, [found[key]])
                if value not in values:
                    values.append(value)
                    found[key] = ", ".join(values)
        return found


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


def _are_bytes(numbers: list[Any]) -> bool:
    return len(numbers) > 1 and all(type(each) is int and 0 <= each < 256 for each in numbers)


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
