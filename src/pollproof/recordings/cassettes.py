"""Cassettes: the interactions of vcrpy, of all its versions that keep `interactions`, as entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.recordings.encodings import BodyTooLarge, NotRecorded, decoded, from_base64
from pollproof.recordings.entry import NOT_RECORDED, OWN, Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import MISLABELLED, NO_TEXT, length_of, read_bytes, text_bytes
from pollproof.recordings.times import NoTime, date_times, own_times
from pollproof.trace.bodies import TOO_MANY, has_too_many_parts, write_json


def own_of(metadata: Any) -> Mapping[str, Any]:
    """What pollproof noted of a recording of its own; nothing where another tool wrote the cassette."""
    own = metadata.get(OWN) if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}


def rows_of(metadata: Any, name: str) -> list[Mapping[str, Any]] | None:
    """What pollproof noted of each interaction, None where another tool wrote the cassette."""
    own = own_of(metadata)
    if not own:
        return None
    rows = own.get("exchanges")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecordingError(name, f"metadata.{OWN}.exchanges", "must be a list of one table for each interaction")
    return rows


def own_row(node: Any) -> Mapping[str, Any]:
    """What pollproof noted in an interaction itself, as in a cassette that grows; nothing where it noted nothing."""
    return own_of(node)


_PARTS = frozenset({"string", "base64_string", "encoding", "charset"})
"""The members of a body that is text; a table with others is a JSON value."""


class CassetteReader:
    """Makes entries of the interactions of one cassette; `whole` is what its metadata says, if it is our own."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self._name = name
        self._whole = whole

    def entry(self, node: Any, number: int, row: Mapping[str, Any] | None) -> Entry:
        """One interaction; raises `RecordingError` for one whose address cannot be told."""
        request = self._table(node, "request", number)
        response = self._table(node, "response", number)  # missing where a file in YAML was cut, whatever its address
        method, url = request.get("method"), request.get("uri", request.get("url"))
        if not isinstance(method, str):
            raise self._refuse(number, "request.method", "must be text such as POST")
        if not isinstance(url, str):
            raise self._refuse(number, "request.uri", "must be text, the URL of the request")
        entry = Entry(number, method.upper(), url, {}, b"", None, {}, b"", own=row is not None)
        if row is not None:
            entry = entry._replace(whole=self._whole, inbound=row.get("inbound") in (True, "true"))
        try:
            return self._read(entry, request, response, row)
        except RecordingError as error:
            return entry._replace(problem=error)

    def _read(
        self,
        entry: Entry,
        request: Mapping[str, Any],
        response: Mapping[str, Any],
        row: Mapping[str, Any] | None,
    ) -> Entry:
        number = entry.number
        request_headers = self._headers(request.get("headers"), number, "request.headers")
        response_headers = self._headers(response.get("headers"), number, "response.headers")
        status = self._status(response, number)
        part = "content" if "content" in response and "body" not in response else "body"  # httpx before vcrpy 6
        mended: list[str] = []
        body, lost = b"", None
        try:
            request_body = self._body(request.get("body"), number, "request.body", mended)
            request_body = self._decoded(request_body, request_headers, number, mended, own=row is not None)
            if has_too_many_parts(request_body):
                raise self._refuse(number, "request.body", TOO_MANY)
        except NotRecorded as error:
            return entry._replace(skipped=f"the body of the request was not recorded: {error}")
        try:
            body = self._body(response.get(part), number, f"response.{part}", mended)
            if row is None and not _has_body(response.get(part)) and _should_have(status, response_headers):
                raise NotRecorded(NO_TEXT)
            if status is not None and status not in (204, 205):
                body = self._decoded(body, response_headers, number, mended, own=row is not None)
            if status == 304:
                raise NotRecorded("not modified, so it stands in an earlier response")
            if has_too_many_parts(body):
                raise NotRecorded(TOO_MANY)
        except NotRecorded as error:
            lost, body, status = str(error), b"", None
        times: Times | None = None
        probe: str | None = None
        failure = None if lost is None else f"{NOT_RECORDED}: {lost}"
        if row is not None:
            times, probe, own_failure = self._own(row, number)
            failure = own_failure or failure
        elif "date" in response_headers:
            times = date_times(response_headers["date"])
        return entry._replace(
            request_headers=request_headers,
            request_body=request_body,
            status=None if failure is not None else status,
            response_headers=response_headers,
            response_body=body,
            failure=failure,
            times=times,
            probe=probe,
            lost=lost,
            mended=tuple(mended),
        )

    def _decoded(self, body: bytes, headers: Mapping[str, str], number: int, mended: list[str], *, own: bool) -> bytes:
        """A body without its encodings; of a recording of our own, and of requests, what is there is all there was."""
        try:
            if own:
                return decoded(body, headers.get("content-encoding", ""))
            body, found = read_bytes(body, headers)
        except BodyTooLarge:
            raise self._refuse(number, "body", "unpacks to more than 64 MiB") from None
        mended += [found] if found else []
        return body

    def _refuse(self, number: int, place: str, problem: str) -> RecordingError:
        return RecordingError(self._name, f"interaction {number}, {place}", problem)

    def _table(self, node: Any, key: str, number: int) -> Mapping[str, Any]:
        if not isinstance(node, dict):
            raise RecordingError(self._name, f"interaction {number}", "must be a table with a request and a response")
        value = node.get(key)
        if not isinstance(value, dict):
            raise self._refuse(number, key, "is missing or no table")
        return value

    def _own(self, row: Mapping[str, Any], number: int) -> tuple[Times | None, str | None, str | None]:
        """The times, the probe and the failure that pollproof noted of an interaction."""
        place = f"metadata.{OWN}.exchanges, row {number}"
        try:
            times = own_times(row)
        except NoTime as error:
            raise RecordingError(self._name, place, str(error)) from None
        probe, failure = row.get("probe"), row.get("failure")
        if not isinstance(probe, str | None) or not isinstance(failure, str | None):
            raise RecordingError(self._name, place, "'probe' and 'failure' must be text")
        return times, probe, failure

    def _status(self, response: Mapping[str, Any], number: int) -> int | None:
        found = response.get("status")
        code = (
            found.get("code") if isinstance(found, dict) else response.get("status_code", response.get("code", found))
        )
        try:
            status = int(str(code).partition(" ")[0])  # YAML scalars are read as text; `200 OK` is that of go-vcr
        except (TypeError, ValueError):
            raise self._refuse(number, "response.status.code", "must be a number such as 200") from None
        if status == 0:
            return None
        if not 100 <= status <= 999:
            raise self._refuse(number, "response.status.code", "must be a number such as 200")
        return status

    def _body(self, body: Any, number: int, place: str, mended: list[str]) -> bytes:
        """A body; vcrpy keeps what aiohttp is given as JSON unwritten, as a table or a list, and filters may too."""
        if body is None:
            return b""
        if isinstance(body, dict) and len(body) == 1 and isinstance(body.get("string"), dict | list):
            body = body["string"]
        table = isinstance(body, dict) and not body.keys() <= _PARTS
        if table or (isinstance(body, list) and not all(isinstance(piece, str | bytes) for piece in body)):
            try:
                return write_json(body)
            except (TypeError, ValueError, RecursionError):
                raise self._refuse(number, place, "must be text, or a JSON value") from None
        if isinstance(body, dict):
            if "base64_string" in body:
                return self._base64(body["base64_string"], number, place, mended)
            body = body.get("string")
            if body is None:
                return b""
        if isinstance(body, list):  # the pieces of a body that was an iterator
            pieces = [piece for piece in body if not isinstance(piece, list | dict)]
            return b"".join(self._body(piece, number, place, mended) for piece in pieces)
        if isinstance(body, str):
            return text_bytes(body, mended)
        if isinstance(body, bytes):
            return body
        raise self._refuse(number, place, "must be text")

    def _base64(self, text: Any, number: int, place: str, mended: list[str]) -> bytes:
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        if not isinstance(text, str):
            raise self._refuse(number, place, "must be text")
        found = from_base64(text)
        if found is None:
            mended.append(MISLABELLED)
            return text.encode("utf-8", "surrogatepass")
        return found

    def _headers(self, headers: Any, number: int, place: str) -> dict[str, str]:
        found: dict[str, str] = {}
        if headers is None:
            return found
        if isinstance(headers, dict):
            for name, values in headers.items():
                if type(values) is list and len(values) == 1 and type(values[0]) is str and type(name) is str:
                    found[name.lower()] = values[0]
                else:
                    self._add(found, name, values)
            return found
        if not isinstance(headers, list):
            raise self._refuse(number, place, "must be a table of names and values")
        for pair in headers:
            if isinstance(pair, list) and len(pair) == 2:
                self._add(found, pair[0], pair[1])
        return found

    def _add(self, found: dict[str, str], name: Any, values: Any) -> None:
        texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
        key = _text(name).lower()
        before = [found[key]] if key in found else []
        found[key] = ", ".join(dict.fromkeys([*before, *(text for text in texts if text)]))  # each once


def _has_body(body: Any) -> bool:
    """Whether there is a body at all, if an empty one."""
    return body is not None and (not isinstance(body, dict) or any(each is not None for each in body.values()))


def _should_have(status: int | None, headers: Mapping[str, str]) -> bool:
    """Whether a response with this status and these headers has a body."""
    return status is not None and status not in (204, 205) and length_of(headers) != 0


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list | dict) else str(value)
