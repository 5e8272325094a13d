"""Operations: how each is requested, how its responses are read, and what the reference provider answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from pollproof.contract.conditions import Condition
from pollproof.contract.declared import PAIRS, TABLE_KEY, Flattened, Form
from pollproof.contract.places import Place
from pollproof.contract.vocabulary import Effect, Phase, Role


@dataclass(frozen=True, slots=True)
class Signature:
    """How a callback is signed with a secret that both sides have: an HMAC."""

    header: Annotated[str, "The header that has the signature."]
    secret: Annotated[str, "A sample secret, which the target is set up with."]
    base64: Annotated[bool, "Whether the key is what the secret has in Base64 (after a prefix that ends in _)."] = False
    written: Annotated[
        str, "How it is written: text with {hex} or {base64} in it, and {timestamp} where it has its own time."
    ] = "{hex}"
    over: Annotated[str, "What is signed: text with {body} and names of headers, as {x-timestamp}, in it."] = "{body}"
    hash: Annotated[Literal["sha256", "sha512", "sha384", "sha1"], "The hash of the HMAC."] = "sha256"


@dataclass(frozen=True, slots=True)
class ReferenceResponse:
    """A response of the reference provider; `body` is None where the response has none."""

    http: Annotated[int, "HTTP status; 200 when left out.", Form(least=100, most=599)] = 200
    body: Annotated[Any, "The body, with $words in it; no body when left out."] = None
    headers: Annotated[tuple[tuple[str, str], ...], "More headers.", PAIRS] = ()
    like: Annotated[str, "Another response, of this operation or as OPERATION.ANSWER, that it is but for the rest."] = (
        ""
    )
    set: Annotated[tuple[tuple[str, Any], ...], "What is set in that answer's body, by JSON Pointer.", PAIRS] = ()


class PhaseRule(NamedTuple):
    """A phase that is not read from a status."""

    when: Annotated[Condition, "The condition that is met in this phase."]
    phase: Annotated[Phase, "The phase."]


class EffectRule(NamedTuple):
    """What an error without a listed code says."""

    when: Annotated[Condition, "The condition that is met by such an error."]
    effect: Annotated[Effect, "What the error says of the task."]


ANSWER_TEXTS = {
    "created": "To a creation that is accepted.",
    "waiting": "To a poll of a task that waits.",
    "running": "To a poll of a task in work.",
    "succeeded": "To a poll of a task that has succeeded, or to a fetch of its result.",
    "failed": "To a poll of a task that has failed.",
    "cancelled": "To a poll of a cancelled task, or to its cancelling.",
    "lost": "For a task that is not there, or no longer.",
    "refused": "To an invalid request.",
    "unauthorized": "To a request with a wrong key; `refused` when left out.",
    "ended": "To the cancelling of a task that has ended.",
    "too-late": "To the cancelling of an unfinished task that cannot be cancelled any more.",
    "not-modified": "To a poll with the ETag of what has not changed.",
    "cancelled-again": "To the cancelling of a task that is cancelled; `ended` when left out.",
    "deleted": "To the deletion of a task.",
    "unfinished": "To the deletion of a task that has not ended; it is deleted all the same when left out.",
    "unknown": "For a task that was never created; `lost` or `refused` when left out.",
    "replayed": "To a creation that is repeated with its idempotency key; `created` when left out.",
    "removed": "To the fetch of a result that is not kept any more, or to a poll of its task.",
    "malformed": "To a body that cannot be read; `refused` when left out.",
    "busy": "To one request too many; `refused` when left out.",
    "entry": "One task among `$entries` of a batch.",
    "nothing": "To a fetch of a result that is not there yet.",
    "callback": "The body of a callback.",
}
"""What each response of an operation is given to."""

ANSWERS = tuple(ANSWER_TEXTS)
"""The responses of an operation that the reference provider can give."""

ANSWER_WORDS = frozenset(
    {
        "task_id", "status", "result", "error_code", "error_number", "error_text", "http", "base_url", "timestamp",
        "retry_after", "retry_date", "polls", "created_at", "updated_at", "started_at", "completed_at", "cancelled_at",
        "expires_at", "progress", "asked", "entries", "number", "items", "next", "cursor", "total", "page_size",
        "page_count",        "unique",
    }
)  # fmt: skip
"""The words that answers can have in them, beside places such as {creation#/name}."""


def id_mark(name: str) -> str:
    """The name of the mark that keeps a further id of a task."""
    return f"@id {name}"


def link_mark(operation: str) -> str:
    """The name of the mark that keeps the address of an operation which a response has given."""
    return f"@link {operation}"


MARKS = (
    "created_at", "updated_at", "progress", "passthrough", "entries", "retry_after", "retry_after_ms",
    "idempotency_key", "etag",
)  # fmt: skip
"""The further places of an operation that clauses look at."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Results that come in pages: where the items of a page stand, and how the next page is requested."""

    items: Annotated[Place, "Where the items of a page stand: an array."]
    next: Annotated[Place | None, "Where a page has the address of the next one, or null after the last."] = None
    cursor: Annotated[Place | None, "Where a page has the cursor of the next one, or null after the last."] = None
    parameter: Annotated[
        str,
        "What takes the cursor, offset or number of a page: a query parameter, or a place as request#/params/cursor.",
    ] = ""
    counts: Annotated[
        Literal["items", "pages", ""], "What `parameter` counts where there is neither next nor cursor."
    ] = ""
    first: Annotated[int, "The number of the first page.", Form(least=0)] = 1
    size: Annotated[str, "The query parameter of how many items a page has."] = ""
    most: Annotated[int, "How many items a page has at most.", Form(least=1)] = 100
    usual: Annotated[
        int, "How many items a page of the reference has where the request does not say.", Form(least=1)
    ] = 2
    total: Annotated[Place | None, "Where a page says how many items there are on all pages."] = None
    key: Annotated[str, "JSON Pointer of what tells an item from all others."] = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API: how it is requested, how its response is read, and what the reference provider answers.

    `marks` are further places that clauses look at, by name.
    """

    name: Annotated[str, TABLE_KEY]
    role: Annotated[Role, "What the operation does to a task.", Form(without=("outcome",))]
    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], "The HTTP method."]
    path: Annotated[
        str,
        "Below the base URL, with a fixed query if any; {name} is a variable, {+name} may have slashes.",
        Form(pattern="^/|^$"),
    ]
    task_id: Annotated[Place | None, "Where the task id stands: the one given, or the one requested."]
    answers: Annotated[
        Mapping[str, ReferenceResponse],
        "What the reference provider answers.",
        Form(choices=ANSWERS, texts=tuple(ANSWER_TEXTS.values())),
    ]
    request: Annotated[Any, "The body of a request, with $words in it; none when left out."] = None
    request_schema: Annotated[str | None, "Schema of the request, relative to schemas/."] = None
    response_schema: Annotated[str | None, "Schema of the response, relative to schemas/."] = None
    echo: Annotated[Place | None, "Where a response repeats the task id."] = None
    status: Annotated[Place | None, "Where the status of the task stands."] = None
    result: Annotated[Place | None, "Where the result of the task stands."] = None
    error_code: Annotated[Place | None, "Where the error code stands."] = None
    phases: Annotated[tuple[PhaseRule, ...], "Looked at in order, before the status."] = ()
    refused: Annotated[tuple[Condition, ...], "When a response is an error: any of these."] = ()
    effects: Annotated[tuple[EffectRule, ...], "Looked at in order, where an error has no listed code."] = ()
    required: Annotated[tuple[Place, ...], "Fields of the request without which it must be refused."] = ()
    marks: Annotated[Mapping[str, Place], Flattened(tuple((name, f"Where {name} stands.") for name in MARKS))] = field(
        default_factory=dict
    )
    address: Annotated[Place | None, "Of a callback: where a creation has its address; else /callback_url."] = None
    signature: Annotated[Signature | None, "Of a callback: how it is signed."] = None
    headers: Annotated[Mapping[str, str], "Headers of every request, such as Prefer; {words} are filled in."] = field(
        default_factory=dict
    )
    when: Annotated[tuple[Condition, ...], "Tells its requests from others on the same path: all of these."] = ()
    element: Annotated[str, "The element in the body that names the operation, where several share a path (SOAP)."] = ""
    action: Annotated[str, "The SOAPAction header."] = ""
    alternatives: Annotated[tuple[Mapping[str, Any], ...], "Other bodies of a request, as good as `request`."] = ()
    ids: Annotated[
        Mapping[str, Place],
        "Further ids of the task that a response gives, by name: {name} in paths and bodies of others.",
    ] = field(default_factory=dict)
    takes: Annotated[str, "Which of the further ids stands at task_id; that of the creation when left out."] = ""
    links: Annotated[
        Mapping[str, Place],
        "Where a response gives the address of another operation, by its name: it is requested there.",
    ] = field(default_factory=dict)
    blocks: Annotated[bool, "Of a fetch: it is answered once the task has ended, so it is not requested before."] = (
        False
    )
    pages: Annotated[Pages | None, "Of a fetch: how a result is read that comes in pages."] = None

    @property
    def given(self) -> Mapping[str, Place]:
        """The places of ids and links in a response, by the names of the marks that keep them."""
        links = {link_mark(name): place for name, place in self.links.items()}
        return {**{id_mark(name): place for name, place in self.ids.items()}, **links}
