"""Writing cassettes: scrubbed, searched a second time for secrets, and put in place in one step."""

from __future__ import annotations

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict, Unpack
from urllib.parse import urlsplit, urlunsplit

from pollproof.atomic import write_file
from pollproof.contract.model import Contract
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.rendering import Interaction, as_json, as_yaml, texts
from pollproof.secrets.anonymize import Scanner, Scrubber, judged_otherwise
from pollproof.trace.exchange import Exchange
from pollproof.version import __version__

FORMAT = 1
"""The version of pollproof's own part of a cassette."""

_ENDINGS = (".yaml", ".yml", ".json")


class Origin(TypedDict):
    """What a cassette says of its recording.

    `clock` is `real` or `virtual`, `source` states in words who answered, `started` is the time of second 0,
    `expected` are the verdicts of a labelled cassette. `whole` is false where the client may have created tasks before
    the recording began.
    """

    base_url: str
    clock: str
    source: str
    started: NotRequired[datetime | str | None]
    expected: NotRequired[Mapping[str, Any] | None]
    whole: NotRequired[bool]


class Written(NamedTuple):
    """What was written: exchanges in the file, those left out because they belong to no operation, and figures.

    `scrubbed` counts replacements by kind. `otherwise` are clauses that judge the file otherwise than what was
    recorded: scrubbing keeps what clauses look at, and says so where it could not.
    """

    path: Path
    exchanges: int
    skipped: int
    scrubbed: Mapping[str, int]
    otherwise: tuple[str, ...]


def check_writable(path: str | Path, *, overwrite: bool = False) -> Path:
    """The path of a cassette that may be written; raises `RecordingError`. To be asked before anything is recorded."""
    path = Path(path)
    name = str(path)
    if not name.lower().endswith(_ENDINGS):
        raise RecordingError(name, "", f"a cassette ends in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")
    if not path.parent.is_dir():
        raise RecordingError(name, "", f"the folder {path.parent} does not exist")
    if path.is_dir():
        raise RecordingError(name, "", "is a folder")
    if path.is_symlink() and _is_circle(path):
        raise RecordingError(name, "", "is a symbolic link that leads back to itself")
    if path.exists() and not overwrite:
        raise RecordingError(name, "", "the file exists and is kept; --overwrite replaces it")
    if not os.access(path.parent, os.W_OK):
        raise RecordingError(name, "", f"nothing can be written to the folder {path.parent}")
    return path


def _is_circle(path: Path) -> bool:
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def write_cassette(
    path: str | Path,
    exchanges: Iterable[Exchange],
    contract: Contract,
    *,
    overwrite: bool = False,
    secrets: Iterable[str] = (),
    salt: bytes | str | None = None,
    **origin: Unpack[Origin],
) -> Written:
    """Write the exchanges of a trace as a cassette, scrubbed, with its `origin` in the metadata.

    `secrets` are keys of the account; `salt` makes the pseudonyms the same every time. Raises `RecordingError`; then
    nothing was written.
    """
    target = check_writable(path, overwrite=overwrite)
    secrets = tuple(secrets)
    before = list(exchanges)
    address = _bare(origin["base_url"])
    scrubber = Scrubber(
        contract, base_url=address, secrets=secrets, salt=salt.encode() if isinstance(salt, str) else salt
    )
    scrubbed = scrubber.scrub(before)
    interactions = [
        Interaction(interaction_url(address, one.request.path), one)
        if inbound is None
        else Interaction(inbound, one, True)
        for one, inbound in zip(scrubbed.exchanges, scrubbed.addresses, strict=True)
    ]
    metadata: dict[str, Any] = {
        "format": FORMAT,
        "contract": contract.name,
        "contract_digest": hashlib.sha256(Path(contract.origin).read_bytes()).hexdigest()[:16],
        "suite": __version__,
        "clock": origin["clock"],
        "base_url": address,
        "source": origin["source"],
        "started": _moment(origin.get("started")),
    }
    if not origin.get("whole", True):
        metadata["whole"] = False
    if (expected := origin.get("expected")) is not None:
        metadata["expected"] = dict(expected)
    _search(target, metadata, interactions, Scanner((*secrets, *scrubbed.secrets), scrubbed.allowed))
    text = (as_json if target.suffix.lower() == ".json" else as_yaml)(metadata, interactions)
    _put(target, text, overwrite=overwrite)
    return Written(
        target,
        len(interactions),
        scrubbed.skipped,
        Counter({kind: count for kind, count in sorted(scrubbed.counts.items()) if count}),
        judged_otherwise(contract, before, scrubbed.exchanges),
    )


def _bare(base_url: str) -> str:
    """A base URL without user name, password, query and fragment."""
    parts = urlsplit(base_url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def interaction_url(base_url: str, path: str) -> str:
    """The whole URL of a request, as clients send it: never without a path."""
    uri = base_url.rstrip("/") + path if path else base_url
    return uri if urlsplit(uri).path else uri + "/"


def _moment(started: datetime | str | None) -> str | None:
    if isinstance(started, datetime):
        return started.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return started


def _search(path: Path, metadata: Mapping[str, Any], interactions: list[Interaction], scanner: Scanner) -> None:
    """Raise `RecordingError` where anything that is about to be written looks like a secret."""
    known = {name: value for name, value in metadata.items() if name not in ("contract", "contract_digest", "suite")}
    finding = scanner.search(texts(known, interactions))
    if finding is not None:
        raise RecordingError(str(path), finding.place, f"{finding.kind}; nothing was written")


def _put(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a cassette whole or not at all; a file that has come into being meanwhile is kept."""
    try:
        write_file(path, text, overwrite=overwrite)
    except FileExistsError:
        raise RecordingError(str(path), "", "the file has come into being meanwhile and is kept") from None
    except OSError as error:
        raise RecordingError(str(path), "", f"cannot be written ({error.strerror})") from None
