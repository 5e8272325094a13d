"""Faults: how the mutants of a kind differ from the reference provider and the reference client.

A mutant overrides one method of `FaultyProvider` or `FaultyClient`, which declare what a reference lets be overridden.
The references themselves are in rooms above this one: `pollproof.proof` puts the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pollproof.clock import Clock
from pollproof.contract.model import Break, Contract, Operation, Phase, Signature, TaskKind
from pollproof.contract.places import View
from pollproof.trace.client_outcome import ClientOutcome
from pollproof.trace.events import Event
from pollproof.trace.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reference provider does where the contract leaves it a choice.

    `solving`: seconds until a task is finished (None: in turn). `token`: one token for all results (empty: one each).
    `busy_every`: every Nth poll is answered with `busy_code` (0: none). `lifetime` and `polls` replace the limits,
    `writing` is handed to the codec. Without `failing` no task fails.
    """

    solving: float | None = None
    lifetime: float | None = None
    polls: int | None = None
    count_refused: bool = False
    token: str = ""
    busy_every: int = 0
    busy_code: str = ""
    writing: Mapping[str, Any] = field(default_factory=dict)
    failing: bool = True


@dataclass(slots=True)
class Task:
    """A task of the reference. `solving` seconds after `created` it is finished; `polls` counts its answered polls.

    `creation` is the body of the request that created it, `ended` the time at which it was cancelled, `ids` are its
    further ids by name, `touched` is when it was last polled or fetched.
    """

    number: int
    id: Any
    kind: TaskKind
    created: float
    solving: float
    fails: bool
    result: Any = None
    creation: Any = None
    polls: int = 0
    lost: bool = False
    reads: int = 0
    seen: list[str] = field(default_factory=list)
    ended: float | None = None
    ids: dict[str, Any] = field(default_factory=dict)
    touched: float | None = None


class RequestRoute(Protocol):
    """The operation that a request is routed to."""

    operation: Operation

    def is_complete(self, view: View) -> bool:
        """Whether a request has all its required fields."""
        ...

    def has_shape(self, view: View, body: bytes) -> bool:
        """Whether the body of a request has its documented shape."""
        ...


class CreatedTask(Protocol):
    """A task as a client knows it."""

    @property
    def id(self) -> Any:
        """The id that the creation gave."""


