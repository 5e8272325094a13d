"""What the gate's server costs: requests per second, with the state of tasks and a log of all exchanges.

Server and client share one core. The same client, a raw socket that is kept alive where the server lets it, asks the
gate's server and pytest-httpserver (whose handler is the same provider, and which keeps its own log). Then the latency
of the slowest of a hundred requests against the median, and the rate with 10,000 tasks and 10,000 logged requests
against the rate with none.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.gate.clocks import MachineClock
from pollproof.gate.scenario_provider import StagedProvider
from pollproof.gate.scenarios import scenarios
from pollproof.gate.server import GateServer, serving
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import werkzeug_handler
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.plan import Plan

RATE = Ratio("requests/s of the gate's server: multiple of those of pytest-httpserver", at_least(5))
TAIL = Ratio("the slowest request of a hundred to the gate's server: multiple of the median one", at_most(5))
GROWTH = Ratio("a request to the gate's server after 10,000 tasks and requests: multiple of one before", at_most(1.3))
RATIOS = (RATE, TAIL, GROWTH)

REQUESTS, QUICK_REQUESTS = 2_000, 500
MANY = 10_000
KEY = "YOUR_API_KEY"


class RawClient:
    """A client that does as little as can be: what it measures is the server."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._stream: socket.socket | None = None

    def ask(self, path: str, body: bytes) -> bytes:
        """The body of the response."""
        if self._stream is None:
            self._stream = socket.create_connection(self._address)
            self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._stream.sendall(head.encode() + body)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._stream.recv(65536)
        head_bytes, answer = received[:end].lower(), received[end + 4 :]
        length = int(re.search(rb"content-length: (\d+)", head_bytes)[1])  # type: ignore[index]
        while len(answer) < length:
            answer += self._stream.recv(65536)
        if b"connection: close" in head_bytes or head_bytes.startswith(b"http/1.0"):
            self.close()
        return answer

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@contextmanager
def gate_server() -> Iterator[tuple[str, GateServer]]:
    """The gate's server, with a task that is never finished in every creation."""
    contract = load_contract("capsolver")
    clock = MachineClock()
    provider = StagedProvider(contract, clock, scenarios(contract)[0])
    provider.settings = Settings(solving=1e6, lifetime=1e9, polls=10**9)
    provider.lifetime, provider.limit = 1e9, 10**9
    with serving(provider.play, "", clock) as server:
        yield server.base_url, server


@contextmanager
def pytest_httpserver() -> Iterator[str]:
    """pytest-httpserver with the reference provider behind it."""
    from pytest_httpserver import HTTPServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or it would be timed while it prints
    clock = ShiftedClock()
    settings = Settings(solving=1e6, lifetime=1e9, polls=10**9)
    provider = ReferenceProvider(load_contract("capsolver"), clock, settings)
    with HTTPServer() as server:
        server.expect_request(re.compile(".*")).respond_with_handler(werkzeug_handler(provider, clock))
        yield f"http://127.0.0.1:{server.port}"


def create(client: RawClient) -> str:
    """The id of a new task."""
    task = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.com", "websiteKey": "KEY"}
    return str(json.loads(client.ask("/createTask", json.dumps({"clientKey": KEY, "task": task}).encode()))["taskId"])


def poll(client: RawClient, count: int) -> list[float]:
    """The seconds that each of so many polls of one task took."""
    body = json.dumps({"clientKey": KEY, "taskId": create(client)}).encode()
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        client.ask("/getTaskResult", body)
        seconds.append(time.perf_counter() - started)
    return seconds


def measure(plan: Plan) -> Iterator[Sample]:
    """Both servers by turns, then the growth of the gate's."""
    requests = plan.size(REQUESTS, QUICK_REQUESTS)
    for _ in plan.rounds():
        with gate_server() as (base_url, server), pytest_httpserver() as other_url:
            client, other = RawClient(base_url), RawClient(other_url)
            poll(client, 200)
            poll(other, 20)
            own = poll(client, requests)
            theirs = poll(other, requests // 10)
            rate, other_rate = len(own) / sum(own), len(theirs) / sum(theirs)
            yield RATE.of(rate / other_rate, gate_per_s=rate, pytest_httpserver_per_s=other_rate)
            slowest, median = statistics.quantiles(own, n=100)[98], statistics.median(own)
            yield TAIL.of(slowest / median, p99_us=slowest * 1e6, median_us=median * 1e6)
            other.close()
            for _ in range(MANY):
                create(client)
            assert server.count > MANY
            later = statistics.median(poll(client, requests))
            yield GROWTH.of(later / median, then_us=later * 1e6, at_first_us=median * 1e6)
            client.close()
