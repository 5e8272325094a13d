"""Recordings beyond this machine's folders: URLs that fsspec reads (file://, memory://, s3://, gs://, https://...)."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, TypeVar

from pollproof.recordings.errors import RecordingError, describe_error
from pollproof.recordings.hosts import without_keys

REMOTE_PATIENCE = 15
"""Seconds that a server may take to answer, and to go on."""

_MAXIMUM_SECONDS = 600
"""Seconds that reading one URL may take."""

SLOWEST = 4096
"""Bytes a second at least, once `REMOTE_PATIENCE` is over."""

MAXIMUM_SIZE = 1 << 30
"""Bytes that are read of one URL."""

Result = TypeVar("Result")

_URL = re.compile(r"[a-z][a-z0-9+.-]*(://|::)", re.IGNORECASE)

_EXTRA = "pollproof[fsspec]"
"""The extra that brings fsspec; what it needs for a protocol is for its users to install."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that fsspec reads. `watch` is called with the bytes that were read so far, each time there are more."""

    url: str
    watch: Callable[[int], None] | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The URL as messages show it: without what may be a key in it."""
        return without_keys(self.url)


def is_url(name: str) -> bool:
    """Whether a name is a URL, and no path of this machine."""
    return _URL.match(name) is not None


def find_remote(url: str, wanted: Callable[[str], bool]) -> list[Remote]:
    """The file that a URL means, those in its folder whose names are wanted, or those that its pattern matches.

    Raises `RecordingError` for a URL that means none.
    """
    name = Remote(url).name
    found: list[str] = _call(name, lambda: _found(url, wanted))
    if not found:
        raise RecordingError(name, "", "no recording matches, and no such file or folder is there")
    return [Remote(each) for each in found]


def _found(url: str, wanted: Callable[[str], bool]) -> list[str]:
    web = url.lower().startswith(("http://", "https://"))
    if web and "*" not in url and not url.endswith("/"):
        return [url]
    fsspec = _fsspec()
    more: dict[str, Any] = {}
    if web:
        import aiohttp

        more["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(total=REMOTE_PATIENCE)}
    system, root = fsspec.core.url_to_fs(url, **more)
    if "*" in url or ("?" in url and not url.startswith("http")):
        return [system.unstrip_protocol(path) for path in sorted(system.glob(root)) if system.isfile(path)]
    if system.isdir(root):
        paths = sorted(path for path in system.find(root) if wanted(path) and "/." not in path[len(root) :])
        return [system.unstrip_protocol(path) for path in paths]
    return [url] if system.exists(root) else []


def open_remote(remote: Remote) -> IO[bytes]:
    """The content of a file, read piece by piece; raises `RecordingError`, and `OSError` for what fails later."""
    if remote.url.lower().startswith(("http://", "https://")):
        from pollproof.recordings.web import open_web  # few recordings are on the web

        opened = _call(remote.name, lambda: open_web(remote.url, REMOTE_PATIENCE))
    else:
        opened = _call(remote.name, lambda: _fsspec().open(remote.url, "rb").open())
    return io.BufferedReader(_Pieces(opened, remote.watch), 1 << 18)


class _Pieces(io.RawIOBase):
    """A remote file, bounded in size and time, whose failures, named otherwise by every backend, are all `OSError`."""

    def __init__(self, file: Any, watch: Callable[[int], None] | None) -> None:
        self._file = file
        self._watch = watch
        self._began = time.monotonic()
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = getattr(self._file, "read1", self._file.read)  # what is there, rather than all that was requested
        try:
            piece = read(len(buffer))
        except TimeoutError:
            raise OSError(0, f"no more data within {REMOTE_PATIENCE} s") from None
        except Exception as error:
            raise OSError(0, describe_error(error)) from error
        self._size += len(piece)
        self._check_bounds()
        if self._watch is not None:
            self._watch(self._size)
        buffer[: len(piece)] = piece
        return len(piece)

    def _check_bounds(self) -> None:
        """Raise `OSError` for a file that is too large, and for one that comes too slowly to ever end."""
        seconds = time.monotonic() - self._began
        if self._size > MAXIMUM_SIZE:
            raise OSError(0, f"larger than {MAXIMUM_SIZE >> 20} MiB; copy it to this machine")
        if seconds > _MAXIMUM_SECONDS or (seconds > REMOTE_PATIENCE and self._size < seconds * SLOWEST):
            raise OSError(0, f"{self._size:,} bytes in {seconds:.0f} s; copy it to this machine")

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _fsspec() -> Any:
    try:
        import fsspec  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ImportError(f"URLs are read with fsspec, which is not installed: pip install '{_EXTRA}'") from None
    return fsspec


def _call(name: str, function: Callable[[], Result]) -> Result:
    """The response of a backend; raises `RecordingError` for whatever it raises, which each does in its own way."""
    try:
        return function()
    except Exception as error:
        raise RecordingError(name, "", f"cannot be read ({describe_error(error)})") from None
