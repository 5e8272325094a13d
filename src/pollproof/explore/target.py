"""Targets: what requests are sent to. The embedded reference is called in process, anything else over HTTP."""

from __future__ import annotations

import gzip
import http.client
import io
import socket
import ssl
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from pollproof.trace import Request, Response

MAXIMUM_BODY = 8 * 1024 * 1024
"""Bytes of an answer that are read; a task's state that is larger is no answer."""

TIMEOUT = 10.0
"""Seconds that a connection may be silent: ten times what a loaded provider takes for a poll."""


class Outcome(NamedTuple):
    """What came of a request: a response, or why there is none."""

    response: Response | None
    failure: str | None


class Target(Protocol):
    """Something that answers requests."""

    name: str

    def exchange(self, request: Request) -> Outcome:
        """Send a request and wait for its answer. Never raises for what the other side does."""

    def close(self) -> None:
        """Let go of connections."""


class InProcessTarget:
    """A provider that is called directly."""

    def __init__(self, name: str, handle: Callable[[Request], Response]) -> None:
        self.name = name
        self._handle = handle

    def exchange(self, request: Request) -> Outcome:
        return Outcome(self._handle(request), None)

    def close(self) -> None:
        return None


class TargetError(ValueError):
    """A target that cannot be addressed; its text is one sentence for people."""


class HttpTarget:
    """A base URL, over one connection that is kept alive. Proxies are taken from the `*_PROXY` variables."""

    def __init__(self, base_url: str, timeout: float = TIMEOUT) -> None:
        self.name = base_url
        parts = urlsplit(base_url)
        try:
            port = parts.port
        except ValueError:
            raise TargetError(f"'{base_url}' is no URL: its port is no number from 0 to 65535") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TargetError(f"'{base_url}' is no base URL; expected http://HOST[:PORT][/PATH] or https://...")
        if parts.query or parts.fragment:
            raise TargetError(f"'{base_url}' is no base URL: it has a query or a fragment")
        self._timeout = timeout
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._proxy = self._find_proxy(parts.scheme)
        self._connection: http.client.HTTPConnection | None = None
        self._used = False

    def _find_proxy(self, scheme: str) -> str | None:
        if urllib.request.proxy_bypass(self._host):
            return None
        proxies = urllib.request.getproxies()
        return proxies.get(scheme) or proxies.get("all")

    def _connect(self) -> http.client.HTTPConnection:
        context = ssl.create_default_context() if self._secure else None
        if self._proxy is None:
            if context is not None:
                return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        proxy = urlsplit(self._proxy if "//" in self._proxy else f"http://{self._proxy}")
        headers: dict[str, str] = {}
        if proxy.username is not None:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        if proxy.hostname is None:
            raise OSError(f"the proxy '{self._proxy}' is no URL")
        if context is not None:
            tunnel = http.client.HTTPSConnection(
                proxy.hostname, proxy.port or 8080, timeout=self._timeout, context=context
            )
            tunnel.set_tunnel(self._host, self._port, headers)
            return tunnel
        self._proxy_headers = headers
        return http.client.HTTPConnection(proxy.hostname, proxy.port or 8080, timeout=self._timeout)

    def exchange(self, request: Request) -> Outcome:
        target = self._prefix + request.path or "/"
        headers = dict(request.headers)
        if self._proxy is not None and not self._secure:
            target = self._address + target
            headers |= getattr(self, "_proxy_headers", {})
        for attempt in (1, 2):
            reused = self._connection is not None and self._used
            try:
                if self._connection is None:
                    self._connection = self._connect()
                connection = self._connection
                connection.request(request.method, target, request.body, headers)
                answer = connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                # A server may close an idle connection at any time: one that had been used gets one more chance.
                self.close()
                if reused and attempt == 1:
                    continue
                return Outcome(None, _words(error))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                return Outcome(None, _words(error))
            return self._read(answer)
        raise AssertionError("unreachable")

    def _read(self, answer: http.client.HTTPResponse) -> Outcome:
        try:
            body = answer.read(MAXIMUM_BODY + 1)
            if len(body) > MAXIMUM_BODY:
                self.close()
                return Outcome(None, f"the answer is larger than {MAXIMUM_BODY} bytes")
            if answer.length:  # read(n) does not complain about a body that ends early
                self.close()
                return Outcome(None, "the connection was closed in the middle of the answer")
            headers = {name.lower(): value for name, value in answer.getheaders()}
            body = _decode(body, headers.get("content-encoding", ""))
        except http.client.IncompleteRead:
            self.close()
            return Outcome(None, "the connection was closed in the middle of the answer")
        except (OSError, http.client.HTTPException, ValueError, zlib.error, EOFError) as error:
            self.close()
            return Outcome(None, _words(error))
        self._used = True
        if answer.will_close:
            self.close()
        return Outcome(Response(answer.status, headers, body), None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._used = False


def _decode(body: bytes, encoding: str) -> bytes:
    """Undo a content encoding that nobody asked for, without unpacking more than is read of any answer."""
    if encoding in ("", "identity"):
        return body
    if encoding in ("gzip", "x-gzip"):
        plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(MAXIMUM_BODY + 1)
        if len(plain) > MAXIMUM_BODY:
            raise ValueError(f"the answer is larger than {MAXIMUM_BODY} bytes when it is unpacked")
        return plain
    if encoding == "deflate":
        return zlib.decompressobj().decompress(body, MAXIMUM_BODY)
    return body


def _words(error: Exception) -> str:
    """Why there was no answer, in words without addresses of objects."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "the connection was reset"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({error.strerror})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is no HTTP ({type(error).__name__})"
    return str(error) or type(error).__name__


def header_names(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with lower-case names."""
    return {name.lower(): value for name, value in headers.items()}
