"""Servers that keep every rule and are awkward all the same: none is accused, and none is inconclusive for it."""

import contextlib
import math
import re
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from pollproof.clock import ShiftedClock, VirtualClock
from pollproof.contract.model import Contract, Operation, Subject
from pollproof.contract.places import View
from pollproof.http.client import HttpTarget
from pollproof.http.server import listening
from pollproof.http.target import InProcessTarget, RequestOutcome
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import advance, prefix_of
from pollproof.report.document import build_document
from pollproof.report.phrases import headline
from pollproof.runs.outcome import decided
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify import run, sending
from pollproof.verify.callbacks import EmbeddedCallbacks
from pollproof.verify.connections import Connections
from pollproof.verify.plan import Plan
from pollproof.verify.run import Exploration, explore
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import ClockError, HookedClock
from pollproof.verify.walks.batches import batches_called_back
from pollproof.verify.walks.budgets import LAST_POLL, exhaust
from pollproof.verify.walks.steps import create_several
from tests.servers import pollproof

TOO_MANY = b'{"message": "Too Many Requests"}'


class Limited(ReferenceProvider):
    """The reference behind a gateway that lets 30 requests a second pass."""

    def __init__(self, contract: Contract, clock: ShiftedClock) -> None:
        super().__init__(contract, clock)
        self.passed: deque[float] = deque()

    def handle(self, request: Request) -> Response:
        now = self.clock.now()
        while self.passed and now - self.passed[0] >= 1.0:
            self.passed.popleft()
        if len(self.passed) >= 30:
            return Response(429, {"content-type": "application/json", "retry-after": "1"}, TOO_MANY)
        self.passed.append(now)
        return super().handle(request)


@contextlib.contextmanager
def hooked(provider: ReferenceProvider, clock: ShiftedClock, moved: Any = advance) -> Iterator[tuple[str, str]]:
    """A provider over HTTP with a clock hook on the same port, which `moved` answers."""

    def answer(request: Request) -> Response | None:
        if request.path == "/advance":
            response: Response = moved(clock, request.body)
            return response
        return provider.handle(request._replace(path=request.path.removeprefix(prefix_of(provider.contract))))

    with listening(answer, 0, clock.now) as root:
        yield root, root + "/advance"


def test_a_gateway_that_limits_bursts_is_waited_for_and_not_accused() -> None:
    clock = ShiftedClock()
    with hooked(Limited(load_contract("capmonster"), clock), clock) as (url, hook):
        done = pollproof("verify", "capmonster", "--base-url", url, "--advance-url", hook, "--examples", "2")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("PASSED: ")


def floor(clock: ShiftedClock, body: bytes) -> Response:
    """A hook that drops fractions of seconds."""
    return advance(clock, b'{"seconds": %d}' % math.floor(float(body.partition(b": ")[2].rstrip(b"}"))))


def whole(clock: ShiftedClock, body: bytes) -> Response:
    """A hook that refuses fractions of seconds."""
    return Response(422, {}, b"{}") if b"." in body else advance(clock, body)


def test_a_hook_that_drops_fractions_does_not_make_a_target_wrong() -> None:
    clock = ShiftedClock()
    with hooked(ReferenceProvider(load_contract("capsolver"), clock), clock, floor) as (url, hook):
        done = pollproof("verify", "capsolver", "--base-url", url, "--advance-url", hook, "--examples", "10")
    assert done.returncode == 0, done.stdout


def test_a_hook_that_refuses_fractions_is_sent_whole_seconds() -> None:
    clock = ShiftedClock()
    with hooked(ReferenceProvider(load_contract("capsolver"), clock), clock, whole) as (_, hook):
        moving = HookedClock(hook)
        with contextlib.closing(moving):
            apart = moving.now() - clock.now()
            for seconds in (0.25, 3.5, 0.5, 294.75):
                moving.advance(seconds)
            assert moving.now() - clock.now() == pytest.approx(apart, abs=0.05)
            assert moving.at_most(294.75) == 294


