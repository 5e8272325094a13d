"""Replaying: a client is answered from a recording by what it means, in order, and told what the recording lacks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pollproof.bundled import bundled
from pollproof.cli.serving import serve_command
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Role
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.recordings.entry import Recorded
from pollproof.recordings.reading import recorded
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import prefix_of, serve_handler
from pollproof.replay import Replay, replay_of
from pollproof.trace.client_outcome import OUTCOME_PATH
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import CALLBACK_PATH, Event
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.reference_client import ReferenceClient
from pollproof.verify.session import Session
from tests.servers import ROOT, clean_environment

KEY = "YOUR_API_KEY"
JSON = {"content-type": "application/json"}


def record(contract: Contract, tasks: int = 7) -> list[Recorded]:
    """What a conforming client and the reference said to each other, with some requests that are wrong on purpose."""
    clock = VirtualClock()
    monitor = Monitor(Reader(contract), clauses_of(contract))
    provider = ReferenceProvider(contract, clock)
    session = Session(InProcessTarget("the reference provider", provider.handle), clock, monitor)
    for kind in contract.kinds.values():
        for _ in range(tasks):
            ReferenceClient(contract, session).run(kind)
            if session.fetch_operation is not None:
                handle = session.create(kind)[1]
                assert handle is not None
                session.fetch(handle)
                session.settle(handle, 100)
                session.fetch(handle)
    ReferenceClient(contract, session).run_batches()
    session.probe_unknown(contract.task_id["unknown"][0])
    for probe in contract.probes:
        session.probe_own(probe, {"task": session.task(next(iter(contract.kinds.values()))), "number": 1})
    trace = [exchange for exchange in monitor.trace if exchange.request.path != OUTCOME_PATH]
    return [Recorded("made by hand", number, exchange) for number, exchange in enumerate(trace, 1)]


def entry(
    path: str, body: Any, answer: Any, *, http: int = 200, probe: str | None = None, method: str = "POST"
) -> Recorded:
    request = Request(method, path, JSON, b"" if body is None else json.dumps(body).encode())
    response = None if answer is None else Response(http, JSON, json.dumps(answer).encode())
    return Recorded("made by hand", 1, Exchange(request, response, UNKNOWN_TIME, UNKNOWN_TIME, None, probe))


def create(url: str, answer: Any, **more: Any) -> Recorded:
    body = {"clientKey": KEY, "task": {"type": "AnyTask", "websiteURL": url}}
    return entry("/createTask", body, answer, **more)


def poll(task: Any, status: str, **more: Any) -> Recorded:
    solution = {"solution": {"text": f"of {task}"}} if status == "ready" else {}
    answer = {"errorId": 0, "status": status, **solution}
    return entry("/getTaskResult", {"clientKey": KEY, "taskId": task}, answer, **more)


def ask(replay: Replay, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    """What a replay answers to a body that is written in another way than the recorded ones."""
    written = body if isinstance(body, bytes) else json.dumps(body, indent=3, sort_keys=True).encode()
    answer = replay.handle(Request("POST", path, headers, written))
    assert answer is not None
    return answer.status, json.loads(answer.body)


def task_of(replay: Replay, url: str) -> Any:
    return ask(replay, "/createTask/", {"task": {"websiteURL": url, "type": "AnyTask"}, "clientKey": "another"})[1]


def status_of(replay: Replay, task: Any) -> Any:
    return ask(replay, "/getTaskResult", {"taskId": task, "clientKey": "another"})[1].get("status")


@pytest.fixture(scope="module")
def capsolver() -> Contract:
    return load_contract("capsolver")


# ------------------------------------------------------------------------------- whole recordings


@pytest.mark.parametrize("provider", bundled())
def test_who_asks_the_same_again_gets_the_same_again(provider: str) -> None:
    contract = load_contract(provider)
    recording = record(contract)
    replay = Replay(contract, recording)
    for _ in range(2):
        for exchange in (each.exchange for each in recording):
            answer = replay.handle(exchange.request)
            assert answer is not None
            assert exchange.response is not None
            assert (answer.status, answer.body) == (exchange.response.status, exchange.response.body)
        replay.rewind()
    assert replay.misses == 0


@pytest.mark.parametrize("provider", bundled())
def test_a_client_with_another_key_and_other_tasks_is_served_lawfully(provider: str) -> None:
    contract = load_contract(provider)
    monitor = Monitor(Reader(contract), clauses_of(contract))
    clock = VirtualClock()
    replay = Replay(contract, record(contract))

    def handle(request: Request) -> Response:
        answer = replay.handle(request)
        assert answer is not None
        return answer

    session = Session(InProcessTarget("a replay", handle), clock, monitor, credential="ANOTHER-KEY")
    session.created = 500  # tasks of other numbers than those of the recording
    for kind in contract.kinds.values():
        for _ in range(5):
            ReferenceClient(contract, session).run(kind)
    ReferenceClient(contract, session).run_batches()
    assert replay.misses == 0
    echoed = {clause.id for clause in contract.clauses if clause.kind in ("parameters-echoed", "batch-entries")}
    assert {entry.clause.id for entry in monitor.ledger.violated()} <= echoed
    assert sum(entry.verdict is Verdict.HELD for entry in monitor.ledger.entries.values()) > 5


# -------------------------------------------------------------------------------- what is the same


def test_creations_by_equal_task_then_in_order(capsolver: Contract) -> None:
    replay = Replay(capsolver, [create(f"https://{n}", {"errorId": 0, "taskId": f"task-{n}"}) for n in range(4)])
    assert task_of(replay, "https://2")["taskId"] == "task-2"
    assert task_of(replay, "https://scrubbed")["taskId"] == "task-0"
    assert task_of(replay, "https://0")["taskId"] == "task-1"
    assert task_of(replay, "https://2")["taskId"] == "task-3"
    assert replay.misses == 0
    status, said = ask(replay, "/createTask", {"clientKey": KEY, "task": {"type": "AnyTask"}})
    assert (status, replay.misses) == (404, 1)
    assert said["pollproof"] == "no recorded response"
    more = "createTask was requested for one task of the kind 'asynchronous' more than the recording has"
    assert said["error"] == more


def test_a_creation_that_was_final_is_answered_again(capsolver: Contract) -> None:
    body = {"clientKey": KEY, "task": {"type": "ImageToTextTask", "body": "aW1hZ2U="}}
    inline = {"errorId": 0, "status": "ready", "solution": {"text": "abc"}, "taskId": "one"}
    replay = Replay(capsolver, [entry("/createTask", body, inline)])
    for _ in range(3):
        assert ask(replay, "/createTask", body) == (200, inline)
    body = {**body, "task": {"type": "ImageToTextTask", "body": "b3RoZXI="}}
    assert ask(replay, "/createTask", body)[0] == 404


def test_kinds_are_not_mixed_up(capsolver: Contract) -> None:
    replay = Replay(capsolver, [create("https://0", {"errorId": 0, "taskId": "task-0"})])
    status, said = ask(replay, "/createTask", {"clientKey": KEY, "task": {"type": "ImageToTextTask", "body": "aQ=="}})
    assert status == 404
    assert said["error"] == "createTask was requested for a task of the kind 'synchronous', and the recording has none"


def test_polls_of_each_task_in_order_and_the_last_again(capsolver: Contract) -> None:
    stati = ["idle", "processing", "ready"]
    replay = Replay(capsolver, [poll(task, status) for status in stati for task in ("a", "b")])
    assert [status_of(replay, "a") for _ in range(5)] == [*stati, "ready", "ready"]
    assert [status_of(replay, "b") for _ in range(3)] == stati
    unfinished = Replay(capsolver, [poll("a", "processing")])
    assert [status_of(unfinished, "a") for _ in range(3)] == ["processing", None, None]


@pytest.mark.parametrize(("recorded", "asked"), [(7, "7"), ("7", 7), (7, 7.0), ("a-b", " a-b "), ("ä/b", "ä%2Fb")])
def test_ids_are_the_same_in_either_type(capsolver: Contract, recorded: Any, asked: Any) -> None:
    assert status_of(Replay(capsolver, [poll(recorded, "ready")]), asked) == "ready"


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"content-type": "application/json"}])
@pytest.mark.parametrize("path", ["/getTaskResult", "/getTaskResult/", "/getTaskResult/?trace=1"])
def test_the_form_of_a_request_does_not_matter(capsolver: Contract, headers: dict[str, str], path: str) -> None:
    replay = Replay(capsolver, [poll("a", "ready")])
    assert ask(replay, path, {"taskId": "a", "clientKey": "x"}, **headers)[1]["status"] == "ready"
    assert ask(replay, path, b'\xef\xbb\xbf {"taskId" : "a" ,\n"clientKey":""}\n', **headers)[1]["status"] == "ready"


def test_whole_numbers_and_the_order_of_keys_in_tasks(capsolver: Contract) -> None:
    bodies = [
        {"clientKey": KEY, "task": {"type": "T", "minScore": score, "proxy": {"a": 1, "b": 2}}} for score in (1, 2)
    ]
    recording = [entry("/createTask", body, {"errorId": 0, "taskId": f"task-{n}"}) for n, body in enumerate(bodies, 1)]
    body = b'{"task": {"proxy": {"b": 2.0, "a": 1}, "minScore": 2.0, "type": "T"}}'
    assert ask(Replay(capsolver, recording), "/createTask", body)[1]["taskId"] == "task-2"


def test_envelopes_are_the_same_whatever_their_prefixes_and_order() -> None:
    contract = load_contract("cnode")
    recording = record(contract)
    codec = codec_of(contract)
    polls = [r.exchange for r in recording if b"getTaskStatus>" in r.exchange.request.body]
    first = codec.read(polls[0].request.body)
    replay = Replay(contract, recording)
    for exchange in polls[:3]:
        body = codec.write(codec.read(exchange.request.body), prefix="other", typed=True, reverse=True, on_body=False)
        answer = replay.handle(Request("POST", "/", {"content-type": "application/soap+xml"}, body))
        assert answer == exchange.response._replace(headers=answer.headers)  # type: ignore[union-attr]
    assert first == codec.read(polls[1].request.body)


def test_polls_fetches_and_batches_of_a_rest_api() -> None:
    contract = load_contract("decodo")
    recording = record(contract, tasks=2)
    replay = Replay(contract, recording)
    batch = next(r.exchange for r in recording if r.exchange.request.path == "/task/batch")
    body = json.dumps(json.loads(batch.request.body), indent=1).encode()
    answer = replay.handle(Request("POST", "/task/batch/", {"authorization": "Basic other"}, body))
    assert answer is not None
    assert answer.body == batch.response.body  # type: ignore[union-attr]
    asked = [r.exchange for r in recording if r.exchange.request.path.endswith("/results")]
    fetched = next(exchange for exchange in asked if exchange.response and exchange.response.status == 204)
    first = replay.handle(fetched.request._replace(headers={}))
    assert first is not None
    assert first.status == 204


def test_an_end_that_was_told_is_not_taken_back_by_another_operation() -> None:
    contract = load_contract("decodo")
    times = {"id": "7", "created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}

    def status(word: str) -> Recorded:
        return entry("/task/7", None, {**times, "status": word}, method="GET")

    def results(http: int) -> Recorded:
        return entry("/task/7/results", None, {"results": [{"content": "x"}]}, http=http, method="GET")

    nothing = results(204)
    nothing = nothing._replace(exchange=nothing.exchange._replace(response=Response(204, {}, b"")))
    replay = Replay(contract, [status("pending"), nothing, status("done"), results(200)])
    headers = {"authorization": "Basic x"}
    said = [replay.handle(Request("GET", path, headers, b"")) for path in ("/task/7", "/task/7", "/task/7/results")]
    assert [answer.status for answer in said if answer] == [200, 200, 200]


# -------------------------------------------------------------------------------------- wrong requests


def test_wrong_requests_are_matched_by_wrong_requests(capsolver: Contract) -> None:
    refused = {"errorId": 1, "errorCode": "ERROR_BAD_REQUEST", "errorDescription": ""}
    denied = {"errorId": 1, "errorCode": "ERROR_KEY_DENIED_ACCESS", "errorDescription": ""}
    recording = [
        create("https://0", denied, http=400, probe="wrong-credential"),
        entry("/createTask", {"clientKey": KEY, "task": {}}, refused, http=400, probe="untyped-task"),
        entry("/createTask", {"task": {"type": "AnyTask", "websiteURL": "https://0"}}, denied, probe="missing-field"),
        create("https://0", {"errorId": 0, "taskId": "a"}),
        poll("stranger", "ready", probe="unknown-task"),
        entry("/getTaskResult", {"clientKey": KEY, "taskId": "a"}, denied, probe="wrong-credential"),
        poll("a", "ready"),
    ]
    replay = Replay(capsolver, recording)
    assert ask(replay, "/createTask", {"clientKey": "x", "task": {}}) == (400, refused)
    assert ask(replay, "/createTask", {"task": {"type": "AnyTask", "websiteURL": "https://0"}}) == (200, denied)
    assert task_of(replay, "https://0")["taskId"] == "a"
    assert task_of(replay, "https://0") == denied  # nothing else matches
    assert status_of(replay, "a") == "ready"
    assert status_of(replay, "a") == "ready"
    assert status_of(replay, "stranger") == "ready"
    assert replay.misses == 0


def test_unreadable_bodies_answer_unreadable_bodies_only(capsolver: Contract) -> None:
    malformed = poll("a", "ready", probe="malformed")
    request = malformed.exchange.request._replace(body=b"no JSON")
    malformed = malformed._replace(exchange=malformed.exchange._replace(request=request))
    replay = Replay(capsolver, [malformed])
    assert ask(replay, "/getTaskResult", b"{")[0] == 200
    status, said = ask(replay, "/createTask", b"{")
    assert (status, said["error"]) == (404, "createTask was requested, and the recording has no createTask at all")
    assert ask(replay, "/getTaskResult", {"clientKey": KEY, "taskId": "a"})[0] == 404


# ---------------------------------------------------------------------------------------------- misses


def test_a_miss_says_what_was_asked_and_what_there_is_and_is_told_once(capsolver: Contract) -> None:
    told: list[str] = []
    replay = Replay(capsolver, [poll("a", "ready"), create("https://0", {"errorId": 0, "taskId": "a"})], told.append)
    status, said = ask(replay, "/getTaskResult", {"clientKey": "SECRET-of-mine", "taskId": "b\x1b[31m"})
    assert status == 404
    assert said["asked"] == {"method": "POST", "path": "/getTaskResult", "operation": "getTaskResult", "task": "b?[31m"}
    assert said["recording"]["exchanges"] == {"getTaskResult": 1, "createTask": 1}
    assert said["recording"]["some_tasks"] == ["a"]
    ask(replay, "/getTaskResult", {"clientKey": "SECRET-of-mine", "taskId": "b\x1b[31m"})
    ask(replay, "/elsewhere?key=SECRET-of-mine", {})
    ask(replay, "/getTaskResult", {"clientKey": "SECRET-of-mine"})
    assert replay.misses == 4
    assert told == [
        "getTaskResult was requested for the task 'b?[31m', and one task was recorded, that one not",
        "POST /elsewhere is not an operation of capsolver; recorded: getTaskResult, createTask",
        "getTaskResult was requested without the id of a task, and the recording has no such request",
    ]


# ------------------------------------------------------------------------------------------- over HTTP


@pytest.fixture
def odd(capsolver: Contract) -> Iterator[tuple[Replay, str]]:
    """A served recording with odd answers: headers of all sorts, none at all, a callback."""
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "retry-after": "7",
        "location": "https://api.example.com/x",
        "x-odd": "a\r\nx-injected: yes",
        "content-encoding": "gzip",
        "content-length": "9999",
        "transfer-encoding": "chunked",
        "connection": "close",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT",
        "server": "the recorded one",
    }
    full = poll("full", "ready")
    full = full._replace(exchange=full.exchange._replace(response=Response(202, headers, b'{"errorId": 0}')))
    early = poll("early", "ready")
    early = early._replace(exchange=early.exchange._replace(response=Response(103, {}, b"")))
    inbound = entry(CALLBACK_PATH, {"id": "1"}, {})
    replay = Replay(capsolver, [full, poll("silent", "ready")._replace(exchange=_silent()), early, inbound])
    with serve_handler(replay.handle, prefix_of(capsolver)) as base_url:
        yield replay, base_url


def _silent() -> Exchange:
    return poll("silent", "ready").exchange._replace(response=None, failure="connection lost")


def _post(base_url: str, task: str) -> Any:
    body = json.dumps({"clientKey": "x", "taskId": task}).encode()
    return urllib.request.urlopen(urllib.request.Request(f"{base_url}/getTaskResult", body), timeout=5)


def test_headers_are_those_of_the_recording_and_of_no_other_connection(odd: tuple[Replay, str]) -> None:
    with _post(odd[1], "full") as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert (answer.status, answer.read()) == (202, b'{"errorId": 0}')
    assert headers.pop("date") != "Thu, 01 Jan 1970 00:00:00 GMT"
    assert headers.pop("connection") == "close"  # of this connection, as its client has asked
    assert headers == {
        "server": "the recorded one",
        "content-type": "text/plain; charset=utf-8",
        "retry-after": "7",
        "location": "https://api.example.com/x",
        "content-length": "14",
    }


@pytest.mark.parametrize("task", ["silent", "early"])
def test_no_answer_is_replayed_as_no_answer(odd: tuple[Replay, str], task: str) -> None:
    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        _post(odd[1], task)
    assert odd[0].misses == 0


def test_a_miss_over_http_has_a_body(odd: tuple[Replay, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        _post(odd[1], "unknown")
    with raised.value as error:
        assert (error.code, error.headers["content-type"]) == (404, "application/json")
        assert "pollproof" in json.load(error)


def test_callbacks_of_the_recording_are_counted() -> None:
    contract = load_contract("decodo")
    callback = entry(CALLBACK_PATH, {"id": "1", "status": "done"}, {})
    replay = Replay(contract, [callback])
    assert (replay.inbound, replay.exchanges) == (1, 0)


def test_many_threads_share_one_recording_fairly(capsolver: Contract) -> None:
    count = 200
    replay = Replay(capsolver, [create("https://same", {"errorId": 0, "taskId": n}) for n in range(count)])
    got: list[Any] = []

    def run() -> None:
        got.extend(task_of(replay, "https://same")["taskId"] for _ in range(count // 4))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(count))


def event_of(contract: Contract, exchange: Exchange) -> Event:
    event = Reader(contract).read(exchange, 0)
    assert event is not None
    return event


def test_tasks_of_a_replayed_batch_can_be_polled() -> None:
    contract = load_contract("decodo")
    clock = VirtualClock()
    monitor = Monitor(Reader(contract), clauses_of(contract))
    provider = ReferenceProvider(contract, clock)
    session = Session(InProcessTarget("the reference provider", provider.handle), clock, monitor)
    _, handles = session.batch()
    for handle in handles:
        session.settle(handle, 60)
    replay = Replay(contract, [Recorded("f", n, exchange) for n, exchange in enumerate(monitor.trace, 1)])
    batch = session.request(contract.operation(Role.BATCH), {"number": 77})
    answer = replay.handle(batch)
    for member in event_of(contract, Exchange(batch, answer, 0, 0)).members:
        polled = session.request(contract.operation(Role.POLL), {"task_id": member.raw_task})
        told = replay.handle(polled)
        assert told is not None
        assert told.status == 200
    assert replay.misses == 0


# ------------------------------------------------------------------------------------- the command line


def cassette(file: Path, *recording: Recorded) -> str:
    """A cassette of vcrpy, as its JSON serializer writes it."""
    interactions = []
    for _, _, exchange, *_ in recording:
        request, response = exchange.request, exchange.response
        assert response is not None
        uri = "https://api.capsolver.com" + request.path
        asked = {"method": request.method, "uri": uri, "body": request.body.decode(), "headers": {}}
        headers = {name: [value] for name, value in response.headers.items()}
        status = {"code": response.status, "message": ""}
        told = {"status": status, "headers": headers, "body": {"string": response.body.decode()}}
        interactions.append({"request": asked, "response": told})
    file.write_text(json.dumps({"version": 1, "interactions": interactions}), encoding="utf-8")
    return str(file)


def test_serve_cassette(tmp_path: Path) -> None:
    first = cassette(tmp_path / "first.json", create("https://0", {"errorId": 0, "taskId": "a"}), poll("a", "idle"))
    second = cassette(tmp_path / "second.json", poll("a", "ready"))
    words = ["serve", "capsolver", "--cassette", first, "--cassette", second, "--for", "60s"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = clean_environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen([sys.executable, "-m", "pollproof", *words], env=environment, cwd=ROOT, **pipes) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert process.stdout.readline() == "recorded: 3 exchanges, 1 creations, 1 tasks\n"
        said = []
        for _ in range(3):
            with _post(base_url, "a") as answer:
                said.append(json.load(answer)["status"])
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as raised:
                _post(base_url, "b")
            raised.value.close()
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert said == ["idle", "ready", "ready"]
    assert process.returncode == 0
    assert errors.splitlines() == [
        "no recorded response: getTaskResult was requested for the task 'b', and one task was recorded, that one not",
        "requests without a recorded response: 2",
    ]


def refused(*words: str) -> str:
    """What the command says when it refuses to serve."""
    done = CliRunner().invoke(serve_command, words)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


def test_recordings_that_cannot_be_served(tmp_path: Path) -> None:
    good = cassette(tmp_path / "good.json", poll("a", "ready"))
    broken = tmp_path / "broken.json"
    broken.write_text('{"interactions": [', encoding="utf-8")
    assert "no such file" in refused("capsolver", "--cassette", str(tmp_path / "missing.json"))
    plain = tmp_path / "plain.json"
    plain.write_text('{"a": 1}', encoding="utf-8")
    assert "not a recording" in refused("capsolver", "--cassette", good, "--cassette", str(plain))
    assert "broken.json" in refused("capsolver", "--cassette", good, "--cassette", str(broken))
    assert "no exchange of decodo is recorded" in refused("decodo", "--cassette", good)
    assert "exclude each other" in refused("capsolver", "--cassette", good, "--mutant", "capsolver.poll.terminal")


@pytest.mark.parametrize("provider", bundled())
def test_bundled_cassettes_can_be_replayed(provider: str) -> None:
    contract = load_contract(provider)
    for file in ("reference", "independent"):
        recording = list(recorded(ROOT / "cassettes" / provider / f"{file}.yaml", contract))
        replay = Replay(contract, recording)
        inbound = (CALLBACK_PATH, OUTCOME_PATH)
        outbound = [each.exchange for each in recording if each.exchange.request.path not in inbound]
        for exchange in outbound:
            answer = replay.handle(exchange.request)
            assert (answer and answer.body) == (exchange.response and exchange.response.body)
        assert replay.misses == 0
        assert replay.exchanges == len(outbound)


def test_a_folder_may_hold_other_files_too(tmp_path: Path, capsolver: Contract) -> None:
    cassette(tmp_path / "a.json", create("https://0", {"errorId": 0, "taskId": "a"}))
    cassette(tmp_path / "b.json", poll("a", "ready"))
    (tmp_path / "package.json").write_text('{"name": "x"}', encoding="utf-8")
    replay = replay_of(capsolver, [str(tmp_path)])
    assert (replay.exchanges, status_of(replay, "a")) == (2, "ready")


# ---------------------------------------------------------------------------------- the clock of the client


def timed(recorded: Recorded, sent: float) -> Recorded:
    return recorded._replace(exchange=recorded.exchange._replace(sent=sent, received=sent + 0.1))


def test_a_task_is_answered_as_it_was_at_the_age_that_it_has_by_the_clients_clock(capsolver: Contract) -> None:
    times = {0.1: "idle", 3.0: "processing", 6.0: "processing", 9.0: "ready"}
    recording = [timed(create("https://1", {"errorId": 0, "taskId": "a"}), 0.0)]
    recording += [timed(poll("a", status), at) for at, status in times.items()]
    now = [1000.0]

    def asked(*seconds: float) -> list[Any]:
        replay.rewind()
        now[0] = 1000.0
        assert task_of(replay, "https://1")["taskId"] == "a"
        found = []
        for second in seconds:
            now[0] = 1000.0 + second
            found.append(status_of(replay, "a"))
        return found

    replay = Replay(capsolver, recording, now=lambda: now[0])
    assert asked(0.0, 0.0, 0.0, 0.0, 0.0) == ["idle", "processing", "processing", "ready", "ready"]
    assert asked(4.0, 10.0) == ["processing", "ready"]
    assert asked(60.0, 61.0) == ["ready", "ready"]


def test_a_pending_answer_is_not_replayed_for_ever(capsolver: Contract) -> None:
    told: list[str] = []
    replay = Replay(capsolver, [poll("a", "processing"), poll("a", "processing")], told.append)
    assert [status_of(replay, "a") for _ in range(4)] == ["processing", "processing", None, None]
    assert told == ["getTaskResult was requested for the task 'a', and the recording ends before that task has an end"]
    replay.rewind()
    assert status_of(replay, "a") == "processing"
