"""Reading: the exchanges of one recording that belong to a contract, in order of time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import IO, Any, NamedTuple

from pollproof.contract.model import Contract
from pollproof.recordings.cassettes import CassetteReader, own_of, own_row, rows_of
from pollproof.recordings.entry import METADATA_KEY, Entry, Recorded
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.files import Recording, is_json, opened, shown
from pollproof.recordings.foreign import about
from pollproof.recordings.har import HarReader
from pollproof.recordings.json_entries import JsonEntries
from pollproof.recordings.lines import LINE_ENDINGS as LINES
from pollproof.recordings.lines import FieldNames, read_fields, read_lines
from pollproof.recordings.matching import Matcher
from pollproof.recordings.order import by_time, nearly_sorted
from pollproof.recordings.remote import Remote
from pollproof.recordings.tally import SeenEntries, Tally
from pollproof.recordings.yaml_entries import YamlEntries


class NoRecording(RecordingError):
    """A file that is well-formed and no recording: in a folder there may be such files."""


def read_entries(path: Recording) -> Iterator[Entry]:
    """All entries of a recording in the order of the file. Raises `RecordingError`."""
    name = shown(path)
    for reader in READERS:
        if reader.reads(path):
            yield from reader.entries(path, name)
            return


class _Format(NamedTuple):
    """A format: whether it reads a file, by its name and its first bytes, and the entries of one that it reads."""

    format: str
    reads: Callable[[Recording], bool]
    entries: Callable[[Recording, str], Iterator[Entry]]


def _is_named(path: Recording, endings: tuple[str, ...]) -> bool:
    return shown(path).lower().removesuffix(".gz").endswith(endings)


def _lines(path: Recording, name: str) -> Iterator[Entry]:
    """JSON Lines; a mapping of its fields may stand beside it, under its name and `.toml`."""
    beside = None if isinstance(path, Remote) else path.with_name(path.name.removesuffix(".gz") + ".toml")
    fields = read_fields(beside) if beside is not None and beside.is_file() else FieldNames()
    with opened(path) as stream:
        yield from read_lines(stream, name, fields)


def _mapped_lines(path: Recording, name: str) -> Iterator[Entry]:
    """The lines that a mapping of fields names."""
    if isinstance(path, Remote):
        raise RecordingError(name, "", "a mapping of fields is read on this machine only")
    fields = read_fields(path)
    lines = path.parent / (fields.lines or path.name.removesuffix(".toml"))
    if lines == path or not lines.is_file():
        raise RecordingError(name, "lines", "expected the name of the file of lines, beside this one")
    with opened(lines) as stream:
        yield from read_lines(stream, shown(lines), fields)


def _flows(path: Recording, name: str) -> Iterator[Entry]:
    """Flows of mitmproxy, read by its own library."""
    from pollproof.recordings.flows import read_flows

    with opened(path) as stream:
        yield from read_flows(stream, name)


def _is_flows(path: Recording) -> bool:
    if isinstance(path, Remote):
        return False
    try:
        with opened(path) as stream:
            start = stream.read(64)
    except RecordingError:
        return False
    length, colon, rest = start.partition(b":")
    return bool(colon) and length.isdigit() and rest[:1].isdigit()  # a netstring in a netstring


def _document(path: Recording, name: str) -> Iterator[Entry]:
    """A cassette or a HAR file, known by their first characters and keys."""
    with opened(path) as stream:
        source = _source(stream, name)
        nodes = iter(source)
        first = list(islice(nodes, 1))
        if not source.found and "resourceSpans" in source.keys:
            yield from _spans(path, name)
            return
        known = about(source.keys, json=isinstance(source, JsonEntries))
        if known or not source.found:
            problem = known or "not a recording: neither 'interactions' (a cassette) nor 'log.entries' (HAR)"
            raise NoRecording(name, "", problem)
        whole = chain(first, nodes)
        if source.format == "har":
            har = HarReader(name)
            yield from (har.entry(node, number) for number, node in enumerate(whole, 1))
            return
        metadata = source.metadata
        if metadata is None and first:
            metadata = _late_metadata(path, name)
        yield from _cassette_entries(whole, name, metadata)


def _spans(path: Recording, name: str) -> Iterator[Entry]:
    """An export of OpenTelemetry that is one document."""
    with opened(path) as stream:
        line = json.dumps(json.loads(stream.read().decode("utf-8-sig"))).encode()
    yield from read_lines(io.BytesIO(line), name, FieldNames())


READERS = (
    _Format("JSON Lines", lambda path: _is_named(path, LINES), _lines),
    _Format("a mapping of JSON Lines", lambda path: _is_named(path, (".toml",)), _mapped_lines),
    _Format("mitmproxy flows", _is_flows, _flows),
    _Format("cassette or HAR", lambda path: True, _document),
)
"""The formats in the order in which they are tried; a further one is one line here."""


def _source(stream: IO[bytes], name: str) -> JsonEntries | YamlEntries:
    json = is_json(stream, name) and not name.removesuffix(".gz").endswith((".yaml", ".yml"))  # YAML may begin alike
    return JsonEntries(stream, name) if json else YamlEntries(stream, name)


def _cassette_entries(nodes: Iterable[Any], name: str, metadata: Any) -> Iterator[Entry]:
    rows = rows_of(metadata, name)
    cassette = CassetteReader(name, whole=own_of(metadata).get("whole") not in (False, "false"))
    for number, node in enumerate(nodes, 1):
        row = None
        if rows is not None:  # interactions that vcrpy appended later have no row
            row = rows[number - 1] if number <= len(rows) else own_row(node)
        yield cassette.entry(node, number, row)


def _late_metadata(path: Recording, name: str) -> Any:
    """The metadata of a cassette that has it after its interactions, as vcrpy itself writes it: read a second time."""
    word, kept, mentioned = METADATA_KEY.encode(), b"", False
    with opened(path) as stream:
        while not mentioned and (chunk := stream.read(1 << 20)):
            mentioned = word in kept + chunk
            kept = chunk[-len(word) :]
    if not mentioned:
        return None
    with opened(path) as stream:
        source = _source(stream, name)
        for _ in source:
            pass
        return source.metadata


def label_of(path: Recording) -> Mapping[str, Any]:
    """What pollproof noted about a cassette of its own (contract, suite, clock...); nothing for other recordings.

    Raises `RecordingError`.
    """
    name = shown(path)
    if next(reader for reader in READERS if reader.reads(path)).entries is not _document:
        return {}
    with opened(path) as stream:
        source = _source(stream, name)
        next(iter(source), None)
        metadata = source.metadata
    if metadata is None and source.format != "har":
        metadata = _late_metadata(path, name)
    return own_of(metadata)


def contract_named(path: Recording) -> str | None:
    """The name of the contract that a cassette of pollproof's own was recorded with; None for other recordings.

    Raises `RecordingError`.
    """
    found = label_of(path).get("contract")
    return found if isinstance(found, str) else None


def recorded(
    path: Recording,
    contract: Contract,
    *,
    base_url: str | None = None,
    tally: Tally | None = None,
    streaming: bool = False,
) -> Iterator[Recorded]:
    """The exchanges of one file that belong to the contract, in order of time. Raises `RecordingError`.

    With `streaming` they come as the file is read, which raises `order.OutOfOrder` where that is not their order.
    """
    matched = exchanges([path], contract, Tally() if tally is None else tally, base_url)
    return nearly_sorted(matched) if streaming else by_time(matched)


def exchanges(
    paths: Iterable[Recording],
    contract: Contract,
    tally: Tally,
    base_url: str | None,
    callbacks: set[str] | None = None,
    keys: Iterable[str] = (),
    seen: SeenEntries | None = None,
) -> Iterator[Recorded]:
    """The exchanges of files that belong to the contract, in the order of the files.

    `callbacks` are addresses for callbacks that are known already, to which those in the files are added. `keys` are
    those of the account, or their hashes, `seen` the entries of other files of the same trace.
    """
    matcher = Matcher(contract, tally, base_url, callbacks, keys, seen)
    for path in paths:
        name = shown(path)
        for entry, exchange in matcher.exchanges(read_entries(path)):
            yield Recorded(name, entry.number, exchange, entry.whole)
