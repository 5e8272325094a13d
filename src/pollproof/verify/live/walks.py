"""The walks of a live run: few requests and few tasks each. The lawful ones come first, what providers forbid last.

Reading a finished task once more, which shows that final is final, is the only thing that a lawful client does not do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pollproof.contract.model import Contract, Operation, Role
from pollproof.verify.live.rate_limiter import RateLimiter
from pollproof.verify.live.session import LiveSession
from pollproof.verify.session import Handle
from pollproof.verify.walks import edge, lifetimes, steps, until_age

PATIENCE = 300.0
"""Seconds after which a task that has no end is left alone."""

ATTEMPTS = 2
"""Tasks that are created at most to get one that succeeds."""

EARLY = 1.0
"""Seconds by which the read before the end of a lifetime comes early, besides what networks take."""

BEYOND = 2
"""Polls past the last one that is allowed."""


@dataclass(frozen=True, slots=True)
class LiveWalk:
    """A walk by name. `breaks` says which rule of the provider it breaks on purpose, in words; empty for none.

    `covers` is the name of a lawful walk that it does as well; one that is `called_back` needs a receiver of callbacks.
    """

    name: str
    run: Callable[[LiveSession], None]
    applies: Callable[[Contract], bool]
    breaks: str = ""
    covers: str = ""
    called_back: bool = False

    @property
    def purpose(self) -> str:
        """What it does, in one sentence."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


WALKS: list[LiveWalk] = []
"""All walks in the order in which they are made."""

_Run = Callable[[LiveSession], None]


def _always(contract: Contract) -> bool:
    return True


def _walk(applies: Callable[[Contract], bool] = _always, **more: Any) -> Callable[[_Run], _Run]:
    def register(run: _Run) -> _Run:
        WALKS.append(LiveWalk(run.__name__.replace("_", "-"), run, applies, **more))
        return run

    return register


def _patience(session: LiveSession) -> float:
    return min(steps.patience(session), PATIENCE)


def _settle(session: LiveSession, handle: Handle, times: int = 1) -> None:
    """Poll a task to its end, take its result, and read it once more, or so many times."""
    session.settle(handle, _patience(session))
    if session.succeeded(handle):
        session.fetch(handle)
    for _ in range(times):
        session.look(handle)


@_walk()
def one_task(session: LiveSession) -> None:
    """One task: created, polled to its end at the documented pace, and read twice more."""
    handle = session.begin()
    if handle is not None:
        _settle(session, handle, 2)


@_walk(lambda contract: any(kind.inline for kind in contract.kinds.values()))
def answered_at_once(session: LiveSession) -> None:
    """One task of each synchronous kind: its answer is in the creation."""
    for kind in session.inline_kinds:
        session.create(kind)


@_walk()
def two_at_once(session: LiveSession) -> None:
    """Two tasks side by side, polled to their ends and read again, the newer one first."""
    handles = [handle for handle in (session.begin(), session.begin()) if handle is not None]
    for handle in handles:
        session.poll(handle)
    for handle in handles:
        _settle(session, handle, 0)
    for handle in handles[::-1]:
        session.look(handle)


@_walk(lambda contract: contract.operation_of(Role.BATCH) is not None)
def one_batch(session: LiveSession) -> None:
    """One batch, its tasks polled to their ends."""
    _, handles = session.batch()
    for handle in handles:
        _settle(session, handle, 0)
    for handle in handles[:1]:
        session.look(handle)


@_walk(lambda contract: contract.operation_of(Role.CALLBACK) is not None, called_back=True)
def called_back(session: LiveSession) -> None:
    """One task with a callback address: nothing comes before its end, and one callback comes then."""
    source = session.callbacks
    if source is None:
        return
    more = {"callback_url": source.address, "passthrough": 'note: \u00e4 "quoted" & <kept>'}
    _, handle = session.create(session.kinds[0], more=more)
    if handle is None:
        return
    session.settle(handle, _patience(session))
    history = session.history(handle)
    if history is None or history.terminal is None:
        return
    since, waited = session.clock.now(), 0.0
    while not _was_called_back(session, handle):
        if waited >= source.patience:
            session.miss(handle, since, f"none came within {source.patience:g} s of real time")
            break
        source.wait(source.patience / 10)
        waited += source.patience / 10
    session.look(handle)


def _was_called_back(session: LiveSession, handle: Handle) -> bool:
    """Whether a callback has come of a task, or one that names none."""
    session.hear()
    history = session.history(handle)
    return session.nameless_callbacks > 0 or (history is not None and history.callbacks > 0)


@_walk(lambda contract: contract.operation_of(Role.CANCEL) is not None)
def given_up(session: LiveSession) -> None:
    """Two tasks that are cancelled, at once and after a poll, and polled to their ends."""
    for polls in (0, 1):
        handle = session.begin()
        if handle is not None:
            for _ in range(polls):
                session.poll(handle)
            session.cancel(handle)
            _settle(session, handle)


def _reachable(contract: Contract) -> bool:
    """Whether the last poll comes within the lifetime at the documented pace, whatever the documents leave open."""
    limits = contract.limits
    life = (limits.lifetime or math.inf) - limits.lifetime_slack
    return limits.polls is not None and (limits.polls + 1) * RateLimiter(contract).wait < life


