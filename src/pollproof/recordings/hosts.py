"""Hosts: whose traffic a recorded request was, as far as its URL tells."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

_LOCAL = (".localhost", ".local", ".test", ".example", ".invalid", ".internal", ".lan", ".home.arpa")
"""Endings of names that are nobody's on the internet (RFC 2606, 6761, 6762, 8375): mocks and test set-ups."""

_SAMPLES = ("example.com", "example.net", "example.org")
"""Names that documents and tests use for any server (RFC 2606)."""


class Address(NamedTuple):
    """The parts of a URL that say where a request went: `host` in lower case, `port` with the scheme's default."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as people write them."""
        default = {"http": 80, "https": 443}.get(self.scheme)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


def address_of(url: str) -> Address | None:
    """The address of an absolute http or https URL; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.hostname.isprintable():
        return None
    host = parts.hostname.rstrip(".") or parts.hostname
    return Address(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path)


def is_local(host: str) -> bool:
    """Whether a host is a test set-up's: loopback, private, a bare name, or a name reserved for tests."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        bare = "." not in host
        return bare or host.endswith(_LOCAL) or any(host == name or host.endswith("." + name) for name in _SAMPLES)
    return address.is_private or address.is_loopback


def domain(host: str) -> str:
    """The last two labels of a host name: an API's other hosts share them."""
    return ".".join(host.split(".")[-2:])


def without_keys(url: str) -> str:
    """A URL as messages show it: without what may be a key in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.netloc != host or parts.query else url
