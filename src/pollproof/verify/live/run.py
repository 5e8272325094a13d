"""A live run from end to end: planned walks, at the documented pace, kept in a record; or what an earlier run left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from pollproof.clock import Clock
from pollproof.contract.model import Subject
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.recordings.errors import RecordingError
from pollproof.runs.result import Cut, Progress
from pollproof.tasks.ages import solving_times
from pollproof.text import plural
from pollproof.trace.reader import Reader
from pollproof.verify.callbacks import HttpCallbacks
from pollproof.verify.exploration import Exploration
from pollproof.verify.live.planning import LivePlan, planned
from pollproof.verify.live.quota import Quota, QuotaSpent, tasks_in
from pollproof.verify.live.record import Earlier, Record, RecordLost, creates, earlier
from pollproof.verify.live.session import LiveSession
from pollproof.verify.live_limits import Live
from pollproof.verify.plan import Plan
from pollproof.verify.preflight import Preflight
from pollproof.verify.rate_limiter import ProviderRefused
from pollproof.verify.sending import TargetUnusable
from pollproof.verify.target_clocks import BudgetSpent, ClockError
from pollproof.verify.targets import open_target

CALLBACK_PATIENCE = 60.0
"""Seconds that a real provider's callback may take once its task has ended: it comes over the internet."""

_SHOWN_TASKS = 5
"""Unfinished tasks that are named at the end of a run."""


class RunClock:
    """A clock that shows `now` when it is made, in seconds since the beginning of a run."""

    def __init__(self, clock: Clock, now: float) -> None:
        self._clock = clock
        self._offset = now - clock.now()

    def now(self) -> float:
        return self._clock.now() + self._offset

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)


def explore_live(plan: Plan, progress: Progress | None, result: Exploration) -> Exploration:
    """Make a live run; `result` grows meanwhile, so that an interrupted run has shown all that it knows."""
    live = plan.live
    assert live is not None
    assert plan.base_url is not None
    intended = planned(plan)
    result.idle = intended.not_run(plan.contract)
    started = time.monotonic()
    credential = plan.contract.credential.sample if plan.credential is None else plan.credential
    try:
        before = earlier(live.record, plan.contract, plan.base_url) if live.resume else None
        record = Record(
            live.record,
            plan.contract,
            plan.base_url,
            [credential, credential[:-1], credential.swapcase()],
            resume=live.resume,
        )
    except RecordingError as error:
        result.error, result.complete = str(error), False
        return result
    try:
        with contextlib.closing(record), open_target(plan) as found:
            result.clock = found.words
            clock = RunClock(found.clock, 0.0 if before is None else before.now)
            allowance = Quota(live.max_requests, live.max_tasks)
            monitor = Monitor(Reader(plan.contract), clauses_of(plan.contract, Subject.PROVIDER), result.ledger)
            if before is not None:
                result.walks += sorted(before.walks)
                _take_in(before, monitor, allowance, result)
            stage = [""]

            def notify(waiting: float = 0.0) -> None:
                result.exchanges = len(monitor.trace)
                result.seconds = time.monotonic() - started
                result.detail.facts = _facts(live, allowance, result)
                if progress is not None:
                    exercised = sum(1 for entry in result.ledger.entries.values() if entry.exercised)
                    words = f"{stage[0]}, waiting {waiting:.0f} s" if waiting else stage[0]
                    progress(words, result.exchanges, exercised)

            session = LiveSession(
                found.target,
                clock,
                monitor,
                allowance=allowance,
                keeper=record,
                credential=plan.credential,
                sample=plan.sample,
                notify=notify,
            )
            session.created = allowance.tasks
            session.left = session.unfinished()
            if before is not None:
                session.catch_up(unanswered=before.unanswered is not None)
            done = frozenset[str]() if before is None else before.walks
            try:
                with _callbacks(plan, session, clock):
                    _walk(session, intended, done, record, stage, result)
                if not live.only and not result.ledger.seen.tasks:
                    _check_judged(Preflight(plan, found), monitor, result)
            except (TargetUnusable, ClockError, RecordLost) as error:
                result.error, result.complete = str(error), False
            except OSError as error:  # the port of the receiver of callbacks
                result.error = f"callbacks cannot be received at {plan.callback_url}: {error.strerror or error}"
                result.complete = False
            finally:
                notify()
                result.statuses = session.statuses
                result.solving += solving_times(monitor.account.tasks.values())
                result.notes += _closing(session, live.record, complete=result.complete)
    finally:
        result.seconds = time.monotonic() - started
    return result


