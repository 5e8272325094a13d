"""The reference client: creates a task and polls it as the documents ask, in virtual time.

It shows that the client clauses can be kept, and its mutants that they can be broken.
"""

from __future__ import annotations

from typing import Any

from pollproof.clauses.fields import seconds_of
from pollproof.clock import VirtualClock
from pollproof.contract.model import Break, Contract, Phase, Subject, TaskKind
from pollproof.events import Answer, Event, Reader
from pollproof.explore.session import Handle, Session
from pollproof.ledger import Ledger
from pollproof.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider, Settings
from pollproof.templates import with_value, without
from pollproof.trace import Request
from pollproof.transport.target import InProcessTarget

NEVER = 1_000_000.0
"""A solving time that no lifetime reaches: the task is never ready."""

PATIENCE = 300
"""Polls of one task after which a client gives up where no budget is documented."""


class ReferenceClient:
    """A lawful client. Its mutants override one method."""

    def __init__(self, contract: Contract, session: Session) -> None:
        self.contract = contract
        self.session = session
        self.last: Event | None = None

    def wait(self) -> float:
        """Seconds before the next poll: what the documents ask for, or the last answer if that is more."""
        asked = None if self.last is None else seconds_of(self.last.marks.get("retry_after"))
        return max(self.session.wait, asked or 0.0)

    def task_id(self, handle: Handle, event: Event | None) -> Any:
        """The id to poll with, given the last answer."""
        return handle.id

    def is_done(self, event: Event) -> bool:
        """Whether an answer is the last that is needed."""
        if event.answer is Answer.STATE:
            return event.phase is not None and event.phase.terminal
        return not (event.effect is not None and event.effect.value in ("busy", "blocked"))

    def gives_up(self, polls: int, elapsed: float) -> bool:
        """Whether to stop before the next poll: the budget or the lifetime would be exceeded."""
        limits = self.contract.limits
        if polls >= (limits.polls or PATIENCE):
            return True
        return limits.lifetime is not None and elapsed + self.wait() > limits.lifetime

    def keeps_inline(self, event: Event) -> bool:
        """Whether a result in the creation's answer is taken as it is."""
        return event.phase is Phase.SUCCEEDED

    def batch_wait(self) -> float:
        """Seconds between two batches."""
        return self.contract.limits.batch_wait or 0.0

    def run_batches(self) -> None:
        """Send several batches, where the API has them."""
        if self.session.batch_operation is not None:
            for _ in range(3):
                self.session.advance(self.batch_wait())
                self.session.batch()

    def run(self, kind: TaskKind) -> Any:
        """Create a task and poll it to its end; the result, or None."""
        event, handle = self.session.create(kind)
        if handle is None or self.keeps_inline(event):
            return event.result
        started = self.session.clock.now()
        polls = 0
        self.last = None
        while not self.gives_up(polls, self.session.clock.now() - started):
            self.session.advance(self.wait())
            polls += 1
            words = {"task_id": self.task_id(handle, self.last)}
            last = self.last = self.session.send(self.session.request(self.session.poll_operation, words))
            if self.is_done(last):
                return last.result if last.phase is Phase.SUCCEEDED else None
        return None


def judge_client(
    contract: Contract,
    ledger: Ledger | None = None,
    client: type[ReferenceClient] = ReferenceClient,
    changes: tuple[Break, ...] = (),
    settings: Settings | None = None,
) -> Monitor:
    """Let a client do all kinds of tasks, and one that is never ready, against the reference; the monitor judged it.

    `changes` are departures of the client's request bodies, by operation.
    """
    clauses = clauses_of(contract, Subject.CLIENT)
    monitor = Monitor(Reader(contract), clauses, Ledger(clauses) if ledger is None else ledger)
    for solving in (None, NEVER) if settings is None else (settings.solving,):
        clock = VirtualClock()
        base = settings or Settings()
        provider = ReferenceProvider(contract, clock, Settings(solving, base.lifetime, base.polls, token=base.token))
        session = ChangedSession(contract, InProcessTarget("the reference provider", provider.handle), clock, monitor)
        session.changes = changes
        if solving is NEVER:
            clock.advance(1_000.0)  # the trace goes on: its second session begins later than the first ended
            provider.skip_ids(1000)
        for kind in contract.kinds.values():
            for _ in range(1 if solving is NEVER else 5):
                client(contract, session).run(kind)
        client(contract, session).run_batches()
    return monitor


class ChangedSession(Session):
    """A session whose request bodies are changed before they are sent, as a faulty client's would be."""

    changes: tuple[Break, ...] = ()

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
        return request
