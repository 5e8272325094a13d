"""The reference client: creates a task and polls it as the documents ask, in virtual time.

It shows that the client clauses can be kept, and its mutants that they can be broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pollproof.clauses.faults import CreatedTask, FaultyClient, Settings
from pollproof.clauses.fields import retry_after_seconds
from pollproof.clauses.kinds import limits_of_client
from pollproof.clock import VirtualClock
from pollproof.contract.model import Break, Contract, Effect, Phase, Subject, TaskKind, Variant
from pollproof.contract.places import MISSING
from pollproof.contract.templates import with_value, without
from pollproof.http.target import InProcessTarget, Target
from pollproof.http.target import RequestOutcome as Answered
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.client_outcome import ClientOutcome
from pollproof.trace.events import READABLE, Answer, Event
from pollproof.trace.exchange import Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.handles import Handle
from pollproof.verify.session import Session

NEVER_READY = 1_000_000.0
"""A solving time that no lifetime reaches: the task is never ready."""

STAGE = 100_000.0
"""Seconds between the beginnings of two sessions in one trace."""

_OVERLOADED_SESSION = 2
"""The session in which the provider is overloaded."""

_PATIENCE = 300
"""Polls of one task after which a client gives up where no budget is documented."""


class ReferenceClient(FaultyClient):
    """A conforming client. Its mutants override one method."""

    retries = 3
    """How often it retries in a row a request that was not answered, or refused as busy."""

    def __init__(self, contract: Contract, session: Session) -> None:
        self.contract = contract
        self.session = session
        self.limits = limits_of_client(contract)
        self.last: Event | None = None
        self.demanded = 0.0
        self.created: Event | None = None
        self.failures = 0
        place = contract.credential.at
        if isinstance(session, ChangedSession) and place is not None and place.area == "header":
            session.headers = {place.steps[0].lower(): self.shown_key(session.credential)}

    def shown_key(self, key: str) -> str | None:
        """What stands in the header of the key; None: no such header is sent."""
        return self.contract.credential.template.replace("{credential}", key)

    def wait(self) -> float:
        """Seconds before the next poll: what the documents state, or the last response if that is more."""
        answer = self.created if self.last is None else self.last
        if answer is not None and answer.answer in READABLE:  # what failed demands nothing, and takes nothing back
            self.demanded = retry_after_seconds(answer.marks.get("retry_after")) or 0.0
        return max(self.session.wait, self.limits.wait or 0.0, self.demanded)

    def task_id(self, handle: CreatedTask, event: Event | None) -> Any:
        """The id to poll with, given the last response."""
        return handle.id

    def is_done(self, event: Event) -> bool:
        """Whether a response is the last that is needed."""
        if event.answer is Answer.STATE:
            return event.phase is not None and event.phase.terminal
        return not self.retries_after(event)

    def retries_after(self, event: Event) -> bool:
        """Whether to retry a request that was not answered, or refused as busy."""
        if event.answer in (Answer.NONE, Answer.UNREADABLE):
            return self.failures <= self.retries
        return event.effect in (Effect.BUSY, Effect.BLOCKED)

    def retry_wait(self) -> float:
        """Seconds before a creation is retried: longer each time."""
        return self.session.wait * self.failures

    def gives_up(self, polls: int, elapsed: float) -> bool:
        """Whether to stop before the next poll: the budget or the lifetime would be exceeded."""
        limits = self.limits
        if polls >= (limits.polls or _PATIENCE):
            return True
        return limits.lifetime is not None and elapsed + self.wait() > limits.lifetime

    def keeps_inline(self, event: Event) -> bool:
        """Whether a result in the creation's answer is taken as it is."""
        return event.phase is Phase.SUCCEEDED

    def batch_wait(self) -> float:
        """Seconds between two batches."""
        return self.limits.batch_wait or 0.0

    def run_batches(self) -> None:
        """Send several batches, where the API has them."""
        if self.session.batch_operation is not None:
            for _ in range(3):
                self.session.advance(self.batch_wait())
                self.session.batch()

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        """What it says at its end: the result, or that there is none."""
        return ClientOutcome(result is not None, result, task)

    def run(self, kind: TaskKind) -> Any:
        """Create a task, poll it to its end, and say how it ended; the result, or None."""
        event, handle = self.create(kind)
        self.last, self.created, self.demanded = None, event, 0.0
        result = None
        if handle is not None:
            result = event.result if self.keeps_inline(event) else self.follow(handle)
        result = None if result is MISSING else result
        self.session.report_outcome(self.outcome(result, "" if handle is None else handle.id))
        return result

    def create(self, kind: TaskKind) -> tuple[Event, Handle | None]:
        """Create a task, and try again a few times where the provider cannot be reached."""
        self.failures = 0
        while True:
            event, handle = self.session.create(kind, repeated=self.failures > 0)
            if event.answer is Answer.STATE:
                return event, handle
            self.failures += 1
            if self.failures > self.retries or not self.retries_after(event):
                return event, handle
            self.session.advance(self.retry_wait())

    def follow(self, handle: Handle) -> Any:
        """Poll a task to its end; its result, or None."""
        started = self.session.clock.now()
        polls = self.failures = 0
        self.last = None
        while not self.gives_up(polls, self.session.clock.now() - started):
            self.session.advance(self.wait())
            polls += 1
            words = {"task_id": self.task_id(handle, self.last)}
            last = self.last = self.session.send(self.session.request(self.session.poll_operation, words))
            self.failures = 0 if last.answer is Answer.STATE else self.failures + 1
            if self.is_done(last):
                return self.result(handle, last) if last.phase is Phase.SUCCEEDED else None
        return None

    def result(self, handle: Handle, event: Event) -> Any:
        """The result of a task that has succeeded, fetched where that is an operation of its own."""
        fetched = self.session.fetch(handle)
        if fetched is None:
            return event.result
        return fetched.result if fetched.phase is Phase.SUCCEEDED else None


