"""The HTTP part that all mock services share.

It knows nothing of tasks: it reads a request, finds the method by its path, hands over the decoded JSON object and
writes the response. What the documents say about this layer: every method is a POST with a JSON body (CapSolver and
CapMonster Cloud getTaskResult pages), and CapMonster Cloud's page writes the address both with and without a
trailing slash. A service of another form (REST, SOAP) answers whole requests itself. Everything else here is plain
HTTP/1.1.
"""

import json
import math
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from urllib.parse import urlsplit

HOST = "127.0.0.1"
ADVANCE_PATH = "/advance"
MAXIMUM_BODY_BYTES = 8 * 1024 * 1024
MAXIMUM_ADVANCE_SECONDS = 1_000_000_000
IDLE_CONNECTION_SECONDS = 600.0
LINGER_SECONDS = 2.0

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An HTTP status code and the JSON object that goes with it."""

    http_status: int
    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RawAnswer:
    """An HTTP status code and content that is not JSON; without a content type there is no content at all."""

    http_status: int
    content: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A whole request: the path has no query and no trailing slash, the names of the headers are in lower case.

    connection tells the connections of a server apart.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    connection: int = 0


@dataclass
class Clock:
    """The real monotonic clock plus an offset that only grows, so that time can be moved forward but never back.

    changed guards the offset, and whoever waits for a moment of this clock waits on it.
    """

    offset: float = 0.0
    started: float = field(default_factory=time.monotonic)
    changed: threading.Condition = field(default_factory=threading.Condition)


def now(clock: Clock) -> float:
    """Seconds since the clock was made, as the service counts them."""
    with clock.changed:
        return time.monotonic() - clock.started + clock.offset


def advance(clock: Clock, seconds: float) -> float:
    """Move the clock forward and tell what it says now."""
    with clock.changed:
        clock.offset += seconds
        clock.changed.notify_all()
    return now(clock)


@dataclass(frozen=True)
class Application:
    """What a service offers to the HTTP part.

    methods: the path of each method and the function that answers the decoded request object.
    refuse: the service's own error answer for a request that reaches no method (HTTP status, path, description).
    clock: the service's clock, moved by POST /advance, at the root of the server or below the base path.
    base_path: the path that the base URL ends in.
    respond: answers every whole request in place of methods, for a service that is not made of JSON methods.
    background: what has to run beside the server.
    service: the whole state of the service, for what is changed in it on purpose.
    cut: called with the number of a connection that a client has cut before it had read the response.
    """

    methods: Mapping[str, Callable[[JsonObject], Answer]]
    refuse: Callable[[int, str, str], Answer | RawAnswer]
    clock: Clock
    base_path: str = ""
    respond: Callable[[Request], Answer | RawAnswer] | None = None
    background: Callable[[], AbstractContextManager[None]] = nullcontext
    service: Any = None
    cut: Callable[[int], None] = lambda connection: None


def decode_object(raw: bytes) -> JsonObject:
    """Decode strict JSON that must be an object; anything else raises ValueError with a readable reason."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite_float)
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except ValueError:
        raise ValueError("the body is not valid JSON in UTF-8") from None
    if isinstance(value, dict):
        return value
    raise ValueError("the body must be a JSON object")


def answer_request(application: Application, request: Request) -> Answer | RawAnswer:
    """Answer one whole request: the single place where a request is given to the service or refused."""
    advancing = request.path in (ADVANCE_PATH, application.base_path + ADVANCE_PATH)
    if application.respond is not None and not advancing:
        return application.respond(request)
    if not advancing and request.path not in application.methods:
        return application.refuse(HTTPStatus.NOT_FOUND, request.path, "there is no such method")
    if request.method != "POST":
        return application.refuse(HTTPStatus.METHOD_NOT_ALLOWED, request.path, "only POST is allowed")
    try:
        decoded = decode_object(request.raw)
    except ValueError as error:
        return application.refuse(HTTPStatus.BAD_REQUEST, request.path, str(error))
    if advancing:
        return _answer_advance(application, decoded)
    return application.methods[request.path](decoded)


