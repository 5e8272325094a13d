"""Applications in process: a WSGI or ASGI application is called directly, without a port."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from pollproof.clock import ShiftedClock, checked
from pollproof.http.target import Outcome, Target
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

    def exchange(self, request: Request) -> Outcome:
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
        return Outcome(Response(int(status.partition(" ")[0]), shown, body), None)

    def close(self) -> None:
        """Nothing is kept open."""


class AsgiTarget:
    """An ASGI application (FastAPI, Starlette, Django ...), called through httpx's ASGI transport.

    Args:
        application: the callable of the ASGI specification.
        root: the path under which the application serves the API, without a trailing slash; empty for none.
    """

    def __init__(self, application: Callable[..., Any], root: str = "") -> None:
        import httpx

        self.name = f"the ASGI application {_name_of(application)}"
        self._root = root
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app=application)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://application.invalid")

    def exchange(self, request: Request) -> Outcome:
        """Call the application once. An exception that it raises is HTTP 500, as behind a server."""
        sent = self._client.build_request(
            request.method, self._root + request.path or "/", headers=dict(request.headers), content=request.body
        )
        try:
            answer = self._loop.run_until_complete(self._client.send(sent))
        except Exception as error:  # whatever the application raises is its own doing
            return _raised(error)
        return Outcome(Response(answer.status_code, dict(answer.headers), answer.content), None)

    def close(self) -> None:
        """End the event loop that the application ran in."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


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


def _raised(error: Exception) -> Outcome:
    text = f"the application raised {type(error).__name__}"
    return Outcome(Response(500, {"content-type": "text/plain"}, text.encode()), None)
