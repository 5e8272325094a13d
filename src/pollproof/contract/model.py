"""The contract: what a provider documents, as frozen data. Nothing here reads a file, a clock or a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from pollproof.contract.conditions import Condition
from pollproof.contract.declared import FILLED_BY_LOADER, IDENTIFIER, NAME, NEEDED, PAIRS, SHORT_FORM, TABLE_KEY, Form
from pollproof.contract.operations import ANSWER_TEXTS as ANSWER_TEXTS
from pollproof.contract.operations import ANSWER_WORDS as ANSWER_WORDS
from pollproof.contract.operations import ANSWERS as ANSWERS
from pollproof.contract.operations import MARKS as MARKS
from pollproof.contract.operations import EffectRule as EffectRule
from pollproof.contract.operations import Operation as Operation
from pollproof.contract.operations import Pages as Pages
from pollproof.contract.operations import PhaseRule as PhaseRule
from pollproof.contract.operations import ReferenceResponse as ReferenceResponse
from pollproof.contract.operations import Signature as Signature
from pollproof.contract.operations import id_mark as id_mark
from pollproof.contract.operations import link_mark as link_mark
from pollproof.contract.places import Place, parse_place
from pollproof.contract.sources import (
    Citation,
    Citations,
    DocumentationError,
    Observation,
    Passage,
    Source,
    Unspecified,
)
from pollproof.contract.vocabulary import NEAR_MISS as NEAR_MISS
from pollproof.contract.vocabulary import OTHER_KEY as OTHER_KEY
from pollproof.contract.vocabulary import PROBES as PROBES
from pollproof.contract.vocabulary import REFUSED_KEY as REFUSED_KEY
from pollproof.contract.vocabulary import SILENCE as SILENCE
from pollproof.contract.vocabulary import Effect as Effect
from pollproof.contract.vocabulary import Level as Level
from pollproof.contract.vocabulary import Phase as Phase
from pollproof.contract.vocabulary import Role as Role
from pollproof.contract.vocabulary import Subject as Subject
from pollproof.contract.vocabulary import speaks_of as speaks_of

_CALLBACK_ADDRESS = parse_place("request#/callback_url")
"""Where a creation has the address for callbacks when its contract does not say it."""


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """Another place where the key of the account may go instead."""

    at: Annotated[Place, "Where the key stands in a request."]
    template: Annotated[str, "How the key is written there: text with {credential} in it."] = "{credential}"


@dataclass(frozen=True, slots=True)
class Credential:
    """Where the key of the account goes, how it is written there, and one that is surely wrong.

    `at` is None for a provider that needs no key.
    """

    at: Annotated[Place | None, "Where the key stands in a request.", NEEDED] = None
    sample: Annotated[str, "A placeholder that the reference accepts.", NEEDED] = ""
    wrong: Annotated[str, "A key that no account has.", NEEDED] = ""
    template: Annotated[str, "How the key is written there: text with {credential} in it."] = "{credential}"
    others: Annotated[tuple[OtherPlace, ...], "Other places where the key may go instead.", Form(key="or")] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """A status value: its phase, or a table that says more."""

    value: Annotated[str, TABLE_KEY]
    phase: Annotated[Phase, "The phase of the status.", SHORT_FORM]
    documented: Annotated[bool, "False: known from elsewhere."] = True


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An entry of the error catalogue."""

    code: Annotated[str, TABLE_KEY]
    effect: Annotated[Effect, "What the code says about the task.", Form(without=("unclear",))]
    text: Annotated[str, "The code in words."]
    operations: Annotated[tuple[str, ...], "The operations that answer it; all when left out."] = ()
    seconds: Annotated[float | None, "Seconds that a block lasts or that a retry should wait."] = None
    http: Annotated[int | None, "The HTTP status that it comes with.", Form(least=100, most=599)] = None
    citations: Annotated[tuple[Citation, ...], "Where the documents say it.", Form(key="source", least=1)] = ()


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task."""

    name: Annotated[str, TABLE_KEY]
    sample: Annotated[Mapping[str, Any], "A task to create; {number} differs every time, {unique} in every run too."]
    result: Annotated[Any, "A result; {token} is the one-time token."]
    inline: Annotated[bool, "Answered in the creation itself."] = False
    when: Annotated[tuple[Condition, ...], "Which requests create this kind."] = ()
    operation: Annotated[str, "The operation that creates it; the first one that creates when left out."] = ""
    words: Annotated[Mapping[str, Any], "Words of responses about it, by name: what depends on the request."] = field(
        default_factory=dict
    )


class TaskIds(TypedDict):
    """Task ids."""

    type: Annotated[
        Literal["uuid", "integer", "digits", "letters", "lower", "hex"], "What ids of the reference look like."
    ]
    unknown: Annotated[tuple[str | int, ...], "Well-formed ids that no creation gives."]
    written: NotRequired[Annotated[str, "How they are written: text with {id} in it, as tr_{id}."]]
    length: NotRequired[Annotated[int, "How many characters {id} has; as many as its type has when left out."]]
    ill_formed: NotRequired[Annotated[tuple[str | int, ...], "Ids that none can be."]]
    prefix: NotRequired[Annotated[bool, "A unique beginning of an id stands for the id."]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the API; seconds unless said otherwise, None where nothing is documented."""

    polls: Annotated[int | None, "Polls that a task answers.", Form(least=1)] = None
    beyond_polls: Annotated[Literal["lost", "open"], "What the documents say of polls beyond that."] = "open"
    lifetime: Annotated[float | None, "Seconds that a task lives."] = None
    lifetime_slack: Annotated[float, "Seconds before and after the end of the lifetime that stay open."] = 0.0
    clock_skew: Annotated[float, FILLED_BY_LOADER] = 0.0
    """How much of the slack is not the documents' but that of clocks which differ, by a user's word."""
    lifetime_from: Annotated[
        Literal["creation", "completion", "last-read"],
        "What the lifetime is counted from; last-read is the last poll or fetch that was answered.",
    ] = "creation"
    wait: Annotated[float | None, "Seconds a client waits between polls."] = None
    wait_after_errors: Annotated[bool, "Whether that wait is stated after an error that is not final, too."] = True
    solving: Annotated[float | None, "Seconds after which an unfinished task fails."] = None
    result_lifetime: Annotated[float | None, "Seconds that a result is kept, where its task lives longer."] = None
    result_from: Annotated[Literal["creation", "completion", "last-read"], "What that is counted from."] = "completion"
    result_slack: Annotated[float, "Seconds before and after its end that stay open."] = 0.0
    key_lifetime: Annotated[float | None, "Seconds that an idempotency key is kept."] = None
    batch_size: Annotated[int | None, "Entries of one batch.", Form(least=1)] = None
    batch_wait: Annotated[float | None, "Seconds a client waits between batches."] = None
    unfinished: Annotated[int | None, "Unfinished tasks that an account may have.", Form(least=1)] = None
    cancel_within: Annotated[float | None, "Seconds after its creation in which a task can be cancelled."] = None
    cancel_while: Annotated[
        tuple[str, ...], "The statuses in which a task can be cancelled; every unfinished one when left out."
    ] = ()

    _of_result: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.result_lifetime is not None:
            lasting = replace(
                self,
                lifetime=self.result_lifetime,
                lifetime_from=self.result_from,
                lifetime_slack=self.result_slack + self.clock_skew,
                result_lifetime=None,
            )
            object.__setattr__(self, "_of_result", lasting)

    @property
    def budget_reachable(self) -> bool | None:
        """Whether all polls can be made within the lifetime at the documented wait; None: not all three are known."""
        if self.polls is None or self.lifetime is None or self.wait is None:
            return None
        return self.wait * self.polls < self.lifetime

    def of_result(self) -> Limits:
        """The limits with the lifetime of a result in place of that of its task (made once: every exchange uses it)."""
        return self if self._of_result is None else self._of_result


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests are accepted in a time; more are refused for a while."""

    of: Annotated[
        Literal["all", "create", "poll", "task"],
        "All requests, creations, polls, or polls of one task.",
    ]
    requests: Annotated[int, "How many are accepted.", Form(least=1)]
    seconds: Annotated[float, "The seconds in which they are counted."]
    code: Annotated[str, "The error code of one too many; `too_many` of [refusals] when left out."] = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A change of a response (or a request): how one mutant or legal variant departs from the reference.

    `operation` and `answer` select by operation name and name of the response template (empty: any);
    `remove` and `set` are JSON Pointers into the body, `http` another HTTP status.
    """

    name: Annotated[str, "What is wrong, in words."] = ""
    operation: Annotated[str, "The operation whose responses change; all when left out."] = ""
    answer: Annotated[str, "The response template that changes; all when left out.", Form(choices=ANSWERS)] = ""
    remove: Annotated[tuple[str, ...], "JSON Pointers of fields to leave out."] = ()
    set: Annotated[tuple[tuple[str, Any], ...], "Fields to set, by JSON Pointer.", PAIRS] = ()
    http: Annotated[int | None, "Another HTTP status.", Form(least=100, most=599)] = None
    headers: Annotated[tuple[tuple[str, str], ...], "Other headers; an empty text leaves one out.", PAIRS] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """One documented rule. `parameters` is the frozen dataclass of its kind; `breaks` tells how a mutant breaks it."""

    id: Annotated[str, "The permanent id, beginning with the provider.", Form(pattern=IDENTIFIER)]
    kind: Annotated[str, "What the clause means; see `pollproof clauses --kinds`."]
    citations: Citations
    text: Annotated[str, "The rule in plain words of our own."]
    parameters: Annotated[Any, FILLED_BY_LOADER]
    subject: Annotated[Subject, "Who must keep it; whom its kind is about when left out."] = Subject.PROVIDER
    level: Annotated[Level, "MUST fails a run, SHOULD warns; MUST when left out."] = Level.MUST
    breaks: Annotated[tuple[Break, ...], "How mutants break the clause, where its kind does not say it."] = ()


