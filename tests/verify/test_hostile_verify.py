"""`verify` against targets that are gone, wrong, slow or moody: a clear outcome in bounded time, never a traceback."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from pollproof.clock import ShiftedClock
from pollproof.http.requests import written
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from pollproof.report.document import build_document
from pollproof.trace.exchange import Request, Response
from pollproof.verify.exploration import Exploration
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.lanes import a_few
from tests.servers import Line, answering, free_port, http, keeping_alive, pollproof, serving

HTML = b"<!doctype html><title>Welcome</title><p>It works!"
GONE = "does not answer: "


class Wrapped(ReferenceProvider):
    """The reference provider with something done to its responses."""

    def __init__(self, meddle: Callable[[Wrapped, int, Request], Response | None]) -> None:
        super().__init__(load_contract("capsolver"), ShiftedClock())
        self.count = 0
        self.created = 0
        self.meddle = meddle

    def honest(self, request: Request) -> Response:
        return super().handle(request)

    def handle(self, request: Request) -> Response:
        self.count += 1
        return self.meddle(self, self.count, request) or self.honest(request)


@contextmanager
def served(meddle: Callable[[Wrapped, int, Request], Response | None]) -> Iterator[Served]:
    provider = Wrapped(meddle)
    with serve(provider, provider.clock) as found:
        yield found


def gone_after(exchanges: int) -> Callable[[Wrapped, int, Request], Response | None]:
    def meddle(provider: Wrapped, count: int, request: Request) -> Response | None:
        if count > exchanges:
            raise ConnectionAbortedError  # the server closes the connection without a response
        return None

    return meddle


def run(base_url: str, advance_url: str | None = None, **options: Any) -> Exploration:
    plan = Plan(load_contract("capsolver"), base_url, advance_url=advance_url, **{"examples": 3, **options})
    return explore(plan)


def outcome_of(exploring: Exploration) -> str:
    return str(build_document(exploring)["outcome"])


def violated(exploring: Exploration) -> set[str]:
    return {name for name, entry in exploring.ledger.entries.items() if entry.verdict is Verdict.VIOLATED}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.http.client.RESPONSE_TIMEOUT", 0.2)


# ------------------------------------------------------------------------ gone from the start


def trickle(line: Line) -> None:
    line.ask()
    line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        line.say(b" ")
        time.sleep(0.02)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (lambda line: line.until_gone(), "no response in time"),
        (trickle, "no response in time"),
        (answering(), "the connection was closed without a response"),
        (answering(http(b"{}", length=500)), "the connection was closed in the middle of the response"),
        (answering(b"220 mail.example ESMTP\r\n"), "the response is not HTTP"),
        (answering(http(HTML, "200 OK", "Content-Encoding: gzip")), "the response says that it is encoded with gzip"),
    ],
    ids=["silent", "trickling", "closing", "closing midway", "no HTTP", "broken gzip"],
)
def test_a_target_without_any_answer_is_an_error_in_one_sentence(script: Callable[[Line], None], reason: str) -> None:
    with serving(script) as server:
        exploring = run(server.url)
        assert exploring.error is not None
        assert f"to {server.url} got no response: {reason}" in exploring.error
        assert "Likely causes: (1) the target is not running" in exploring.error
        assert f"type: pollproof doctor capsolver --base-url {server.url}" in exploring.error
        assert (outcome_of(exploring), exploring.exchanges) == ("error", 2)


@pytest.mark.usefixtures("impatient")
def test_a_target_that_leaves_every_other_request_without_an_answer_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pollproof.verify.sending.MAXIMUM_SILENCE", 1.0)
    clock, polls = ShiftedClock(), itertools.count()
    provider = ReferenceProvider(load_contract("capsolver"), clock)

    def talk(line: Line) -> None:
        while (asked := line.ask()) is not None:
            if asked.path == "/getTaskResult" and next(polls) % 2:
                line.until_gone()
                return
            request = Request("POST", asked.path, asked.headers, asked.body)
            line.say(written(provider.handle(request), keeps=True))

    with serving(talk) as server, serve(provider, clock) as hook:
        exploring = run(server.url, hook.advance_url)
    assert exploring.error is not None
    assert "answers a part of the requests only: 1 s of real time were spent on those without" in exploring.error


def test_a_target_that_only_answers_that_it_is_overloaded_is_an_error() -> None:
    with serving(keeping_alive(lambda asked: http(HTML, "503 Service Unavailable"))) as server:
        exploring = run(server.url, budget=0.0)
    assert outcome_of(exploring) == "error"


def test_a_target_that_only_answers_that_it_is_overloaded_is_an_error_with_a_clock_hook() -> None:
    with served(lambda *_: Response(503, {}, HTML)) as found:
        exploring = run(found.base_url, found.advance_url)
    assert exploring.error is not None
    assert "HTTP 503" in exploring.error
    assert "Likely causes: (1) the target is overloaded" in exploring.error
    assert outcome_of(exploring) == "error"


# ------------------------------------------------------------------------ gone in the middle


@pytest.mark.parametrize("exchanges", [27, 500])
def test_a_target_that_goes_away_is_an_error_that_says_when(exchanges: int) -> None:
    with served(gone_after(exchanges)) as found:
        exploring = run(found.base_url, found.advance_url)
    assert exploring.error is not None
    assert re.search(
        rf"{GONE}after \d+ exchanges: the connection was (closed without a response|reset)", exploring.error
    )
    assert outcome_of(exploring) == "error"
    assert exploring.exchanges <= exchanges + 6
    assert not violated(exploring), "silence is no broken rule"


def test_a_clock_hook_that_goes_away_is_an_error() -> None:
    with served(lambda *_: None) as found:
        exploring = run(found.base_url, found.base_url + "/no/such/hook")
    assert exploring.error is not None
    assert "the clock hook" in exploring.error
    assert outcome_of(exploring) == "error"


def test_one_lost_answer_now_and_then_is_no_error_and_breaks_no_rule() -> None:
    def meddle(provider: Wrapped, count: int, request: Request) -> Response | None:
        if count % 41 == 0:
            raise ConnectionAbortedError
        return None

    with served(meddle) as found:
        exploring = run(found.base_url, found.advance_url)
    assert exploring.error is None
    assert (outcome_of(exploring), violated(exploring)) == ("passed", set())


# ---------------------------------------------------------------------- answers that are none


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {"content-type": "text/html"}, HTML),
        Response(500, {"content-type": "text/html"}, HTML),
        Response(404, {"content-type": "text/html"}, HTML),
        Response(302, {"location": "/login"}, b""),
        pytest.param(Response(204, {}, b""), id="204"),
        Response(200, {}, b"\xff\xfe\x00"),
        Response(200, {}, b"[" * 100_000),
        Response(200, {}, b'{"errorId": 1' + b"0" * 10_000 + b"}"),
        Response(200, {}, b'{"errorId": 0, "taskId": NaN}'),
        pytest.param(
            Response(200, {}, b'{"errorId": [], "taskId": "\\ud800", "status": "\\ud800"}'),
            id="half a surrogate pair",
        ),
        Response(200, {}, b"<" * 2_000_000),
        *[Response(200, {}, text) for text in (b"null", b"[]", b"0", b'""', b"{}")],
        Response(200, {}, b'{"errorId": {}, "errorCode": [], "taskId": {"a": []}, "status": [], "solution": 1}'),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:18]!r}",
)
def test_a_target_that_answers_everything_alike_cannot_be_judged(answer: Response) -> None:
    with served(lambda *_: answer) as found:
        exploring = run(found.base_url, found.advance_url)
    assert exploring.error is not None
    assert exploring.error.startswith("preflight: no task could be created. POST /createTask to ")
    assert f"HTTP {answer.status}" in exploring.error
    assert "Likely causes: (1) " in exploring.error
    assert (outcome_of(exploring), violated(exploring)) == ("error", set())
    assert exploring.seconds < 10


def test_a_target_that_answers_html_in_the_middle_is_violated() -> None:
    def meddle(provider: Wrapped, count: int, request: Request) -> Response | None:
        return Response(500, {"content-type": "text/html"}, HTML) if count > 300 else None

    with served(meddle) as found:
        assert outcome_of(run(found.base_url, found.advance_url)) == "violated"


# --------------------------------------------------------------------------- moody targets


class Moody(Wrapped):
    """Draws the solving time of each task at random."""

    def __init__(self, meddle: Callable[[Wrapped, int, Request], Response | None]) -> None:
        super().__init__(meddle)
        self.dice = random.Random(7)

    def honest(self, request: Request) -> Response:
        self.settings = replace(self.settings, solving=self.dice.uniform(1, 30))
        return super().honest(request)


def lawful(provider: Wrapped, count: int, request: Request) -> Response | None:
    return None


def sixth_task_broken(provider: Wrapped, count: int, request: Request) -> Response | None:
    if request.path != "/createTask":
        return None
    answer = provider.honest(request)
    provider.created += answer.status == 200
    if provider.created == 6 and answer.status == 200:
        return answer._replace(body=answer.body.replace(b'"errorId":0', b'"errorId":"0"'))
    return answer


def one_in_many_broken(provider: Wrapped, count: int, request: Request) -> Response | None:
    """Broken by number of request, so that no replay shows the same."""
    if count > 1500 and count % 97 == 0 and request.path == "/getTaskResult":
        return Response(200, {}, b'{"errorId": 0, "status": "almost"}')
    return None


@pytest.mark.parametrize("seed", a_few(range(2), 1))
@pytest.mark.parametrize(
    ("meddle", "expected"), [(lawful, set()), (sixth_task_broken, {"capsolver.create.response-shape"})]
)
def test_random_solving_times_are_no_flaky_error(meddle: Any, expected: set[str], seed: int) -> None:
    provider = Moody(meddle)
    with serve(provider, provider.clock) as found:
        exploring = run(found.base_url, found.advance_url, examples=5, seed=seed)
    assert exploring.error is None
    assert exploring.complete
    assert violated(exploring) == expected
    assert outcome_of(exploring) == ("violated" if expected else "passed")


@pytest.mark.parametrize("seed", a_few(range(2), 1))
def test_a_fault_that_no_replay_shows_again_is_kept_with_its_trace(seed: int) -> None:
    with served(one_in_many_broken) as found:
        exploring = run(found.base_url, found.advance_url, examples=20, seed=seed)
    assert exploring.error is None
    assert "capsolver.poll.status" in violated(exploring)
    evidence = exploring.ledger["capsolver.poll.status"].evidence
    assert evidence is not None
    assert any(exchange.response and b"almost" in exchange.response.body for exchange in evidence.trace.exchanges)


# ------------------------------------------------------------------------------- real time


def test_real_time_with_a_small_budget_ends_with_notes_of_what_was_not_exercised() -> None:
    with served(lawful) as found:
        begun = time.monotonic()
        exploring = run(found.base_url, budget=0.2)
        assert time.monotonic() - begun < 5
    assert (outcome_of(exploring), exploring.error) == ("inconclusive", None)
    assert {cut.cause for cut in exploring.cuts} == {"clock"}
    assert any("--advance-url" in cut.reason and "--max-wait" in cut.reason for cut in exploring.cuts)
    assert exploring.idle["capsolver.poll.lifetime-ended"].cause == "clock"
    assert "capsolver.poll.lifetime-ended" in {entry.clause.id for entry in exploring.ledger.unexercised()}


# ------------------------------------------------------------------------- command line


def verify(*words: str) -> tuple[int, str]:
    done = pollproof("verify", "capsolver", "--examples", "1", *words, NO_PROXY="*")
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, said


def error_lines(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("error: ")]


def test_command_nothing_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    status, said = verify("--base-url", url)
    (line,) = error_lines(said)
    assert status == 4
    assert f"POST /createTask to {url} got no response: the connection was refused" in line


def test_command_the_target_goes_away() -> None:
    with served(gone_after(300)) as found:
        status, said = verify("--base-url", found.base_url, "--advance-url", found.advance_url)
    (line,) = error_lines(said)
    assert status == 4
    assert re.search(rf"{GONE}after (29|30)\d exchanges", line)


@pytest.mark.parametrize("code", ["200 OK", "500 Internal Server Error"])
def test_command_the_target_answers_html(code: str) -> None:
    with serving(keeping_alive(lambda asked: http(HTML, code))) as server:
        status, said = verify("--base-url", server.url, "--budget", "1s")
    (line,) = error_lines(said)
    assert status == 4
    assert "Welcome" in line
    assert said.splitlines()[-1].startswith("FAILED: 0 of ")


def test_command_a_small_budget() -> None:
    with served(lawful) as found:
        status, said = verify("--base-url", found.base_url, "--budget", "200ms")
    assert status == 3
    (note,) = [line for line in said.splitlines() if "did not end within the wait of" in line]
    assert re.search(r"\d+ walks did not end .* \('[a-z-]+', '[a-z-]+', '[a-z-]+' and \d+ more\)", note)
    assert "--advance-url" in note
    assert " not exercised, -v lists them" in said
    assert said.splitlines()[-1].startswith("PARTLY: ")
    assert " need a movable clock (--launch, --advance-url) or --max-wait " in said.splitlines()[-1]


def test_command_a_fault_of_the_sixth_task_only() -> None:
    with served(sixth_task_broken) as found:
        status, said = verify("--base-url", found.base_url, "--advance-url", found.advance_url)
    assert status == 1
    assert "capsolver.create.response-shape MUST violated" in said
    assert "Flaky" not in said
