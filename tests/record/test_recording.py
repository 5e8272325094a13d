"""Recording over real HTTP: of providers, through the proxy, through vcrpy; and vcrpy replays what was written."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import vcr
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from pollproof.bundled import bundled
from pollproof.cli.record import record_command as command
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract, Role
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.record.proxy import listen_and_record
from pollproof.record.recorder import record
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.rendering import Interaction, as_json, as_yaml
from pollproof.recordings.vcr import recording
from pollproof.recordings.writing import check_writable, write_cassette
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from pollproof.trace.bodies import Unreadable, read_json
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.options import plan_from
from tests.http.test_target_routes import certificate as trusted
from tests.http.test_target_routes import needs_openssl, secure
from tests.lanes import a_few
from tests.servers import ROOT, Asked, answering, clean_environment, free_port, http, keeping_alive, serving

certificate = trusted  # a fixture is found by its name

KEY = "YOUR_API_KEY"
HUSH = "hush-Zq7Pl0vR9xK3mT"


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    monkeypatch.delenv("POLLPROOF_API_KEY", raising=False)


@contextmanager
def reference(name: str) -> Iterator[Served]:
    clock = ShiftedClock()
    with serve(ReferenceProvider(load_contract(name), clock), clock) as served:
        yield served


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def loaded(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    return found


def exchanges_of(path: Path) -> list[Exchange]:
    """A cassette as a trace, read by the plainest means."""
    cassette = loaded(path)
    own = cassette["metadata"]["pollproof"]
    found = []
    for row, one in zip(own["exchanges"], cassette["interactions"], strict=True):
        request, response = one["request"], one["response"]
        relative = CALLBACK_PATH if row.get("inbound") else request["uri"].removeprefix(own["base_url"].rstrip("/"))
        asked = Request(
            request["method"],
            relative,
            {name: values[0] for name, values in request["headers"].items()},
            _bytes(request["body"]),
        )
        told = Response(
            response["status"]["code"],
            {name: values[0] for name, values in response["headers"].items()},
            _bytes(response["body"]["string"]),
        )
        times = (row.get("sent", UNKNOWN_TIME), row.get("received", UNKNOWN_TIME))
        answer = told if told.status else None
        found.append(Exchange(asked, answer, *times, row.get("failure"), row.get("probe")))
    return found


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def judged(contract: Contract, trace: list[Exchange]) -> Monitor:
    monitor = Monitor(Reader(contract), clauses_of(contract))
    for exchange in trace:
        monitor.observe(exchange)
    return monitor


# ------------------------------------------------------------------------------ recording a provider


@pytest.mark.parametrize(("name", "ending"), list(zip(bundled(), ["yaml", "json"] * 2, strict=True)))
def test_a_provider_is_recorded_from_creation_to_end(name: str, ending: str, tmp_path: Path) -> None:
    contract, path = load_contract(name), tmp_path / f"a.{ending}"
    with reference(name) as served:
        words = ("--base-url", served.base_url, "--advance-url", served.advance_url, "--tasks", "2")
        key = ("--api-key", KEY) if contract.credential.at else ()
        result = run(name, *words, *key, "--out", str(path), "--source", "the reference provider")
    assert result.exit_code == 0, result.output
    own = loaded(path)["metadata"]["pollproof"]
    assert list(loaded(path)) == ["version", "metadata", "interactions"]
    assert own["contract"] == name
    assert own["clock"] == "virtual"
    assert own["base_url"] == served.base_url
    assert own["source"] == "the reference provider"
    assert own["started"] is None
    assert own["exchanges"][0]["sent"] == 0
    trace = exchanges_of(path)
    monitor = judged(contract, trace)
    assert monitor.skipped == 0
    assert [entry.clause.id for entry in monitor.ledger.violated()] == []
    events = [Reader(contract).read(exchange, number) for number, exchange in enumerate(trace)]
    roles = {event.operation.role for event in events if event is not None}
    assert roles == {operation.role for operation in contract.operations.values()}
    last = result.output.strip().splitlines()
    assert last[-2].startswith(f"{len(trace)} exchanges written to {path}")
    assert last[-1] == f"next: pollproof check {name} {path}"


def test_real_time_is_recorded_with_the_moment_of_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with reference("capsolver") as served:
        result = run("capsolver", "--base-url", served.base_url, "--budget", "200ms", "--out", str(path))
    assert result.exit_code == 3
    assert "not complete" in result.output
    assert "--max-wait" in result.output
    own = loaded(path)["metadata"]["pollproof"]
    assert own["clock"] == "real"
    assert own["started"].endswith("Z")
    assert len(own["exchanges"]) >= 1


def test_a_task_of_ones_own_is_recorded_scrubbed(tmp_path: Path) -> None:
    task = {"type": "AntiTurnstileTaskProxyLess", "websiteURL": f"https://{HUSH}.invalid/", "websiteKey": HUSH}
    (tmp_path / "task.json").write_text(json.dumps(task))
    path = tmp_path / "a.yaml"
    with reference("capsolver") as served:
        words = ("--base-url", served.base_url, "--advance-url", served.advance_url, "--out", str(path))
        result = run("capsolver", *words, "--task", str(tmp_path / "task.json"))
    assert result.exit_code == 0, result.output
    assert HUSH.lower() not in path.read_text().lower()


def test_a_target_that_breaks_off_leaves_what_was_recorded(tmp_path: Path) -> None:
    calls: list[int] = []

    def answer(asked: Asked) -> bytes:
        calls.append(1)
        if asked.path == "/createTask":
            return http({"errorId": 0, "taskId": "0a8b6f1e-93a4-4dba-8f52-0a1d0f5a9b11"})
        if asked.path == "/advance":
            return http({})
        return b"" if len(calls) > 6 else http({"errorId": 0, "status": "processing"})

    with serving(keeping_alive(answer)) as server:
        server_words = ("--base-url", server.url, "--advance-url", server.url + "/advance")
        path = tmp_path / "a.yaml"
        started = time.monotonic()
        timer = threading.Timer(1.0, server.close)
        timer.start()
        result = run("capsolver", *server_words, "--out", str(path))
        timer.cancel()
    assert time.monotonic() - started < 20
    assert result.exit_code == 3, result.output
    assert "not complete" in result.output
    assert len(exchanges_of(path)) >= 3


def test_a_target_that_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    result = run("capsolver", "--base-url", f"http://127.0.0.1:{free_port()}", "--out", str(path))
    assert result.exit_code == 4
    assert "nothing was recorded" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_clock_hook_that_does_not_work_is_told_before_any_task_is_created(tmp_path: Path) -> None:
    with serving(keeping_alive(lambda asked: http({}, "404 Not Found"))) as server:
        words = ("--base-url", server.url, "--advance-url", server.url + "/no-hook", "--out", str(tmp_path / "a.yaml"))
        result = run("capsolver", *words)
        assert [asked.path for asked in server.asked] == ["/no-hook"]
    assert result.exit_code == 4
    assert "the clock hook" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "a.yaml"], "--base-url is missing"),
        (["--base-url", "http://127.0.0.1:1"], "--out is missing"),
        (["--base-url", "http://127.0.0.1:1", "--out", "no/such/folder/a.yaml"], "does not exist"),
        (["--base-url", "http://127.0.0.1:1", "--out", "a.txt"], "ends in .yaml, .yml or .json"),
        (["--base-url", "http://127.0.0.1:1", "--out", "a.yaml.gz"], "ends in .yaml, .yml or .json"),
        (["--base-url", "http://user:hush@127.0.0.1:1", "--out", "a.yaml"], "user name or password"),
        (["--base-url", "http://127.0.0.1:1", "--out", "a.yaml", "--for", "1m"], "--for goes with --listen"),
        (["--base-url", "http://127.0.0.1:1", "--out", "a.yaml", "--tasks", "0"], "1<=x<=1000"),
    ],
)
def test_what_cannot_be_recorded_is_told_before(words: list[str], said: str) -> None:
    result = run("capsolver", *words)
    assert result.exit_code == 2
    assert said in result.output
    assert "hush" not in result.output


def test_an_existing_cassette_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("mine")
    with reference("capsolver") as served:
        words = ("--base-url", served.base_url, "--advance-url", served.advance_url, "--out", str(path))
        result = run("capsolver", *words)
        assert result.exit_code == 2
        assert "--overwrite" in result.output
        assert path.read_text() == "mine"
        assert run("capsolver", *words, "--overwrite").exit_code == 0
    assert path.read_text() != "mine"


def test_a_file_that_comes_into_being_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    monkeypatch.setattr("pollproof.recordings.writing.check_writable", lambda name, **_: Path(name))
    path.write_text("mine")
    with pytest.raises(RecordingError, match="meanwhile"):
        written(path, [])
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def written(path: Path, trace: list[Exchange], **more: Any) -> Any:
    contract = load_contract("capsolver")
    return write_cassette(path, trace, contract, base_url="http://127.0.0.1:1", clock="real", source="a test", **more)


def test_an_exchange_without_answer_is_written_as_one(tmp_path: Path) -> None:
    request = Request("POST", "/createTask", {}, b'{"clientKey": "k", "task": {}}')
    path = written(
        tmp_path / "a.yaml", [Exchange(request, None, UNKNOWN_TIME, 5.0, f"no response in time {HUSH}")]
    ).path
    cassette = loaded(path)
    assert cassette["interactions"][0]["response"]["status"] == {"code": 0, "message": "no answer"}
    assert cassette["metadata"]["pollproof"]["exchanges"] == [{"received": 5.0, "failure": "no response in time"}]
    (read,) = exchanges_of(path)
    assert read.response is None


@settings(max_examples=60, deadline=None)
@given(st.text(), st.binary() | st.text().map(str.encode), st.floats(-1e9, 1e9))
def test_what_is_rendered_is_read_again(text: str, body: bytes, moment: float) -> None:
    request = Request("POST", "/", {"x-text": text, "no": "1"}, body)
    one = Interaction("http://e.invalid/", Exchange(request, Response(299, {}, body), moment, moment, text))
    metadata = {"source": text, "expected": {"a b": [text, 1, True, None, 0.5]}, "started": None}
    for rendered, load in ((as_yaml, yaml.safe_load), (as_yaml, c_load), (as_json, json.loads)):
        found = load(rendered(metadata, [one]))
        own = found["metadata"]["pollproof"]
        assert {name: own[name] for name in metadata} == metadata
        assert own["exchanges"] == [{"sent": 0.0, "received": 0.0, "failure": text}]
        asked, told = found["interactions"][0]["request"], found["interactions"][0]["response"]
        assert asked["headers"] == {"x-text": [text], "no": ["1"]}
        assert told["status"] == {"code": 299, "message": ""}
        if rendered is as_yaml:
            assert (_bytes(asked["body"]), _bytes(told["body"]["string"])) == (body, body)


def c_load(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


# -------------------------------------------------------------------------------- vcrpy replays it


def client_of(library: str) -> Callable[[str, str, dict[str, str], bytes], tuple[int, bytes]]:
    """A function that asks through a library: method, URL, headers, body to status and body."""

    def by_requests(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        answer = requests.request(method, url, headers=headers, data=body, timeout=5)
        return answer.status_code, answer.content

    def by_httpx(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        answer = httpx.request(method, url, headers=headers, content=body)
        return answer.status_code, answer.content

    def by_aiohttp(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        async def ask() -> tuple[int, bytes]:
            request = aiohttp.request(method, url, headers=headers, data=body)
            async with request as answer:
                return answer.status, await answer.read()

        return asyncio.run(ask())

    return {"requests": by_requests, "httpx": by_httpx, "aiohttp": by_aiohttp}[library]


LIBRARIES = ["requests", "httpx", "aiohttp"]


@cache
def recorded(name: str) -> tuple[str, list[Exchange]]:
    """What a reference is recorded as, and its base URL."""
    with reference(name) as served:
        found = record(plan_from(name, base_url=served.base_url, advance_url=served.advance_url))
    assert found.problem is None
    return served.base_url, found.exchanges


@pytest.mark.parametrize(("name", "library"), a_few(itertools.product(bundled(), LIBRARIES), 5))
def test_vcrpy_replays_what_was_written(name: str, library: str, tmp_path: Path) -> None:
    ending = "json" if library == "httpx" else "yaml"
    path = tmp_path / f"a.{ending}"
    base_url, trace = recorded(name)
    write_cassette(path, trace, load_contract(name), base_url=base_url, clock="virtual", source="reference")
    before = path.read_bytes()
    ask = client_of(library)
    cassette = loaded(path)
    rows = cassette["metadata"]["pollproof"]["exchanges"]
    player = vcr.VCR(record_mode="none")
    player.register_matcher("content", lambda one, other: (one.body or b"") == (other.body or b""))
    player.match_on = ["method", "uri", "content"]
    with player.use_cassette(str(path), serializer=ending) as played:
        count = 0
        for row, one in zip(rows, cassette["interactions"], strict=True):
            if row.get("inbound"):
                continue
            request, response = one["request"], one["response"]
            headers = {key: values[0] for key, values in request["headers"].items()}
            status, body = ask(request["method"], request["uri"], headers, _bytes(request["body"]))
            assert (status, body) == (response["status"]["code"], _bytes(response["body"]["string"]))
            count += 1
        assert played.play_count == count > 3
    assert path.read_bytes() == before


def test_bodies_that_are_no_text_are_replayed_byte_by_byte(tmp_path: Path) -> None:
    request = Request("POST", "/createTask", {}, b'{"clientKey": "k", "task": {}}')
    trace = [Exchange(request, Response(200, {"content-type": "application/json"}, b"\xff\xfe"), 0.0, 0.1)]
    for ending in ("yaml", "json"):
        path = written(tmp_path / f"a.{ending}", trace).path
        with vcr.VCR(record_mode="none").use_cassette(str(path), serializer=ending):
            content = requests.post("http://127.0.0.1:1/createTask", timeout=5).content
        (kept,) = exchanges_of(path)
        assert kept.response is not None
        assert content == kept.response.body
        read = read_json(content)
        assert isinstance(read, Unreadable)
        assert "is not JSON" in read.problem


def test_vcrpy_keeps_our_metadata_when_it_saves_the_cassette_again(tmp_path: Path) -> None:
    request = Request("POST", "/createTask", {}, b'{"clientKey": "k", "task": {}}')
    path = written(tmp_path / "a.yaml", [Exchange(request, Response(200, {}, b"{}"), 0.0, 0.1)]).path
    own = loaded(path)["metadata"]
    with vcr.VCR(record_mode="none").use_cassette(str(path)) as cassette:
        cassette._save(force=True)
    assert loaded(path)["metadata"] == own


# ------------------------------------------------------------------------------------- the proxy


def post(url: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:1", 200), ("rebound.example", 421), ("127.0.0.1.example", 421), ("{provider}", 200)],
)
def test_the_proxy_serves_no_page_that_had_its_name_lead_here(host: str, status: int) -> None:
    with serving(keeping_alive(lambda asked: http(b"{}"))) as server, listen_and_record(server.url) as proxy:
        named = host.format(provider=server.url.removeprefix("http://"))
        told = requests.post(proxy.base_url + "/createTask", json={}, headers={"Host": named}, timeout=5)
        assert (told.status_code, len(proxy.exchanges)) == (status, status == 200)


def test_the_proxy_passes_on_and_keeps_everything(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"errorId":0,"status":"ready","solution":{"text":"hush"}}')

    def answer(asked: Asked) -> bytes:
        return http(packed, "200 Fine", "Content-Encoding: gzip", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Own: 1",
                    "Connection: keep-alive, X-Own")  # fmt: skip

    with serving(keeping_alive(answer)) as server, listen_and_record(server.url + "/v3") as proxy:
        connection = requests.Session()
        for _ in range(3):
            told = connection.post(
                proxy.base_url + "/getTaskResult?x=1",
                json={"clientKey": HUSH, "taskId": "1"},
                headers={"Connection": "X-Mine", "X-Mine": "1", "X-Kept": "1", "TE": "trailers"},
                timeout=5,
            )
        connection.close()
        assert told.json()["solution"] == {"text": "hush"}
        assert told.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
        assert told.headers["content-encoding"] == "gzip"
        assert "x-own" not in told.headers
        asked = server.asked[0]
        assert asked.path == "/v3/getTaskResult?x=1"
        assert asked.headers["host"] == server.url.removeprefix("http://")
        assert asked.headers["x-kept"] == "1"
        assert not {"x-mine", "te"} & asked.headers.keys()
        assert server.accepted == 1
        kept = proxy.exchanges
    assert [exchange.request.path for exchange in kept] == ["/getTaskResult?x=1"] * 3
    assert all(exchange.sent <= exchange.received for exchange in kept)
    assert kept[0].response is not None
    assert kept[0].response.body == b'{"errorId":0,"status":"ready","solution":{"text":"hush"}}'
    path = written(tmp_path / "a.yaml", kept, whole=False).path
    assert "hush" not in path.read_text()


def test_the_proxy_takes_chunks_and_refuses_what_is_no_body() -> None:
    with (
        serving(keeping_alive(lambda asked: http(asked.body or b"none"))) as server,
        listen_and_record(server.url) as proxy,
    ):
        told = requests.post(proxy.base_url + "/a", data=iter([b"one ", b"two"]), timeout=5)
        assert told.content == b"one two"
        assert requests.get(proxy.base_url + "/a", timeout=5).content == b"none"
        assert (
            requests.post(proxy.base_url + "/a", headers={"Content-Length": "99999999999"}, timeout=5).status_code
            == 413
        )


def test_the_proxy_leads_nowhere_else() -> None:
    with serving(answering(http())) as other, serving(keeping_alive(lambda asked: http())) as server:
        with listen_and_record(server.url + "/v3") as proxy:
            root = proxy.base_url.removesuffix("/v3")
            through = {"http": root}
            assert requests.get(other.url + "/v3/x", proxies=through, timeout=5).status_code == 404
            assert requests.get(root + "/v4/x", timeout=5).status_code == 404
            assert requests.get(root + "/v3x", timeout=5).status_code == 404
            assert requests.request("CONNECT", root + "/v3", timeout=5).status_code == 501
            assert proxy.exchanges == []
            assert requests.get(root + "/v3/x", timeout=5).status_code == 200
        assert other.accepted == 0


def test_the_proxy_tells_of_a_provider_that_gives_no_answer() -> None:
    with listen_and_record(f"http://127.0.0.1:{free_port()}") as proxy:
        told = requests.post(proxy.base_url + "/createTask", json={}, timeout=5)
        assert told.status_code == 502
        assert "the connection was refused" in told.text
        (kept,) = proxy.exchanges
    assert (kept.response, kept.failure) == (None, "the connection was refused")


def test_many_clients_at_once_through_the_proxy(tmp_path: Path) -> None:
    contract = load_contract("capsolver")
    with reference("capsolver") as served, listen_and_record(served.base_url) as proxy:

        def work(number: int) -> None:
            task = {"type": "T", "websiteURL": f"https://{number}.invalid"}
            _, _, body = post(proxy.base_url + "/createTask", {"clientKey": KEY, "task": task})
            identifier = json.loads(body)["taskId"]
            for _ in range(2):
                post(proxy.base_url + "/getTaskResult", {"clientKey": KEY, "taskId": identifier})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(16)))
        kept = proxy.exchanges
    assert len(kept) == 48
    assert [one.sent for one in kept] == sorted(one.sent for one in kept)
    path = written(tmp_path / "a.yaml", kept).path
    trace = exchanges_of(path)
    events = [Reader(contract).read(exchange, number) for number, exchange in enumerate(trace)]
    created = {event.task for event in events if event is not None and event.operation.role is Role.CREATE}
    polled = [event.task for event in events if event is not None and event.operation.role is Role.POLL]
    assert len(created) == 16
    assert sorted(polled) == sorted([*created, *created])


CLIENT = """
import json, os, sys, urllib.request
body = {"clientKey": os.environ["POLLPROOF_API_KEY"], "task": {"type": "T", "websiteKey": "hush"}}
request = urllib.request.Request(os.environ["POLLPROOF_BASE_URL"] + "/createTask", json.dumps(body).encode())
urllib.request.urlopen(request).read()
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(("status", "expected"), [("0", 0), ("7", 3)])
def test_a_command_is_recorded(status: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    path = tmp_path / "a.yaml"
    with reference("capsolver") as served:
        words = ("--base-url", served.base_url, "--api-key", KEY, "--out", str(path))
        result = run("capsolver", *words, "--", sys.executable, str(tmp_path / "client.py"), status)
    assert result.exit_code == expected, result.output
    assert result.output.startswith("http://127.0.0.1:")
    assert ("exit status 7" in result.output) is (status == "7")
    assert len(exchanges_of(path)) == 1
    assert "hush" not in path.read_text()


def test_a_command_that_does_not_exist_is_told(tmp_path: Path) -> None:
    words = ("--base-url", "http://127.0.0.1:1", "--out", str(tmp_path / "a.yaml"))
    result = run("capsolver", *words, "--", "no-such-command-anywhere")
    assert result.exit_code == 2
    assert "no-such-command-anywhere" in result.output


# ------------------------------------------------------------------------- processes that are ended

PROGRAM = "from pollproof.cli.record import record_command; record_command(prog_name='pollproof record')"


@contextmanager
def recording_process(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_listening_ends_with_sigterm_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with reference("capsolver") as served:
        words = ("capsolver", "--base-url", served.base_url, "--listen", "--out", str(path))
        with recording_process(*words) as process:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            requests.post(base_url + "/createTask", json={"clientKey": HUSH, "task": {"type": HUSH}}, timeout=5)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
            assert process.returncode == 0, output
    assert "1 exchanges written" in output
    assert HUSH not in path.read_text()
    assert loaded(path)["metadata"]["pollproof"]["whole"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_what_was_recorded(number: int, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with serving(
        keeping_alive(lambda asked: http({"errorId": 0, "taskId": "37223a89-06ed-442c-a0b8-22067b79c5b4"}))
    ) as server:
        words = ("capsolver", "--base-url", server.url, "--out", str(path))
        with recording_process(*words) as process:
            end = time.monotonic() + 10
            while not server.asked and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.2)
            process.send_signal(number)
            output, _ = process.communicate(timeout=10)
            assert process.returncode == 3, output
    assert "interrupted" in output
    assert len(exchanges_of(path)) == 1


def test_a_killed_recording_leaves_no_half_file_and_no_secret(tmp_path: Path) -> None:
    """Killed while it records, and killed again and again while it writes."""
    slow = f"""
import sys, pathlib
sys.path.insert(0, {str(ROOT)!r})
from pollproof.loading import load_contract
from pollproof.recordings.writing import write_cassette
from pollproof.trace.exchange import Exchange, Request, Response
body = b'{{"clientKey": "{HUSH}", "task": {{"type": "{HUSH}"}}}}'
trace = [Exchange(Request("POST", "/createTask", {{}}, body), Response(200, {{}}, body), n, n) for n in range(3000)]
print("begun", flush=True)
while True:
    write_cassette(sys.argv[1], trace, load_contract("capsolver"), base_url="http://127.0.0.1:1", clock="real",
                   source="a test", overwrite=True)
    print("written", flush=True)
"""
    path = tmp_path / "a.yaml"
    path.write_text("mine: 1")
    for pause in (0.0, 0.2, 0.4):
        process = subprocess.Popen([sys.executable, "-c", slow, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
        whole = path.read_text()
        assert whole == "mine: 1" or whole.count("- request:") == 3000
        for left in tmp_path.iterdir():
            assert HUSH not in left.read_text()
            assert left == path or left.name.endswith(".part")


# ------------------------------------------------------------------------------------- the fixture


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_python_client_is_recorded(library: str, tmp_path: Path) -> None:
    ask = client_of(library)
    path = tmp_path / "a.yaml"
    headers = {"content-type": "application/json", "x-hush": HUSH}
    with (
        reference("capsolver") as served,
        reference("capmonster") as other,
        recording("capsolver", path, base_url=served.base_url, secrets=(HUSH,)) as recorder,
    ):
        body = json.dumps({"clientKey": KEY, "task": {"type": "T", "websiteKey": HUSH}}).encode()
        _, told = ask("POST", served.base_url + "/createTask", headers, body)
        poll = json.dumps({"clientKey": KEY, "taskId": json.loads(told)["taskId"]}).encode()
        ask("POST", served.base_url + "/getTaskResult", headers, poll)
        ask("POST", other.base_url + "/createTask", headers, body)
        ask("GET", served.base_url + "/elsewhere", headers, b"")
    assert recorder.elsewhere == 1
    assert recorder.written is not None
    assert (recorder.written.exchanges, recorder.written.skipped) == (2, 1)
    assert HUSH not in path.read_text()
    created, polled = exchanges_of(path)
    assert 0 == created.sent < created.received < polled.sent < polled.received
    assert read_json(created.response.body)["taskId"] == read_json(polled.request.body)["taskId"]  # type: ignore[union-attr]
    assert loaded(path)["metadata"]["pollproof"]["clock"] == "real"


SLOW = 0.3


def slowly(asked: Asked) -> bytes:
    """Answers about task 1 take their time; those about task 2 do not."""
    task = json.loads(asked.body)["taskId"]
    if task == "1":
        time.sleep(SLOW)
    return http({"errorId": 0, "status": "processing", "taskId": task})


def check_times(path: Path) -> None:
    """The times of each exchange are its own: the slow ones lasted, the quick ones did not."""
    trace = exchanges_of(path)
    assert len(trace) == 8
    lasting = sorted(one.received - one.sent for one in trace)
    assert all(took < SLOW for took in lasting[:4]), lasting
    assert all(took >= SLOW for took in lasting[4:]), lasting


def test_times_are_right_under_threads(tmp_path: Path) -> None:
    with serving(keeping_alive(slowly)) as server, recording("capsolver", tmp_path / "a.yaml", base_url=server.url):

        def work(task: str) -> None:
            requests.post(server.url + "/getTaskResult", json={"clientKey": KEY, "taskId": task}, timeout=5)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, ["1", "2"] * 4))
    check_times(tmp_path / "a.yaml")


@pytest.mark.parametrize("library", ["httpx", "aiohttp"])
def test_times_are_right_under_asyncio(library: str, tmp_path: Path) -> None:
    async def all_at_once(url: str) -> None:
        bodies = [{"clientKey": KEY, "taskId": task} for task in ["1", "2"] * 4]
        if library == "httpx":
            async with httpx.AsyncClient() as client:
                await asyncio.gather(*[client.post(url, json=body) for body in bodies])
        else:
            async with aiohttp.ClientSession() as session:
                await asyncio.gather(*[session.post(url, json=body) for body in bodies])

    with serving(keeping_alive(slowly)) as server, recording("capsolver", tmp_path / "a.yaml", base_url=server.url):
        asyncio.run(all_at_once(server.url + "/getTaskResult"))
    check_times(tmp_path / "a.yaml")


@pytest.mark.parametrize("library", LIBRARIES)
def test_packed_answers_and_no_answers_are_recorded(library: str, tmp_path: Path) -> None:
    packed = gzip.compress(b'{"errorId":0,"status":"processing"}')
    path = tmp_path / "a.yaml"
    answer = http(packed, "200 OK", "Content-Encoding: gzip")
    with serving(keeping_alive(lambda _: answer)) as server, recording("capsolver", path, base_url=server.url):
        ask = client_of(library)
        ask("POST", server.url + "/getTaskResult", {}, b'{"clientKey": "k", "taskId": "1"}')
        server.close()
        with pytest.raises(Exception, match=r"(?i)connect|disconnect|reset|closed"):
            ask("POST", server.url + "/getTaskResult", {}, b'{"clientKey": "k", "taskId": "1"}')
    answered, lost = exchanges_of(path)
    assert answered.response is not None
    assert answered.response.body == b'{"errorId":0,"status":"processing"}'
    assert "content-encoding" not in answered.response.headers
    assert (lost.response, lost.failure) == (None, "no response")


def test_redirections_are_recorded_one_by_one(tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        if asked.path == "/getTaskResult":
            return http(b"", "307 Temporary Redirect", "Location: /createTask")
        return http({"errorId": 0, "taskId": "1"})

    with serving(keeping_alive(answer)) as server:
        for library in LIBRARIES[::2]:
            path = tmp_path / f"{library}.yaml"
            with recording("capsolver", path, base_url=server.url):
                client_of(library)("POST", server.url + "/getTaskResult", {}, b'{"clientKey": "k", "taskId": "1"}')
            trace = exchanges_of(path)
            assert [one.response.status if one.response else 0 for one in trace] == [307, 200]
            assert all(one.sent <= one.received for one in trace)


def test_a_failing_test_still_writes_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    def fail(base_url: str) -> None:
        with recording("capsolver", path, base_url=base_url):
            post(base_url + "/createTask", {"clientKey": KEY, "task": {"type": "T"}})
            raise ZeroDivisionError

    with reference("capsolver") as served, pytest.raises(ZeroDivisionError):
        fail(served.base_url)
    assert len(exchanges_of(path)) == 1


@needs_openssl
def test_tls_is_recorded_and_verified(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setattr(urllib.request, "_opener", None)  # one that is kept has read the certificates already (3.12)
    body = {"clientKey": "k", "taskId": "1"}
    with serving(keeping_alive(lambda _: http({"errorId": 0})), secure(certificate)) as server:
        url = f"https://localhost:{server.port}"
        with recording("capsolver", tmp_path / "a.yaml", base_url=url):
            post(url + "/getTaskResult", body)  # through http.client itself
            requests.post(url + "/getTaskResult", json=body, timeout=5)
            httpx.post(url + "/getTaskResult", json=body)
        with listen_and_record(url) as proxy:
            assert requests.post(proxy.base_url + "/getTaskResult", json=body, timeout=5).status_code == 200
            monkeypatch.delenv("SSL_CERT_FILE")
            untrusted = requests.post(proxy.base_url + "/getTaskResult", json=body, timeout=5)
            assert untrusted.status_code == 502
            assert "its certificate is not trusted" in untrusted.text
    assert len(exchanges_of(tmp_path / "a.yaml")) == 3


def test_the_fixture_refuses_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    with pytest.raises(RecordingError, match="exists"), recording("capsolver", tmp_path / "a.yaml"):
        pytest.fail("nothing may be recorded")
    with pytest.raises(RecordingError, match="does not exist"):
        check_writable(tmp_path / "none" / "a.yaml")
    assert (tmp_path / "a.yaml").read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.yaml"]
