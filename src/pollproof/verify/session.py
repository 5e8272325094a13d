"""A session with one target: builds requests from the contract, sends them, and lets the monitor judge every answer."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from pollproof.clauses.fields import seconds_of
from pollproof.clock import Clock
from pollproof.contract.model import (
    NEAR_MISS,
    OTHER_KEY,
    SILENCE,
    Contract,
    Effect,
    Operation,
    Phase,
    Probe,
    Role,
    TaskKind,
    id_mark,
    link_mark,
)
from pollproof.contract.places import walk
from pollproof.contract.requests import RequestPattern, base_path
from pollproof.contract.templates import compile_template, steps_of, with_value, without
from pollproof.errors import PollproofError, RunError
from pollproof.http.target import Target
from pollproof.monitor.monitor import Monitor
from pollproof.tasks.state import TaskState
from pollproof.trace.client_outcome import Outcome, outcome_exchange
from pollproof.trace.events import CALLBACK_PATH, TOLD, Answer, Event
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.pages import PAGE, with_parameter, without_parameter
from pollproof.verify.request_builder import Builder
from pollproof.verify.sources import CallbackSource, ConnectionSource
from pollproof.verify.target_clocks import BudgetSpent
from pollproof.verify.variety import Variation, poll_variations, task_variations, whole_task, write_forms

CUT = "the connection was cut on purpose before the response"
"""What an exchange says of a request whose answer the suite did not wait for."""

MAXIMUM_FAILURES = 5
"""Requests in a row without any answer after which a target counts as gone."""

MAXIMUM_TRANSIENT = 40
"""Overloaded answers in a row after which a target counts as unusable."""

MAXIMUM_STRANGERS = 8
"""Polls of unknown tasks in one run: providers ban an address for some dozens of them."""


MAXIMUM_ASKED = 512
"""Requests that are kept written, of creations and about tasks."""


INSISTENCES = 4
"""Times that a request is sent again to a provider that says that it is busy, over `INSISTING` seconds."""

INSISTING = 66.0
"""Seconds after which a provider that refuses the same request as busy refuses it for good."""

FEW_INSISTENCES = 2
"""Times that a request is sent again where time is really waited for, or the provider's own."""

MAXIMUM_PAGES = 300
"""Pages of a result after which a reading is given up."""

FEW_PAGES = 5
"""The same for a real provider."""

MAXIMUM_DENIED = 3
"""Requests of an operation that were insisted on in vain, after which others are not."""
RATE_MARGIN = 0.25
"""Seconds beyond the window of a rate after which the next request surely is in another one."""

FOREVER = float("inf")
"""The end of a session that may last as long as it likes."""

MAXIMUM_STATUSES = 1_000
"""Different statuses that are kept; no provider has a tenth of them."""

MAXIMUM_STATUS = 200
"""Characters of a status that are kept."""


MAXIMUM_IDENTIFIER = 10_000
"""Characters of an id that is polled; no provider has a hundredth of them."""


SUCCESS = "a task that succeeded"
ENDED = "the end of a task"
CREATED = "a task that was created"
REFUSED = "a response to a deliberately invalid request"
"""What walks must reach: nearly every walk one of these."""

Key = TypeVar("Key")


class TargetUnusable(RunError):
    """The target does not answer; the text says so in one sentence."""


class DeadlineExceeded(PollproofError):
    """The session has lasted longer than it may, in real time."""


class Handle:
    """A task that the session has created."""

    __slots__ = ("id", "key", "kind")

    def __init__(self, identifier: Any, key: str, kind: TaskKind) -> None:
        self.id = identifier
        self.key = key
        self.kind = kind


