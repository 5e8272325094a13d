"""A replay of files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pollproof.contract.model import Contract
from pollproof.recordings.entry import Recorded
from pollproof.recordings.files import find_recordings
from pollproof.recordings.reading import NoRecording, recorded
from pollproof.replay.replay import Replay


def replay_of(contract: Contract, names: Iterable[str], missed: Callable[[str], None] | None = None) -> Replay:
    """The replay of the recordings that names of files and folders mean. Raises `RecordingError`."""
    return Replay(contract, recordings_of(contract, list(names)), missed)


def recordings_of(contract: Contract, names: Sequence[str]) -> Iterator[Recorded]:
    """The recorded exchanges of the files and folders with these names. Raises `RecordingError`."""
    for path in find_recordings(names):
        try:
            yield from recorded(path, contract)
        except NoRecording:
            if str(path) in names:
                raise  # among the files of a folder there may be others