@_walk(_reachable)
def to_the_last_poll(session: LiveSession) -> None:
    """One task polled as often as is allowed, at the documented pace."""
    handle = session.begin()
    if handle is not None:
        _poll_until(session, handle, session.contract.limits.polls or 0)


def _lives(contract: Contract) -> bool:
    return contract.limits.lifetime is not None


@_walk(_lives)
def to_the_end_of_life(session: LiveSession) -> None:
    """One task read right before the end of its lifetime."""
    _to_the_end(session)


@_walk(breaks="asks for tasks that nobody created, with wrong keys and in wrong forms")
def turned_away(session: LiveSession) -> None:
    """Wrong ids, a wrong key, missing fields, unreadable bodies; and the task beside them is none the worse."""
    handle = session.begin()
    contract = session.contract
    words = _words(session, handle)
    asked = [session.create_operation, session.poll_operation]
    asked += [] if session.fetch_operation is None else [session.fetch_operation]
    session.probe_unknown(contract.task_id["unknown"][0])
    for identifier in contract.task_id.get("ill_formed", ())[:1]:
        session.probe_unknown(identifier, "ill-formed-task")
    if session.fetch_operation is not None:
        session.probe_unknown(contract.task_id["unknown"][0], operation=session.fetch_operation)
    _wrongly(session, asked, words)
    if handle is not None:
        _settle(session, handle)


@_walk(
    lambda contract: contract.operation_of(Role.BATCH) is not None,
    breaks="asks for batches that are too large or in wrong forms",
)
def batches_turned_away(session: LiveSession) -> None:
    """Batches that should be refused; each of their entries counts as a task, since it is one if they are not."""
    assert session.batch_operation is not None
    _wrongly(session, [session.batch_operation], _words(session, None))


def _words(session: LiveSession, handle: Handle | None) -> dict[str, Any]:
    task = session.task(session.kinds[0])
    known = session.contract.task_id["unknown"][0] if handle is None else handle.id
    return {"task": task, "task_id": known, "number": session.created}


def _wrongly(session: LiveSession, operations: list[Operation], words: dict[str, Any]) -> None:
    """Ask these operations in all wrong ways, each once."""
    for operation in operations:
        for credential in session.wrong_credentials()[:1]:
            session.probe_credential(operation, words, credential)
        for number in range(len(operation.required)):
            session.probe_missing(operation, words, number)
        if operation.request is not None:
            session.probe_malformed(operation, words, 1)
        for probe in session.contract.probes:
            if probe.operation == operation.name:
                session.probe_own(probe, words)


@_walk(_lives, breaks="asks for a task whose lifetime is over", covers="to-the-end-of-life")
def past_the_end_of_life(session: LiveSession) -> None:
    """One task read right before the end of its lifetime, and right after it."""
    handle = _to_the_end(session)
    if handle is not None:
        limits = session.contract.limits
        until_age(session, handle, (limits.lifetime or 0.0) + limits.lifetime_slack + edge(session))
        session.look(handle)
        session.look(handle)


@_walk(
    lambda contract: (
        contract.limits.polls is not None and (contract.limits.beyond_polls == "lost" or not _reachable(contract))
    ),
    breaks="polls a task more often than is allowed, or faster than is documented",
    covers="to-the-last-poll",
)
def past_the_last_poll(session: LiveSession) -> None:
    """One task polled as often as is allowed, and more often where the documents say what follows."""
    handle = session.begin()
    if handle is None:
        return
    limits = session.contract.limits
    session.pace.hurried = not _reachable(session.contract)
    try:
        _poll_until(session, handle, (limits.polls or 0) + (BEYOND if limits.beyond_polls == "lost" else 0))
    finally:
        session.pace.hurried = False


def _poll_until(session: LiveSession, handle: Handle, polls: int) -> None:
    """Poll a task until it was polled so often, within its lifetime."""
    limits = session.contract.limits
    life = (limits.lifetime or float("inf")) - limits.lifetime_slack - edge(session)
    pause = life * 0.8 / polls if session.pace.hurried and limits.lifetime is not None else 0.0
    while True:
        history = session.history(handle)
        if history is None or history.lost is not None or history.polls_most >= polls:
            return
        if steps.age(session, handle) > life:
            return
        session.advance(pause)
        session.poll(handle)


def _to_the_end(session: LiveSession) -> Handle | None:
    """Settle a task that succeeds and read it right before the end of its lifetime; the task, None without one."""
    handle = _finished(session)
    if handle is None:
        return None
    limits = session.contract.limits
    early = edge(session) + EARLY
    if limits.lifetime_from == "completion":
        early += lifetimes.doubt(session, handle)
    until_age(session, handle, (limits.lifetime or 0.0) - limits.lifetime_slack - early)
    session.look(handle)
    return handle


def _finished(session: LiveSession) -> Handle | None:
    """A task that has succeeded, None where the provider gives none."""
    for _ in range(ATTEMPTS):
        handle = session.begin()
        if handle is None:
            return None
        _settle(session, handle, 0)
        if session.succeeded(handle):
            return handle
    return None
