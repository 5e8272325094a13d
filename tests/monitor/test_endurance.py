"""Runs without end take bounded memory: what is let go of, what stays known, and that a leak would be seen."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import count

import pytest

from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Effect, Role, Subject
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.monitor.recent_trace import MAXIMUM_TRACE, RecentTrace
from pollproof.proof.mutants import mutant_named
from pollproof.reference import task_store
from pollproof.reference.provider import ReferenceProvider
from pollproof.tasks.hash_set import HashSet
from pollproof.trace.events import CALLBACK_PATH, Answer
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.session import Session
from tests.benchmarks.soak import lives

RECENT = 150
TRACED, EARLY, LATE = 16_500, 17_000, 20_000
"""Exchanges after which memory is looked at, after which it is weighed, and after which it is weighed again."""

GROWTH = 150_000
"""Bytes by which what is kept may differ between two moments: the window is between one and two times its size."""


def session_of(contract: Contract, provider: ReferenceProvider, *, recent: int | None = RECENT) -> Session:
    monitor = Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER), recent=recent)
    assert isinstance(provider.clock, VirtualClock)
    return Session(InProcessTarget("the mock", provider.handle), provider.clock, monitor)


@pytest.fixture
def capsolver(monkeypatch: pytest.MonkeyPatch) -> ReferenceProvider:
    """The mock, keeping little on purpose, as its judge does then too: what is kept besides can be seen at once."""
    for kept in ("task_store.KEPT_TASKS", "callbacks.KEPT_TASKS", "answers.KEPT_TEXTS"):
        monkeypatch.setattr(f"pollproof.reference.{kept}", 50)
    for cache in ("trace.reader._LAST", "verify.requesting.KEPT_POLLS", "reference.routes.KEPT_REQUESTS"):
        monkeypatch.setattr(f"pollproof.{cache}", 16)
    return ReferenceProvider(load_contract("capsolver"), VirtualClock())


def growth(session: Session) -> int:
    """Bytes that are held longer at the end of 20,000 exchanges than a little before."""
    steps, weights = lives(session), []
    while session.exchanges < TRACED:
        next(steps)
    gc.collect()
    tracemalloc.start(1)
    try:
        for limit in (EARLY, LATE):
            while session.exchanges < limit:
                next(steps)
            gc.collect()
            weights.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return weights[1] - weights[0]


class Leaking(Session):
    """A session that notes each of its requests."""

    def send(self, request: Request, probe: str | None = None):  # type: ignore[no-untyped-def]
        self.__dict__.setdefault("noted", []).append((self.exchanges, request.body + b" "))
        return super().send(request, probe)


def test_twenty_thousand_exchanges_leave_no_more_behind_than_seventeen_thousand(capsolver: ReferenceProvider) -> None:
    session = session_of(capsolver.contract, capsolver)
    assert growth(session) < GROWTH
    assert not session.monitor.ledger.violations


def test_a_session_that_keeps_its_requests_would_be_seen(
    capsolver: ReferenceProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.monitor.test_endurance.TRACED", 200)
    monkeypatch.setattr("tests.monitor.test_endurance.EARLY", 600)
    monkeypatch.setattr("tests.monitor.test_endurance.LATE", 2_000)
    honest = session_of(capsolver.contract, capsolver)
    leaking = Leaking(honest.target, capsolver.clock, honest.monitor)
    assert growth(leaking) > GROWTH


@pytest.mark.parametrize("rule", ["poll.terminal", "poll.result-own", "create.unique-id"])
def test_what_is_found_broken_does_not_depend_on_what_is_let_go_of(rule: str) -> None:
    contract, fault, found = load_contract("capsolver"), f"capsolver.{rule}", []
    for recent in (None, 150):
        session = session_of(contract, mutant_named(contract, fault).provider(VirtualClock()), recent=recent)
        for _, number in zip(lives(session), count(), strict=False):
            if number == 5:
                break
        found.append({entry.clause.id for entry in session.monitor.ledger.violated()})
    assert found[0] == found[1]
    assert fault in found[0]


# ------------------------------------------------------------------------------- what stays known


def forgotten_task(session: Session) -> str:
    """The id of a task that was created so long ago that nothing else is known of it."""
    _, handle = session.create(session.kinds[0])
    assert handle is not None
    while handle.key in session.monitor.account.tasks:
        session.create(session.kinds[0])
    return handle.key


class RepeatsItself(ReferenceProvider):
    """Gives its first id again."""

    again = False

    def new_id(self, number: int) -> object:
        return super().new_id(1 if self.again else number)


def test_an_id_that_was_given_long_ago_is_not_given_again() -> None:
    provider = RepeatsItself(load_contract("capsolver"), VirtualClock())
    session = session_of(provider.contract, provider, recent=20)
    forgotten_task(session)
    assert not session.monitor.ledger.violations
    provider.again = True
    session.create(session.kinds[0])
    entry = session.monitor.ledger["capsolver.create.unique-id"]
    assert entry.evidence is not None
    assert "which was given long ago" in entry.evidence.violation.seen


def test_a_callback_of_a_task_that_was_forgotten_is_no_callback_of_a_stranger() -> None:
    contract = load_contract("decodo")
    session = session_of(contract, ReferenceProvider(contract, VirtualClock()), recent=20)
    known = next(clause.id for clause in contract.clauses if clause.kind == "callback-known")
    operation = contract.operation(Role.CALLBACK)
    for identifier, verdict in ((forgotten_task(session), "unexercised"), ("1234567", "violated")):
        body = session.codec.write({"id": identifier, "status": "done"})
        event = session.monitor.observe(
            Exchange(Request("POST", CALLBACK_PATH, {}, body), Response(200, {}, b""), 0.0, 0.0)
        )
        assert event is not None
        assert (event.operation, event.task) == (operation, identifier)
        assert session.monitor.ledger[known].verdict.value == verdict


def test_a_task_that_the_mock_has_let_go_of_is_answered_as_lost(capsolver: ReferenceProvider) -> None:
    session = session_of(capsolver.contract, capsolver)
    _, handle = session.create(session.kinds[0])
    assert handle is not None
    session.advance(1_000.0)
    lost = session.poll(handle)
    for _ in range(2 * task_store.KEPT_TASKS):
        session.create(session.kinds[0])
    assert capsolver.find(handle.id) is None
    again = session.poll(handle)
    assert again.answer is Answer.REFUSED
    assert again.response == lost.response
    assert not session.monitor.ledger.violations


def test_a_task_that_lives_is_never_let_go_of(capsolver: ReferenceProvider) -> None:
    session = session_of(capsolver.contract, capsolver)
    handles = [session.create(session.kinds[0])[1] for _ in range(3 * task_store.KEPT_TASKS)]
    session.advance(60.0)
    for handle in handles:
        assert handle is not None
        assert session.poll(handle).effect is not Effect.LOST


def test_digests_know_what_was_added_and_nothing_else() -> None:
    digests = HashSet()
    for number in range(5_000):
        digests.add(f"task {number}")
        digests.add(f"task {number}")
    assert len(digests) == 5_000
    assert all(f"task {number}" in digests for number in range(5_000))
    assert not any(f"other {number}" in digests for number in range(5_000))
    digests.clear()
    assert "task 1" not in digests


# ------------------------------------------------------------------------------------ the window


def exchanges(size: int) -> Iterator[Exchange]:
    while True:
        yield Exchange(Request("GET", "/", {}, b""), Response(200, {}, bytes(size)), 0.0, 0.0)


def test_a_window_keeps_the_newest_and_as_many_of_the_others_as_there_is_room_for() -> None:
    window = RecentTrace(10)
    for number, exchange in zip(range(21), exchanges(10), strict=False):
        window.add(number, exchange)
    assert window.is_full
    since = window.horizon()
    window.keep(since, [[0, 3], range(9)])
    assert since == 11
    assert [number for number in range(21) if number in window] == [4, 5, 6, 7, 8, *range(11, 21)]


def test_very_large_answers_are_let_go_of_by_their_size() -> None:
    window, most = RecentTrace(10_000), 0
    for number, exchange in zip(range(400), exchanges(1 << 20), strict=False):
        window.add(number, exchange)
        most = max(most, len(window))
        if window.is_full:
            window.keep(window.horizon(), [range(number)])
        assert number in window
    assert most <= MAXIMUM_TRACE / (1 << 20) + 1
