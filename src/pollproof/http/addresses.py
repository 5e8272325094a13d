"""Addresses: URLs that people type, checked at the edge, and the proxies on the way to them."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from pollproof.errors import InputError


class TargetError(InputError):
    """A target that cannot be addressed; its text is one sentence for people."""


def split_url(url: str, named: str, query: bool) -> SplitResult:
    """The parts of a URL; raises `TargetError`. What may be a password is never shown."""
    expected = "expected http://HOST[:PORT][/PATH] or https://..."
    shown = _CREDENTIALS.sub(r"\1***@", url)  # it would stand in every report
    wrong = f"{shown!r} is not a {named}"
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        what = "its port is not a number from 1 to 65535" if "ort" in str(error) else "its host cannot be read"
        raise TargetError(f"{wrong}: {what}") from None
    if parts.username is not None or parts.password is not None:
        raise TargetError(f"{wrong}: a user name or password does not belong there; {expected}")
    if parts.scheme not in ("http", "https") or not name:
        raise TargetError(f"{wrong}; {expected}")
    if port == 0:
        raise TargetError(f"{wrong}: its port is not a number from 1 to 65535")
    if parts.fragment or (parts.query and not query):
        raise TargetError(f"{wrong}: it has a {'fragment' if query else 'query or a fragment'}; {expected}")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise TargetError(f"{wrong}: it has a character that must be percent-encoded")
    if not all(0 < len(label) < 64 for label in name.removesuffix(".").split(".")) or len(name) > 253:
        raise TargetError(f"{wrong}: '{name}' is not a host name")
    return parts


_CREDENTIALS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)
"""What stands before the last @ of a URL, after its scheme."""


def is_loopback(url: str) -> bool:
    """Whether a URL is one of this machine alone: a loopback address, or a name of it (RFC 6761, 6.3)."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_one_of(url: str, hosts: Sequence[str]) -> bool:
    """Whether the host of a URL is one of these: a name, a name below `*.`, an address or a network."""
    host = (urlsplit(url).hostname or "").removesuffix(".").lower()
    return any(_is_host(host, each.strip().removesuffix(".").lower()) for each in hosts)


def _is_host(host: str, wanted: str) -> bool:
    if wanted.startswith("*."):
        return host.endswith(wanted[1:])
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(wanted.strip("[]"), strict=False)
    except ValueError:
        return bool(wanted) and host == wanted


class Proxy(NamedTuple):
    """A proxy of the `*_PROXY` variables, and the headers that open it."""

    host: str
    port: int
    headers: dict[str, str]


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy for a target, None where it is reached directly; raises `TargetError`. Passwords are never shown."""
    import urllib.request  # takes its time to import, and many a run asks nobody

    proxies = urllib.request.getproxies()
    text = proxies.get(scheme) or proxies.get("all")
    if not text or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    variable = f"{scheme.upper()}_PROXY" if proxies.get(scheme) else "ALL_PROXY"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        name, number = parts.hostname, parts.port
    except ValueError:
        name = None
    if not name:
        raise TargetError(f"the proxy in {variable} is not a URL; expected http://HOST:PORT")
    if parts.scheme != "http":
        raise TargetError(f"the proxy in {variable} is of kind '{parts.scheme}'; expected http://HOST:PORT")
    headers: dict[str, str] = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(name, number or 80, headers)