def _check_judged(preflight: Preflight, monitor: Monitor, result: Exploration) -> None:
    """Fail a run in which the provider created no task: nothing but refusals was seen, and nothing is said by them."""
    events = (monitor.reader.read(exchange, number) for number, exchange in enumerate(monitor.trace))
    refused = next((event for event in events if event is not None and event.probe is None), None)
    if refused is not None:
        result.fail(preflight.paragraph("no task could be created", refused))


def _facts(live: Live, allowance: Quota, result: Exploration) -> dict[str, Any]:
    """What a report says of a live run."""
    return {
        "record": live.record,
        "destructive": live.destructive,
        "requests": allowance.requests,
        "tasks": allowance.tasks,
        "max_requests": live.max_requests,
        "max_tasks": live.max_tasks,
        "clock_skew": live.clock_skew,
        "walks": list(result.walks),
    }


def _take_in(before: Earlier, monitor: Monitor, allowance: Quota, result: Exploration) -> None:
    """Judge what an earlier run has done, and count it."""
    for exchange in before.exchanges:
        event = monitor.observe(exchange)
        if event is not None:
            allowance.tasks += tasks_in(event)
    allowance.requests = before.requests
    if before.unanswered is not None:
        if creates(monitor.reader.contract, before.unanswered):
            allowance.tasks += 1
            what = "; a task may have been created that is not known here"
        else:
            what = ""
        result.notes.append(f"the earlier run ended before its last request ({before.unanswered}) was answered{what}")


def _walk(
    session: LiveSession,
    intended: LivePlan,
    done: frozenset[str],
    record: Record,
    stage: list[str],
    result: Exploration,
) -> None:
    """Make the walks that are left; what stops one stops the run."""
    try:
        for step in intended.steps:
            if step.walk.name in done:
                continue
            stage[0] = step.walk.name.replace("-", " ")
            session.permitted = step.permitted
            session.reached = set()
            step.walk.run(session)
            record.walk_ended(step.walk.name)
            if step.permitted or not step.walk.breaks:  # else it has left out what it needs permission for
                result.unreached += (reasons := step.walk.unreached(session))
                result.cuts += [Cut(reason, "unexercised") for reason in reasons]
            result.walks.append(step.walk.name)
        for handle in session.left:
            stage[0] = "tasks of the earlier run"
            session.settle(handle, session.contract.limits.solving or 0.0)
        session.left = []
    except (QuotaSpent, ProviderRefused) as error:
        result.notes.append(f"the walk '{stage[0]}' was cut short: {error}")
        result.complete = False
    except BudgetSpent:
        budget = f"{result.spec.budget:g} s"
        result.notes.append(f"the walk '{stage[0]}' was cut short: it would take longer than the granted {budget}")
        result.complete = False


@contextlib.contextmanager
def _callbacks(plan: Plan, session: LiveSession, clock: Clock) -> Iterator[None]:
    """Receive callbacks, where the API has them and the provider can reach this machine."""
    if plan.callback_url is None or session.callback_operation is None:
        yield
        return
    receiver = HttpCallbacks(clock, plan.callback_url)
    receiver.patience = CALLBACK_PATIENCE
    session.callbacks = receiver
    try:
        yield
    finally:
        receiver.close()


def _closing(session: LiveSession, record: str, *, complete: bool) -> list[str]:
    """What is said at the end: what was requested and created, which tasks have no end, and how to go on."""
    allowance, alive = session.allowance, session.unfinished()
    made = f"{plural(allowance.requests, 'request')} made, {plural(allowance.tasks, 'task')} created"
    notes = [f"{made}; all is kept in {record}"]
    if alive:
        names = ", ".join(str(handle.id) for handle in alive[:_SHOWN_TASKS]) + (
            ", ..." if len(alive) > _SHOWN_TASKS else ""
        )
        notes.append(f"{plural(len(alive), 'task')} had no end when the run ended: {names}")
    if not complete:
        notes.append(
            f"the run can be gone on with: the same command with --resume {record} in place of --record, and with "
            "larger limits where those were used up"
        )
    return notes
