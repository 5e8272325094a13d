"""Files of recordings: found in folders, opened, unpacked, told apart. Only regular files are ever opened."""

from __future__ import annotations

import glob
import gzip
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pollproof.recordings.errors import RecordingError
from pollproof.recordings.foreign import BINARY
from pollproof.recordings.remote import Remote, find_remote, is_url, open_remote

Recording = Path | Remote
"""Where a recording is: a file of this machine, or one that is read through a URL."""

_ENDINGS = (".yaml", ".yml", ".json", ".har", ".jsonl", ".ndjson")
"""What the names of recordings end in, before `.gz`; in folders, other files are left alone."""

GZIP = b"\x1f\x8b"


def located(name: str) -> Recording:
    """The place that a name means."""
    return Remote(name) if is_url(name) and not os.path.exists(name) else Path(name)


def find_recordings(names: Iterable[str]) -> list[Recording]:
    """The files that names of files and folders and patterns, and URLs of such, mean, sorted within each name.

    Raises `RecordingError` for one that means none. Links to folders are not followed, so that no loop is.
    """
    found: dict[Recording, None] = {}
    for name in names:
        if isinstance(located(name), Remote):
            found.update(dict.fromkeys(find_remote(name, _is_named_so)))
            continue
        path = Path(name)
        there = os.path.exists(name)  # unlike a Path, it has no error for names that no file can have
        matches = [path] if there else [Path(each) for each in sorted(glob.glob(name, recursive=True))]
        if not matches:
            wild = glob.has_magic(name)
            raise RecordingError(shown(path), "", "no file matches" if wild else "no such file or folder")
        for match in matches:
            if os.path.isdir(match):
                inside = list(_inside(match))
                if not inside and len(matches) == 1:
                    raise RecordingError(shown(match), "", f"the folder holds no {', '.join(_ENDINGS)} file")
                found.update(dict.fromkeys(inside))
            else:
                found[match] = None
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    """The recordings in a folder; what cannot be looked at is among them, so that reading it says why."""
    closed: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if _is_named_so(name) and not name.startswith(".") and _may_be_file(path):
                yield path
    yield from closed


def _is_named_so(name: str) -> bool:
    return name.removesuffix(".gz").endswith(_ENDINGS)


def _may_be_file(path: Path) -> bool:
    """Whether a path is a regular file, or one of which nothing can be known: a link that leads nowhere, say."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def shown(path: Recording) -> str:
    """The name of a file as messages show it: printable, in one line."""
    text = path.name if isinstance(path, Remote) else os.fsencode(path).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)


@contextmanager
def opened(path: Recording) -> Iterator[IO[bytes]]:
    """The file's content, unpacked where it is gzip. Raises `RecordingError`, also for what fails while it is read."""
    name = shown(path)
    try:
        with open_remote(path) if isinstance(path, Remote) else _open_local(path, name) as file:
            if _peek(file)[:2] == GZIP:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    try:
                        yield unpacked  # type: ignore[misc] # it reads as any other binary file does
                    except (EOFError, gzip.BadGzipFile, zlib.error):
                        place = f"after {unpacked.tell():,} unpacked bytes"
                        raise RecordingError(name, place, "the gzip data is cut short or damaged") from None
            else:
                yield file
    except OSError as error:
        raise RecordingError(name, "", f"cannot be read ({error.strerror or type(error).__name__})") from None


def _open_local(path: Path, name: str) -> IO[bytes]:
    # Without blocking: the other end of a pipe might never come.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = open(descriptor, "rb")  # noqa: SIM115 - whoever opened it closes it
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise RecordingError(name, "", "no regular file")
    return file


def _peek(file: IO[bytes]) -> bytes:
    peek = getattr(file, "peek")  # noqa: B009 - GzipFile and BufferedReader have it, IO does not declare it
    return bytes(peek(4096)[:4096])


def is_json(stream: IO[bytes], name: str) -> bool:
    """Whether a file begins as JSON does, and not as YAML; nothing is read past its beginning.

    Raises `RecordingError` for an empty file and for one that is not UTF-8.
    """
    while start := _peek(stream):
        if start.removeprefix(b"\xef\xbb\xbf").strip():
            break
        stream.read(len(start))  # nothing but blanks
    for mark, words in BINARY:
        if start.startswith(mark):
            raise RecordingError(name, "byte 1", words)
    if start[:4] == b"\0\0\0\0":
        raise RecordingError(name, "byte 1", "binary data; expected a cassette (YAML, JSON) or a HAR file")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or start[1:4:2] == b"\0\0" or start[:4:2] == b"\0\0":
        raise RecordingError(name, "byte 1", "the text is UTF-16 or UTF-32; expected UTF-8")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise RecordingError(name, "", "the file is empty")
    if b"\0" in start:
        raise RecordingError(name, "byte 1", "binary data; expected a cassette (YAML, JSON) or a HAR file")
    return text[:1] in (b"{", b"[")