def judge_client(
    contract: Contract,
    ledger: Ledger | None = None,
    client: type[ReferenceClient] = ReferenceClient,
    changes: tuple[Break, ...] = (),
    variant: Variant | None = None,
) -> Monitor:
    """Let a client do all kinds of tasks, and one that is never ready, against the reference; the monitor judged it.

    `changes` are departures of the client's request bodies, by operation. `variant` is the legal variant of the
    reference that the client meets.
    """
    clauses = clauses_of(contract, Subject.CLIENT)
    monitor = Monitor(Reader(contract), clauses, Ledger(clauses) if ledger is None else ledger)
    base = Settings() if variant is None else Settings(**variant.settings)
    for number, solving in enumerate((base.solving, NEVER_READY, base.solving)):
        clock = VirtualClock()
        clock.advance(number * STAGE)  # the trace goes on: a session begins later than the last one ended
        settings = replace(base, solving=solving)
        provider = ReferenceProvider(contract, clock, settings, () if variant is None else variant.changes)
        provider.skip_ids(number * 1000)
        target = OverloadedTarget(InProcessTarget("the reference provider", provider.handle))
        session = ChangedSession(target, clock, monitor)
        session.changes = changes
        if number == _OVERLOADED_SESSION:
            meet_overload(client(contract, session), target)
            break
        for kind in contract.kinds.values():
            for _ in range(1 if solving is NEVER_READY else 5):
                client(contract, session).run(kind)
        client(contract, session).run_batches()
    return monitor


def meet_overload(client: ReferenceClient, target: OverloadedTarget) -> None:
    """Let a client do a task whose first two creations and first poll fail, and one whose creations all do."""
    session = client.session
    session.patient = True
    target.refuse(1, 2, 4)
    client.run(session.kinds[0])
    target.down = True
    client.run(session.kinds[0])


class OverloadedTarget:
    """A target that now and then answers like an overloaded server."""

    def __init__(self, target: Target) -> None:
        self.name = target.name
        self.down = False
        self._refused: frozenset[int] = frozenset()
        self._target = target
        self._count = 0

    def refuse(self, *numbers: int) -> None:
        """Be overloaded at these of the next requests, counted from 1."""
        self._refused = frozenset(self._count + number for number in numbers)

    def exchange(self, request: Request) -> Answered:
        """The target's own response, or that of the server before it."""
        self._count += 1
        if self.down or self._count in self._refused:
            return Answered(Response(503, {"content-type": "text/html"}, b"<html>overloaded</html>"), None)
        return self._target.exchange(request)

    def close(self) -> None:
        self._target.close()


class ChangedSession(Session):
    """A session whose request bodies are changed before they are sent, as a faulty client's would be."""

    changes: tuple[Break, ...] = ()
    headers: Mapping[str, str | None] = MappingProxyType({})
    """Headers that are sent in place of the right ones; None: not at all."""

    def send(self, request: Request, probe: str | None = None) -> Event:
        return super().send(self.rewrite(request), probe)

    def rewrite(self, request: Request) -> Request:
        """The request after the changes."""
        for change in self.changes:
            operation = self.contract.operations[change.operation]
            if request.path != operation.path:
                continue
            body = self.codec.read(request.body)
            if operation.element and operation.element not in body:  # another operation of the same path
                continue
            for pointer in change.remove:
                body = without(body, pointer)
            for pointer, value in change.set:
                body = with_value(body, pointer, value)
            request = request._replace(body=self.codec.write(body))
        if self.headers:
            kept = {name: value for name, value in request.headers.items() if name.lower() not in self.headers}
            own = {name: value for name, value in self.headers.items() if value is not None}
            request = request._replace(headers={**kept, **own})
        return request