class Session:
    """Creates and polls tasks on a target. `observed` is called after each exchange (for progress).

    It creates no tasks of the kinds that it is to do `without`.

    A `patient` session goes on however often the target does not answer. One with a real provider is `frugal`: walks
    then take few requests and tasks; without being `permitted` they break none of the provider's rules. Where time is
    not `movable` it is really waited for. What walks have reached is kept in `reached`.
    """

    frugal = False
    permitted = True
    movable = True

    def __init__(
        self,
        contract: Contract,
        target: Target,
        clock: Clock,
        monitor: Monitor,
        *,
        credential: str | None = None,
        sample: Mapping[str, Any] | None = None,
        observed: Callable[[], None] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.contract = contract
        self.target = target
        self.clock = clock
        self.monitor = monitor
        self.credential = contract.credential.sample if credential is None else credential
        self.create_operation = contract.operation(Role.CREATE)
        self.poll_operation = contract.operation(Role.POLL)
        self.strangers = 0
        self.created = 0
        self.exchanges = 0
        self.latency = 0.0
        self.second_credential: str | None = None
        self.end = FOREVER
        self.patient = False
        self.denied: dict[str, int] = {}
        self.statuses: set[str] = set()
        self.reached: set[str] = set()
        self._observed = observed
        self._failures = 0
        self._transient = 0
        self._answered = False
        self.codec = monitor.reader.codec
        self.fetch_operation = contract.operation_of(Role.FETCH)
        self.cancel_operation = contract.operation_of(Role.CANCEL)
        self.batch_operation = contract.operation_of(Role.BATCH)
        self.callback_operation = contract.operation_of(Role.CALLBACK)
        self.callbacks: CallbackSource | None = None
        self.connections: ConnectionSource | None = None
        self.nameless_callbacks = 0
        polled = tuple(kind for kind in contract.kinds.values() if not kind.inline)
        self.kinds = tuple(kind for kind in polled if kind.name not in without) or polled
        """The kinds of tasks whose result must be polled for."""
        self.inline_kinds = tuple(kind for kind in contract.kinds.values() if kind.inline and kind.name not in without)
        """The kinds of tasks that are answered in their creation."""
        self._asked: dict[tuple[str, type, Any], Request] = {}
        self._creations: dict[tuple[str, int], Request] = {}
        self._builders = {
            operation.name: Builder(operation, contract, self.codec) for operation in contract.operations.values()
        }
        operations = contract.operations.values()
        self.create_operations = tuple(each for each in operations if each.role is Role.CREATE)
        self._creates = {(each.method, each.path.partition("?")[0]) for each in self.create_operations}
        self._ids = {name for each in operations for name in each.ids}
        self._links = {name for each in operations for name in each.links}
        self._base = base_path(contract.base_url)
        chosen = [each.task_id for each in self.create_operations]
        self._chooses = any(place is not None and place.part == "request" for place in chosen)
        self.unpaced = False
        self._paced: dict[tuple[int, str], deque[float]] = {}
        if contract.rates:
            self._paced[-1, ""] = deque()
        self._salt = os.urandom(4).hex()  # ids that the client chooses are new in every run
        self._samples = {
            name: compile_template(sample if sample is not None and not kind.inline else kind.sample)
            for name, kind in contract.kinds.items()
        }

    def reset(self) -> None:
        """Begin a new trace on a target that has forgotten the last one."""
        self.monitor.reset()
        self.strangers = 0
        self.created = 0

    # ------------------------------------------------------------------------------- exchanges

    def send(self, request: Request, probe: str | None = None) -> Event:
        """Send one request and judge its answer.

        Raises `TargetUnusable` when the target is gone, `DeadlineExceeded` when the session has lasted too long.
        """
        if self.end < FOREVER and time.monotonic() > self.end:
            raise DeadlineExceeded
        if self._paced and not self.unpaced:
            self._keep_rates(request)
        now = self.clock.now
        sent = now()
        response, failure = self.target.exchange(request)
        received = now()
        self.exchanges += 1
        event = self.monitor.observe(Exchange(request, response, sent, received, failure, probe))
        assert event is not None, "a session sends only requests of its contract"
        if type(event.status) is str and len(self.statuses) < MAXIMUM_STATUSES:
            self.statuses.add(event.status[:MAXIMUM_STATUS])
        if probe is not None and event.answer in TOLD:
            self.reach(REFUSED)
        if response is None:
            self._failures += 1
            if not self.patient and probe != "malformed" and (self._failures >= MAXIMUM_FAILURES or not self._answered):
                when = f"after {self.exchanges} exchanges: " if self._answered else ""
                raise TargetUnusable(f"{self.target.name} does not answer: {when}{failure}")
        else:
            self._failures = 0
            self._answered = True
            took = received - sent
            if took > self.latency:
                self.latency = min(took, 1.0)
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
            self.hear()
        return event

    def send_together(self, requests: Sequence[Request]) -> list[Event]:
        """Send requests at the same time, each over a connection of its own, and judge their answers together.

        Where the target has one connection alone they are sent one after another.
        """
        if self.connections is None or not requests:
            return [self.send(request) for request in requests]
        if not self.connections.keep:
            self.target.close()
        if self.end < FOREVER and time.monotonic() > self.end:
            raise DeadlineExceeded
        exchanges = self.connections.exchange(requests)
        self.exchanges += len(exchanges)
        together = sorted(exchanges, key=lambda exchange: exchange.sent)
        events = [event for event in self.monitor.observe_all(together) if event is not None]
        if all(exchange.response is None for exchange in exchanges):
            raise TargetUnusable(f"{self.target.name} does not answer: {exchanges[0].failure}")
        for exchange in exchanges:
            self.latency = min(max(self.latency, exchange.received - exchange.sent), 1.0)
        if self.callbacks is not None:
            self.hear()
        return events

    def send_and_cut(self, request: Request) -> Event:
        """Send a request and cut the connection before its answer: it may have been served, or not."""
        if self.connections is not None:
            if not self.connections.keep:
                self.target.close()
            exchange = self.connections.abandon(request)
        else:
            sent = self.clock.now()
            self.target.exchange(request)
            exchange = Exchange(request, None, sent, self.clock.now(), CUT)
        self.exchanges += 1
        event = self.monitor.observe(exchange)
        assert event is not None, "a session sends only requests of its contract"
        return event

    def reconnect(self) -> None:
        """Go on over a fresh connection."""
        self.target.close()

    def _keep_rates(self, request: Request) -> None:
        """Wait until one more request is within the documented rates."""
        path = request.path.partition("?")[0]
        creates = (request.method, path) in self._creates
        for number, rate in enumerate(self.contract.rates):
            if rate.of != "all" and creates is not (rate.of == "create"):
                continue
            key = (number, path if rate.of == "task" else "")
            sent = self._paced.setdefault(key, deque(maxlen=rate.requests))
            now = self.clock.now()
            if len(sent) == rate.requests and now - sent[0] <= rate.seconds:
                self.clock.advance(sent[0] + rate.seconds - now + RATE_MARGIN)
            sent.append(self.clock.now())

    def request(
        self, operation: Operation, words: Mapping[str, Any], credential: str | None = None, way: int = 0
    ) -> Request:
        """The request of an operation in one of its documented ways; number and key are the next where left out."""
        words = {"number": self.created, "idempotency_key": self.new_key(), **words}
        if self._ids and "task_id" in words:
            words = {**self._ids_of(words["task_id"]), **words}
        return self._builders[operation.name].build(self.credential if credential is None else credential, words, way)

    def _body(self, operation: Operation, words: Mapping[str, Any], way: int = 0) -> Any:
        return self._builders[operation.name].body(self.credential, words, way)

    def _ids_of(self, identifier: Any) -> dict[str, Any]:
        """The further ids of a task; of one that has not been given them, its own in their place."""
        history = self.monitor.account.tasks.get(str(identifier))
        marks = {} if history is None else history.marks
        return {name: marks.get(id_mark(name), identifier) for name in self._ids}

    def about(self, operation: Operation, handle: Handle, way: int = 0) -> Request:
        """The request of an operation about a task, at the address that was given for it; kept for a while."""
        history = self.history(handle) if self._ids or self._links else None
        if history is None:
            key = operation.name, type(handle.id), (handle.id, way)
            return self._asked.get(key) or _keep(
                self._asked, key, self.request(operation, {"task_id": handle.id, "number": self.created}, way=way)
            )
        request = self.request(operation, {"task_id": handle.id, "number": self.created}, way=way)
        address = history.marks.get(link_mark(operation.name))
        if isinstance(address, str):
            path = RequestPattern(operation).within(address, "/", self._base)
            request = request if path is None else self._with_key(request._replace(path=path))
        return request

    def _with_key(self, request: Request) -> Request:
        """A request to an address that was given, with the key that goes into its query, if it does."""
        place, template = self.contract.credential.at, self.contract.credential.template
        if place is None or place.area != "query":
            return request
        return with_parameter(request, place.steps[0], template.replace("{credential}", self.credential))

    def has_ids(self, operation: Operation | None, handle: Handle) -> bool:
        """Whether a task has been given the ids that an operation takes."""
        if operation is None or operation.takes not in self._ids:
            return operation is not None
        history = self.history(handle)
        return history is not None and id_mark(operation.takes) in history.marks

    def creates(self, kind: TaskKind) -> Operation:
        """The operation that creates a kind of task."""
        return self.contract.operations[kind.operation] if kind.operation else self.create_operation

    def task(self, kind: TaskKind) -> Any:
        """A task to create, unlike the last one where the sample has a place for that."""
        self.created += 1
        return self._samples[kind.name]({"number": self.created})

    def sample(self, kind: TaskKind) -> Any:
        """The sample of a kind with a number in it, for a request that should be refused."""
        return self._samples[kind.name]({"number": self.created})

    def create(
        self, kind: TaskKind, *, again: bool = False, more: Mapping[str, Any] | None = None
    ) -> tuple[Event, Handle | None]:
        """Create one task, or with `again` the same one again; the handle is None when it was not accepted.

        `more` are further fields of the task.
        """
        if again:
            self.created -= 1
        return self.begun(
            self.send(self.creation(kind) if more is None else self._creation_of(kind, {**self.task(kind), **more})),
            kind,
        )

    def create_varied(self, variation: Variation, form: int | None = None) -> tuple[Event, Handle | None]:
        """Create a task in another way that the documents allow, its body written in one of the other forms."""
        task = {name: value for name, value in self.task(variation.kind).items() if name not in variation.left_out}
        request = self._creation_of(variation.kind, {**task, **variation.more})
        return self.begun(self.send(self.in_form(request, form)), variation.kind)

    def poll_varied(self, handle: Handle, number: int, form: int | None = None) -> Event:
        """Poll a task by a request in which what is optional is left out or another; `number` counts the ways."""
        request = self.about(self.poll_operation, handle)
        changes = self.poll_variations
        if changes and request.body:
            body = changes[number % len(changes)](self.codec.read(request.body))
            request = request._replace(body=self.codec.write(body))
        return self.send(self.in_form(request, form))

    def in_form(self, request: Request, form: int | None) -> Request:
        """A request whose body is written in another form that means the same (None: as it is)."""
        if form is None or not request.body:
            return request
        return request._replace(body=self.write_forms[form % len(self.write_forms)](self.codec.read(request.body)))

    @cached_property
    def variations(self) -> list[Variation]:
        """The tasks that may be requested besides the samples of the contract."""
        return task_variations(self.contract)

    def whole_task(self, kind: TaskKind) -> dict[str, Any]:
        """Every documented parameter of a task away from its default, besides those of the sample."""
        return whole_task(self.contract, self.variations, kind)

    @cached_property
    def poll_variations(self) -> list[Callable[[Any], Any]]:
        """What may be changed in the body of a poll."""
        return poll_variations(self.contract, self.poll_operation)

    @cached_property
    def write_forms(self) -> list[Callable[[Any], bytes]]:
        """The other forms of a body."""
        return write_forms(self.contract)

    def begun(self, event: Event, kind: TaskKind) -> tuple[Event, Handle | None]:
        """The answer of a creation, and a handle of its task, None where it gave none."""
        if event.answer is Answer.STATE and event.task is not None and len(event.task) <= MAXIMUM_IDENTIFIER:
            self.reach(CREATED)
            return event, Handle(event.raw_task, event.task, kind)
        return event, None

    def begin(self) -> Handle | None:
        """A new task of the kinds that must be polled for, taken in turn; a busy provider is insisted on."""
        kind = self.kinds[self.created % len(self.kinds)]
        event, handle = self.create(kind)
        return handle if handle is not None else self.begun(self.insist(event), kind)[1]

    def creation(self, kind: TaskKind) -> Request:
        """The next creation of a kind: examples that begin with a fresh target create the same tasks again."""
        key = kind.name, self.created + 1
        request = self._creations.get(key)
        if request is None:
            return _keep(self._creations, key, self._creation_of(kind, self.task(kind)))
        self.created += 1
        return request

    def _creation_of(self, kind: TaskKind, task: Any, way: int = 0) -> Request:
        return self.request(self.creates(kind), self._creation_words(task), way=way)

    def create_in_way(self, kind: TaskKind, way: int) -> tuple[Event, Handle | None]:
        """Create a task by one of the other documented bodies of a request."""
        return self.begun(self.send(self._creation_of(kind, self.task(kind), way)), kind)

    def _creation_words(self, task: Any, key: str | None = None) -> dict[str, Any]:
        """The words of a creation: the task, its number, an id that the client chooses, an idempotency key."""
        words = {"task": task, "number": self.created, "idempotency_key": key or self.new_key()}
        if self._chooses:
            words["task_id"] = f"task-{self._salt}-{self.created}"
        return words

    def sample_request(self, operation: Operation) -> Request:
        """A valid request of an operation, as far as the contract has samples for it."""
        words = self._creation_words(self.task(self.kind_of(operation)))
        words.setdefault("task_id", self.contract.task_id["unknown"][0])
        return self.request(operation, words)

    def kind_of(self, operation: Operation) -> TaskKind:
        """A kind of task that an operation creates; for any other operation the first one that is polled for."""
        own = (kind for kind in self.kinds if self.creates(kind).name == operation.name)
        return next(own, self.kinds[0] if self.kinds else self.inline_kinds[0])

    def new_key(self) -> str:
        """An idempotency key for the creation that is next."""
        return f"key-{self._salt}-{self.created}"

    def create_with_key(self, kind: TaskKind, task: Any, key: str, probe: str | None = None) -> Event:
        """Create a task with an idempotency key of one's own."""
        return self.send(self.request(self.creates(kind), self._creation_words(task, key)), probe)

    def create_called_back(
        self, kind: TaskKind, fields: Mapping[str, Any], more: Mapping[str, Any] | None = None
    ) -> tuple[Event, Handle | None]:
        """Create a task with `more` fields of its own, and further fields of its request: a callback's address."""
        request = self._creation_of(kind, {**self.task(kind), **(more or {})})
        body = {**self.codec.read(request.body), **fields}
        return self.begun(self.send(request._replace(body=self.codec.write(body))), kind)

    def poll(self, handle: Handle) -> Event:
        """Poll a task once."""
        return self.send(self.about(self.poll_operation, handle))

    def fetch(self, handle: Handle) -> Event | None:
        """Ask for the result of a task, where that is an operation of its own and its address or id is known."""
        if self.fetch_operation is None or not self.has_ids(self.fetch_operation, handle):
            return None
        return self.send(self.about(self.fetch_operation, handle))

    def cancel(self, handle: Handle) -> Event | None:
        """Cancel a task, where there is an operation for that."""
        if self.cancel_operation is None or not self.has_ids(self.cancel_operation, handle):
            return None
        return self.send(self.about(self.cancel_operation, handle))

    def fetch_pages(self, handle: Handle, size: int | None = None) -> int:
        """Read a result page by page to its end, pages of that `size` where it can be said; how many pages came."""
        operation = self.fetch_operation
        reader = None if operation is None else self.monitor.reader.pages_of(operation)
        if operation is None or reader is None or not self.has_ids(operation, handle):
            return 0
        request: Request | None = self.about(operation, handle)
        if size is not None and request is not None:
            request = with_parameter(request, reader.pages.size, str(size))
        count = 0
        while request is not None and count < (FEW_PAGES if self.frugal else MAXIMUM_PAGES):
            event = self.insist(self.send(request))
            page = event.marks.get(PAGE)
            count += 1
            request = None if page is None or page.items is None else reader.next_request(request, page)
            request = None if request is None else self._with_key(request)
        return count

    def read(self, handle: Handle) -> Event:
        """Poll a task, and fetch its result where that is an operation of its own; the event of the poll."""
        event = self.poll(handle)
        fetched = self.fetch(handle)
        if fetched is not None and event.phase is Phase.SUCCEEDED and fetched.answer is not Answer.STATE:
            self.insist(fetched)
        return event

    def batch(
        self,
        way: int = 0,
        *,
        size: int | None = None,
        equal: bool = False,
        more: Mapping[str, Any] | None = None,
        probe: str | None = None,
    ) -> tuple[Event, list[Handle]]:
        """Request several tasks at once, in one of the documented ways; the answer, and the tasks that it gave.

        `size` entries, or one that is `equal` to another besides; `more` are further fields. With a `probe` the batch
        is invalid in that way.
        """
        event = self.send(self.batch_request(way, size=size, equal=equal, more=more), probe)
        return event, self.members(event)

    def batch_request(
        self, way: int = 0, *, size: int | None = None, equal: bool = False, more: Mapping[str, Any] | None = None
    ) -> Request:
        """The request of a batch, as `batch` sends it."""
        operation = self.batch_operation
        assert operation is not None
        self.created += 1
        request = self.request(operation, {"number": self.created}, way=way)
        body = {**self._body(operation, {"number": self.created}, way), **(more or {})}
        for name, entries in body.items():
            if isinstance(entries, list) and name not in (more or {}):
                if size is not None:
                    body[name] = [f"{entries[0]}-{number}" for number in range(size)]
                if equal:
                    body[name] = [*body[name], body[name][0]]
        return request._replace(body=self.codec.write(body))

    @property
    def batch_ways(self) -> int:
        """In how many documented ways a batch can be requested."""
        return 0 if self.batch_operation is None else 1 + len(self.batch_operation.alternatives)

    def members(self, event: Event) -> list[Handle]:
        """The tasks that the answer of a batch gave."""
        return [
            Handle(member.raw_task, member.task, self.kinds[0])
            for member in event.members
            if member.task is not None and len(member.task) <= MAXIMUM_IDENTIFIER
        ]

    def say(self, outcome: Outcome) -> None:
        """Let the monitor know how a client has ended."""
        self.monitor.observe(outcome_exchange(outcome, self.clock.now()))

    def hear(self) -> int:
        """Let the monitor judge the callbacks that have come; how many there were."""
        if self.callbacks is None:
            return 0
        heard = self.callbacks.take()
        for request, moment, status in heard:
            inbound = request._replace(path=CALLBACK_PATH)
            event = self.monitor.observe(Exchange(inbound, Response(status, {}, b""), moment, moment))
            if event is not None and event.task is None:
                self.nameless_callbacks += 1  # one of the tasks was called back, and which one is not known
        return len(heard)

    def miss(self, handle: Handle, since: float, failure: str) -> None:
        """Let the monitor know that a callback was waited for and did not come."""
        place = None if self.callback_operation is None else self.callback_operation.task_id
        body = self.codec.write(with_value({}, "/id" if place is None else place.pointer, handle.id))
        request = Request("POST", CALLBACK_PATH, {}, body)
        self.monitor.observe(Exchange(request, None, since, self.clock.now(), failure, SILENCE))

    def history(self, handle: Handle) -> TaskState | None:
        """What the trace has said of a task so far."""
        return self.monitor.account.tasks.get(handle.key)

    # ---------------------------------------------------------------------------------- probes

    def probe_unknown(
        self, identifier: Any, probe: str = "unknown-task", operation: Operation | None = None
    ) -> Event | None:
        """Ask for a task that no creation gave; None once the run has asked for enough of them.

        It is polled, or asked for with another `operation`.
        """
        if self.strangers >= MAXIMUM_STRANGERS or str(identifier) in self.monitor.account.tasks:
            return None
        self.strangers += 1
        return self.send(self.request(operation or self.poll_operation, {"task_id": identifier}), probe)

    def probe_near_miss(self, identifier: Any) -> Event | None:
        """Poll a task id that is nearly one that was given, and is none; None where it is one after all."""
        if not identifier or str(identifier) in self.monitor.account.tasks:
            return None
        return self.send(self.request(self.poll_operation, {"task_id": identifier}), NEAR_MISS)

    def wrong_credentials(self) -> list[str]:
        """Keys that are not the right one: another, none, and the right one shortened, lengthened, in another case."""
        right = self.credential
        if self.contract.credential.at is None:
            return []
        candidates = [self.contract.credential.wrong, right[:-1], right + "0", right.swapcase(), ""]
        return [key for key in dict.fromkeys(candidates) if key not in (right, self.second_credential)]

    def probe_credential(self, operation: Operation, words: Mapping[str, Any], credential: str) -> Event:
        """Ask with a wrong key."""
        return self.send(self.request(operation, words, credential), "wrong-credential")

    def create_by_second_key(self, kind: TaskKind) -> tuple[Event, Handle | None]:
        """Create a task with the second key of one's own."""
        words = self._creation_words(self.task(kind))
        return self.begun(self.send(self.request(self.creates(kind), words, self.second_credential)), kind)

    def poll_by(self, handle: Handle, credential: str | None, *, own: bool) -> Event:
        """Poll a task with one of two keys: its `own`, or the other one, of which no document says what it gets."""
        request = self.request(self.poll_operation, {"task_id": handle.id, "number": self.created}, credential)
        return self.send(request, None if own else OTHER_KEY)

    def probe_scheme(self, operation: Operation, words: Mapping[str, Any]) -> Event | None:
        """Request with the right key after another word than the documented one; None where there is no such word."""
        place, (word, space, _) = self.contract.credential.at, self.contract.credential.template.partition(" ")
        if place is None or place.area != "header" or not space:
            return None
        request = self.request(operation, words)
        other = "Token" if word.lower() != "token" else "Basic"
        headers = {**request.headers, place.steps[0]: f"{other} {self.credential}"}
        return self.send(request._replace(headers=headers), "wrong-scheme")

    def at_other_place(self, request: Request, number: int, credential: str | None = None) -> Request:
        """A request with the key at another of its documented places, and not at the first."""
        place, other = self.contract.credential.at, self.contract.credential.others[number]
        key = other.template.replace("{credential}", self.credential if credential is None else credential)
        headers, body, path = dict(request.headers), request.body, request.path
        if place is not None and place.area == "header":
            headers.pop(place.steps[0], None)
        elif place is not None and place.area == "query":
            path = without_parameter(request.path, place.steps[0])
        elif place is not None and body:
            body = self.codec.write(without(self.codec.read(body), place.pointer))
        if other.at.area == "header":
            headers[other.at.steps[0]] = key
        elif other.at.area == "query":
            path = with_parameter(request._replace(path=path), other.at.steps[0], key).path
        elif body:
            body = self.codec.write(with_value(self.codec.read(body), other.at.pointer, key))
        return request._replace(headers=headers, body=body, path=path)

    def probe_missing(
        self, operation: Operation, words: Mapping[str, Any], number: int, *, null: bool = False
    ) -> Event:
        """Ask without the required field of that number, or with null in its place."""
        place = operation.required[number]
        request = self.request(operation, words)
        if place.area == "header":
            headers = {name: value for name, value in request.headers.items() if name != place.steps[0] or null}
            if null:
                headers[place.steps[0]] = ""
            return self.send(request._replace(headers=headers), "missing-field")
        whole = self._body(operation, words)
        body = with_value(whole, place.pointer, None) if null else without(whole, place.pointer)
        return self.send(request._replace(body=self.codec.write(body)), "missing-field")

    def probe_malformed(self, operation: Operation, words: Mapping[str, Any], number: int) -> Event:
        """Send a body that cannot be read: cut short, or not JSON at all."""
        request = self.request(operation, words)
        body = request.body[: len(request.body) // 2] if number % 2 == 0 else b"this is neither JSON nor XML"
        return self.send(request._replace(body=body), "malformed")

    def probe_own(
        self, probe: Probe, words: Mapping[str, Any], *, way: int = 0, more: Mapping[str, Any] | None = None
    ) -> Event:
        """Send a request that is invalid in one of the ways that the contract lists.

        `way` counts the documented ways of a batch, `more` are further fields.
        """
        operation = self.contract.operations[probe.operation]
        request = self.request(operation, words, way=way)
        body = self._body(operation, words, way)
        body = {**body, **more} if more else body
        for pointer in probe.remove:
            body = without(body, pointer)
        for pointer, value in probe.set:
            body = with_value(body, pointer, value)
        if probe.repeat is not None:
            pointer, times = probe.repeat
            first = walk(body, tuple(steps_of(pointer)))
            if not isinstance(first, list):  # another way of the batch has its entries elsewhere
                name = next(name for name, value in body.items() if isinstance(value, list))
                pointer, first = f"/{name}", body[name]
            body = with_value(body, pointer, [first[0]] * times)
        return self.send(request._replace(body=self.codec.write(body)), probe.name)

    # ------------------------------------------------------------------------------------ time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds > 0:
            self.clock.advance(seconds)
            self.hear()

    def rest(self) -> None:
        """Let the documented wait pass before more polls; a session that keeps a pace does so by itself."""
        self.advance(self.wait)

    def hurrying(self, hurried: bool) -> contextlib.AbstractContextManager[None]:
        """A context in which polls may come faster than is documented (they may anyway where no pace is kept)."""
        return contextlib.nullcontext()

    def reach(self, fact: str) -> None:
        """Note that something was seen that a walk must see."""
        self.reached.add(fact)

    @property
    def wait(self) -> float:
        """Seconds between two polls of a conforming client (1 where nothing is documented)."""
        return self.contract.limits.wait or 1.0

    def pause_if_told(self, event: Event) -> bool:
        """Wait as long as a busy or blocked provider asks for; whether it did ask."""
        if event.answer is Answer.STATE:
            return False
        if event.effect in (Effect.BUSY, Effect.BLOCKED):
            entry = self.contract.errors.get(event.error_code or "")
            seconds = entry.seconds if entry is not None and entry.seconds is not None else self.wait
            batch = self.contract.limits.batch_wait if event.operation.role is Role.BATCH else None
            self.advance(max(seconds, self.wait, batch or 0.0))
            return True
        if event.answer in (Answer.NONE, Answer.UNREADABLE) and (event.answer is Answer.NONE or event.transient):
            self.advance(self.wait)
            return True
        return False

    def insist(self, event: Event) -> Event:
        """Send a request again that a busy provider refused, each time after the documented wait; the last answer.

        Where time can be moved it is sent so often, over so long, that being busy is no excuse any more.
        """
        operation = event.operation.name
        thorough = self.movable and not self.frugal and self.denied.get(operation, 0) < MAXIMUM_DENIED
        for number in range(INSISTENCES if thorough else FEW_INSISTENCES):
            before = self.clock.now()
            if event.probe or not self.pause_if_told(event):
                return event
            if thorough and number > 0:
                self.advance(INSISTING / (INSISTENCES - 1) - (self.clock.now() - before))
            event = self.send(event.exchange.request)
        if event.answer is not Answer.STATE:
            self.denied[operation] = self.denied.get(operation, 0) + 1
        return event

    def settle(self, handle: Handle, patience: float) -> Phase | None:
        """Poll at the documented pace, ever more slowly, until the task has an end or `patience` seconds are over."""
        waited, pause = 0.0, self.wait
        while True:
            event = self.poll(handle)
            if event.phase is not None and event.phase.terminal:
                self.reach(ENDED)
                if event.phase is Phase.SUCCEEDED:
                    self.reach(SUCCESS)
                return event.phase
            if event.effect is Effect.FAILED:
                self.reach(ENDED)
                return Phase.FAILED
            if event.answer is Answer.REFUSED and event.effect in (Effect.LOST, Effect.REFUSED, Effect.UNCLEAR):
                return None
            if waited >= patience:
                return None
            pause = max(pause, seconds_of(event.marks.get("retry_after")) or 0.0)
            try:
                self.advance(pause)
            except BudgetSpent:
                return None
            waited += pause
            pause = min(pause * 1.5, patience / 8)


def _keep(kept: dict[Key, Request], key: Key, request: Request) -> Request:
    if len(kept) >= MAXIMUM_ASKED:
        kept.clear()
    kept[key] = request
    return request
