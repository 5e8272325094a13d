"""Directed walks: short plans, derived from the contract, that exercise every clause for certain.

Each walk is a function over a session, simplest first. A walk judges nothing: the monitor behind the session does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pollproof.contract.model import Contract, Effect, Phase, Probe, Role
from pollproof.events import Answer, Event
from pollproof.explore.session import Handle, Session

EDGE = 0.25
"""Seconds before and after what a deadline leaves open at which polls are sent, besides the target's own latency."""

MAXIMUM_ATTEMPTS = 6
"""Tasks that are created at most to get one that succeeds."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A named walk; `applies` tells whether a contract has what it exercises.

    A `last` walk may end the good will of a provider: it is run after everything else.
    """

    name: str
    run: Callable[[Session], None]
    applies: Callable[[Contract], bool]
    last: bool = False

    @property
    def purpose(self) -> str:
        """The first line of the walk's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


WALKS: list[Walk] = []
"""All walks in the order in which they are run."""


def walk(
    applies: Callable[[Contract], bool] = lambda contract: True, *, last: bool = False
) -> Callable[[Callable[[Session], None]], Callable[[Session], None]]:
    """Register a walk."""

    def register(run: Callable[[Session], None]) -> Callable[[Session], None]:
        WALKS.append(Walk(run.__name__.replace("_", "-"), run, applies, last))
        return run

    return register


# ------------------------------------------------------------------------------------- pieces


def patience(session: Session) -> float:
    """Seconds after which a task that is not finished is given up."""
    limits = session.contract.limits
    return limits.solving or (limits.lifetime or 400.0) * 0.4


def created(session: Session) -> Handle | None:
    """A new task of the kinds that must be polled for, taken in turn; one more try after a busy answer."""
    for _ in range(3):
        event, handle = session.create(session.kinds[session.created % len(session.kinds)])
        if handle is not None or not session.pause_if_told(event):
            return handle
    return None


def several(session: Session, count: int) -> list[Handle]:
    """That many new tasks, created one right after the other."""
    handles = [created(session) for _ in range(count)]
    return [handle for handle in handles if handle is not None]


def finished(session: Session) -> Handle | None:
    """A task that has succeeded, None where the target gives none."""
    for _ in range(MAXIMUM_ATTEMPTS):
        handle = created(session)
        if handle is None:
            return None
        if session.settle(handle, patience(session)) is Phase.SUCCEEDED:
            return handle
    return None


def settle_all(session: Session, handles: list[Handle]) -> None:
    """Poll tasks in turn, at a lawful pace, until all have an end."""
    waiting = list(handles)
    waited, pause = 0.0, session.wait
    while waiting and waited <= patience(session):
        still = []
        for handle in waiting:
            event = session.poll(handle)
            if (
                not (event.phase is not None and event.phase.terminal) and event.answer is not Answer.REFUSED
            ) or event.effect in (Effect.BUSY, Effect.BLOCKED):
                still.append(handle)
        waiting = still
        session.advance(pause)
        waited += pause
        pause = min(pause * 1.4, max(20.0, patience(session) / 10))


def read_again(session: Session, handles: list[Handle], times: int = 1) -> None:
    """Poll tasks that have an end once more, to see that it is one."""
    for _ in range(times):
        for handle in handles:
            session.pause_if_told(session.look(handle))
        session.advance(session.wait)


def age(session: Session, handle: Handle) -> float:
    """Seconds since a task's lifetime began, as far as its answers tell: 0 before it has begun."""
    history = session.history(handle)
    if history is None:
        return 0.0
    if session.contract.limits.lifetime_from == "completion":
        return 0.0 if history.terminal is None else session.clock.now() - history.ended_received
    return session.clock.now() - history.created_received


def until_age(session: Session, handle: Handle, seconds: float) -> None:
    """Let time pass until a task has that age (nothing when it is older)."""
    session.advance(seconds - age(session, handle))


