"""The HTTP part that the servers of this folder share: standard library only."""

from __future__ import annotations

import argparse
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PageService:
    """What a server answers and calls back with, on a clock that can be moved."""

    def __init__(self, fault: str = "", variant: str = "") -> None:
        self.fault, self.variant = fault, variant
        self.offset, self.began = 0.0, time.monotonic()
        self.lock = threading.RLock()

    def now(self) -> float:
        """Seconds since the service began, as it counts them."""
        return time.monotonic() - self.began + self.offset

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Any, ...]:
        """Status, JSON value and headers of a response."""
        raise NotImplementedError

    def due(self) -> list[tuple[str, bytes, dict[str, str]]]:
        """The callbacks that are due: address, body and headers."""
        return []

    def failed(self, headers: dict[str, str]) -> None:
        """Take note of a callback with these headers that was not accepted."""

    def written(self, value: Any) -> bytes:
        """The body of a response."""
        return json.dumps(value, indent=2 if self.variant == "spaced" else None).encode()


def run(make: Callable[[str, str], PageService], faults: Sequence[str], variants: Sequence[str]) -> None:
    """Serve on loopback, as the command line says; the port is printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--fault", default="", choices=("", *faults))
    parser.add_argument("--variant", default="", choices=("", *variants))
    parser.add_argument("--list", action="store_true")
    words = parser.parse_args()
    if words.list:
        print("\n".join(faults))
        return
    service = make(words.fault, words.variant)
    server = ThreadingHTTPServer(("127.0.0.1", words.port), _handler(service))
    threading.Thread(target=_call_back, args=(service,), daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()


def _handler(service: PageService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == "/_clock":
                with service.lock:
                    service.offset += float(json.loads(raw)["seconds"])
                self.reply(200, {"now": service.now()}, {})
                return
            with service.lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = service.answer(self.command, self.path, headers, raw)
            self.reply(*answer)

        def do_GET(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def reply(self, status: int, value: Any, headers: dict[str, str]) -> None:
            body = b"" if value is None else service.written(value)
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _call_back(service: PageService) -> None:
    while True:
        for address, body, headers in service.due():
            try:
                urllib.request.urlopen(urllib.request.Request(address, body, headers, method="POST"), timeout=5).close()
            except OSError:
                with service.lock:
                    service.failed(headers)
        time.sleep(0.02)
