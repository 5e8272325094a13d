"""The record of a live run: a cassette that grows line by line, so that it is whole whenever the run is killed.

A comment before each request says that it is about to leave, another one that a walk has ended; one line holds one
exchange with its times. vcrpy and `pollproof check` read it; no key is in it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pollproof.contract.model import Contract, Role
from pollproof.errors import RunError
from pollproof.recordings.entry import METADATA_KEY
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.reading import label_of, recorded
from pollproof.recordings.rendering import Interaction, as_line, flow
from pollproof.recordings.writing import FORMAT, check_writable, interaction_url
from pollproof.secrets.redact import Redactor
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import Exchange
from pollproof.version import __version__

SOURCE = "a live run, kept as it happened"
"""What the metadata of a record says of its origin."""

_SENDING = re.compile(r"^# sending (?P<name>\S+) at ", re.MULTILINE)
_ENDED = re.compile(r"^# walk (?P<name>\S+) ended$", re.MULTILINE)
_ANSWERED = re.compile(r"^- \{request: ", re.MULTILINE)


class RecordLost(RunError):
    """The record cannot be written any more, so the run ends; the text is one sentence, `reason` the system's words."""

    def __init__(self, words: str, reason: str) -> None:
        super().__init__(words)
        self.reason = reason


class Record:
    """Appends to a record. Raises `RecordLost` where it cannot, `RecordingError` for a file that must not be touched.

    Times are given in seconds since the beginning of the run.
    """

    def __init__(self, path: str, contract: Contract, base_url: str, secrets: Iterable[str], *, resume: bool) -> None:
        self.path = path
        self._base_url = base_url
        self._redactor = Redactor(secrets)
        try:
            if resume:
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
            else:
                check_writable(path)
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise RecordingError(path, "", f"cannot be written ({error.strerror})") from None
        if resume:
            return
        try:
            self._begin(contract)
        except RecordLost as error:
            self.close()
            os.unlink(path)
            raise RecordingError(path, "", f"cannot be written ({error.reason})") from None

    def _begin(self, contract: Contract) -> None:
        own = {
            "format": FORMAT,
            "contract": contract.name,
            "suite": __version__,
            "clock": "real",
            "base_url": self._redactor.text(self._base_url),
            "source": SOURCE,
            "started": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "exchanges": [],
        }
        self._write(f"version: 1\nmetadata: {flow({METADATA_KEY: own})}\ninteractions:\n")

    def _write(self, text: str) -> None:
        data = text.encode("utf-8")
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(28, "the disk is full")
        except OSError as error:
            reason = error.strerror or str(error)
            raise RecordLost(f"the record {self.path} cannot be written any more ({reason})", reason) from None

    def sending(self, name: str, moment: float) -> None:
        self._write(f"# sending {name} at {moment:.3f} s\n")

    def keep(self, exchange: Exchange) -> None:
        inbound = exchange.request.path == CALLBACK_PATH
        clean = self._clean(exchange)
        url = "http://callback.invalid/" if inbound else interaction_url(self._base_url, clean.request.path)
        self._write(as_line(Interaction(self._redactor.text(url), clean, inbound), {"at": round(time.time(), 3)}))

    def walk_ended(self, name: str) -> None:
        """Say that a walk was made to its end, so that a resumed run leaves it out."""
        self._write(f"# walk {name} ended\n")

    def _clean(self, exchange: Exchange) -> Exchange:
        request, response = exchange.request, exchange.response
        text, body, headers = self._redactor.text, self._redactor.bytes, self._redactor.headers
        request = request._replace(path=text(request.path), headers=headers(request.headers), body=body(request.body))
        if response is not None:
            response = response._replace(headers=headers(response.headers), body=body(response.body))
        failure = None if exchange.failure is None else text(exchange.failure)
        return exchange._replace(request=request, response=response, failure=failure)

    def close(self) -> None:
        os.close(self._file)


class Earlier(NamedTuple):
    """What a record holds: exchanges, names of walks that ended, requests that were sent, the one without a response.

    `now` is what the clock of the run would show at this moment, in seconds since its beginning.
    """

    exchanges: list[Exchange]
    walks: frozenset[str]
    requests: int
    unanswered: str | None
    now: float


def check_resumable(path: str, contract: Contract, base_url: str) -> None:
    """Raise `RecordingError` unless a file is the record of a live run of this provider at this address."""
    own = label_of(Path(path))
    for name, value in {"source": SOURCE, "contract": contract.name, "base_url": base_url}.items():
        if own.get(name) != value:
            problem = f"is {own.get(name)!r} and not {value!r}: this is not a record of such a live run"
            raise RecordingError(path, f"metadata.{METADATA_KEY}.{name}", problem)


def earlier(path: str, contract: Contract, base_url: str) -> Earlier:
    """What a record holds that is to be gone on with; a last line that was cut off is removed.

    Raises `RecordingError` for a file that is not a record of this provider at this address.
    """
    check_resumable(path, contract, base_url)
    text = _whole_lines(path)
    exchanges = [found.exchange for found in recorded(Path(path), contract, base_url=base_url)]
    moments = [float(found) for found in re.findall(r"pollproof: \{[^{}]*\bat: ([0-9.]+)", text)]
    last = max((exchange.received for exchange in exchanges), default=0.0)
    passed = max(time.time() - moments[-1], 0.0) if moments else 0.0
    sent = list(_SENDING.finditer(text))
    answered = _ANSWERED.search(text, sent[-1].end()) if sent else None
    return Earlier(
        exchanges,
        frozenset(match["name"] for match in _ENDED.finditer(text)),
        len(sent),
        None if not sent or answered else sent[-1]["name"],
        last + passed,
    )


def walks_made(path: str) -> list[str]:
    """The names of the walks that were made to their ends, by a record, in order."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return [match["name"] for match in _ENDED.finditer(text)]


def _whole_lines(path: str) -> str:
    """The text of a record; a last line without an end is cut off, in the file too."""
    data = Path(path).read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return whole.decode("utf-8", "replace")


def creates(contract: Contract, name: str) -> bool:
    """Whether an operation of that name creates tasks."""
    operation = contract.operations.get(name)
    return operation is not None and operation.role in (Role.CREATE, Role.BATCH)