def edge(session: Session) -> float:
    """How far from a deadline to poll so that the poll is surely on one side of it."""
    return EDGE + 3 * session.latency


# -------------------------------------------------------------------------------------- walks


@walk()
def one_after_another(session: Session) -> None:
    """Four tasks, each created, polled to its end and read again."""
    for _ in range(4):
        handle = created(session)
        if handle is not None:
            session.settle(handle, patience(session))
            read_again(session, [handle], 3)


@walk(lambda contract: any(kind.inline for kind in contract.kinds.values()))
def answered_at_once(session: Session) -> None:
    """Tasks of a synchronous kind: their answer is in the creation."""
    for kind in session.inline_kinds:
        for _ in range(3):
            event, _ = session.create(kind)
            session.pause_if_told(event)


@walk()
def side_by_side(session: Session) -> None:
    """Several tasks at once, polled in turn, read again in another order and after one more was created."""
    handles = several(session, 5)
    settle_all(session, handles)
    read_again(session, handles[::-1], 2)
    newest = several(session, 2)
    _, twin = session.create(session.kinds[0], again=True)  # asked for twice, a task is two tasks
    if twin is not None:
        newest.append(twin)
    read_again(session, handles)
    settle_all(session, newest)
    read_again(session, handles + newest)
    read_again(session, newest[::-1] + handles)


@walk()
def turned_away(session: Session) -> None:
    """Unknown tasks, wrong keys, missing fields, malformed bodies; and the task beside them is none the worse."""
    task = session.kinds[0].sample
    for identifier in session.contract.task_id["unknown"]:
        session.probe_unknown(identifier)
        session.probe_unknown(identifier, operation=session.fetch_operation)
    for identifier in session.contract.task_id.get("ill_formed", ()):
        session.probe_unknown(identifier, "ill-formed-task")
    for credential in session.wrong_credentials():
        session.probe_credential(session.create_operation, {"task": task}, credential)
    handle = finished(session)
    pending = created(session)
    if handle is not None and isinstance(handle.id, int):
        # Neighbours of real ids: the next one, and one that is the same in 32 bits.
        for identifier in (max(handle.id, pending.id if pending is not None else 0) + 1, handle.id + 2**32):
            session.probe_unknown(identifier)
    known = session.contract.task_id["unknown"][0] if handle is None else handle.id
    words = {"task": task, "task_id": known, "number": session.created}
    steps: list[Callable[[], Event | None]] = []
    asked = (session.create_operation, session.poll_operation, session.fetch_operation, session.batch_operation)
    for operation in filter(None, asked):
        for number in range(len(operation.required)):
            for null in (False, True):
                steps.append(lambda o=operation, n=number, z=null: session.probe_missing(o, words, n, null=z))  # type: ignore[misc]
        for number in range(2 if operation.request is not None else 0):
            steps.append(lambda o=operation, n=number: session.probe_malformed(o, words, n))  # type: ignore[misc]
    for credential in session.wrong_credentials():
        for operation in filter(None, asked[1:]):
            steps.append(lambda o=operation, c=credential: session.probe_credential(o, words, c))  # type: ignore[misc]
    for probe in session.contract.probes:
        steps.append(lambda p=probe: own_probe(session, p, words))  # type: ignore[misc]
    for credential in session.wrong_credentials()[:1]:
        steps.append(lambda c=credential: session.probe_credential(session.create_operation, words, c))  # type: ignore[misc]
    steps.append(lambda: session.probe_unknown(session.contract.task_id["unknown"][-1]))
    for step in steps:
        step()
        if handle is not None:
            session.pause_if_told(session.look(handle))
    if pending is not None:
        session.settle(pending, patience(session))
        read_again(session, [pending])


