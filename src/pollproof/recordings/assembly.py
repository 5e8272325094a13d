"""Assembly: what the readers of all formats share. They find the parts of an entry, and this puts them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pollproof.recordings.encodings import BodyTooLarge, NotRecorded
from pollproof.recordings.entry import NOT_RECORDED, Entry
from pollproof.recordings.errors import RecordingError
from pollproof.trace.bodies import TOO_MANY_PARTS, has_too_many_parts

REQUEST_LOST = "the body of the request was not recorded"
"""Why a request with which nothing can be judged is left out."""

NO_BODY = (204, 205)
"""HTTP statuses that come without a body."""

NOT_MODIFIED = "not modified, so it stands in an earlier response"

ReadBody = Callable[[list[str]], bytes]
"""Reads a body and adds what it mended; raises `NotRecorded`, `BodyTooLarge` and `RecordingError`."""


class EntryReader:
    """Makes entries of what one file holds. `item` is how a place of the file begins, with the number of an entry."""

    def __init__(self, name: str, item: Callable[[int], str]) -> None:
        self.name = name
        self._item = item

    def refuse(self, number: int, place: str, problem: str) -> RecordingError:
        """An error about a place of an entry (empty: about the whole)."""
        return RecordingError(self.name, f"{self._item(number)}{place}", problem)

    def begun(self, number: int, method: Any, url: Any) -> Entry:
        """An entry with nothing but its address; raises `RecordingError` where that cannot be determined."""
        if not isinstance(method, str):
            raise self.refuse(number, "request.method", "must be text such as POST")
        if not isinstance(url, str):
            raise self.refuse(number, "request.url", "must be text, the URL of the request")
        return Entry(number, method.upper(), url, {}, b"", None, {}, b"")

    def status(self, number: int, status: Any) -> int | None:
        """A status as recorders write it (200, 200.0, "200", "200 OK"); None where there was no response."""
        if isinstance(status, str):
            digits = status.strip().partition(" ")[0]
            status = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 3 else status or None
        if isinstance(status, float) and status.is_integer():
            status = int(status)
        if status is None or (isinstance(status, int) and not isinstance(status, bool) and status <= 0):
            return None
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999:
            raise self.refuse(number, "response.status", "must be a number such as 200")
        return status

    def headers(self, given: Any, number: int, place: str) -> dict[str, str]:
        """Headers by their lower-case names, from a table or a list of pairs; what is repeated stands there once."""
        found: dict[str, str] = {}
        if given is None:
            return found
        if not isinstance(given, dict | list):
            raise self.refuse(number, place, "must be a table or a list of names and values")
        repeated: dict[str, list[str]] = {}
        if isinstance(given, list) and len(given) == 1 and isinstance(given[0], list) and _are_pairs(given[0]):
            given = given[0]  # a set, as Python writes it in YAML
        for each in given.items() if isinstance(given, dict) else given:
            if type(each) is dict:
                name, value = each.get("name"), each.get("value")
            elif isinstance(each, list | tuple) and len(each) == 2:
                name, value = each
            elif isinstance(each, str):  # as they stood on the wire
                name, _, value = (part.strip() for part in each.partition(":"))
            else:
                continue
            if type(value) is list and len(value) == 1:
                value = value[0]
            if type(name) is str and type(value) is str:
                key = name.lower()
                if key not in found:
                    found[key] = value
                    continue
            key, texts = _text(name).lower(), list(map(_text, value if isinstance(value, list) else [value]))
            if not key or value is None:
                continue
            values = repeated.setdefault(key, [found[key]] if key in found else [])
            values += [text for text in texts if text and text not in values]
            found[key] = ", ".join(dict.fromkeys(values))
        return found

    def completed(
        self, entry: Entry, status: int | None, failure: str | None, request: ReadBody, response: ReadBody
    ) -> Entry:
        """An entry with its bodies. Where that of the request was not recorded, it is skipped; where that of the
        response was not, it has no response."""
        if status is not None and status < 200:
            return entry._replace(skipped="an interim response (HTTP 1xx) alone was recorded")
        mended: list[str] = []
        place, sent, body, lost = "request.body", b"", b"", None
        try:
            sent = request(mended)
            if has_too_many_parts(sent):
                return entry._replace(skipped=TOO_MANY_PARTS)
            if status is not None and failure is None:
                place = "response.body"
                if status == 304:
                    raise NotRecorded(NOT_MODIFIED)
                body = response(mended)
                if has_too_many_parts(body):
                    raise NotRecorded(TOO_MANY_PARTS)
        except NotRecorded as error:
            lost = str(error)
            if place == "request.body":
                return entry._replace(skipped=f"{REQUEST_LOST}: {lost}" if lost else REQUEST_LOST)
            failure, body = f"{NOT_RECORDED}: {lost}", b""
        except BodyTooLarge:
            raise self.refuse(entry.number, place, "unpacks to more than 64 MiB") from None
        if status is None and failure is None:
            failure = "no response"
        return entry._replace(
            request_body=sent,
            status=None if failure is not None else status,
            response_body=body,
            failure=failure,
            lost=lost,
            mended=tuple(mended),
        )


def _are_pairs(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(each, list | tuple) and len(each) == 2 for each in values)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list | dict) else str(value)
