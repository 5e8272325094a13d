"""Recording the traffic of a Python client through vcrpy, whichever of its HTTP libraries the client uses."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
import types
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from pollproof.contract.model import Contract
from pollproof.recordings.encodings import decoded
from pollproof.recordings.writing import Written, check_writable, write_cassette
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Response


@dataclass(slots=True)
class _Pending:
    """A request under way: vcrpy's own object of it, and when it was sent."""

    request: Any
    sent: float


_under_way: ContextVar[_Pending | None] = ContextVar("pollproof_under_way", default=None)
"""The request that this thread or task of asyncio has sent last."""


class Recorder:
    """What a recording keeps while it lasts. `written` tells what was written once it is over."""

    def __init__(self, contract: Contract, base_url: str) -> None:
        self.contract = contract
        self.base_url = base_url
        self.written: Written | None = None
        self.started = datetime.now(UTC)
        self.elsewhere = 0
        self._began = time.monotonic()
        self._exchanges: list[Exchange] = []
        self._open: dict[int, _Pending] = {}

    # These two are called by the stubs of vcrpy, in the thread or task of the request.

    def sending(self, request: Any) -> None:
        """A request is about to be sent."""
        pending = _Pending(request, time.monotonic())
        self._open[id(request)] = pending
        _under_way.set(pending)

    def answered(self, request: Any, response: Mapping[str, Any]) -> None:
        """A response has come. A redirection that a library followed has a request of its own, sent by another one."""
        received = time.monotonic()
        pending = self._open.pop(id(request), None)
        if pending is None:
            pending = _under_way.get()
            if pending is not None:
                self._open.pop(id(pending.request), None)
        self._keep(request, response, UNKNOWN_TIME if pending is None else pending.sent, received)

    @property
    def exchanges(self) -> list[Exchange]:
        """The exchanges in the order in which they were sent; those that nobody answered among them."""
        for pending in list(self._open.values()):
            self._keep(pending.request, None, pending.sent, UNKNOWN_TIME)
        self._open.clear()
        return sorted(self._exchanges, key=lambda exchange: exchange.sent)

    def first(self) -> datetime:
        """When the first exchange was sent."""
        sent = min((one.sent for one in self._exchanges if one.sent == one.sent), default=self._began)
        return self.started + timedelta(seconds=sent - self._began)

    def _keep(self, request: Any, response: Mapping[str, Any] | None, sent: float, received: float) -> None:
        path = self._path(request.uri)
        if path is None:
            self.elsewhere += 1
            return
        headers = {str(name).lower(): _text(value) for name, value in request.headers.items()}
        sent_request = Request(request.method, path, headers, _body(request))
        answer = None if response is None else _response(response)
        failure = "no response" if answer is None else None
        self._exchanges.append(Exchange(sent_request, answer, sent, received, failure))

    def _path(self, uri: str) -> str | None:
        """The path of a URL below the base URL, None for any other URL."""
        base, parts = urlsplit(self.base_url), urlsplit(uri)
        prefix = base.path.rstrip("/")
        if _origin(base) != _origin(parts) or not (parts.path == prefix or parts.path.startswith(prefix + "/")):
            return None
        path = parts.path[len(prefix) :]
        return f"{path}?{parts.query}" if parts.query else path


@contextlib.contextmanager
def recording(
    provider: str | Contract,
    path: str | Path,
    *,
    base_url: str | None = None,
    secrets: Iterable[str] = (),
    overwrite: bool = False,
    source: str = "live",
) -> Iterator[Recorder]:
    """Record what this process asks of a provider (a bundled name, a contract file, a contract) as a cassette.

    Requests really go out, through requests, httpx, aiohttp or whatever else vcrpy knows; those to other addresses
    than `base_url` (the contract's own where it is left out) are not written. The file is written, scrubbed, when the
    context ends, also where an exception ends it. Raises `RecordingError`.
    """
    from vcr.cassette import Cassette  # type: ignore[import-untyped]
    from vcr.record_mode import RecordMode  # type: ignore[import-untyped]

    from pollproof.loading import load_contract

    contract = provider if isinstance(provider, Contract) else load_contract(provider)
    target = check_writable(path, overwrite=overwrite)
    recorder = Recorder(contract, base_url or contract.base_url)

    class Recorded(Cassette):  # type: ignore[misc]
        """A cassette that plays nothing, loads nothing and tells the recorder of each exchange."""

        def can_play_response_for(self, request: Any) -> bool:
            recorder.sending(request)
            return False

        def append(self, request: Any, response: Any) -> None:
            recorder.answered(request, response)

        def _load(self) -> None:
            return

        def _save(self, force: bool = False) -> None:
            return

    try:
        with _side_by_side(), Recorded.use(path=str(target), record_mode=RecordMode.ALL):
            yield recorder
    finally:
        exchanges = recorder.exchanges
        recorder.written = write_cassette(
            target,
            exchanges,
            contract,
            base_url=recorder.base_url,
            clock="real",
            source=source,
            started=recorder.first(),
            whole=False,
            overwrite=overwrite,
            secrets=secrets,
        )


@contextlib.contextmanager
def _side_by_side() -> Iterator[None]:
    """Let the requests of several threads go out at the same time.

    While one request is sent, vcrpy takes its patches back for the whole process, and misses what others connect then.
    It does so for code that looks its own class up by name. Of what is patched, only `http.client` before Python 3.12
    and urllib3 before 2 do that: the one gets a class that does not, with the other vcrpy is left as it is.
    """
    import vcr.patch  # type: ignore[import-untyped]
    from vcr.stubs import VCRHTTPSConnection  # type: ignore[import-untyped]

    urllib3 = sys.modules.get("urllib3")
    if urllib3 is not None and str(urllib3.__version__).startswith("1."):
        yield
        return
    with (
        mock.patch.object(vcr.patch, "force_reset", contextlib.nullcontext),
        mock.patch.object(VCRHTTPSConnection, "_baseclass", _Https),
    ):
        yield


class _Https(http.client.HTTPSConnection):
    """A connection whose constructor means `HTTPSConnection` by that name, whatever the name is bound to meanwhile."""


_constructor = http.client.HTTPSConnection.__init__
_Https.__init__ = types.FunctionType(  # type: ignore[method-assign]
    _constructor.__code__,
    {**vars(http.client), "HTTPSConnection": http.client.HTTPSConnection},
    _constructor.__name__,
    _constructor.__defaults__,
    _constructor.__closure__,
)
_Https.__init__.__kwdefaults__ = _constructor.__kwdefaults__


def _origin(parts: Any) -> tuple[str, str, int]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port


def _body(request: Any) -> bytes:
    """The body of a request, in whatever form its library has handed it over."""
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, dict | list):  # aiohttp's json=, before aiohttp has written it
        try:
            return json.dumps(body).encode()
        except (TypeError, ValueError):
            return b""
    if hasattr(body, "read"):
        return _bytes(body.read())
    try:
        return b"".join(_bytes(piece) for piece in body)
    except TypeError:
        return b""


def _bytes(piece: Any) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _response(response: Mapping[str, Any]) -> Response:
    headers: dict[str, str] = {}
    for name, values in response.get("headers", {}).items():
        headers[str(name).lower()] = ", ".join(map(_text, values)) if isinstance(values, list) else _text(values)
    body = _bytes(response.get("body", {}).get("string") or b"")
    with contextlib.suppress(ValueError):  # an encoding that is not known: the body stays unreadable
        body = decoded(body, headers.get("content-encoding", ""))
    return Response(response["status"]["code"], headers, body)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