def own_probe(session: Session, probe: Probe, words: Mapping[str, Any]) -> None:
    """Ask in a wrong way of the contract's own, at the pace that batches ask for."""
    if session.batch_operation is not None and probe.operation == session.batch_operation.name:
        batch_pause(session)
    session.probe_own(probe, {**words, "number": session.created})


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll(session: Session) -> None:
    """Three tasks side by side polled to the limit and, where the documents say what follows, past it."""
    exhaust(session, several(session, 3), before_end=True)


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll_in_a_hurry(session: Session) -> None:
    """A task polled to the limit at once, before it is finished; then it is finished and asked once more."""
    limit = session.contract.limits.polls or 0
    handle = created(session)
    if handle is None:
        return
    busy = 0
    for _ in range(limit):
        event = session.poll(handle)
        if event.effect is Effect.LOST:
            return
        busy = busy + 1 if event.effect in (Effect.BUSY, Effect.BLOCKED) else 0
        if busy >= 3:  # it does not want to be polled so fast, which is its right
            session.pause_if_told(event)
            return
    if session.contract.limits.beyond_polls == "lost":
        for seconds in (0.0, 30.0, 60.0):
            session.advance(seconds)
            session.poll(handle)


@walk(lambda contract: contract.limits.polls is not None)
def to_the_last_poll_disturbed(session: Session) -> None:
    """Tasks polled to the limit, half before and half after their end, with wrong requests in between."""
    handles = several(session, 3)
    for handle in handles[1:2]:  # a refused poll may count or not: the 119 that follow are answered in any case
        for credential in session.wrong_credentials()[:1]:
            session.probe_credential(session.poll_operation, {"task_id": handle.id}, credential)
    exhaust(session, handles, before_end=False)


