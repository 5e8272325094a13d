"""A target over HTTP: one connection that is kept alive, TLS, proxies."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial

from pollproof.http.addresses import proxy_for, split
from pollproof.http.parser import PIECE, TOKEN, VALUE, BoundedAnswer, decoded, read_any, read_plain, watch, words_of
from pollproof.http.target import Outcome
from pollproof.trace.exchange import Request, Response
from pollproof.version import __version__

TIMEOUT = 10.0
"""Seconds that an answer may take: ten times what a loaded provider needs for a poll."""

ABANDONED = 0.02
"""Seconds after which a connection is cut whose answer nobody waits for: the request has surely arrived."""

MAXIMUM_HEADS = 64
"""Heads of requests that are kept written: operations have one each, unless a header differs every time."""


class HttpTarget:
    """A base URL, over one connection that is kept alive. Proxies are taken from the `*_PROXY` variables.

    An answer must be there within `timeout` seconds of its request, however slowly its pieces come.
    A request with an empty path asks the URL as it is written, and a query of the URL goes with every request;
    `query=False` refuses one. `named` is what errors call the URL. Without `again` no request is ever sent twice, which
    otherwise happens where a connection that has served before is closed under a request.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float | None = None,
        *,
        named: str = "base URL",
        query: bool = True,
        again: bool = True,
    ) -> None:
        parts = split(base_url, named, query)
        self.name = base_url
        self._timeout = TIMEOUT if timeout is None else timeout
        self._again = again
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._proxy = proxy_for(parts.scheme, self._host, self._port)
        absolute = self._proxy is not None and not self._secure
        origin = f"http://{parts.netloc}" if absolute else ""
        self._prefix = origin + parts.path.rstrip("/")
        self._itself = origin + (parts.path or "/")
        self._query = parts.query
        self._fixed = self._fixed_headers(parts.netloc if absolute else "")
        self._heads: dict[tuple[tuple[str, str], ...], tuple[bytes, bool]] = {}
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._stirs: Callable[[], object] = bool
        self._used = False

    def _fixed_headers(self, authority: str) -> dict[str, str]:
        """The headers of every request that has none of these names."""
        if not authority:
            host = f"[{self._host.partition('%')[0]}]" if ":" in self._host else self._host
            authority = host if self._port == (443 if self._secure else 80) else f"{host}:{self._port}"
        fixed = {"Host": authority, "Accept-Encoding": "identity", "User-Agent": f"pollproof/{__version__}"}
        return fixed if self._proxy is None or self._secure else {**fixed, **self._proxy.headers}

    # --------------------------------------------------------------------- requests

    def exchange(self, request: Request) -> Outcome:
        try:
            message = self._message(request)
        except ValueError as error:
            return Outcome(None, words_of(error))
        if self._connection is not None and self._stirs():
            self.close()
        for attempt in (1, 2):
            reused = self._again and self._connection is not None and self._used
            try:
                connection = self._connection or self._connect()
                connection.sock.sendall(message)
                end = time.monotonic() + self._timeout
                first = connection.sock.recv(PIECE)
                if not first:
                    raise http.client.RemoteDisconnected("")
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
                # A server may close an idle connection at any time, also while the next request is under way:
                # a connection that has served before gets one more chance.
                self.close()
                if reused and attempt == 1:
                    continue
                return Outcome(None, words_of(error))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                return Outcome(None, words_of(error))
            return self._read(connection.sock, request.method, first, end)
        raise AssertionError("unreachable")

    def abandon(self, request: Request) -> str | None:
        """Send a request over a connection of its own and close that without reading an answer.

        Returns why it could not be sent, else None.
        """
        self.close()
        try:
            self._connect().sock.sendall(self._message(request))
            time.sleep(ABANDONED)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return words_of(error)
        finally:
            self.close()
        return None

    def _message(self, request: Request) -> bytes:
        """Head and body of a request as one piece; raises ValueError for what cannot be sent."""
        target = self._prefix + request.path if request.path else self._itself
        if self._query:
            target += ("&" if "?" in target else "?") + self._query
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"the request was not sent: {target!r} has a character that must be percent-encoded")
        key = tuple(request.headers.items())
        written = self._heads.get(key)
        if written is None:
            if len(self._heads) >= MAXIMUM_HEADS:
                self._heads.clear()
            written = self._heads[key] = self._head(request.headers)
        head, framed = written
        size = "" if framed else f"Content-Length: {len(request.body)}\r\n"
        return f"{request.method} {target} HTTP/1.1\r\n{size}".encode("ascii") + head + request.body

    def _head(self, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """The header lines of a request and the end of its head, and whether they tell how the body is framed."""
        given = {name.lower(): value for name, value in headers.items()}
        fixed = {name: value for name, value in self._fixed.items() if name.lower() not in given}
        text = ""
        for name, value in {**fixed, **given}.items():
            if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
                raise ValueError(f"the request was not sent: its header {name!r} cannot be written")
            text += f"{name}: {value}\r\n"
        return f"{text}\r\n".encode("latin-1"), "content-length" in given or "transfer-encoding" in given

    def _connect(self) -> http.client.HTTPConnection:
        host, port = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        connection: http.client.HTTPConnection
        if self._secure:
            if self._context is None:  # reading the certificates of the system takes longer than a handshake
                self._context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
            if self._proxy is not None:
                connection.set_tunnel(self._host, self._port, self._proxy.headers)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        connection.response_class = partial(BoundedAnswer, self._timeout)  # type: ignore[assignment]
        self._connection = connection
        connection.connect()
        self._stirs = watch(connection.sock)
        return connection

    # ---------------------------------------------------------------------- answers

    def _read(self, connection: socket.socket, method: str, first: bytes, end: float) -> Outcome:
        """The answer that begins with these bytes."""
        try:
            answer = None if method == "HEAD" else read_plain(connection, self._timeout, first, end)
            status, headers, body, keep = answer or read_any(connection, self._timeout, method, first, end)
            if "content-encoding" in headers:
                body = decoded(body, headers["content-encoding"])
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Outcome(None, words_of(error))
        self._used = True
        if not keep:
            self.close()
        return Outcome(Response(status, headers, body), None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._used = False


# ------------------------------------------------------------------------------- addresses
