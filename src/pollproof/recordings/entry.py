"""Entries: recorded requests with their responses, as a file has them, before any contract is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pollproof.recordings.errors import RecordingError
from pollproof.trace.exchange import Exchange

METADATA_KEY = "pollproof"
"""The key of a cassette's metadata under which pollproof keeps what it knows of a recording."""


class Times(NamedTuple):
    """When an entry happened, in seconds of one clock of the file.

    The request left between `sent` and `sent + precision`; the response was there at `received` at the latest.
    """

    sent: float
    received: float
    precision: float = 0.0


class Entry(NamedTuple):
    """One entry of a recording. `number` is its place in the file, from 1; header names are lower-case.

    Bodies are decoded: no content encoding is left. `status` is None where there is no response, or where its body was
    not recorded; `failure` then says why, and `lost` why the body was not recorded. `times` is None where the file has
    none, `untimed` then the place and the problem of those that cannot be used. `probe` is what a recording of
    pollproof's own says is deliberately invalid in the request, `inbound` that the request came from the provider
    (a callback), `own` that pollproof wrote the file, `whole` that such a file holds all that its client did.
    `skipped` says why too little of the request was recorded to judge it, `problem` what is wrong with the entry:
    both matter where the entry belongs to the contract, and nowhere else. `mended` is what was mended of its bodies,
    `skewed` whether its Date header is far from its time.
    """

    number: int
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int | None
    response_headers: Mapping[str, str]
    response_body: bytes
    failure: str | None = None
    times: Times | None = None
    probe: str | None = None
    inbound: bool = False
    own: bool = False
    whole: bool = False
    lost: str | None = None
    untimed: str | None = None
    skipped: str | None = None
    problem: RecordingError | None = None
    mended: tuple[str, ...] = ()
    skewed: bool = False


NOT_RECORDED = "the response body was not recorded"
"""Why an exchange has no response although there was one."""


class Recorded(NamedTuple):
    """An entry as an exchange of the contract; `file` and `number` say where it stands, `whole` as for entries."""

    file: str
    number: int
    exchange: Exchange
    whole: bool = False