class FaultyProvider:
    """What a mutant may override of the reference provider."""

    contract: Contract
    clock: Clock
    settings: Settings
    order: list[Task]
    last_batch: float | None

    def new_id(self, number: int) -> Any:
        """The id of a new task."""
        raise NotImplementedError

    def token(self, number: int) -> str:
        """The one-time token of a task's result."""
        raise NotImplementedError

    def knows(self, credential: Any) -> bool:
        """Whether the key of a request is right."""
        raise NotImplementedError

    def shown_key(self, view: View) -> Any:
        """The key of a request, wherever it is documented to stand."""
        raise NotImplementedError

    def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
        """Whether a request has all its required fields, and they have their types."""
        raise NotImplementedError

    def rejects(self, probe: str) -> bool:
        """Whether requests that are wrong in this way of the contract's own are refused."""
        raise NotImplementedError

    def is_wrong(self, view: View, route: RequestRoute, probe: str) -> bool:
        """Whether a request is wrong in this way of the contract's own."""
        raise NotImplementedError

    def find(self, identifier: Any) -> Task | None:
        """The task of that id, lost ones included (of very many tasks, not those that were lost long ago)."""
        raise NotImplementedError

    def phase(self, task: Task, now: float) -> Phase:
        """Where a living task stands."""
        raise NotImplementedError

    def first_phase(self) -> Phase:
        """The phase of a task that was just created."""
        raise NotImplementedError

    def result(self, task: Task) -> Any:
        """The result that a read of a task gives."""
        raise NotImplementedError

    def word(self, phase: Phase) -> str:
        """The first documented status of a phase, empty where it has none."""
        raise NotImplementedError

    def read(self, response: Response) -> Any:
        """The body of a response, read."""
        raise NotImplementedError

    def most_unfinished(self) -> float:
        """How many tasks may be unfinished."""
        raise NotImplementedError

    def remove(self, task: Task) -> None:
        """Delete a task."""
        raise NotImplementedError

    def rewritten(self, response: Response, pointer: str, value: Any) -> Response:
        """A response with another value at a pointer of its body."""
        raise NotImplementedError

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        """The items of a page of a result, and where the next page begins; None after the last."""
        raise NotImplementedError

    def make_result(self, task: Task, token: str) -> Any:
        """A result of a task with a token in it."""
        raise NotImplementedError

    def inline(self, kind: TaskKind) -> bool:
        """Whether a task is answered in its creation."""
        raise NotImplementedError

    def updated(self, task: Task, now: float) -> float:
        """The time of a task's last change."""
        raise NotImplementedError

    def progress(self, task: Task, share: float) -> int:
        """The progress of a task in per cent, given the share of its solving time that is over."""
        raise NotImplementedError

    def members(self, tasks: list[Task]) -> list[Task]:
        """The tasks of a batch in the order in which its response lists them."""
        raise NotImplementedError

    def calls_back(self, task: Task, now: float) -> int:
        """How many callbacks of a task are due (those that were sent before are not counted again)."""
        raise NotImplementedError

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        """The body of a task's callback."""
        raise NotImplementedError

    def resend(self, address: str, body: bytes) -> None:
        """Send a callback again later, since it was not accepted."""
        raise NotImplementedError

    def due_callbacks(self) -> list[tuple[str, bytes]]:
        """The callbacks that are due now and were not handed out before: address and body of each."""
        raise NotImplementedError

    def kept_for(self, documented: float) -> float:
        """Seconds that results are kept where that many are documented."""
        raise NotImplementedError

    def replays(self, key: Any, body: Any) -> Task | None:
        """The task that a creation with this idempotency key repeats."""
        raise NotImplementedError

    def conflicts(self, known: Any, body: Any) -> bool:
        """Whether an idempotency key comes with another request than the first time."""
        raise NotImplementedError

    def key_lifetime(self) -> float:
        """Seconds that an idempotency key is kept."""
        raise NotImplementedError

    def cancel(self, operation: Operation, identifier: Any) -> Response:
        """Answer a cancelling."""
        raise NotImplementedError

    def is_too_late(self, task: Task, now: float) -> bool:
        """Whether an unfinished task can no longer be cancelled."""
        raise NotImplementedError

    def secret(self, signature: Signature) -> str:
        """The secret that callbacks are signed with."""
        raise NotImplementedError

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        raise NotImplementedError

    def poll(self, operation: Operation, identifier: Any) -> Response:
        """Answer a poll."""
        raise NotImplementedError

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        """Answer the fetch of a result."""
        raise NotImplementedError

    def hurries(self, now: float) -> bool:
        """Whether a batch comes sooner after the last one than it may."""
        raise NotImplementedError

    def batch(self, operation: Operation, view: View) -> Response:
        """Answer a batch."""
        raise NotImplementedError

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        """Answer a poll with a phase."""
        raise NotImplementedError

    def lost(self, operation: Operation, task: Task) -> Response:
        """Answer a poll of a lost task."""
        raise NotImplementedError

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        """Answer a poll of a task that was never created."""
        raise NotImplementedError

    def malformed(self, operation: Operation) -> Response:
        """Answer a body that cannot be read."""
        raise NotImplementedError

    def refuse(self, operation: Operation, code: str) -> Response:
        """Answer with an error."""
        raise NotImplementedError

    def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        """Fill a response template."""
        raise NotImplementedError


class FaultyClient:
    """What a mutant may override of the reference client."""

    contract: Contract
    retries: int
    last: Event | None

    def shown_key(self, key: str) -> str | None:
        """What stands in the header of the key; None: no such header is sent."""
        raise NotImplementedError

    def wait(self) -> float:
        """Seconds before the next poll."""
        raise NotImplementedError

    def retry_wait(self) -> float:
        """Seconds before a creation is retried."""
        raise NotImplementedError

    def batch_wait(self) -> float:
        """Seconds between two batches."""
        raise NotImplementedError

    def task_id(self, handle: CreatedTask, event: Event | None) -> Any:
        """The id to poll with, given the last response."""
        raise NotImplementedError

    def is_done(self, event: Event) -> bool:
        """Whether a response is the last that is needed."""
        raise NotImplementedError

    def gives_up(self, polls: int, elapsed: float) -> bool:
        """Whether to stop before the next poll."""
        raise NotImplementedError

    def keeps_inline(self, event: Event) -> bool:
        """Whether a result in the creation's answer is taken as it is."""
        raise NotImplementedError

    def outcome(self, result: Any, task: Any) -> ClientOutcome:
        """What the client reports at its end."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Fault:
    """What a mutant is made of. `name` is what is broken, in words.

    `companions` are kinds whose clauses cannot be kept when this one is broken.
    """

    name: str
    provider: type[FaultyProvider] | None = None
    client: type[FaultyClient] | None = None
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()
    companions: Sequence[str] = ()