class Repeat(NamedTuple):
    """An array whose first entry is repeated."""

    at: Annotated[str, "JSON Pointer of the array."]
    times: Annotated[int, "How many entries it then has.", Form(least=1)]


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that is invalid in a way of this API's own: what is removed from or set in a valid one."""

    name: Annotated[str, "The name by which clauses refer to it.", Form(pattern=NAME)]
    operation: Annotated[str, "The operation that is requested."]
    text: Annotated[str, "What is wrong, in words."]
    remove: Annotated[tuple[str, ...], "JSON Pointers of fields to leave out of a valid request."] = ()
    set: Annotated[tuple[tuple[str, Any], ...], "Fields to set, by JSON Pointer.", PAIRS] = ()
    repeat: Annotated[Repeat | None, "An array to make longer."] = None
    code: Annotated[str, "The error code of the refusal; that of an invalid request when left out."] = ""
    headers: Annotated[tuple[tuple[str, str], ...], "Headers to set; an empty text leaves one out.", PAIRS] = ()
    query: Annotated[
        tuple[tuple[str, str], ...], "Parameters of the query to set; an empty text leaves one out.", PAIRS
    ] = ()


class VariantSettings(TypedDict, total=False):
    """Changed settings of the reference."""

    solving: Annotated[float, "Seconds until a task is finished."]
    lifetime: Annotated[float, "Seconds that a task lives."]
    count_refused: Annotated[bool, "Refused polls count."]
    token: Annotated[str, "One token for all results."]
    busy_every: Annotated[int, "Every Nth poll is busy.", Form(least=2)]
    busy_code: Annotated[str, "The error code of a busy answer."]
    polls: Annotated[int, "Polls that a task answers.", Form(least=1)]
    writing: Annotated[dict[str, Any], "How the codec writes bodies."]


