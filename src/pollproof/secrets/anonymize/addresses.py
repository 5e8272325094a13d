"""Addresses: URLs and the paths of requests, part by part."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from pollproof.secrets.anonymize.pseudonyms import DRAWN, Pseudonyms, drawn

_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that are nobody's in particular."""

EXAMPLES = frozenset({"example.com", "example.org", "example.net", "callback.invalid"})

MAXIMUM_SEGMENTS = 8
"""Parts of a path that are kept apart."""

Replace = Callable[[str], str]


class Addresses:
    """Replaces what stands in addresses; user names, passwords and fragments are dropped."""

    def __init__(self, text: Replace, name: Replace, segment: Replace, pseudonyms: Pseudonyms) -> None:
        self._text, self._name, self._segment = text, name, segment
        self._pseudonyms = pseudonyms
        self.hosts: set[str] = set()

    def address(self, url: str) -> str:
        """A URL: its scheme stays, a host that is somebody's is replaced, and so are path and query."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return self._pseudonyms.word(url, DRAWN + 9)
        if host in _LOCAL_HOSTS or host in EXAMPLES or host in self.hosts:
            name = f"[{host}]" if ":" in host else host
            authority = name if port is None else f"{name}:{port}"
        else:
            authority = self._host(host)
        made = f"{parts.scheme.lower()}://{authority}{self._path(parts)}"
        while not self._pseudonyms.reserve(made, f"address\0{url}"):  # what was dropped set it apart from another
            made = f"{made}#{drawn(self._pseudonyms.draw('address', url), DRAWN)}"
        return made

    def bare(self, url: str, length: int) -> str:
        """A URL of that length with nothing but a host."""
        opening = url[: url.index("://") + 3].lower()

        def make(number: int) -> str:
            return f"{opening}x{drawn(number, DRAWN)}"[: max(length, len(opening) + 1)].ljust(length, "x")

        return self._pseudonyms.unique("url", url, make)

    def relative(self, reference: str) -> str:
        """A path and a query without a host."""
        try:
            return self._path(urlsplit(reference))
        except ValueError:
            return self._pseudonyms.word(reference, DRAWN + 9)

    def _host(self, host: str) -> str:
        return self._pseudonyms.unique("host", host, lambda number: f"x-{drawn(number, DRAWN)}.invalid")

    def _path(self, parts: SplitResult) -> str:
        segments = parts.path.split("/")
        if len(segments) > MAXIMUM_SEGMENTS:
            segments = ["", self._pseudonyms.word(parts.path, DRAWN + 2)]
        made = "/".join(quote(self._segment(unquote(segment)), safe="@") if segment else "" for segment in segments)
        return f"{made}?{self.query(parts.query)}" if parts.query else made

    def query(self, query: str) -> str:
        """A query: names as names of fields, values as texts."""
        pairs = parse_qsl(query, keep_blank_values=True)
        if not pairs:
            return quote(self._text(unquote(query)), safe="")
        return urlencode([(self._name(name), self._text(value)) for name, value in pairs])
