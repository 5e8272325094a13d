"""Recording a provider: a conforming client creates tasks, polls them to their ends, and keeps every exchange."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pollproof.contract.model import Phase, Role, TaskKind
from pollproof.contract.templates import with_value
from pollproof.http.addresses import is_loopback
from pollproof.http.client import HttpTarget
from pollproof.monitor.monitor import Monitor
from pollproof.runs.result import FileProgress
from pollproof.trace.client_outcome import ClientOutcome
from pollproof.trace.events import Event
from pollproof.trace.exchange import Exchange, Request
from pollproof.trace.reader import Reader
from pollproof.verify.callbacks import HttpCallbacks
from pollproof.verify.plan import Plan
from pollproof.verify.reference_client import ReferenceClient
from pollproof.verify.sending import TargetUnusable
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import BudgetSpent, ClockError, HookedClock, RealClock

_PATIENCE = 600.0
"""Seconds that a task of a batch may take where no lifetime is documented."""

_MAXIMUM_KEPT = 512 * 1024 * 1024
"""Bytes of responses after which a recording ends: no reader would take a larger one."""


@dataclass(slots=True)
class RecordedTraffic:
    """What was recorded: the exchanges in order, on a `real` or a `virtual` clock.

    `started` is the time of the first exchange on a real clock. `problem` says in one sentence why the recording is
    not complete, None where it is.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    clock: str = "real"
    started: datetime | None = None
    problem: str | None = None

    @property
    def answered(self) -> int:
        """How many exchanges have a response."""
        return sum(1 for exchange in self.exchanges if exchange.response is not None)


def record(
    plan: Plan,
    tasks: int = 1,
    progress: FileProgress | None = None,
    interruptible: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> RecordedTraffic:
    """Record tasks of each kind on the target of a plan. An interruption (Ctrl-C) ends it early and is reported.

    `interruptible` is entered while requests are made: who interrupts at no other time loses no exchange.
    """
    assert plan.base_url is not None, "only a target over HTTP is recorded"
    result = RecordedTraffic(clock="real" if plan.advance_url is None else "virtual")
    clock = RealClock(plan.budget) if plan.advance_url is None else HookedClock(plan.advance_url)
    target = HttpTarget(plan.base_url)
    monitor = Monitor(Reader(plan.contract), ())
    begun, wall = clock.now(), datetime.now(UTC)

    def observed() -> None:
        if progress is not None:
            progress(stage[0], session.exchanges)

    session = CallbackSession(target, clock, monitor, credential=plan.credential, sample=plan.sample, observed=observed)
    stage = [""]
    try:
        if plan.advance_url is not None:
            clock.advance(0.0)  # a hook that does not work is reported before any task is created
        with _receiving(plan, session), interruptible():
            for words in _steps(plan, session, tasks):
                stage[0] = words
            _await_callbacks(session)
    except KeyboardInterrupt:
        result.problem = "interrupted"
    except BudgetSpent:
        result.problem = f"the tasks need more real time than the granted {plan.budget:g} s (--max-wait grants more)"
    except (TargetUnusable, ClockError) as error:
        result.problem = str(error)
    finally:
        target.close()
        if isinstance(clock, HookedClock):
            clock.close()
    result.exchanges = list(monitor.trace)
    if result.clock == "real" and result.exchanges:
        result.started = wall + timedelta(seconds=result.exchanges[0].sent - begun)
    if result.problem is None:
        result.problem = _left_open(plan, monitor)
    return result


class CallbackSession(Session):
    """A session that requests callbacks where it can receive them."""

    def _creation_of(self, kind: TaskKind, task: Any, way: int = 0) -> Request:
        request = super()._creation_of(kind, task, way)
        if self.callbacks is None:
            return request
        place = self.contract.callback_address.pointer
        body = with_value(self.codec.read(request.body), place, self.callbacks.address)
        return request._replace(body=self.codec.write(body))

    kept = 0

    def send(self, request: Request, probe: str | None = None) -> Event:
        event = super().send(request, probe)
        response = event.exchange.response
        self.kept += 0 if response is None else len(response.body)
        if self.kept > _MAXIMUM_KEPT:
            raise TargetUnusable(f"the responses of {self.target.name} came to {_MAXIMUM_KEPT // 1024 // 1024} MiB")
        return event

    def report_outcome(self, outcome: ClientOutcome) -> None:
        """Keep nothing of how the client ended: it is the provider that is recorded."""


def _steps(plan: Plan, session: Session, tasks: int) -> Iterator[str]:
    """Does one thing after the other; each is given in words before it is done."""
    for number in range(tasks):
        for kind in plan.contract.kinds.values():
            yield f"task {number + 1} of kind {kind.name}"
            ReferenceClient(plan.contract, session).run(kind)
    for number in range(tasks if session.batch_operation is not None else 0):
        yield f"batch {number + 1}"
        session.advance(plan.contract.limits.batch_wait or 0.0)
        _, handles = session.batch()
        for handle in handles:
            if session.settle(handle, plan.contract.limits.lifetime or _PATIENCE) is Phase.SUCCEEDED:
                session.fetch(handle)


@contextlib.contextmanager
def _receiving(plan: Plan, session: Session) -> Iterator[None]:
    """Receive callbacks, where the API sends them and the target can reach us."""
    local = plan.callback_url is not None or is_loopback(plan.base_url or "")
    if plan.contract.operation_of(Role.CALLBACK) is None or not local:
        yield
        return
    try:
        receiver = HttpCallbacks(session.clock, plan.callback_url)
    except OSError as error:
        raise TargetUnusable(f"callbacks cannot be received at {plan.callback_url}: {error.strerror}") from None
    session.callbacks = receiver
    try:
        yield
    finally:
        receiver.close()


def _await_callbacks(session: Session) -> None:
    """Wait for the callbacks of tasks that have ended, as long as they may take to arrive."""
    source = session.callbacks
    if source is None:
        return
    account, end = session.monitor.account, time.monotonic() + source.patience
    while time.monotonic() < end:
        session.take_callbacks()
        waiting = [
            history
            for history in account.tasks.values()
            if history.terminal is not None and not history.callbacks and isinstance(history.creation, dict)
        ]
        if not waiting:
            return
        source.wait(source.patience / 10)


def _left_open(plan: Plan, monitor: Monitor) -> str | None:
    """What a recording lacks although nothing went wrong with it, None where it is whole."""
    if monitor.trace and monitor.trace[-1].response is None:
        return f"the target broke off: the last request has no response ({monitor.trace[-1].failure})"
    created = [history for history in monitor.account.tasks.values() if history.created is not None]
    if not created and not _inline(plan, monitor):
        return "no task was created: the target refused each"
    still = sum(1 for history in created if history.terminal is None and not history.inline)
    return f"{still} of {len(created)} tasks did not come to an end" if still else None


def _inline(plan: Plan, monitor: Monitor) -> bool:
    """Whether a task was answered in its creation without an id."""
    reader = Reader(plan.contract)
    events = (reader.read(exchange, number) for number, exchange in enumerate(monitor.trace))
    return any(event is not None and event.phase is Phase.SUCCEEDED for event in events)
