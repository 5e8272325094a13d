"""Sending: one exchange after another with a target, each judged by the monitor; overlapping and cut ones too."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from pollproof.clock import Clock
from pollproof.contract.model import (
    SILENCE,
    Role,
)
from pollproof.contract.requests import RequestPattern
from pollproof.contract.templates import with_value
from pollproof.errors import PollproofError, RunError
from pollproof.http.target import Target
from pollproof.monitor.monitor import Monitor
from pollproof.tasks.state import TaskState
from pollproof.trace.client_outcome import ClientOutcome, outcome_exchange
from pollproof.trace.events import CALLBACK_PATH, READABLE, Event
from pollproof.trace.exchange import CONNECTION_CUT, Exchange, Request, Response
from pollproof.verify.handles import REFUSED, Handle
from pollproof.verify.rate_limiter import LONGEST_PAUSE, OVERLOADED, read_retry_after
from pollproof.verify.sources import CallbackSource, ConnectionSource
from pollproof.verify.target_clocks import HookedClock

MAXIMUM_FAILURES = 5
"""Requests in a row without any response after which a target counts as gone."""

MAXIMUM_SILENCE = 100.0
"""Real seconds of requests without any response, all together, after which a target counts as unusable."""

MAXIMUM_CHECKS = 12
"""How often in a row a target that does not answer about a task is shown to answer another request."""

MAXIMUM_TRANSIENT = 40
"""Overloaded answers in a row after which a target counts as unusable."""

RATE_MARGIN = 0.25
"""Seconds beyond the window of a rate after which the next request surely is in another one."""

SLOW_RESPONSE = 0.04
"""Real seconds that responses of a slow target take on average; what need not be in turn is sent to it at once."""

_JUDGED_SLOW = 50
"""Exchanges from which on a target can be slow."""

_NO_END = float("inf")
"""The end of a session that may last as long as it likes."""

MAXIMUM_SLEEP = 1.0
"""Real seconds that a demand to come back later is followed for, beside the time of the target."""

MAXIMUM_STATUSES = 1_000
"""Different statuses that are kept; no provider has a tenth of them."""

MAXIMUM_STATUS = 200
"""Characters of a status that are kept."""


class TargetUnusable(RunError):
    """The target does not answer; the text says so in one sentence."""


class DeadlineExceeded(PollproofError):
    """The session has lasted longer than it may, in real time."""


class Sender:
    """Sends requests and lets the monitor judge the responses; hears the callbacks that come meanwhile.

    A `patient` one goes on however often the target does not answer. What walks have reached is kept in `reached`.
    """

    def __init__(self, target: Target, clock: Clock, monitor: Monitor, observed: Callable[[], None] | None) -> None:
        self.contract = contract = monitor.reader.contract
        self.target = target
        self.clock = clock
        self.monitor = monitor
        self.codec = monitor.reader.codec
        self.exchanges = 0
        self.latency = self.waited = 0.0
        self.end = _NO_END
        self.patient = False
        self.statuses: set[str] = set()
        self.reached: set[str] = set()
        self.callbacks: CallbackSource | None = None
        self.connections: ConnectionSource | None = None
        self.callback_operation = contract.operation_of(Role.CALLBACK)
        self.nameless_callbacks = 0
        self.unpaced = False
        self._observed = observed
        self._failures = 0
        self._silence = 0.0
        self._transient = 0
        self._put_off: set[tuple[str, str]] = set()
        self._answered = False
        self._checks = 0
        creations = (each for each in contract.operations.values() if each.role is Role.CREATE)
        self._creates = {(each.method, each.path.partition("?")[0]) for each in creations}
        self._polling = RequestPattern(contract.operation(Role.POLL))
        self._paced: dict[tuple[int, str], deque[float]] = {}

    def send(self, request: Request, probe: str | None = None) -> Event:
        """Send one request and judge its response.

        Raises `TargetUnusable` when the target is gone, `DeadlineExceeded` when the session has lasted too long.
        """
        if self.end < _NO_END and time.monotonic() > self.end:
            raise DeadlineExceeded
        self._keep_rates(request, wait=not self.unpaced)
        now = self.clock.now
        sent, began = now(), time.monotonic()
        response, failure = self.target.exchange(request)
        received = now()
        self.waited += time.monotonic() - began
        self.exchanges += 1
        is_gone = False
        if response is None:
            self._failures += 1
            self._silence += time.monotonic() - began
            failed = probe != "malformed" and (self._failures >= MAXIMUM_FAILURES or not self._answered)
            is_gone = failed and not self.patient and not self._is_there()
            self.monitor.silence_counts &= not is_gone  # the end of a target is not held against a task
        event = self.monitor.observe(Exchange(request, response, sent, received, failure, probe))
        assert event is not None, "a session sends only requests of its contract"
        if type(event.status) is str and len(self.statuses) < MAXIMUM_STATUSES:
            self.statuses.add(event.status[:MAXIMUM_STATUS])
        if probe is not None and event.answer in READABLE:
            self.reach(REFUSED)
        if is_gone:
            when = f"after {self.exchanges} exchanges: " if self._answered else ""
            raise TargetUnusable(f"{self.target.name} does not answer: {when}{failure}")
        if self._silence > MAXIMUM_SILENCE and not self.patient:
            raise TargetUnusable(
                f"{self.target.name} answers a part of the requests only: {self._silence:.0f} s of real time were "
                f"spent on those without a response ({failure}), and no run spends more than {MAXIMUM_SILENCE:.0f} s"
            )
        if response is not None:
            self._failures = self._checks = 0
            self._answered = True
            took = received - sent
            if took > self.latency:
                self.latency = min(took, 1.0)
            self._await_retry(request, response)
            if event.transient:
                self._transient += 1
                if self._transient >= MAXIMUM_TRANSIENT and not self.patient:
                    raise TargetUnusable(
                        f"{self.target.name} answers nothing but HTTP {response.status}, as if overloaded"
                    )
            else:
                self._transient = 0
        if self._observed is not None:
            self._observed()
        if self.callbacks is not None:
            self.take_callbacks()
        return event

    def control(self) -> Request | None:
        """A request that is about no task of the session; None where there is none."""
        return None

    def _is_there(self) -> bool:
        """Whether a target that did not answer some requests answers another one: then it is not gone."""
        control = self.control() if self._answered and self._checks < MAXIMUM_CHECKS else None
        self._checks += 1
        if control is None or self.target.exchange(control)[0] is None:
            return False
        self._failures = 0
        return True

    def _await_retry(self, request: Request, response: Response) -> None:
        """Send nothing for as long as an overloaded server demands, in real time too where the target's did not help.

        That is so where the same request is put off again, and nothing else was answered since.
        """
        seconds = read_retry_after(response.headers, time.time()) if response.status in OVERLOADED else None
        if seconds is None:
            self._put_off.clear()
        elif not self.unpaced:
            self.advance(min(seconds, LONGEST_PAUSE))
            if (request.method, request.path) in self._put_off and isinstance(self.clock, HookedClock):
                time.sleep(min(seconds, MAXIMUM_SLEEP))
            self._put_off.add((request.method, request.path))

    def send_together(self, requests: Sequence[Request]) -> list[Event]:
        """Send requests at the same time, each over a connection of its own, and judge their answers together.

        Where the target has one connection alone they are sent one after another.
        """
        if self.connections is None or not requests:
            return [self.send(request) for request in requests]
        if not self.connections.keep:
            self.target.close()
        if self.end < _NO_END and time.monotonic() > self.end:
            raise DeadlineExceeded
        for request in requests:
            self._keep_rates(request, wait=False)
        began = time.monotonic()
        exchanges = self.connections.exchange(requests)
        self.waited += (time.monotonic() - began) * len(exchanges)
        self.exchanges += len(exchanges)
        together = sorted(exchanges, key=lambda exchange: exchange.sent)
        events = [event for event in self.monitor.observe_all(together) if event is not None]
        if all(exchange.response is None for exchange in exchanges) and not self._is_there():
            raise TargetUnusable(f"{self.target.name} does not answer: {exchanges[0].failure}")
        for exchange in exchanges:
            self.latency = min(max(self.latency, exchange.received - exchange.sent), 1.0)
        overloaded = (each.response for each in exchanges if each.response and each.response.status in OVERLOADED)
        for response in islice(overloaded, 1):
            self._await_retry(requests[0], response)
        if self.callbacks is not None:
            self.take_callbacks()
        return events

    def gather(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests one right after another, the first as the rates let it; their exchanges are not judged yet."""
        exchanges = []
        for number, request in enumerate(requests):
            self._keep_rates(request, wait=not number)
            sent = self.clock.now()
            response, failure = self.target.exchange(request)
            exchanges.append(Exchange(request, response, sent, self.clock.now(), failure))
        self.exchanges += len(exchanges)
        return exchanges

    @property
    def is_slow(self) -> bool:
        """Whether the target is slow, and serves requests at the same time: it has no rate, and connections stay."""
        slow = (
            self.exchanges > _JUDGED_SLOW and self.waited > SLOW_RESPONSE * self.exchanges and not self.contract.rates
        )
        return slow and self.connections is not None and self.connections.keep

    def send_each(self, requests: Sequence[Request]) -> list[Event]:
        """Send requests of which none waits for another one: in turn, or some at a time where the target is slow."""
        if not self.is_slow:
            return [self.send(request) for request in requests]
        most = 1 if self.connections is None else self.connections.most
        groups = (requests[first : first + most] for first in range(0, len(requests), most))
        return [event for group in groups for event in self.send_together(group)]

    def send_and_cut(self, request: Request) -> Event:
        """Send a request and cut the connection before its response: it may have been served, or not."""
        self._keep_rates(request, wait=True)
        if self.connections is not None:
            if not self.connections.keep:
                self.target.close()
            exchange = self.connections.abandon(request)
        else:
            sent = self.clock.now()
            self.target.exchange(request)
            exchange = Exchange(request, None, sent, self.clock.now(), CONNECTION_CUT)
        self.exchanges += 1
        event = self.monitor.observe(exchange)
        assert event is not None, "a session sends only requests of its contract"
        return event

    def reconnect(self) -> None:
        """Go on over a fresh connection."""
        self.target.close()

    def _keep_rates(self, request: Request, *, wait: bool) -> None:
        """Count a request by the documented rates; with `wait` let time pass until it is within them."""
        path = request.path.partition("?")[0]
        creates = (request.method, path) in self._creates
        polls = not creates and request.method == self._polling.method and self._polling.variables(path) is not None
        for number, rate in enumerate(self.contract.rates):
            if rate.of != "all" and not (creates if rate.of == "create" else polls):
                continue
            key = (number, path if rate.of == "task" else "")
            sent = self._paced.setdefault(key, deque(maxlen=rate.requests))
            now = self.clock.now()
            if wait and len(sent) == rate.requests and now - sent[0] <= rate.seconds:
                self.advance(sent[0] + rate.seconds - now + RATE_MARGIN)
            sent.append(self.clock.now())

    def report_outcome(self, outcome: ClientOutcome) -> None:
        """Let the monitor know how a client has ended."""
        self.monitor.observe(outcome_exchange(outcome, self.clock.now()))

    def take_callbacks(self) -> int:
        """Let the monitor judge the callbacks that have come; how many there were."""
        if self.callbacks is None:
            return 0
        received = self.callbacks.take()
        for request, moment, status in received:
            inbound = request._replace(path=CALLBACK_PATH)
            latest = self.clock.latest(moment) if isinstance(self.clock, HookedClock) else moment
            event = self.monitor.observe(Exchange(inbound, Response(status, {}, b""), moment, latest))
            if event is not None and event.task is None:
                self.nameless_callbacks += 1  # one of the tasks was called back, and which one is not known
        return len(received)

    def miss(self, handle: Handle, since: float, failure: str) -> None:
        """Let the monitor know that a callback was waited for and did not come."""
        place = None if self.callback_operation is None else self.callback_operation.task_id
        body = self.codec.write(with_value({}, "/id" if place is None else place.pointer, handle.id))
        request = Request("POST", CALLBACK_PATH, {}, body)
        self.monitor.observe(Exchange(request, None, since, self.clock.now(), failure, SILENCE))

    def history(self, handle: Handle) -> TaskState | None:
        """What the trace has said of a task so far."""
        return self.monitor.account.tasks.get(handle.key)

    def advance(self, seconds: float, *, most: bool = False) -> None:
        """Let time pass; where the clock moves in whole seconds, up to one more, or with `most` up to one less."""
        if most and isinstance(self.clock, HookedClock):
            seconds = self.clock.at_most(seconds)
        if seconds > 0:
            self.clock.advance(seconds)
            self.take_callbacks()

    def reach(self, fact: str) -> None:
        """Note that something was seen that a walk must see."""
        self.reached.add(fact)