def path_of(target: str) -> str:
    """The path of a request target, without query and without one trailing slash."""
    try:
        path = urlsplit(target).path
    except ValueError:
        return target
    return path.removesuffix("/")


@contextmanager
def serve(application: Application, port: int = 0, poll_interval: float = 0.05) -> Iterator[str]:
    """Serve the application in a thread of its own; yields the base URL and stops everything on exit."""
    server = _Server((HOST, port), _Handler)
    server.application = application
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": poll_interval}, daemon=True)
    thread.start()
    try:
        with application.background():
            yield f"http://{HOST}:{server.server_address[1]}{application.base_path}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.close_connections()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("the number is too large")
    return value


def _answer_advance(application: Application, request: JsonObject) -> Answer | RawAnswer:
    seconds = request.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return application.refuse(HTTPStatus.BAD_REQUEST, ADVANCE_PATH, "seconds must be a number")
    if not 0 <= seconds <= MAXIMUM_ADVANCE_SECONDS:
        return application.refuse(HTTPStatus.BAD_REQUEST, ADVANCE_PATH, "seconds is out of range")
    return Answer(HTTPStatus.OK, {"now": advance(application.clock, float(seconds))})


class _Server(socketserver.ThreadingTCPServer):
    """A threaded server that remembers its open connections, so that it can close them when it stops."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    application: Application

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that still wait on an idle connection; each of them then closes its own socket."""
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report mistakes of the mock only: a client that goes away is no event worth a traceback."""
        if isinstance(sys.exception(), ConnectionError):
            self.application.cut(client_address[1])
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; each response leaves in one write and carries its Content-Length."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"
    server_version = "independent"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = IDLE_CONNECTION_SECONDS

    def _handle(self) -> None:
        raw = self._read_body()
        if raw is not None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path_of(self.path), headers, raw, self.client_address[1])
            self._write(answer_request(self._application(), request))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse, in the service's own JSON, what the base class could not read as a request; never with a 5xx."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        elif code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = HTTPStatus.BAD_REQUEST
        self._refuse_and_close(code, message or HTTPStatus(code).phrase)

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: the buffered answer must not wait for the body that waits for it."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def finish(self) -> None:
        """Close; but read what a refused client is still sending, otherwise it would see a reset, not the response."""
        if getattr(self, "_linger", False):
            self._discard_rest()
        super().finish()

    def log_message(self, *arguments: Any, **named_arguments: Any) -> None:
        """Keep quiet: the tests read the standard output."""

    def _application(self) -> Application:
        return cast(_Server, self.server).application

    def _read_body(self) -> bytes | None:
        """The request's body; None after a refusal."""
        if self.headers.get("Transfer-Encoding") is not None:
            self._refuse_and_close(HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length")
            return None
        lengths = {length.strip() for length in self.headers.get_all("Content-Length", ["0"])}
        length = lengths.pop()
        if lengths or not (length.isascii() and length.isdigit()):
            self._refuse_and_close(HTTPStatus.BAD_REQUEST, "the Content-Length is not valid")
            return None
        if len(length) > 18 or int(length) > MAXIMUM_BODY_BYTES:
            self._refuse_and_close(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
            return None
        raw = self.rfile.read(int(length))
        if len(raw) < int(length):
            self._refuse_and_close(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
            return None
        return raw

    def _refuse_and_close(self, code: int, description: str) -> None:
        self.close_connection = True
        self._linger = True
        path = path_of(getattr(self, "path", ""))
        self._write(self._application().refuse(code, path, description))

    def _write(self, answer: Answer | RawAnswer) -> None:
        if isinstance(answer, Answer):
            content, content_type = json.dumps(answer.body, allow_nan=False).encode("ascii"), "application/json"
        else:
            content, content_type = answer.content, answer.content_type
        self.send_response(answer.http_status)
        if content_type:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
        headers = dict(answer.headers)
        if answer.http_status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.setdefault("Allow", "POST")
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _discard_rest(self) -> None:
        deadline = time.monotonic() + LINGER_SECONDS
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while (remaining := deadline - time.monotonic()) > 0:
                self.connection.settimeout(remaining)
                if not self.connection.recv(65536):
                    return
        except OSError:
            return


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler._handle)
