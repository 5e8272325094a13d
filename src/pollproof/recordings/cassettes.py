"""Cassettes: the interactions of vcrpy, of all its versions that keep `interactions`, as entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.recordings.assembly import NO_BODY, EntryReader
from pollproof.recordings.encodings import NotRecorded, decoded, from_base64
from pollproof.recordings.entry import METADATA_KEY, Entry, Times
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.recorded_body import MISLABELLED, NO_TEXT, are_bytes, length_of, read_bytes, text_bytes
from pollproof.recordings.times import NoTime, date_times, own_times
from pollproof.trace.bodies import write_json


def own_of(metadata: Any) -> Mapping[str, Any]:
    """What pollproof noted of a recording of its own; nothing where another tool wrote the cassette."""
    own = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}


def rows_of(metadata: Any, name: str) -> list[Mapping[str, Any]] | None:
    """What pollproof noted of each interaction, None where another tool wrote the cassette."""
    own = own_of(metadata)
    if not own:
        return None
    rows = own.get("exchanges")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecordingError(
            name, f"metadata.{METADATA_KEY}.exchanges", "must be a list of one table for each interaction"
        )
    return rows


def own_row(node: Any) -> Mapping[str, Any]:
    """What pollproof noted in an interaction itself, as in a cassette that grows; nothing where it noted nothing."""
    return own_of(node)


_PARTS = frozenset({"string", "base64_string", "encoding", "charset"})
"""The members of a body that is text; a table with others is a JSON value."""


class CassetteReader(EntryReader):
    """Makes entries of the interactions of one cassette; `whole` is what its metadata says, if it is our own."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        super().__init__(name, lambda number: f"interaction {number}, ")
        self._whole = whole

    def entry(self, node: Any, number: int, row: Mapping[str, Any] | None) -> Entry:
        """One interaction; raises `RecordingError` for one whose address cannot be determined."""
        request = self._table(node, "request", number)
        response = self._table(node, "response", number)  # missing where a file in YAML was cut, whatever its address
        entry = self.begun(number, request.get("method"), request.get("uri", request.get("url", _joined(request))))
        if row is not None:
            entry = entry._replace(own=True, whole=self._whole, inbound=row.get("inbound") in (True, "true"))
        try:
            return self._read(entry, request, response, row)
        except RecordingError as error:
            return entry._replace(problem=error)

    def _read(
        self, entry: Entry, request: Mapping[str, Any], response: Mapping[str, Any], row: Mapping[str, Any] | None
    ) -> Entry:
        number, own = entry.number, row is not None
        request_headers = self.headers(request.get("headers"), number, "request.headers")
        response_headers = self.headers(response.get("headers"), number, "response.headers")
        code = response.get("status")
        if isinstance(code, dict):
            code = code.get("code")
        code = response.get("status_code", response.get("code")) if code is None else code
        if code is None or code == "":
            raise self.refuse(number, "response.status.code", "must be a number such as 200")
        status = self.status(number, code)
        if row is not None:
            times, probe, failure = self._own(row, number)
        else:
            times = date_times(response_headers["date"]) if "date" in response_headers else None
            probe, failure = None, None
        part = "content" if "content" in response and "body" not in response else "body"  # httpx before vcrpy 6

        def request_body(mended: list[str]) -> bytes:
            body = self._body(request.get("body"), number, "request.body", mended)
            return _decoded(body, request_headers, mended, own=own)

        def response_body(mended: list[str]) -> bytes:
            body = self._body(response.get(part), number, f"response.{part}", mended)
            if status in NO_BODY and not body:
                return b""
            if not (own or _has_body(response.get(part)) or length_of(response_headers) == 0):
                raise NotRecorded(NO_TEXT)
            return _decoded(body, response_headers, mended, own=own)

        entry = entry._replace(
            request_headers=request_headers, response_headers=response_headers, times=times, probe=probe
        )
        return self.completed(entry, status, failure, request_body, response_body)

    def _table(self, node: Any, key: str, number: int) -> Mapping[str, Any]:
        if not isinstance(node, dict):
            raise RecordingError(self.name, f"interaction {number}", "must be a table with a request and a response")
        value = node.get(key)
        if not isinstance(value, dict):
            raise self.refuse(number, key, "is missing or no table")
        return value

    def _own(self, row: Mapping[str, Any], number: int) -> tuple[Times | None, str | None, str | None]:
        """The times, the probe and the failure that pollproof noted of an interaction."""
        place = f"metadata.{METADATA_KEY}.exchanges, row {number}"
        try:
            times = own_times(row)
        except NoTime as error:
            raise RecordingError(self.name, place, str(error)) from None
        probe, failure = row.get("probe"), row.get("failure")
        if not isinstance(probe, str | None) or not isinstance(failure, str | None):
            raise RecordingError(self.name, place, "'probe' and 'failure' must be text")
        return times, probe, failure

    def _body(self, body: Any, number: int, place: str, mended: list[str]) -> bytes:
        """A body; vcrpy keeps what aiohttp is given as JSON unwritten, as a table or a list, and filters may too."""
        if body is None:
            return b""
        if isinstance(body, dict) and len(body) == 1 and isinstance(body.get("string"), dict | list):
            body = body["string"]
        if isinstance(body, list) and are_bytes(body) and min(body) >= 9:  # text has no other control characters
            return bytes(body)
        table = isinstance(body, dict) and not body.keys() <= _PARTS
        if table or (isinstance(body, list) and not all(isinstance(piece, str | bytes) for piece in body)):
            try:
                return write_json(body)
            except (TypeError, ValueError, RecursionError):
                raise self.refuse(number, place, "must be text, or a JSON value") from None
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
        raise self.refuse(number, place, "must be text")

    def _base64(self, text: Any, number: int, place: str, mended: list[str]) -> bytes:
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        if not isinstance(text, str):
            raise self.refuse(number, place, "must be text")
        found = from_base64(text)
        if found is None:
            mended.append(MISLABELLED)
            return text.encode("utf-8", "surrogatepass")
        return found


def _joined(request: Mapping[str, Any]) -> str | None:
    """The address of a request by its parts, as vcrpy before 1.0 kept it; None where it has none."""
    scheme, host, port, path = (request.get(name) for name in ("protocol", "host", "port", "path"))
    if not (isinstance(scheme, str) and isinstance(host, str) and isinstance(path, str)):
        return None
    usual = str(port or "") in ("", {"http": "80", "https": "443"}.get(scheme, ""))
    return f"{scheme}://{host}{'' if usual else f':{port}'}{path}"


def _decoded(body: bytes, headers: Mapping[str, str], mended: list[str], *, own: bool) -> bytes:
    """A body without its encodings; of a recording of our own what is there is all there was."""
    if own:
        return decoded(body, headers.get("content-encoding", ""))
    return read_bytes(body, headers, mended)


def _has_body(body: Any) -> bool:
    """Whether there is a body at all, if an empty one."""
    return body is not None and (not isinstance(body, dict) or any(each is not None for each in body.values()))
