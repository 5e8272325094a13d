"""The contract: what a provider documents, as frozen data. Nothing here reads a file, a clock or a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pollproof.contract.conditions import Condition
from pollproof.contract.places import Place

PROBES = ("unknown-task", "ill-formed-task", "wrong-credential", "missing-field", "malformed")
"""The ways in which requests to any API can be wrong on purpose."""

REFUSED_KEY = "refused-key"
"""The probe of a recorded exchange that was refused for its key: whether the key was right is not known."""

SILENCE = "no-callback"
"""The probe of an exchange that records that a callback was waited for and did not come."""


class Phase(Enum):
    """What a status means for the life of a task. Terminal phases are final."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OPEN = "open"  # documented, but whether it is final is not said

    terminal: bool
    rank: int


for _phase in Phase:
    # Plain attributes, not properties: both are read for every exchange.
    _phase.terminal = _phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)
    _phase.rank = {Phase.WAITING: 0, Phase.RUNNING: 1, Phase.OPEN: 1}.get(_phase, 2)


class Effect(Enum):
    """What an error code says about the task that was asked for."""

    FAILED = "failed"  # the task has failed; final
    LOST = "lost"  # the task is not there, or no longer
    RUNNING = "running"  # an error in form, but the task is merely not finished
    BUSY = "busy"  # try again later; says nothing about the task
    REFUSED = "refused"  # the call itself was wrong; says nothing about the task
    BLOCKED = "blocked"  # the account is locked for a while; says nothing about the task
    UNCLEAR = "unclear"  # a code that the contract does not list