def exhaust(session: Session, handles: list[Handle], before_end: bool) -> None:
    """Poll tasks side by side up to their limit within their lifetime; past it where that is documented.

    With `before_end` the end comes early and most polls follow it; otherwise half of them come before.
    """
    limits = session.contract.limits
    limit = limits.polls or 0
    if not handles:
        return
    witness = created(session)
    lifetime = (limits.lifetime or 10_000.0) - limits.lifetime_slack
    pace = min(session.wait, lifetime * 0.9 / limit)
    disturb = {limit // 4, limit // 2, limit - 2}
    for number in range(limit):
        first: Event | None = None
        for handle in handles:
            event = session.poll(handle)
            first = first or event
            if event.effect in (Effect.BUSY, Effect.BLOCKED):
                session.pause_if_told(event)
        if first is not None and age(session, handles[0]) > lifetime - 2 * pace:
            break
        if not before_end and number in disturb:
            disturbance(session, handles[0])
        if before_end or number >= limit // 2:
            session.advance(pace)
    if limits.beyond_polls == "lost":
        for _ in range(3):
            for handle in handles:
                session.poll(handle)
            session.advance(pace)
    if witness is not None:
        session.pause_if_told(session.poll(witness))
    later = created(session)
    if later is not None:
        session.pause_if_told(session.poll(later))
    if limits.beyond_polls == "lost":
        for handle in handles:
            session.poll(handle)


def disturbance(session: Session, handle: Handle) -> None:
    """Requests that are wrong and have nothing to do with the task."""
    words = {"task": session.kinds[0].sample, "task_id": handle.id}
    if session.poll_operation.request is not None:
        session.probe_malformed(session.poll_operation, words, 1)
    if session.poll_operation.required:
        session.probe_missing(session.poll_operation, words, len(session.poll_operation.required) - 1)
    session.probe_unknown(session.contract.task_id["unknown"][0])
    for credential in session.wrong_credentials()[:1]:
        session.probe_credential(session.create_operation, words, credential)


def _lives_from(began: str) -> Callable[[Contract], bool]:
    return lambda contract: contract.limits.lifetime is not None and contract.limits.lifetime_from == began


@walk(_lives_from("creation"))
def to_the_end_of_life(session: Session) -> None:
    """Tasks just before, at and just after the end of their lifetime, polled often, seldom and never before."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    started = several(session, 6)
    if len(started) < 6:
        return
    often, *seldom, never, last = started
    for handle in seldom:
        session.settle(handle, patience(session) / 4)
    steps = 10
    for number in range(1, steps):
        until_age(session, often, lifetime * number / steps)
        session.pause_if_told(session.look(often))
        if number == steps // 2:
            read_again(session, seldom)
    # Before the end: the oldest task tells how late it is for all, the youngest how early.
    early = lifetime - slack - edge(session)
    for handle in (often, *seldom, never):
        until_age(session, handle, early - 5 * session.latency)
        session.look(handle)
    if slack == 0:
        until_age(session, last, lifetime)
        session.look(last)
    # After the end, several times over, and after other things have happened.
    until_age(session, last, lifetime + slack + edge(session))
    for pause in (0.0, session.wait, lifetime / 5, lifetime):
        session.advance(pause)
        for handle in started:
            session.look(handle)
        created(session)


@walk(_lives_from("completion"))
def to_the_end_after_completion(session: Session) -> None:
    """Tasks just before and just after the end of a lifetime that begins with their completion."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    handles = []
    for _ in range(4):
        handle = created(session)
        if handle is not None and settle_closely(session, handle):
            handles.append(handle)
    for handle in handles:
        until_age(session, handle, lifetime - slack - edge(session) - _doubt(session, handle))
        session.look(handle)
    for handle in handles:
        until_age(session, handle, lifetime + slack + edge(session))
        session.look(handle)
        session.look(handle)
    session.advance(lifetime)
    created(session)
    read_again(session, handles)


CLOSE_POLLS = 40
"""Polls at an even pace after which an unfinished task is polled ever more seldom."""


def settle_closely(session: Session, handle: Handle) -> bool:
    """Poll a task evenly to its end, which is between the last two polls; whether it has one."""
    for _ in range(min(CLOSE_POLLS, (session.contract.limits.polls or CLOSE_POLLS) // 2)):
        event = session.poll(handle)
        if event.effect is Effect.FAILED or (event.phase is not None and event.phase.terminal):
            return True
        session.advance(session.wait)
    return session.settle(handle, patience(session)) is not None


def _doubt(session: Session, handle: Handle) -> float:
    """Seconds between the last poll that found a task unfinished and the first that told its end."""
    history = session.history(handle)
    if history is None:
        return 0.0
    began = history.created_sent if math.isnan(history.pending_sent) else history.pending_sent
    return history.ended_received - began


@walk(_lives_from("creation"))
def to_the_end_of_life_unseen(session: Session) -> None:
    """Tasks whose result is read right before the end for the first time, and again right after."""
    limits = session.contract.limits
    lifetime, slack = limits.lifetime or 0.0, limits.lifetime_slack
    handles = several(session, 3)
    for handle in handles:
        until_age(session, handle, lifetime - slack - edge(session) - 8 * session.latency)
        session.look(handle)
    for handle in handles:
        until_age(session, handle, lifetime + slack + edge(session))
        session.look(handle)
        session.look(handle)


READS = 110
"""Reads of one task where no limit is documented: enough to see what changes at the hundredth."""


@walk(lambda contract: contract.limits.polls is None)
def read_many_times(session: Session) -> None:
    """Tasks read a hundred times and more, while others are created and time passes by steps up to a day."""
    handles = several(session, 3)
    settle_all(session, handles)
    limits = session.contract.limits
    span = (limits.lifetime - limits.lifetime_slack) * 0.8 if limits.lifetime else 3600.0
    for number in range(READS):
        for handle in handles:
            session.look(handle)
        if number % 20 == 10:
            created(session)
            session.advance(span / 8)
    if limits.lifetime is None:
        for seconds in (60.0, 3600.0, 86_400.0):
            session.advance(seconds)
            for handle in handles:
                session.look(handle)
            created(session)
            for handle in handles:
                session.look(handle)


BATCH_PAUSE = 0.5
"""Seconds beyond the documented wait between two batches."""

EARLY_SECONDS = 0.1
"""Real seconds in which a callback that comes too early shows itself."""


def batch_pause(session: Session) -> None:
    """Let as much time pass as lies between two batches of a lawful client."""
    wait = session.contract.limits.batch_wait
    if wait is not None:
        session.advance(wait + BATCH_PAUSE)


@walk(lambda contract: contract.operation_of(Role.BATCH) is not None)
def all_at_once(session: Session) -> None:
    """Batches, one after another at the documented pace: their tasks, polled to their ends and read again."""
    for number in range(4):
        batch_pause(session)
        _, handles = session.batch(number)
        settle_all(session, handles)
        read_again(session, handles[::-1])
    if session.contract.limits.batch_size is not None:
        batch_pause(session)
        _, handles = session.batch(0, session.contract.limits.batch_size)
        read_again(session, handles[-1:] + handles[:1])
    batch_pause(session)


@walk(lambda contract: contract.operation_of(Role.CALLBACK) is not None)
def called_back(session: Session) -> None:
    """Tasks with a callback address: nothing comes before the end, and one callback comes then."""
    source = session.callbacks
    if source is None:
        return
    handles: list[Handle] = []
    for number in range(5):
        more = {"callback_url": source.address, "passthrough": f'note {number}: \u00e4 \u4efb "quoted" & <kept>'}
        event, handle = session.create(session.kinds[0], more=more)
        if handle is None:
            session.pause_if_told(event)
            continue
        handles.append(handle)
        source.wait(EARLY_SECONDS)
        session.hear()
        session.poll(handle)
    if len(handles) < 2:
        return
    settle_all(session, handles)
    for handle in handles:
        history = session.history(handle)
        if history is None or history.terminal is None:
            continue
        since, started = session.clock.now(), time.monotonic()
        while not _callbacks(session, handle) and time.monotonic() - started < source.patience:
            source.wait(source.patience / 10)
            session.hear()
        if not _callbacks(session, handle) and not session.nameless_callbacks:
            session.miss(handle, since, f"none came within {source.patience:g} s of real time")
            break  # the others would only be waited for in the same way
    session.advance(60.0)
    source.wait(EARLY_SECONDS)
    session.hear()
    read_again(session, handles)


def _callbacks(session: Session, handle: Handle) -> int:
    history = session.history(handle)
    return 0 if history is None else history.callbacks


@walk(lambda contract: contract.operation_of(Role.CANCEL) is not None)
def given_up(session: Session) -> None:
    """Tasks that are cancelled early, late and twice, and polled on."""
    handles = several(session, 3)
    if not handles:
        return
    session.cancel(handles[0])
    session.settle(handles[0], patience(session))
    for handle in handles[1:2]:
        session.poll(handle)
        session.cancel(handle)
        session.cancel(handle)
    settle_all(session, handles)
    for handle in handles:
        session.cancel(handle)
    read_again(session, handles, 2)


@walk()
def still_the_same(session: Session) -> None:
    """After all that: a few more tasks one after another, and a look at what was refused before."""
    handles = several(session, 4)
    settle_all(session, handles)
    read_again(session, handles, 2)
    for handle in handles[:1]:
        for credential in session.wrong_credentials()[:1]:
            session.probe_credential(session.poll_operation, {"task_id": handle.id}, credential)
    session.probe_unknown(session.contract.task_id["unknown"][-1])
    read_again(session, handles)


@walk(lambda contract: contract.limits.polls is not None and contract.limits.beyond_polls == "open", last=True)
def past_the_last_poll(session: Session) -> None:
    """A task polled past a limit beyond which the documents leave all open but the form of an answer."""
    handle = finished(session)
    beside = created(session)
    if handle is None:
        return
    history = session.history(handle)
    for _ in range((session.contract.limits.polls or 0) - (0 if history is None else history.polls_most) + 3):
        session.poll(handle)
    if beside is not None:
        session.poll(beside)
    created(session)
