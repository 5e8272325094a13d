"""Example databases that are shared: what one run found failing is replayed first by every other.

They are Hypothesis's own: a folder (DirectoryBasedExampleDatabase), or a Redis server (RedisExampleDatabase).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from pollproof.errors import RunError

_EXTRA = "pollproof[redis]"
"""The extra that brings the client of Redis."""

_PATIENCE = 5.0
"""Seconds within which a Redis server answers."""

REDIS = ("redis", "rediss", "unix")
"""Schemes of the URLs that the client of Redis takes."""


class NoDatabase(RunError):
    """An example database cannot be used; the text is one sentence, without what may be a password."""


def without_password(url: str) -> str:
    """A URL as messages show it: without user and password, which may stand in its query too."""
    parts = urlsplit(url)
    kept = [each for each in parts.query.split("&") if not each.lower().startswith(("username=", "password="))]
    return (
        urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(kept)))
        if "://" in url
        else url
    )


def database_at(url: str) -> ExampleDatabase:
    """The database of a folder or a Redis server, which need not answer yet; raises `NoDatabase` for another URL."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme in REDIS:
        return _redis(url)
    if scheme:
        raise NoDatabase(f"--example-db {without_password(url)}: expected a folder, or a URL that begins with redis://")
    folder = Path(url)
    if not url or (folder.exists() and not folder.is_dir()) or not folder.absolute().parent.is_dir():
        raise NoDatabase(f"--example-db {url!r}: expected a folder, or one that can be made")
    return DirectoryBasedExampleDatabase(folder)


def _redis(url: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis
    except ImportError:
        raise NoDatabase(
            f"--example-db {without_password(url)}: the client of Redis is missing: pip install '{_EXTRA}'"
        ) from None
    try:
        return RedisExampleDatabase(Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE))
    except ValueError:
        raise NoDatabase(f"--example-db {without_password(url)}: no URL of a Redis server") from None


def shared_at(url: str, contract: str, keeps: Callable[[], bool]) -> Shared:
    """The examples of one contract in the database at a URL; raises `NoDatabase` where it does not answer."""
    shared = Shared(database_at(url), contract, keeps)
    list(shared.fetch(b"pollproof"))
    if shared.problem:
        raise NoDatabase(f"the example database at {without_password(url)} does not answer ({shared.problem})")
    return shared


class Shared(ExampleDatabase):
    """The examples of one contract in a database that others use too.

    While it `keeps`, nothing is taken out: an example that shows nothing new may show what is known already. A database
    that fails holds up no run: `problem` says what happened, and it is asked no more.
    """

    def __init__(self, database: ExampleDatabase, contract: str, keeps: Callable[[], bool]) -> None:
        super().__init__()
        self.problem = ""
        self._database = database
        self._prefix = f"pollproof:{contract}:".encode()
        self._keeps = keeps

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """The examples that are there."""
        return sorted(self._call(lambda: list(self._database.fetch(self._prefix + key))) or ())

    def save(self, key: bytes, value: bytes) -> None:
        """Keep an example."""
        self._call(lambda: self._database.save(self._prefix + key, value))

    def delete(self, key: bytes, value: bytes) -> None:
        """Take an example out that fails no more."""
        if not self._keeps():
            self._call(lambda: self._database.delete(self._prefix + key, value))

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Put an example under another key."""
        self.save(dest, value)
        self.delete(src, value)

    def _call(self, function: Callable[[], Any]) -> Any:
        if self.problem:
            return None
        try:
            return function()
        except Exception as error:  # every backend fails in its own way
            self.problem = type(error).__name__
            return None