class Level(Enum):
    """How binding a clause is: MUST fails a run, SHOULD warns."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Subject(Enum):
    """Who must keep a clause."""

    PROVIDER = "provider"
    CLIENT = "client"


class Role(Enum):
    """What an operation does to a task."""

    CREATE = "create"  # asks for a task
    POLL = "poll"  # asks how a task stands
    FETCH = "fetch"  # asks for the result of a task, where that is another operation than polling
    BATCH = "batch"  # asks for several tasks at once
    CALLBACK = "callback"  # the provider tells the client of the end of a task
    CANCEL = "cancel"  # asks that a task be given up
    OUTCOME = "outcome"  # says how the client ended; no contract has it, every trace may


@dataclass(frozen=True, slots=True)
class Source:
    """A document that rules come from. `basis` is `primary` (the provider's own page at hand) or `adjacent`.

    Where its passages are listed, `lines` counts its lines and `digest` is the SHA-256 of the file they were read from.
    """

    key: str
    title: str
    document: str
    basis: str
    address: str = ""
    lines: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a source: `lines` as the document counts them (empty where it has none), `place` in words."""

    source: Source
    lines: str
    place: str

    @property
    def span(self) -> range:
        """The numbers of the lines; empty where the document has none."""
        first, _, last = self.lines.partition("-")
        return range(int(first), int(last or first) + 1) if first else range(0)

    def __str__(self) -> str:
        words = [f"{self.source.title} ({self.source.document})"]
        if self.lines:
            words.append(f"line {self.lines}" if self.lines.isdigit() else f"lines {self.lines}")
        if self.place:
            words.append(self.place)
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Credential:
    """Where the key of the account goes, how it is written there, and one that is surely wrong.

    `at` is None for a provider that asks for no key.
    """

    at: Place | None = None
    template: str = "{credential}"
    sample: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """One status value. `documented` is false for a value that is known from the wild only."""

    value: str
    phase: Phase
    documented: bool = True


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One entry of the error catalogue. `seconds`: how long a block lasts or a retry should wait, where documented."""

    code: str
    effect: Effect
    text: str
    operations: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A template of an answer of the reference provider; `body` is None where the answer has none."""

    http: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how it is asked, how its answer is read, and what the reference provider answers.

    `element` is the name of the body's element where operations share a path (SOAP). `marks` are further places that
    clauses look at, by name: `created_at`, `updated_at`, `progress`, `passthrough`, `entries`, `retry_after`.
    `alternatives` are other bodies that it can be asked with.
    """

    name: str
    role: Role
    method: str
    path: str
    request: Any
    request_schema: str | None
    response_schema: str | None
    task_id: Place | None
    echo: Place | None
    status: Place | None
    result: Place | None
    error_code: Place | None
    phases: tuple[tuple[Condition, Phase], ...]
    refused: tuple[Condition, ...]
    effects: tuple[tuple[Condition, Effect], ...]
    required: tuple[Place, ...]
    answers: Mapping[str, Answer]
    marks: Mapping[str, Place] = field(default_factory=dict)
    element: str = ""
    action: str = ""
    alternatives: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task: `inline` kinds are answered in the creation itself. `when` recognises one in a request."""

    name: str
    sample: Any
    result: Any
    inline: bool
    when: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of a contract; seconds unless said otherwise, None where nothing is documented.

    `batch_size` and `batch_wait`: entries of one batch, and seconds between two batches of a client.

    `lifetime_from`: `creation` of the task, or its `completion`.
    `lifetime_slack`: how far before and after the end of the lifetime the documents leave the answer open.
    `clock_skew`: how much of the slack is not the documents' but that of clocks which differ, by a user's word.
    `beyond_polls`: `lost` where the documents say that polls beyond the budget get nothing, else `open`.
    """

    polls: int | None = None
    beyond_polls: str = "open"
    lifetime: float | None = None
    lifetime_slack: float = 0.0
    clock_skew: float = 0.0
    lifetime_from: str = "creation"
    wait: float | None = None
    solving: float | None = None
    batch_size: int | None = None
    batch_wait: float | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """One documented rule. `parameters` is the frozen dataclass of its kind; `breaks` tells how a mutant breaks it."""

    id: str
    kind: str
    subject: Subject
    level: Level
    citations: tuple[Citation, ...]
    text: str
    parameters: Any
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class Break:
    """How one mutant departs from the reference: which answers (or requests) it changes, and the change.

    `operation` and `answer` select by operation name and name of the answer template (empty: any);
    `remove` and `set` are JSON Pointers into the body, `http` another HTTP status.
    """

    name: str
    operation: str = ""
    answer: str = ""
    remove: tuple[str, ...] = ()
    set: tuple[tuple[str, Any], ...] = ()
    http: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that is wrong in a way of the contract's own: what is removed from or set in a right one.

    `code` is the error code with which the reference refuses it, `text` says in words what is wrong.
    """

    name: str
    operation: str
    remove: tuple[str, ...]
    set: tuple[tuple[str, Any], ...]
    repeat: tuple[str, int] | None
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A legal variant: what the documents leave open, done differently. `clauses` are those whose freedom it shows.

    `sample` tells that the documented samples look so: clients meet it in all scenarios of the gate.
    """

    name: str
    text: str
    clauses: tuple[str, ...]
    changes: tuple[Break, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """A documented figure that is reported and never asserted."""

    id: str
    kind: str
    text: str
    citations: tuple[Citation, ...]
    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Unspecified:
    """Something the documents leave open, with the reason why nothing is asserted. Passages refer to it by `name`."""

    about: str
    reason: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a document, what they say in words of our own, and what was made of them.

    They are judged by clauses, measured by observations, or leave open what is listed as unspecified; where `aside`
    is given they state no rule, and it says what they are instead.
    """

    citation: Citation
    gist: str
    clauses: tuple[str, ...] = ()
    unspecified: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    aside: str = ""


@dataclass(frozen=True, slots=True)
class DocumentationError:
    """A slip or contradiction of the documents, and how the contract treats it."""

    what: str
    treatment: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class UnrelatedEndpoint:
    """A request that is about no task, which clients make besides (a balance, say); `answer` is what it is answered.

    Nothing is judged by it, and a client that makes it is not turned away.
    """

    method: str
    path: str
    answer: Any
    text: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """The error codes with which the reference provider answers what it refuses; empty where there are no codes."""

    unknown_task: str = ""
    lost_task: str = ""
    wrong_credential: str = ""
    invalid_request: str = ""
    failed_task: str = ""
    ill_formed_task: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """All that one provider documents."""

    name: str
    title: str
    base_url: str
    body: str
    namespace: str
    credential: Credential
    sources: Mapping[str, Source]
    statuses: Mapping[str, Status]
    path: tuple[str, ...]
    errors: Mapping[str, ErrorCode]
    refusals: Refusals
    operations: Mapping[str, Operation]
    kinds: Mapping[str, TaskKind]
    task_id: Mapping[str, Any]
    probes: tuple[Probe, ...]
    limits: Limits
    clauses: tuple[Clause, ...]
    variants: tuple[Variant, ...]
    observations: tuple[Observation, ...]
    unspecified: tuple[Unspecified, ...]
    slips: tuple[DocumentationError, ...]
    passages: tuple[Passage, ...]
    origin: str
    schemas: Mapping[str, Any]
    asides: tuple[UnrelatedEndpoint, ...] = ()

    def operation(self, role: Role) -> Operation:
        """The operation of a role; raises LookupError where the contract has none."""
        for operation in self.operations.values():
            if operation.role is role:
                return operation
        raise LookupError(f"{self.name} has no operation of role {role.value}")

    def operation_of(self, role: Role) -> Operation | None:
        """The operation of a role, None where the contract has none."""
        return next((operation for operation in self.operations.values() if operation.role is role), None)

    @property
    def probe_names(self) -> tuple[str, ...]:
        """The names of all ways in which a request can be wrong on purpose."""
        return (*PROBES, SILENCE, REFUSED_KEY, *(probe.name for probe in self.probes))

    def clause(self, identifier: str) -> Clause:
        """The clause of that id; raises LookupError where there is none."""
        for clause in self.clauses:
            if clause.id == identifier:
                return clause
        raise LookupError(f"{self.name} has no clause {identifier}")

    @property
    def budget_reachable(self) -> bool | None:
        """Whether a client that keeps the minimum wait can reach the poll budget within the lifetime at all.

        None where the contract lacks one of the three numbers.
        """
        limits = self.limits
        if limits.polls is None or limits.lifetime is None or limits.wait is None:
            return None
        return limits.wait * limits.polls < limits.lifetime