@dataclass(frozen=True, slots=True)
class Variant:
    """A legal variant: what the documents leave open, done differently."""

    name: Annotated[str, "The name of the variant.", Form(pattern=NAME)]
    text: Annotated[str, "What is done otherwise."]
    clauses: Annotated[tuple[str, ...], "The ids of the clauses whose freedom it shows; * stands for any part."]
    changes: Annotated[tuple[Break, ...], "Changed answers."] = ()
    settings: Annotated[VariantSettings, "Changed settings of the reference."] = field(default_factory=VariantSettings)
    sample: Annotated[bool, "The documented samples look so: clients meet it in the gate."] = False
    citations: Annotated[tuple[Citation, ...], "Where the documents say it.", Form(key="source", least=1)] = ()


@dataclass(frozen=True, slots=True)
class UnrelatedEndpoint:
    """A request about no task, which clients make besides (a balance, say). Nothing is judged by it."""

    path: Annotated[str, "Below the base URL.", Form(pattern="^/")]
    answer: Annotated[Mapping[str, Any], "The body of the response."]
    text: Annotated[str, "What it is for."]
    method: Annotated[str, "POST when left out.", Form(choices=("GET", "POST"))] = "POST"


@dataclass(frozen=True, slots=True)
class Refusals:
    """The error codes with which the reference provider refuses; empty where there are no codes."""

    unknown_task: Annotated[str, "For a task that was never created."] = ""
    lost_task: Annotated[str, "For a task that is lost."] = ""
    wrong_credential: Annotated[str, "For a wrong key."] = ""
    invalid_request: Annotated[str, "For an invalid request."] = ""
    failed_task: Annotated[str, "For a task that has failed."] = ""
    ill_formed_task: Annotated[str, "For an ill-formed task id."] = ""
    malformed: Annotated[str, "For a body that cannot be read; `invalid_request` when left out."] = ""
    missing_field: Annotated[str, "For a request without a required field; `invalid_request` when left out."] = ""
    not_ready: Annotated[str, "For the fetch of a result that is not there yet."] = ""
    ended_task: Annotated[str, "For the cancelling of a task that has ended."] = ""
    late_cancel: Annotated[str, "For a cancelling that comes too late; `ended_task` when left out."] = ""
    unfinished_task: Annotated[str, "For the deletion of a task that has not ended."] = ""
    deleted_task: Annotated[str, "For a task that was deleted; `unknown_task` when left out."] = ""
    removed_result: Annotated[str, "For the fetch of a result that is not kept any more."] = ""
    reused_key: Annotated[str, "For an idempotency key that comes again with another request."] = ""
    too_many: Annotated[str, "For one request too many."] = ""
    too_many_unfinished: Annotated[str, "For a creation while as many tasks as are allowed are unfinished."] = ""


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
    times: str = "text"
    progress: float = 100.0
    cancelling: str = ""
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rates: tuple[Rate, ...] = ()
    requests: str = ""

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
    def callback_address(self) -> Place:
        """Where a creation has the address for callbacks."""
        callback = self.operation_of(Role.CALLBACK)
        return _CALLBACK_ADDRESS if callback is None or callback.address is None else callback.address

    @property
    def probe_names(self) -> tuple[str, ...]:
        """The names of all ways in which a request can be deliberately invalid."""
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
        return self.limits.budget_reachable
