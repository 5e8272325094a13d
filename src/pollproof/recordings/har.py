"""HAR 1.2: the entries of browsers, mitmproxy and Playwright (http://www.softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from pollproof.recordings.cassettes import NOT_RECORDED
from pollproof.recordings.encodings import BodyTooLarge, UnknownEncoding, decoded
from pollproof.recordings.entry import Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.times import NoTime, date_times, har_times
from pollproof.trace.bodies import TOO_MANY, has_too_many_parts

_DECLARED = re.compile(rb"""^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*(?:"[^"]*"|'[^']*')""")
_DECLARATION = 200
"""Bytes in which an XML declaration has room; the search takes the square of their number."""


class Unrecorded(ValueError):
    """An entry of which too much is missing to say anything; the text says what."""


class HarReader:
    """Makes entries of the entries of one HAR file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def entry(self, node: Any, number: int) -> Entry:
        """One entry; raises `RecordingError` for what is none, `Unrecorded` for one that holds too little."""
        request = self._table(node, "request", number)
        response = self._table(node, "response", number)
        method, url = request.get("method"), request.get("url")
        if not isinstance(method, str):
            raise self._refuse(number, "request.method", "must be text such as POST")
        if not isinstance(url, str):
            raise self._refuse(number, "request.url", "must be text")
        status = response.get("status")
        if isinstance(status, bool) or not isinstance(status, int) or not (status <= 0 or 100 <= status <= 999):
            raise self._refuse(number, "response.status", "must be a number such as 200")
        if any(node.get(key) for key in ("_fromCache", "_servedFromCache")) or response.get("_fromCache"):
            raise Unrecorded("answered from the browser's cache")
        asked_headers = self._headers(request.get("headers"), number, "request.headers")
        told_headers = self._headers(response.get("headers"), number, "response.headers")
        asked = self._asked(request, number)
        told, failure = b"", None
        if status <= 0:
            failure = _words(response.get("_error") or node.get("_error")) or "no answer"
        else:
            found = self._told(response, status, number)
            if found is None or status == 304:
                failure = NOT_RECORDED
            else:
                told = found
        try:
            if "content-encoding" in told_headers:
                told = decoded(told, told_headers["content-encoding"])
        except BodyTooLarge:
            raise self._refuse(number, "response.content", "unpacks to more than 64 MiB") from None
        except UnknownEncoding as error:
            failure = f"{NOT_RECORDED} in an encoding that is read here ({error})"
        if has_too_many_parts(asked):
            raise Unrecorded(TOO_MANY)
        if failure is None and has_too_many_parts(told):
            told, failure = b"", TOO_MANY
        return Entry(
            number,
            method.upper(),
            url,
            asked_headers,
            asked,
            None if failure is not None else status,
            told_headers,
            told,
            failure,
            self._times(node, told_headers, number),
        )

    def _refuse(self, number: int, place: str, problem: str) -> RecordingError:
        return RecordingError(self._name, f"log.entries[{number - 1}].{place}", problem)

    def _table(self, node: Any, key: str, number: int) -> Mapping[str, Any]:
        if not isinstance(node, dict):
            raise RecordingError(self._name, f"log.entries[{number - 1}]", "must be an object")
        value = node.get(key)
        if not isinstance(value, dict):
            raise self._refuse(number, key, "is missing or no object")
        return value

    def _times(self, node: Mapping[str, Any], headers: Mapping[str, str], number: int) -> Times | None:
        started = node.get("startedDateTime")
        if started is None:
            return date_times(headers["date"]) if "date" in headers else None
        try:
            return har_times(started, node.get("time"))
        except NoTime as error:
            raise self._refuse(number, "startedDateTime", str(error)) from None

    def _asked(self, request: Mapping[str, Any], number: int) -> bytes:
        posted = request.get("postData")
        size = request.get("bodySize")
        if posted is None:
            if isinstance(size, int) and size > 0:
                raise Unrecorded("the body of the request was not recorded")
            return b""
        if not isinstance(posted, dict):
            raise self._refuse(number, "request.postData", "must be an object")
        text = posted.get("text")
        if text is None or (text == "" and ("_file" in posted or (isinstance(size, int) and size > 0))):
            if isinstance(size, int) and size == 0:
                return b""
            raise Unrecorded("the body of the request was not recorded")
        return self._bytes(text, posted.get("encoding"), number, "request.postData.text")

    def _told(self, response: Mapping[str, Any], status: int, number: int) -> bytes | None:
        """The body of the answer, None where it was not recorded."""
        content = response.get("content")
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise self._refuse(number, "response.content", "must be an object")
        text, size = content.get("text"), content.get("size")
        if text == "" and ("_file" in content or (isinstance(size, int) and size > 0)):
            return None  # Playwright can leave bodies out, or put them into files of their own
        if text is not None:
            return self._bytes(text, content.get("encoding"), number, "response.content.text")
        if status in (204, 205) or content.get("size") == 0 or (not content and response.get("bodySize") == 0):
            return b""
        return None

    def _bytes(self, text: Any, encoding: Any, number: int, place: str) -> bytes:
        if not isinstance(text, str):
            raise self._refuse(number, place, "must be text")
        if isinstance(encoding, str) and encoding.lower() == "base64":
            try:
                return base64.b64decode(text, validate=False)
            except (binascii.Error, ValueError):
                raise self._refuse(number, place, "is no base64") from None
        body = text.encode("utf-8", "surrogatepass")
        if body[:6].lstrip()[:2] == b"<?":  # the text was decoded, so what XML declares of its bytes is over
            body = _DECLARED.sub(rb"\1", body[:_DECLARATION]) + body[_DECLARATION:]
        return body

    def _headers(self, headers: Any, number: int, place: str) -> dict[str, str]:
        found: dict[str, str] = {}
        if headers is None:
            return found
        if not isinstance(headers, list):
            raise self._refuse(number, place, "must be a list")
        for header in headers:
            name, value = (header.get("name"), header.get("value")) if isinstance(header, dict) else (None, None)
            if isinstance(name, str) and isinstance(value, str):
                key = name.lower()
                found[key] = f"{found[key]}, {value}" if key in found else value
        return found


def _words(error: Any) -> str:
    return error[:80] if isinstance(error, str) else ""
