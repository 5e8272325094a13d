"""Histories of clients that send requests at the same time, from the reference: each request is served at one moment.

The moment lies anywhere between the request and its response, so every history is linearizable by its making.
"""

from __future__ import annotations

import json
from collections import Counter
from heapq import heappop, heappush
from random import Random
from typing import Any

from pollproof.clauses.faults import Settings
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Role, Subject
from pollproof.http.target import InProcessTarget
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.events import CALLBACK_PATH, Answer
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.handles import Handle
from pollproof.verify.session import Session

LATENCIES = (0.0, 0.004, 0.02, 0.3, 1.5, 9.0)
"""Seconds that a response may take."""

THOUGHTS = (0.0, 0.0, 0.01, 0.4, 3.0, 11.0)
"""Seconds between a response and the next request of a connection."""


ADDRESS = "callback_url"
"""The parameter of a creation that has the address for its callback."""


class Crowd:
    """Several connections that create tasks, and poll and read them at the same time; `hot` tasks get all polls.

    Some creations are sent again with their idempotency key, some tasks are cancelled, and some ask to be called back,
    as far as the contract has that: `sorts` counts them. A callback leaves when the task has ended, and arrives later.
    `exchanges` are in the order in which they were sent. Now and then all connections rest until just before, or just
    after, the end of the lifetime of a task.
    """

    def __init__(
        self,
        contract: Contract,
        seed: int,
        *,
        count: int = 250,
        connections: int = 5,
        hot: int = 2,
        creating: float = 0.03,
        provider: type[ReferenceProvider] = ReferenceProvider,
        settings: Settings | None = None,
    ) -> None:
        self.contract = contract
        self.random = Random(seed)
        self.clock = VirtualClock()
        self.provider = provider(contract, self.clock, settings)
        self.exchanges: list[Exchange] = []
        self.flying: Counter[bytes] = Counter()
        self._hot, self._count, self._connections, self._creating = hot, count, connections, creating
        self._session = Session(
            InProcessTarget("reference", self.provider.handle), self.clock, Monitor(reader_of(contract), ())
        )
        self._tasks: list[tuple[Handle, float]] = []
        self._keyed: list[Request] = []
        self.sorts: Counter[str] = Counter()
        create = contract.operation(Role.CREATE)
        self._has_keys = "idempotency_key" in create.marks
        self._is_called = contract.operation_of(Role.CALLBACK) is not None and contract.body == "json"
        self._resting = 0.0
        self._run()

    def _run(self) -> None:
        queue: list[tuple[float, int, str, Any]] = []
        step = 0

        def plan(moment: float, what: str, payload: Any) -> None:
            nonlocal step
            step += 1
            heappush(queue, (moment, step, what, payload))

        for connection in range(self._connections):
            plan(self.random.random() * 0.2, "send", connection + 1)
        sent = 0
        while queue:
            moment, _, what, payload = heappop(queue)
            if what == "send":
                if moment < self._resting:
                    plan(self._resting + self.random.random() * 0.1, "send", payload)
                    continue
                if sent >= self._count:
                    continue
                sent += 1
                request = self._request(moment)
                self.flying[key_of(request)] += 1
                latency = self.random.choice(LATENCIES) * (0.5 + self.random.random())
                served = moment + latency * self.random.choice((0.0, self.random.random(), 1.0))
                plan(served, "serve", (request, moment, moment + latency, payload))
            elif what == "serve":
                self.clock.advance(max(moment - self.clock.now(), 0.0))
                plan(payload[2], "respond", (*payload, self.serve(payload[0])))
                self._call_back(moment)
            else:
                self._respond(*payload)
                plan(moment + self.random.choice(THOUGHTS) * (0.5 + self.random.random()), "send", payload[3])
                self._rest(moment)
        self.exchanges.sort(key=lambda exchange: (exchange.sent, exchange.request.path == CALLBACK_PATH))

    def serve(self, request: Request) -> Response:
        """The response to a request, at the moment at which it is served."""
        return self.provider.handle(request)

    def _respond(self, request: Request, sent: float, received: float, connection: int, response: Response) -> None:
        self.flying[key_of(request)] -= 1
        exchange = Exchange(request, response, sent, received, connection=connection)
        self.exchanges.append(exchange)
        event = reader_of(self.contract).read(exchange, len(self.exchanges))
        if event is None or event.answer is not Answer.STATE:
            return
        kind = self._session.kinds[0]
        if event.operation.role is Role.CREATE and event.task is not None and not event.inline_kind:
            self._tasks.append((Handle(event.raw_task, event.task, kind), received))
        for member in event.members[:2]:
            if member.task is not None:
                self._tasks.append((Handle(member.raw_task, member.task, kind), received))

    def _request(self, moment: float) -> Request:
        session, draw = self._session, self.random.random()
        if not self._tasks or draw < self._creating:
            return self._creation()
        if session.cancel_operation is not None and draw > 0.98:
            self.sorts["cancelled"] += 1
            return session.about(session.cancel_operation, self.random.choice(self._tasks[-self._hot :])[0])
        if draw < self._creating + 0.02 and session.batch_operation is not None:
            return session.batch_request(self.random.randrange(session.batch_ways))
        handle = self.random.choice(self._tasks[-self._hot :] if self.random.random() < 0.9 else self._tasks)[0]
        if draw < 0.25 and session.fetch_operation is not None:
            return session.about(session.fetch_operation, handle)
        return session.about(session.poll_operation, handle)

    def _creation(self) -> Request:
        if self._keyed and self.random.random() < 0.4:
            self.sorts["sent again"] += 1
            return self.random.choice(self._keyed[-3:])
        request = self._session.creation(self.random.choice(self._session.kinds))
        if self._is_called and self.random.random() < 0.7:
            body = {**json.loads(request.body), ADDRESS: "http://127.0.0.1:9/called-back"}
            request = request._replace(body=json.dumps(body).encode())
        if self._has_keys:
            self._keyed.append(request)
        return request

    def _call_back(self, moment: float) -> None:
        for _, body in self.provider.due_callbacks():
            self.sorts["called back"] += 1
            request = Request("POST", CALLBACK_PATH, {"content-type": "application/json"}, body)
            arrives = moment + self.random.choice(LATENCIES)
            self.exchanges.append(Exchange(request, Response(200, {}, b""), arrives, arrives))

    def _rest(self, moment: float) -> None:
        lifetime = self.contract.limits.lifetime
        if lifetime is None or not self._tasks or self.random.random() > 0.01:
            return
        created = self.random.choice(self._tasks)[1]
        margin = self.random.choice((-8.0, -5.5, -1.0, 0.0, 1.0, 5.5, 8.0))
        self._resting = max(self._resting, moment, created + lifetime + margin)


def key_of(request: Request) -> bytes:
    """What equal requests about one task have in common."""
    return request.path.encode() + request.body


def violated(contract: Contract, exchanges: list[Exchange], *subjects: Subject) -> dict[str, str]:
    """The clauses of the provider that a history violates, each with its message."""
    monitor = Monitor(reader_of(contract), clauses_of(contract, *(subjects or (Subject.PROVIDER,))))
    for _ in monitor.observe_all(exchanges):
        pass
    found = monitor.ledger.violated()
    return {entry.clause.id: entry.evidence.violation.message for entry in found if entry.evidence is not None}