def test_a_hook_that_refuses_all_is_an_error() -> None:
    clock = ShiftedClock()
    refusing = lambda *_: Response(404, {}, b"")  # noqa: E731
    with (
        hooked(ReferenceProvider(load_contract("capsolver"), clock), clock, refusing) as (_, hook),
        contextlib.closing(HookedClock(hook)) as moving,
        pytest.raises(ClockError, match="HTTP 404"),
    ):
        moving.advance(0.5)


def test_a_hook_of_the_same_host_shares_the_connection_of_the_target() -> None:
    clock = ShiftedClock()
    provider = ReferenceProvider(load_contract("capsolver"), clock)
    with hooked(provider, clock) as (url, hook), contextlib.closing(HttpTarget(url)) as target:
        assert HookedClock(hook, target)._hook._wire is target._wire
        other = HookedClock(hook.replace("127.0.0.1", "localhost"), target)
        assert other._hook._wire is not target._wire


class Slow:
    """A target that takes 0.2 s for each response, by its own clock."""

    name = "a slow target"

    def __init__(self, provider: ReferenceProvider) -> None:
        self._target, self._clock = InProcessTarget(self.name, provider.handle), provider.clock

    def exchange(self, request: Request) -> RequestOutcome:
        self._clock.advance(0.2)
        return self._target.exchange(request)

    def close(self) -> None:
        return None


@pytest.mark.parametrize("name", ["capmonster", "capsolver"])
def test_a_slow_target_is_polled_to_the_end_of_its_budget(name: str) -> None:
    contract, clock = load_contract(name), VirtualClock()
    monitor = Monitor(reader_of(contract), ())
    session = Session(Slow(ReferenceProvider(contract, clock)), clock, monitor)
    exhaust(session, create_several(session, 3), before_end=True)
    assert LAST_POLL in session.reached


@pytest.mark.parametrize("body", [TOO_MANY, b"<html>busy</html>", b""])
def test_the_body_of_an_overloaded_gateway_is_not_the_word_of_the_provider(body: bytes) -> None:
    reader = reader_of(load_contract("capmonster"))
    request = Request("POST", "/getTaskResult", {}, b'{"clientKey": "KEY", "taskId": 7}')
    event = reader.read(Exchange(request, Response(429, {}, body), 0.0, 0.1), 0)
    assert event is not None
    assert (event.transient, event.formal, event.answer) == (True, False, Answer.UNREADABLE)


def test_a_documented_error_code_stays_one_whatever_its_http_status() -> None:
    reader = reader_of(load_contract("capmonster"))
    request = Request("POST", "/getTaskResult", {}, b'{"clientKey": "KEY", "taskId": 7}')
    told = b'{"errorId": 1, "errorCode": "ERROR_NO_SUCH_CAPCHA_ID", "errorDescription": "gone"}'
    event = reader.read(Exchange(request, Response(503, {}, told), 0.0, 0.1), 0)
    assert event is not None
    assert (event.transient, event.answer) == (False, Answer.REFUSED)


def test_a_run_in_which_clauses_of_level_should_alone_need_a_clock_is_partly_verified() -> None:
    idle = {
        "id": "x.b",
        "level": "SHOULD",
        "verdict": "unexercised",
        "cause": "clock",
        "reason": "it needs a clock hook",
    }
    document = {
        "mode": "verify",
        "clauses": [{"id": "x.a", "level": "MUST", "verdict": "held"}, idle],
        "cuts": [{"reason": "2 walks did not end", "cause": "clock"}],
        "complete": True,
        "error": None,
        "tasks": {"created": 1, "ended": 1},
    }
    said = headline(decided(document))
    assert said.startswith("PARTLY: 1 of 1 MUST verified, 1 SHOULD needs a clock hook, 0 violations")
    unfinished = {**document, "tasks": {"created": 1, "ended": 0}}
    assert headline(decided(unfinished)).startswith("INCONCLUSIVE: ")


