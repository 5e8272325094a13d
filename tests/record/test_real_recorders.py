"""What other tools record of the reference provider is judged right: vcrpy under three libraries, and a browser."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import vcr

from pollproof.check.judging import Checking, check
from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from tests.browsers import CHROMIUM, QUIET
from tests.lanes import only
from tests.tapes import TASK

CAPSOLVER = load_contract("capsolver")
DECODO = load_contract("decodo")
KEY = "YOUR_API_KEY"

Ask = Callable[[str, Any], Any]
"""Posts JSON and gives the parsed answer."""


@contextmanager
def served(contract: Contract, mutant: str = "") -> Iterator[Served]:
    clock = ShiftedClock()
    lifetime = 1000.0 if mutant == "lives too long" else None
    provider = ReferenceProvider(contract, clock, Settings(solving=7.0, lifetime=lifetime))
    if mutant and lifetime is None:
        provider = mutant_named(contract, mutant).provider(clock)
    with serve(provider, clock) as found:
        yield found


@contextmanager
def with_requests() -> Iterator[Ask]:
    with requests.Session() as session:
        yield lambda url, body: session.post(url, json=body, timeout=10).json()


@contextmanager
def with_httpx() -> Iterator[Ask]:
    with httpx.Client() as client:
        yield lambda url, body: client.post(url, json=body).json()


@contextmanager
def with_aiohttp() -> Iterator[Ask]:
    with asyncio.Runner() as runner:
        session = runner.run(opened_session())

        async def ask(url: str, body: Any) -> Any:
            async with session.post(url, json=body) as answer:
                return await answer.json()

        yield lambda url, body: runner.run(ask(url, body))
        runner.run(session.close())


async def opened_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


LIBRARIES = {"requests": with_requests, "httpx": with_httpx, "aiohttp": with_aiohttp}


def converse(served_: Served, ask: Ask, *, pause: float = 4.0, polls: int = 4) -> None:
    """Create a task and poll it; between two polls the clock of the provider is moved, through its hook."""
    made = ask(served_.base_url + "/createTask", {"clientKey": KEY, "task": TASK})
    for _ in range(polls):
        ask(served_.advance_url, {"seconds": pause})
        answer = ask(served_.base_url + "/getTaskResult", {"clientKey": KEY, "taskId": made["taskId"]})
        if answer.get("status") == "ready" and polls == 4:
            break


def violated(checking: Checking) -> set[str]:
    assert checking.detail.unread == []
    return {entry.clause.id for entry in checking.ledger.violated()}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("serializer", ["yaml", "json"])
def test_plain_vcrpy_is_judged_right(tmp_path: Path, library: str, serializer: str) -> None:
    path = tmp_path / f"tape.{serializer}"
    with served(CAPSOLVER) as target, vcr.VCR(serializer=serializer).use_cassette(path), LIBRARIES[library]() as ask:
        converse(target, ask)
    checking = check(CAPSOLVER, [path])
    assert violated(checking) == set()
    assert checking.ledger["capsolver.poll.status"].exercised == 2
    assert checking.ledger["capsolver.poll.result-with-ready"].exercised == 1
    assert checking.detail.tally.times == {"date": 3}
    assert sum(checking.detail.tally.unknown.values()) == 2, "the hook is not an operation of the contract"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("mutant", "pause", "expected"),
    [
        ("capsolver.poll.terminal", 9.0, {"capsolver.poll.terminal", "capsolver.client.final"}),
        ("capsolver.poll.echo", 9.0, {"capsolver.poll.echo", "capsolver.client.final"}),
        ("lives too long", 310.0, {"capsolver.poll.lifetime-ended"}),
        ("", 1.0, {"capsolver.client.wait"}),
    ],
)
def test_faults_in_plain_cassettes_are_found(
    tmp_path: Path, library: str, mutant: str, pause: float, expected: set[str]
) -> None:
    path = tmp_path / "tape.yaml"
    with served(CAPSOLVER, mutant) as target, vcr.VCR().use_cassette(path), LIBRARIES[library]() as ask:
        converse(target, ask, pause=pause, polls=3)
    assert (
        expected
        <= violated(check(CAPSOLVER, [path]))
        <= expected
        | {
            "capsolver.client.final",
            "capsolver.client.lifetime",
        }
    )


def test_a_scrubbed_cassette_of_vcrpy_is_judged_alike(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    recorder = vcr.VCR(filter_post_data_parameters=["clientKey"], filter_headers=["authorization", "user-agent"])
    with served(CAPSOLVER) as target, recorder.use_cassette(path), with_requests() as ask:
        converse(target, ask)
    assert KEY not in path.read_text()
    assert violated(check(CAPSOLVER, [path])) == set()


def test_a_basic_token_may_be_filtered(tmp_path: Path) -> None:
    for number, replaced in enumerate(["authorization", ("authorization", "REDACTED")]):
        path = tmp_path / f"{number}.yaml"
        with served(DECODO) as target, vcr.VCR(filter_headers=[replaced]).use_cassette(path):
            headers = {"Authorization": f"Basic {KEY}"}
            answer = requests.post(
                target.base_url + "/task", json={"url": "https://example.com"}, headers=headers, timeout=9
            )
            requests.get(f"{target.base_url}/task/{answer.json()['id']}", headers=headers, timeout=9)
        checking = check(DECODO, [path])
        assert violated(checking) == set()
        assert checking.ledger["decodo.status.response-shape"].verdict is Verdict.HELD


# ------------------------------------------------------------------------------------------ a browser

PAGE = """<!doctype html><title>working</title><script>
const headers = {"Content-Type": "application/json"};
const post = async (path, body) =>
  (await fetch(path, {method: "POST", headers, body: JSON.stringify(body)})).json();
(async () => {
  const key = "YOUR_API_KEY";
  const made = await post("/createTask", {clientKey: key, task: TASK});
  for (let poll = 0; poll < 3; poll++) {
    await post("/_clock/advance", {seconds: 9});
    await post("/getTaskResult", {clientKey: key, taskId: made.taskId});
  }
  document.title = "done";
})();
</script>"""


@contextmanager
def site(target: Served) -> Iterator[str]:
    """The page and the provider under one origin, so that the browser asks for no permission first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.say(200, "text/html", PAGE.replace("TASK", json.dumps(TASK)).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = requests.post(target.base_url + self.path, data=body, timeout=10)
            self.say(answer.status_code, "application/json", answer.content)

        def say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED: no chromium on this machine, so no HAR of a real browser")
@pytest.mark.parametrize("mutant", only(["", "capsolver.poll.terminal"], ["capsolver.poll.terminal"]))
def test_a_har_file_of_a_real_browser_is_judged_right(tmp_path: Path, mutant: str) -> None:
    from playwright.sync_api import sync_playwright

    path = tmp_path / "browser.har"
    with served(CAPSOLVER, mutant) as target, site(target) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(record_har_path=path, record_har_content="embed")
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("document.title == 'done'")
        context.close()
        browser.close()
    checking = check(CAPSOLVER, [path])
    assert violated(checking) == {"capsolver.client.final", *([mutant] if mutant else [])}, "the page polls thrice"
    assert checking.detail.tally.times == {"exact": 4}
    assert checking.ledger["capsolver.poll.response-shape"].exercised == 3
