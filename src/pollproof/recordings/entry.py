"""Entries: recorded requests with their answers, as a file has them, before any contract is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pollproof.trace.exchange import Exchange

OWN = "pollproof"
"""The key of a cassette's metadata under which pollproof keeps what it knows of a recording."""


class Times(NamedTuple):
    """When an entry happened, in seconds of one clock of the file.

    The request left between `sent` and `sent + precision`; the answer was there at `received` at the latest.
    """

    sent: float
    received: float
    precision: float = 0.0


class Entry(NamedTuple):
    """One entry of a recording. `number` is its place in the file, from 1; header names are lower-case.

    Bodies are decoded: no content encoding is left. `status` is None where there is no answer, or where its body was
    not recorded; `failure` then says why. `times` is None where the file does not tell. `probe` is what a recording
    of pollproof's own says is deliberately wrong with the request, `inbound` that the request came from the provider
    (a callback), `own` that pollproof wrote the file, `whole` that such a file holds all that its client did.
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


class Recorded(NamedTuple):
    """An entry as an exchange of the contract; `file` and `number` say where it stands, `whole` as for entries."""

    file: str
    number: int
    exchange: Exchange
    whole: bool = False
