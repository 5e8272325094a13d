"""Cassettes: the interactions of vcrpy, of all its versions that keep `interactions`, as entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.recordings.encodings import BodyTooLarge, UnknownEncoding, decoded
from pollproof.recordings.entry import OWN, Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.times import NoTime, date_times, own_times
from pollproof.trace.bodies import TOO_MANY, has_too_many_parts, write_json

NOT_RECORDED = "the body of the answer was not recorded"
"""Why an exchange has no response although there was one: nothing can be said about a body that is not there."""


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


class CassetteReader:
    """Makes entries of the interactions of one cassette; `whole` is what its metadata says, if it is our own."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self._name = name
        self._whole = whole

    def entry(self, node: Any, number: int, row: Mapping[str, Any] | None) -> Entry:
        """One interaction; raises `RecordingError` for what is none."""
        request = self._table(node, "request", number)
        response = self._table(node, "response", number)
        method, url = request.get("method"), request.get("uri", request.get("url"))
        if not isinstance(method, str):
            raise self._refuse(number, "request.method", "must be text such as POST")
        if not isinstance(url, str):
            raise self._refuse(number, "request.uri", "must be text, the URL of the request")
        asked_headers = self._headers(request.get("headers"), number, "request.headers")
        told_headers = self._headers(response.get("headers"), number, "response.headers")
        status = self._status(response, number)
        if "content" in response and "body" not in response:  # as vcrpy before 6 wrote the answers of httpx
            told = self._body(response["content"], number, "response.content")
        else:
            told = self._body(response.get("body"), number, "response.body")
        asked = self._asked(request.get("body"), number)
        failure = None
        try:
            if "content-encoding" in told_headers:
                told = decoded(told, told_headers["content-encoding"])
            if "content-encoding" in asked_headers:
                asked = decoded(asked, asked_headers["content-encoding"])
        except BodyTooLarge:
            raise self._refuse(number, "body", "unpacks to more than 64 MiB") from None
        except UnknownEncoding as error:
            failure, status = f"{NOT_RECORDED} in an encoding that is read here ({error})", None
        if has_too_many_parts(asked):
            raise self._refuse(number, "request.body", TOO_MANY)
        if has_too_many_parts(told):
            told, failure, status = b"", TOO_MANY, None
        times: Times | None = None
        probe: str | None = None
        inbound = False
        if row is not None:
            times, probe, inbound, failure = self._own(row, number, failure)
        if times is None and "date" in told_headers and row is None:
            times = date_times(told_headers["date"])
        if failure is not None or status == 304:  # not modified: the body stands elsewhere
            status, failure = None, failure or NOT_RECORDED
        return Entry(
            number, method.upper(), url, asked_headers, asked, status, told_headers, told, failure, times, probe,
            inbound, row is not None, row is not None and self._whole,
        )  # fmt: skip

    def _refuse(self, number: int, place: str, problem: str) -> RecordingError:
        return RecordingError(self._name, f"interaction {number}, {place}", problem)

    def _table(self, node: Any, key: str, number: int) -> Mapping[str, Any]:
        if not isinstance(node, dict):
            raise RecordingError(self._name, f"interaction {number}", "must be a table with a request and a response")
        value = node.get(key)
        if not isinstance(value, dict):
            raise self._refuse(number, key, "is missing or no table")
        return value

    def _own(
        self, row: Mapping[str, Any], number: int, failure: str | None
    ) -> tuple[Times | None, str | None, bool, str | None]:
        try:
            times = own_times(row)
        except NoTime as error:
            raise RecordingError(self._name, f"metadata.{OWN}.exchanges, row {number}", str(error)) from None
        probe, said = row.get("probe"), row.get("failure")
        if not isinstance(probe, str | None) or not isinstance(said, str | None):
            raise RecordingError(
                self._name, f"metadata.{OWN}.exchanges, row {number}", "'probe' and 'failure' must be text"
            )
        return times, probe, row.get("inbound") in (True, "true"), said or failure

    def _status(self, response: Mapping[str, Any], number: int) -> int | None:
        found = response.get("status")
        code = found.get("code") if isinstance(found, dict) else response.get("status_code", found)
        try:
            status = int(str(code))  # YAML scalars are read as text
        except (TypeError, ValueError):
            raise self._refuse(number, "response.status.code", "must be a number such as 200") from None
        if status == 0:
            return None
        if not 100 <= status <= 999:
            raise self._refuse(number, "response.status.code", "must be a number such as 200")
        return status

    def _asked(self, body: Any, number: int) -> bytes:
        """The body of a request; vcrpy keeps what aiohttp is given as JSON unwritten, as a table or a list."""
        table = isinstance(body, dict) and not body.keys() <= {"string", "base64_string"}
        values = isinstance(body, list) and not all(isinstance(piece, str | bytes) for piece in body)
        if table or values:
            try:
                return write_json(body)
            except (TypeError, ValueError, RecursionError):
                raise self._refuse(number, "request.body", "must be text, or a JSON value") from None
        return self._body(body, number, "request.body")

    def _body(self, body: Any, number: int, place: str) -> bytes:
        if body is None:
            return b""
        if isinstance(body, dict):
            if "base64_string" in body:
                return self._base64(body["base64_string"], number, place)
            body = body.get("string")
            if body is None:
                return b""
            if isinstance(body, list):
                raise self._refuse(number, f"{place}.string", "must be text")
        if isinstance(body, list):  # the pieces of a body that was an iterator
            return b"".join(self._body(piece, number, place) for piece in body if not isinstance(piece, list | dict))
        if isinstance(body, str):
            return body.encode("utf-8", "surrogatepass")
        if isinstance(body, bytes):
            return body
        raise self._refuse(number, place, "must be text")

    def _base64(self, text: Any, number: int, place: str) -> bytes:
        import base64
        import binascii

        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError, TypeError):
            raise self._refuse(number, place, "is no base64") from None

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
        found[key] = ", ".join([*before, *(text for text in texts if text)])


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list | dict) else str(value)
