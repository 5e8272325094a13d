"""Recordings beyond this machine's folders: URLs that fsspec reads (file://, memory://, s3://, gs://, https://...)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pollproof.recordings.errors import RecordingError

Result = TypeVar("Result")

_URL = re.compile(r"[a-z][a-z0-9+.-]*(://|::)", re.IGNORECASE)

EXTRA = "pollproof[fsspec]"
"""The extra that brings fsspec; what it needs for a protocol is for its users to install."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that fsspec reads."""

    url: str

    @property
    def name(self) -> str:
        """The URL as messages show it: without what may be a key in it."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.netloc != host or parts.query else self.url


def is_url(name: str) -> bool:
    """Whether a name is a URL, and no path of this machine."""
    return _URL.match(name) is not None


def find_remote(url: str, wanted: Callable[[str], bool]) -> list[Remote]:
    """The file that a URL means, those in its folder whose names are wanted, or those that its pattern matches.

    Raises `RecordingError` for a URL that means none.
    """
    name = Remote(url).name
    found: list[str] = _asked(name, lambda: _found(url, wanted))
    if not found:
        raise RecordingError(name, "", "no recording matches, and no such file or folder is there")
    return [Remote(each) for each in found]


def _found(url: str, wanted: Callable[[str], bool]) -> list[str]:
    fsspec = _fsspec()
    system, root = fsspec.core.url_to_fs(url)
    if "*" in url or ("?" in url and not url.startswith("http")):
        return [system.unstrip_protocol(path) for path in sorted(system.glob(root)) if system.isfile(path)]
    if system.isdir(root):
        paths = sorted(path for path in system.find(root) if wanted(path) and "/." not in path[len(root) :])
        return [system.unstrip_protocol(path) for path in paths]
    return [url] if system.exists(root) else []


def open_remote(remote: Remote) -> IO[bytes]:
    """The content of a file, read piece by piece; raises `RecordingError`, and `OSError` for what fails later."""
    opened = _asked(remote.name, lambda: _fsspec().open(remote.url, "rb").open())
    return io.BufferedReader(_Pieces(opened), 1 << 20)


class _Pieces(io.RawIOBase):
    """A file of fsspec whose failures, which every backend names otherwise, are all `OSError`."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._file.read(len(buffer))
        except Exception as error:
            raise OSError(0, _words(error)) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _fsspec() -> Any:
    try:
        import fsspec  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ImportError(f"URLs are read with fsspec, which is not installed: pip install '{EXTRA}'") from None
    return fsspec


def _asked(name: str, question: Callable[[], Result]) -> Result:
    """The answer of a backend; raises `RecordingError` for whatever it raises, which each does in its own way."""
    try:
        return question()
    except Exception as error:
        raise RecordingError(name, "", f"cannot be read ({_words(error)})") from None


def _words(error: Exception) -> str:
    said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
    return f"{said or type(error).__name__:.200}"
