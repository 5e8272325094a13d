"""What single clauses of a contract speak of: keys, rates, bounds, and results with a time of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from pollproof.contract.model import Contract, Phase, Rate, Role, TaskKind
from pollproof.tasks.state import CALLBACK_REFUSED
from pollproof.trace.events import STATUS_MARK
from pollproof.trace.inputs import at_limits
from pollproof.verify.handles import TASK_CREATED, TASK_ENDED, Handle
from pollproof.verify.rate_limiter import OVERLOADED
from pollproof.verify.session import Session
from pollproof.verify.walks.batches import with_callback
from pollproof.verify.walks.lifetimes import doubt, settle_closely
from pollproof.verify.walks.registry import has_kind, walk
from pollproof.verify.walks.steps import age, create_several, edge, finish, patience, reread

STEPS_TO_SEND_AGAIN = 10
"""Steps in which the time passes within which a callback is sent again."""

LEAST_GRACE, MOST_GRACE = 0.2, 10.0
"""Seconds of real time that a target is given to take note of a refused callback."""

MAXIMUM_UNFINISHED = 200
"""Unfinished tasks from which on a limit of them is not tried."""

ROUNDS_OF_CREATIONS = 4
"""How often tasks are created in place of those that have ended meanwhile."""

MAXIMUM_BURST = 2_000
"""Requests of a burst; a rate of more than half of that is not tried."""


def _names_probe(contract: Contract, probe: str) -> bool:
    named = (getattr(clause.parameters, "probe", "") for clause in contract.clauses)
    return probe in named or any(probe in getattr(clause.parameters, "to", ()) for clause in contract.clauses)


def _has_keys(contract: Contract) -> bool:
    return "idempotency_key" in contract.operation(Role.CREATE).marks


@walk(_has_keys, reaches=(TASK_CREATED,))
def created_again_with_its_key(session: Session) -> None:
    """Creations repeated with their idempotency key, with another request, and when the key is not kept any more."""
    kind = session.kinds[0]
    task = session.task(kind)
    key = session.new_key()
    event = session.create_with_key(kind, task, key)
    session.create_with_key(kind, task, key)
    if event.task is not None:
        session.reach(TASK_CREATED)
        handle = Handle(event.raw_task, event.task, kind)
        session.settle(handle, patience(session))
        session.create_with_key(kind, task, key)
        reread(session, [handle])
    if _names_probe(session.contract, "reused-key"):
        different = _different(session, kind, task)
        if different is not None:
            session.create_with_key(kind, different, key, "reused-key")
    session.create_with_key(kind, task, session.new_key() + "-other")
    lifetime = session.contract.limits.key_lifetime
    if lifetime is None:
        return
    task, key = session.task(kind), session.new_key()
    over = session.create_with_key(kind, task, key).exchange.received + lifetime + edge(session) + 4 * session.latency
    session.advance(lifetime - edge(session) - 4 * session.latency, most=True)
    session.create_with_key(kind, task, key)
    session.advance(over - session.clock.now())
    session.create_with_key(kind, task, key)


def _different(session: Session, kind: TaskKind, task: Any) -> Any:
    """A task that is different in what is not its key, and as right; None where none is found."""
    operation, key = session.creates(kind), session.creates(kind).marks["idempotency_key"]
    if key.area not in ("body", "path"):
        for name, value in kind.sample.items():
            if isinstance(value, str) and "{number}" in value:
                return {**session.task(kind), name: value.replace("{number}", f"{session.created}0")}
    schema = session.contract.schemas.get(operation.request_schema or "")
    if operation.request != "$task" or not isinstance(schema, dict):
        return session.task(kind) if key.area not in ("body", "path") else None
    others = (each for each in at_limits(schema, task) if each.body != task)
    return next((each.body for each in others if key.area == "path" or not key.pointer.startswith(each.pointer)), None)


@walk(has_kind("result-kept", "result-removed"), reaches=(TASK_ENDED,))
def to_the_removal_of_results(session: Session) -> None:
    """Tasks whose result is read just before and just after the end of the time that it is kept."""
    rules = [each.parameters for each in session.contract.clauses if each.kind in ("result-kept", "result-removed")]
    ends = sorted({(rule.seconds, rule.within.lifetime_slack, rule.within.lifetime_from) for rule in rules})
    for seconds, slack, since in ends:
        handles = []
        for _ in range(3):
            handle = session.begin()
            if handle is not None and settle_closely(session, handle):
                handles.append(handle)
        for margin, after in ((-slack, False), (slack, True)):
            for handle in handles:
                history = session.history(handle)
                if history is None or history.terminal is not Phase.SUCCEEDED:
                    continue
                moments = {"completion": history.ended_received, "creation": history.created_received}
                began = moments.get(since, history.answered)
                read = session.fetch if since == "last-read" else session.read  # a poll is a read, too
                safe = edge(session) + 4 * session.latency + (doubt(session, handle) if since == "completion" else 0.0)
                moment = began + seconds + margin + (edge(session) if after else -safe)
                session.advance(moment - session.clock.now(), most=not after)
                read(handle)


@walk(has_kind("finishes"), reaches=(TASK_CREATED,))
def past_the_bound_to_finish(session: Session) -> None:
    """Tasks polled just after the time by which they have ended."""
    bounds = [each.parameters.seconds for each in session.contract.clauses if each.kind == "finishes"]
    for bound in bounds:
        handles = create_several(session, 4)
        session.advance(bound + edge(session))
        for handle in handles:
            session.poll(handle)


def _can_burst(contract: Contract) -> bool:
    return any(rate.requests * 2 <= MAXIMUM_BURST for rate in contract.rates) and _names_probe(contract, "too-many")


@walk(_can_burst, reaches=(TASK_CREATED,), breaks="sends too many requests")
def too_many_at_once(session: Session) -> None:
    """More requests than the documented rates let pass, all at once."""
    if not session.permitted:
        return
    for rate in session.contract.rates:
        if rate.requests * 2 > MAXIMUM_BURST:
            continue
        session.advance(2 * rate.seconds)
        handle = session.begin()
        if handle is None:
            return
        session.advance(rate.seconds)
        session.unpaced = True
        try:
            _burst(session, handle, rate)
        finally:
            session.unpaced = False
        session.advance(2 * rate.seconds)
        reread(session, [handle])


def _burst(session: Session, handle: Handle, rate: Rate) -> None:
    """One request more than two windows of a rate let pass: a fixed window may end in the midst of them."""
    for number in islice(range(2 * rate.requests + 1), 2 * rate.requests + 1):
        probe = "too-many" if number == 2 * rate.requests else None
        if rate.of == "create":
            kind = session.kinds[0]
            session.create_with_key(kind, session.task(kind), session.new_key(), probe)
        else:
            session.send(session.about(session.poll_operation, handle), probe)


@walk(
    lambda contract: (contract.limits.unfinished or MAXIMUM_UNFINISHED) < MAXIMUM_UNFINISHED,
    reaches=(TASK_CREATED,),
    breaks="creates more tasks than may be unfinished",
)
def too_many_unfinished(session: Session) -> None:
    """As many unfinished tasks as are allowed, and one more."""
    limit, handles = session.contract.limits.unfinished, list[Handle]()
    if limit is None or not session.permitted or session.frugal:
        return
    session.advance(patience(session))
    for _ in range(ROUNDS_OF_CREATIONS):
        handles += create_several(session, limit - len(handles))
        polled = [(handle, session.poll(handle)) for handle in handles]
        handles = [handle for handle, event in polled if event.phase in (Phase.WAITING, Phase.RUNNING)]
        if len(handles) == limit and _one_more(session, handles):
            break
    for handle in handles:
        session.settle(handle, patience(session))


def _one_more(session: Session, handles: list[Handle]) -> bool:
    """One more creation, an invalid one where polls after it show that all tasks were unfinished; whether they did."""
    kind = session.kinds[0]
    creation = session.request(session.creates(kind), session.creation_words(session.task(kind), session.new_key()))
    polls = [session.about(session.poll_operation, handle) for handle in handles]
    first, *others = session.gather([creation, *polls])
    events = [session.monitor.reader.read(exchange, 0) for exchange in others]
    unfinished = all(event is not None and event.phase in (Phase.WAITING, Phase.RUNNING) for event in events)
    limited = first.response is None or (bool(session.contract.rates) and first.response.status in OVERLOADED)
    if unfinished and not limited:
        first = first._replace(probe="too-many-unfinished")
    for exchange in (first, *others):
        session.monitor.observe(exchange)
    return unfinished and not limited


@walk(
    lambda contract: _names_probe(contract, "wrong-scheme"),
    reaches=(TASK_CREATED,),
    breaks="sends the key after another word",
)
def key_after_another_word(session: Session) -> None:
    """The right key after another word than the documented one."""
    handle = session.begin()
    if handle is None or not session.permitted:
        return
    session.probe_scheme(session.poll_operation, {"task_id": handle.id})
    session.probe_scheme(session.create_operation, {"task": session.task(session.kinds[0]), "number": session.created})
    reread(session, [handle])


@walk(has_kind("pages"))
def page_by_page(session: Session) -> None:
    """Results that are read page by page, and again in pages of other sizes."""
    for _ in range(2):
        handle = finish(session)
        operation = session.fetch_operation
        if handle is None or operation is None or operation.pages is None:
            return
        sizes = (1, 3, operation.pages.most) if operation.pages.size else (None,)
        for size in (None, *sizes):
            session.fetch_pages(handle, size)
        if session.frugal:
            return


@walk(lambda contract: bool(contract.credential.others))
def key_at_other_places(session: Session) -> None:
    """Tasks that are created and polled with the key at each of its other places, and with a wrong one there."""
    for number in range(len(session.contract.credential.others)):
        handle = session.begin()
        kind = session.kinds[0]
        session.send(session.at_other_place(session.creation(kind), number))
        if handle is None:
            continue
        for operation in (session.poll_operation, session.fetch_operation, session.cancel_operation):
            if operation is None or not session.has_ids(operation, handle):
                continue
            about = session.about(operation, handle)
            if session.permitted:
                wrong = session.contract.credential.wrong
                session.send(session.at_other_place(about, number, wrong), "wrong-credential")
            if operation is not session.cancel_operation:
                session.send(session.at_other_place(about, number))


@walk(
    lambda contract: _names_probe(contract, "not-modified") or _names_probe(contract, "modified"), reaches=(TASK_ENDED,)
)
def polled_with_etags(session: Session) -> None:
    """Ended tasks polled with the ETag of their last response, and with that of a response before their end."""
    for handle in create_several(session, 3):
        early = session.poll(handle)
        if session.settle(handle, patience(session)) is None:
            continue
        session.reach(TASK_ENDED)
        reread(session, [handle])
        latest = session.poll(handle).marks.get("etag")
        for event, same in ((early, False), (None, True)):
            etag = latest if event is None else event.marks.get("etag")
            unended = event is None or (event.phase is not None and not event.phase.terminal)
            if isinstance(etag, str) and unended:
                session.poll_with_etag(handle, etag, same=same)
        reread(session, [handle])


def _limits_cancelling(contract: Contract) -> bool:
    limited = contract.limits.cancel_within is not None or bool(contract.limits.cancel_while)
    return limited and contract.operation_of(Role.CANCEL) is not None


@walk(_limits_cancelling, reaches=(TASK_CREATED,))
def cancelled_in_time_and_late(session: Session) -> None:
    """Unfinished tasks cancelled just before and just after they can be: by their age, and by their status."""
    within, states = session.contract.limits.cancel_within, session.contract.limits.cancel_while
    for late in () if within is None else (False, True):
        handles = create_several(session, 7)
        margin = edge(session) + 7 * session.latency
        if handles and within is not None:
            passed = 0.0 if late else age(session, handles[0])
            session.advance(within - passed + (margin if late else -margin), most=not late)
        for handle in handles:
            _cancel_unfinished(session, handle)
    if not states:
        return
    handles, pause, waited = create_several(session, 8), session.wait, 0.0
    early = handles[:2]
    while handles and waited <= patience(session):
        for handle in handles:
            event = session.poll(handle)
            if event.status not in states or handle in early:
                _cancel_unfinished(session, handle)
        handles = [handle for handle in handles if handle not in early and not _is_past(session, handle, states)]
        session.advance(pause)
        waited += pause
        pause *= 1.2


def _is_past(session: Session, handle: Handle, states: Sequence[str]) -> bool:
    history = session.history(handle)
    return history is None or history.terminal is not None or history.marks.get(STATUS_MARK) not in states


def _cancel_unfinished(session: Session, handle: Handle) -> None:
    """Cancel a task that a poll has just found unfinished, and poll it again."""
    event = session.poll(handle)
    if event.phase is not None and not event.phase.terminal:
        session.cancel(handle)
        session.poll(handle)


@walk(
    has_kind("callback-retried"), needs="callbacks", reaches=(TASK_CREATED,), breaks="answers a callback with HTTP 500"
)
def callbacks_refused(session: Session) -> None:
    """A callback that is answered with HTTP 500, and comes again within the documented time."""
    source = session.callbacks
    if source is None or not session.permitted:
        return
    seconds = max(each.parameters.seconds for each in session.contract.clauses if each.kind == "callback-retried")
    session.take_callbacks()
    source.refusing = 1
    try:
        event, handle = session.create_called_back(session.kinds[0], with_callback(session, 31, "sent again"))
        if handle is None:
            _, handle = session.begun(session.insist(event), session.kinds[0])
        if handle is None:
            return
        session.settle(handle, patience(session))
        await_arrival(session, lambda: source.refusing == 0)
    finally:
        source.refusing = 0
    since = session.clock.now()
    if source.patience:
        time.sleep(_grace(session))  # no time passes before the target can have heard of the refusal
    for _ in range(STEPS_TO_SEND_AGAIN):  # step by step, so that what is sent earlier is seen to be
        if _came(session, handle):
            return
        session.advance(seconds / STEPS_TO_SEND_AGAIN)
        await_arrival(session, lambda: _came(session, handle), source.patience / STEPS_TO_SEND_AGAIN)
    await_arrival(session, lambda: _came(session, handle))
    history = session.history(handle)
    if history is not None and CALLBACK_REFUSED in history.marks and not _came(session, handle):
        session.miss(handle, since, f"none came again within {seconds:g} s")


def _grace(session: Session) -> float:
    """Seconds of real time in which a target surely does what it does at once, by how long its responses took."""
    return min(LEAST_GRACE + 20 * session.latency, MOST_GRACE)


def _came(session: Session, handle: Handle) -> bool:
    history = session.history(handle)
    return history is not None and history.callbacks > 0


def await_arrival(session: Session, arrived: Callable[[], bool], seconds: float | None = None) -> None:
    """Wait for callbacks, in real time, until the condition holds or their patience is over."""
    source = session.callbacks
    assert source is not None
    until = time.monotonic() + (source.patience + _grace(session) if seconds is None else seconds)
    session.take_callbacks()
    while not arrived() and time.monotonic() < until:
        source.wait(0.05)
        session.take_callbacks()
    session.take_callbacks()
