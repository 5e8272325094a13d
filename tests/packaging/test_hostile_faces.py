"""What stands between pollproof and others, held against hostile ones: bounded, named, survived."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from pollproof.clock import VirtualClock
from pollproof.contract.model import Subject
from pollproof.gate import server as gate_server
from pollproof.gate.clocks import MachineClock
from pollproof.gate.faults import Reply
from pollproof.gate.server import GateServer
from pollproof.gate.server import serving as gating
from pollproof.http import requests
from pollproof.http.client import HttpTarget
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.record import proxy
from pollproof.record.proxy import listen_and_record
from pollproof.trace.bodies import TOO_DEEP, TOO_MANY_PARTS, Unreadable, read_json
from pollproof.trace.exchange import Request, Response
from pollproof.trace.reader import reader_of
from pollproof.trace.soap import MAXIMUM_TAGS, read_envelope
from pollproof.verify import callbacks as receiver
from pollproof.verify import run
from pollproof.verify.callbacks import HttpCallbacks
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from pollproof.verify.session import MAXIMUM_IDENTIFIER, Session
from pollproof.verify.target_clocks import ClockError, HookedClock
from tests.servers import ROOT, Asked, Line, answering, clean_environment, http, keeping_alive, serving

POST = Request("POST", "/createTask", {"content-type": "application/json"}, b"{}")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def asked(base_url: str, request: Request = POST) -> Response:
    with contextlib.closing(HttpTarget(base_url, 10.0)) as target:
        outcome = target.exchange(request)
    assert outcome.response is not None, outcome.failure
    return outcome.response


@contextlib.contextmanager
def connected(base_url: str, *data: bytes) -> Iterator[socket.socket]:
    """A connection on which this was said, and nothing else."""
    host, _, port = base_url.removeprefix("http://").partition("/")[0].rpartition(":")
    with socket.create_connection((host, int(port)), 10.0) as connection:
        for piece in data:
            connection.sendall(piece)
        yield connection


# ------------------------------------------------------------------------------------------ bodies


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" * 250 + b"]" * 250, TOO_DEEP),
        (b'{"a":' * 500 + b"1" + b"}" * 500, TOO_DEEP),
        (b"[" * 100_000, TOO_DEEP),
        (b"[" + b"{}," * 1_000_001 + b"{}]", TOO_MANY_PARTS),
        (b"[" + b"0," * 4_000_001 + b"0]", TOO_MANY_PARTS),
    ],
    ids=["arrays", "objects", "open arrays", "a million objects", "four million numbers"],
)
def test_json_that_would_take_memory_out_of_all_proportion_is_not_read(body: bytes, problem: str) -> None:
    assert read_json(body) == Unreadable(problem)


@pytest.mark.parametrize("body", [b"[" * 150 + b"]" * 150, b"[" + b"[]," * 5_000 + b"{}]", b'"' + b"[" * 5_000 + b'"'])
def test_json_that_is_merely_odd_is_read(body: bytes) -> None:
    assert not isinstance(read_json(body), Unreadable)


def test_xml_with_too_many_elements_or_attributes_is_not_read() -> None:
    attributes = b" ".join(b'a%d="1"' % number for number in range(MAXIMUM_TAGS + 1))
    for body in (b"<a>" + b"<b/>" * (MAXIMUM_TAGS + 1) + b"</a>", b"<a " + attributes + b"/>"):
        assert read_envelope(body, "ns1") == Unreadable(TOO_MANY_PARTS)


# --------------------------------------------------------------------------------------- exploring


def session_on(*bodies: bytes) -> Session:
    contract = load_contract("capsolver")
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER))
    answers = iter(bodies)
    target = InProcessTarget("the target", lambda request: Response(200, {}, next(answers)))
    return Session(target, VirtualClock(), monitor)


def test_a_redirect_is_named_as_one_that_is_not_followed() -> None:
    asked: list[Request] = []

    def redirect(request: Request) -> Response:
        asked.append(request)
        return Response(307, {"location": "http://127.0.0.1:9/createTask"}, b"")

    session = session_on()
    session.target = InProcessTarget("the target", redirect)
    session.create(session.kinds[0])
    evidence = session.monitor.ledger["capsolver.create.response-shape"].evidence
    assert evidence is not None
    assert evidence.violation.seen == "HTTP 307, a redirect, which is not followed: the body is empty"
    assert len(asked) == 1


def test_a_task_with_an_endless_id_is_judged_and_not_asked_for() -> None:
    body = b'{"errorId": 0, "taskId": "%s", "status": "idle"}'
    session = session_on(body % (b"7" * MAXIMUM_IDENTIFIER), body % (b"7" * (MAXIMUM_IDENTIFIER + 1)))
    assert session.create(session.kinds[0])[1] is not None
    event, handle = session.create(session.kinds[0])
    assert event.task is not None
    assert handle is None


def test_statuses_without_end_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.verify.sending.MAXIMUM_STATUSES", 50)
    count = 55
    session = session_on(*(b'{"errorId": 0, "status": "%d%s"}' % (n, b"x" * 1_000) for n in range(count)))
    for _ in range(count):
        session.create(session.kinds[0])
    assert len(session.statuses) == 50
    assert max(map(len, session.statuses)) == 200


def judgeable() -> Callable[[Line], None]:
    """A script of a target that a run can judge: its task is at work when it is first polled, then ready."""
    polls = 0

    def answer(asked: Asked) -> bytes:
        nonlocal polls
        if asked.path == "/createTask":
            polls = 0
            return http({"errorId": 0, "taskId": "61138bb6-19fb-11ec-a9c8-0242ac110006", "status": "idle"})
        if asked.path == "/getTaskResult":
            polls += 1
            return http({"errorId": 0, "status": "processing" if polls == 1 else "ready", "solution": {}})
        return http()  # the clock hook

    return keeping_alive(answer)


def test_an_example_that_takes_longer_than_all_of_them_may_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "EXAMPLE_SECONDS", -1e6)
    monkeypatch.setattr(run, "WALK_SECONDS", -1e6)
    with serving(judgeable()) as server:
        plan = Plan(load_contract("capsolver"), server.url, advance_url=server.url, examples=5, budget=0.0)
        exploring = explore(plan)
    assert exploring.error is None
    assert re.search(r"its time was over in example \d of 5", "\n".join(cut.reason for cut in exploring.cuts))
    assert {cut.cause for cut in exploring.cuts} == {"time"}
    assert exploring.exchanges == 7 * len(plan.parts), "a creation and a poll of each of two kinds, three for the hook"


def test_a_defect_of_the_suite_itself_is_told_once_and_leaves_a_report() -> None:
    code = (
        "import sys; "
        "import pollproof.verify.run as run; from pollproof.cli.main import cli\n"
        "def fail(*words, **more): raise RecursionError('too deep for YOUR_SECRET_KEY')\n"
        "run._walk = fail\n"
        "cli(['verify', 'capsolver', '--base-url', sys.argv[1], *'--api-key YOUR_SECRET_KEY -q --json -'.split()])"
    )
    with serving(judgeable()) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url],
            capture_output=True,
            text=True,
            env=clean_environment(NO_PROXY="*"),
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "the suite itself failed, which is a defect of it: RecursionError in pollproof.verify.run, line " in line
    assert line.endswith("too deep for [key]")
    assert '"outcome": "error"' in done.stdout


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (http(b"", "307 Moved", "Location: http://127.0.0.1:9/"), "answered HTTP 307; expected HTTP 200"),
        (b"<html>", "did not respond: the response is not HTTP"),
        (http(b"{}", "200 OK", "Content-Length: 3"), "did not respond: the response has more than one Content-Length"),
    ],
    ids=["redirects", "no HTTP", "two lengths"],
)
def test_a_clock_hook_that_lies_is_named(answer: bytes, told: str) -> None:
    with serving(answering(answer)) as server, contextlib.closing(HookedClock(f"{server.url}/advance")) as clock:
        with pytest.raises(ClockError) as failed:
            clock.advance(5.0)
        assert str(failed.value).startswith(f"the clock hook {server.url}/advance {told}")
        assert len(server.asked) == 1


# --------------------------------------------------------------------------------------- callbacks


@contextlib.contextmanager
def receiving() -> Iterator[HttpCallbacks]:
    callbacks = HttpCallbacks(VirtualClock())
    try:
        yield callbacks
    finally:
        callbacks.close()


def test_a_callback_that_never_comes_to_its_end_holds_up_neither_the_others_nor_ours() -> None:
    with contextlib.ExitStack() as stack:
        callbacks = stack.enter_context(receiving())
        for begun in (b"", b"POST ", b"POST /callback/of/a/task HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"):
            stack.enter_context(connected(callbacks.address, begun))
        assert asked(callbacks.address, POST._replace(path="")).status == 200
        assert [request.body for request, *_ in callbacks.take()] == [b"{}"]
        callbacks.close()


def test_callbacks_that_are_too_large_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAXIMUM_BODY", 100)
    monkeypatch.setattr(receiver, "KEPT_CALLBACKS", 250)
    with receiving() as callbacks:
        sizes = [101, 100, 100, 100, 50]
        statuses = [asked(callbacks.address, POST._replace(path="", body=b"x" * size)).status for size in sizes]
        assert statuses == [413, 200, 200, 200, 200]
        assert [len(request.body) for request, *_ in callbacks.take()] == [100, 100, 50]
        assert asked(callbacks.address, POST._replace(path="")).status == 200


# ---------------------------------------------------------------------------------------- the gate


@contextlib.contextmanager
def gate() -> Iterator[GateServer]:
    with gating(lambda request: Reply(Response(200, {}, b"{}")), "", MachineClock()) as server:
        yield server


def test_a_client_that_sends_without_end_is_heard_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_server, "MAXIMUM_BODIES", 2 * 1024 * 1024)
    with gate() as server:
        statuses = [asked(server.base_url, POST._replace(body=bytes(1024 * 1024))).status for _ in range(4)]
        assert statuses == [200, 200, 413, 413]
        assert server.count == 2
        assert server.elsewhere[0] == "sent more than 2 MiB in all"


def test_a_client_that_opens_connections_without_end_is_served_on_those_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_server, "MAXIMUM_CONNECTIONS", 3)
    with gate() as server, contextlib.ExitStack() as stack, contextlib.closing(HttpTarget(server.base_url)) as target:
        assert target.exchange(POST).response is not None
        others = [stack.enter_context(connected(server.base_url)) for _ in range(4)]
        with contextlib.suppress(ConnectionError):
            assert others[-1].recv(1) == b""
        assert target.exchange(POST).response is not None
        assert server.elsewhere[0] == "opened more than 3 connections at a time"


def test_what_a_client_asks_for_besides_is_told_a_hundred_times_at_most() -> None:
    with gating(lambda request: Reply(Response(200, {}, b"{}")), "/v1", MachineClock()) as server:
        with contextlib.closing(HttpTarget(server.address)) as target:
            for _ in range(gate_server.MAXIMUM_ELSEWHERE + 5):
                target.exchange(POST)
        assert len(server.elsewhere) == gate_server.MAXIMUM_ELSEWHERE


# ------------------------------------------------------------------------------------ the recorder


@pytest.mark.parametrize("header", ["Connection: close", "Server: old"])
def test_a_long_answer_that_ends_with_its_connection_goes_through_the_proxy(header: str) -> None:
    version = b"HTTP/1.1" if "close" in header else b"HTTP/1.0"
    body = b"x" * 300_000

    def script(line: Line) -> None:
        line.ask()
        line.say(version + b" 200 OK\r\n" + header.encode() + b"\r\n\r\n", body)

    with serving(script) as server, listen_and_record(server.url) as found:
        assert asked(found.base_url).body == body


def test_the_proxy_passes_on_what_it_has_no_room_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "MAXIMUM_KEPT", 2 * 1024 * 1024)
    body = b"x" * 1024 * 1024
    with serving(keeping_alive(lambda asked: http(body))) as server, listen_and_record(server.url) as found:
        assert found.problem is None
        for _ in range(3):
            assert asked(found.base_url).body == body
        assert len(found.exchanges) == 1
        assert found.problem == "2 exchanges were passed on and not kept, for there were 2 MiB already"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (http(b"{}", "200 OK", "Content-Length: 3"), "the response has more than one Content-Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk of the response has no size"),
        (b"220 mail.example ESMTP\r\n", "the response is not HTTP"),
    ],
    ids=["two lengths", "no size", "no HTTP"],
)
def test_a_provider_that_lies_is_named_to_the_client_of_the_proxy(answer: bytes, told: str) -> None:
    with serving(answering(answer)) as server, listen_and_record(server.url) as found:
        response = asked(found.base_url)
        (kept,) = found.exchanges
    assert response.status == 502
    assert told.encode() in response.body
    assert kept.failure is not None
    assert kept.failure.startswith(told)