def test_a_run_names_the_creating_operations_that_it_did_not_create_with() -> None:
    clock = ShiftedClock()
    contract = load_contract("cnode")
    with hooked(ReferenceProvider(contract, clock), clock) as (url, hook):
        base = url + urlsplit(contract.base_url).path.rstrip("/")
        done = pollproof("verify", "cnode", "--base-url", base, "--advance-url", hook, "--examples", "0")
    assert done.returncode == 0, done.stdout
    (note,) = [line for line in done.stdout.splitlines() if "creating operations not walked: " in line]
    assert "startRegister" in note
    assert "startLogin" not in note


class Eager(ReferenceProvider):
    """Calls back for the entries of a batch that it has refused."""

    def batch(self, operation: Operation, view: View) -> Response:
        response = super().batch(operation, view)
        if response.status >= 400:
            (name,) = [key for key, value in view.request.items() if isinstance(value, list)]
            for entry in view.request[name]:
                self.add(view._replace(request={**view.request, name: entry}), operation)
        return response


@pytest.mark.parametrize("provider_type", [Eager, ReferenceProvider])
def test_a_batch_refused_for_its_rate_calls_nobody_back(provider_type: type[ReferenceProvider]) -> None:
    contract, clock = load_contract("decodo"), VirtualClock()
    provider = provider_type(contract, clock)
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER))
    session = Session(InProcessTarget("the reference", provider.handle), clock, monitor)
    session.callbacks = EmbeddedCallbacks(provider, clock)
    batches_called_back(session)
    session.advance(60.0)
    violated = {entry.clause.kind for entry in monitor.ledger.violated()}
    assert violated == ({"callback-known"} if provider_type is Eager else set())


# -------------------------------------------------------------------------------------------- slow targets


def half(clock: ShiftedClock, body: bytes) -> Response:
    """A hook that moves half as far as it is told."""
    return advance(clock, b'{"seconds": %f}' % (float(body.partition(b": ")[2].rstrip(b"}")) / 2))


def explored(name: str, clock: ShiftedClock, moved: Any = advance, **more: Any) -> Exploration:
    """What comes of exploring a reference over HTTP."""
    with hooked(ReferenceProvider(load_contract(name), clock), clock, moved) as (url, hook):
        return explore(Plan(load_contract(name), url + prefix_of(load_contract(name)), advance_url=hook, **more))


def test_a_hook_that_moves_half_as_far_is_seen_by_the_dates_in_responses() -> None:
    found = explored("capsolver", ShiftedClock(), half, examples=0)
    assert "but the Date header in the responses went on by 30 s" in (found.error or "")
    assert not found.ledger.violated()


def test_a_slow_target_is_inconclusive_with_fewer_examples_and_the_run_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(run.MACHINE_SECONDS, "ci", 0.01)
    found = explored("capmonster", ShiftedClock())
    assert (found.examples, found.spec.count) == (10, 50)
    (cut,) = found.cuts
    assert cut.cause == "time"
    assert re.fullmatch(
        r"the target is slow: 10 of 50 examples .* in \d+ s; --examples 10 needs no more, "
        r"--examples 50 makes all, --max-wait \d+s gives it the time",
        cut.reason,
    )
    assert build_document(found)["outcome"] == "inconclusive"
    assert build_document(explored("capmonster", ShiftedClock(), examples=10))["outcome"] == "passed"


def test_examples_that_were_requested_are_all_made_however_slow_the_target_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.MACHINE_SECONDS, "ci", 0.01)
    found = explored("capmonster", ShiftedClock(), examples=13)
    assert (found.examples, found.cuts, found.notes) == (13, [], [])


@pytest.mark.parametrize("name", ["capsolver", "decodo"])
def test_what_is_sent_to_a_slow_target_at_once_accuses_nobody(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SLOW_RESPONSE", 0.0)
    monkeypatch.setattr(sending, "_JUDGED_SLOW", 0)
    together: list[int] = []
    exchange = Connections.exchange
    monkeypatch.setattr(
        Connections, "exchange", lambda self, requests: (together.append(len(requests)), exchange(self, requests))[1]
    )
    found = explored(name, ShiftedClock(), examples=1)
    accused = {entry.clause.id for entry in found.ledger.violated()}
    assert (found.error, found.cuts, accused - {"decodo.callback.sent"}) == (None, [], set())  # the server sends none
    assert sum(together) > found.exchanges * 0.2
