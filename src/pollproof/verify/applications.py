"""Applications in process: a WSGI or ASGI application is called directly, without a port."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

from pollproof.clock import ShiftedClock, checked
from pollproof.http.target import RequestOutcome, Target
from pollproof.trace.exchange import Request, Response


class WsgiTarget:
    """A WSGI application (Flask, Django, Bottle ...), called by werkzeug's test client.

    Args:
        application: the callable of PEP 3333.
        root: the path under which the application serves the API, without a trailing slash; empty for none.
    """

    def __init__(self, application: Callable[..., Any], root: str = "") -> None:
        self.name = f"the WSGI application {_name_of(application)}"
        self._application = application
        self._root = root

    def exchange(self, request: Request) -> RequestOutcome:
        """Call the application once. An exception that it raises is HTTP 500, as behind a server."""
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        path, _, query = (self._root + request.path or "/").partition("?")
        builder = EnvironBuilder(
            method=request.method,
            path=path,
            query_string=query,
            headers=list(request.headers.items()),
            data=request.body,
        )
        try:
            chunks, status, headers = run_wsgi_app(self._application, builder.get_environ(), buffered=True)
            body = b"".join(chunks)
        except Exception as error:  # whatever the application raises is its own doing
            return _raised(error)
        finally:
            builder.close()
        shown = {name.lower(): value for name, value in headers.items()}
        return RequestOutcome(Response(int(status.partition(" ")[0]), shown, body), None)

    def close(self) -> None:
        """Nothing is kept open."""


class AsgiTarget:
    """An ASGI application (FastAPI, Starlette, Django ...), called through httpx's ASGI transport.

    Args:
        application: the callable of the ASGI specification.
        root: the path under which the application serves the API, without a trailing slash; empty for none.
    """

    def __init__(self, application: Callable[..., Any], root: str = "") -> None:
        self.name = f"the ASGI application {_name_of(application)}"
        self._application = application
        self._root = root
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def _start(self) -> asyncio.AbstractEventLoop:
        """Start the event loop of the application, in a thread of its own: walks may call from several at once."""
        import httpx

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="ASGI application", daemon=True)
                self._thread.start()
                transport = httpx.ASGITransport(app=self._application)
                self._client = httpx.AsyncClient(transport=transport, base_url="http://application.invalid")
            return self._loop

    def exchange(self, request: Request) -> RequestOutcome:
        """Call the application once. An exception that it raises is HTTP 500, as behind a server."""
        loop = self._start()
        sent = self._client.build_request(
            request.method, self._root + request.path or "/", headers=dict(request.headers), content=request.body
        )
        try:
            answer = asyncio.run_coroutine_threadsafe(self._client.send(sent), loop).result()
        except Exception as error:  # whatever the application raises is its own doing
            return _raised(error)
        return RequestOutcome(Response(answer.status_code, dict(answer.headers), answer.content), None)

    def close(self) -> None:
        """End the event loop that the application ran in; the next exchange starts another."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        asyncio.run_coroutine_threadsafe(self._client.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


class CalledClock(ShiftedClock):
    """The clock of an application in this process, moved by a function such as time-machine's `Traveller.shift`.

    Args:
        advance: moves the application's time forward by the given number of seconds.
    """

    def __init__(self, advance: Callable[[float], object]) -> None:
        super().__init__()
        self._move = advance

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass for the application and for the trace alike."""
        self._move(checked(seconds))
        super().advance(seconds)


def target_of(application: Callable[..., Any], root: str = "") -> Target:
    """Wrap an application as a target: ASGI where calling it gives a coroutine, else WSGI.

    Args:
        application: a WSGI or ASGI application.
        root: the path under which it serves the API, without a trailing slash; empty for none.

    Returns:
        A target that calls the application in this process.
    """
    called = application if inspect.isfunction(application) else type(application).__call__
    return AsgiTarget(application, root) if inspect.iscoroutinefunction(called) else WsgiTarget(application, root)


def _name_of(application: Callable[..., Any]) -> str:
    return str(getattr(application, "__name__", type(application).__name__))


def _raised(error: Exception) -> RequestOutcome:
    text = f"the application raised {type(error).__name__}"
    return RequestOutcome(Response(500, {"content-type": "text/plain"}, text.encode()), None)
