"""The grammar of contract files: the tables that stand in one, from the top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pollproof.contract.declared import Form, NamedBy
from pollproof.contract.model import (
    Clause,
    Credential,
    ErrorCode,
    Limits,
    Operation,
    Probe,
    Rate,
    Refusals,
    Status,
    TaskIds,
    TaskKind,
    UnrelatedEndpoint,
    Variant,
)
from pollproof.contract.sources import DocumentationError, Observation, Passage, Source, Unspecified


@dataclass(frozen=True, slots=True)
class Provider:
    """Who provides the API."""

    name: Annotated[str, "Short name.", Form(pattern="^[a-z0-9-]+$")]
    title: Annotated[str, "Name for people."]
    base_url: Annotated[str, "The documented base URL."]
    body: Annotated[Literal["json", "soap", "xml", "form"], "What bodies are written in."]
    requests: Annotated[
        Literal["json", "xml", "form", ""], "What bodies of requests are written in, where that is another form."
    ] = ""
    namespace: Annotated[str, "Namespace of SOAP operations, or of the root elements of XML."] = ""
    credential: Annotated[Credential, "Where the key of the account goes."] = field(default_factory=Credential)


@dataclass(frozen=True, slots=True)
class LifecycleTable:
    """How a task of the reference goes."""

    path: Annotated[tuple[str, ...], "The statuses of a task that goes well, in order."]
    times: Annotated[
        Literal["text", "iso", "seconds", "milliseconds"],
        "How the times of responses are written: 2026-01-31 10:00:00, 2026-01-31T10:00:00Z, or a number since 1970.",
    ] = "text"
    progress: Annotated[float, "The progress of a task that has succeeded: 100 or 1."] = 100.0
    cancelling: Annotated[str, "The status of a task that is being cancelled, if that takes time."] = ""
    words: Annotated[
        Mapping[str, Mapping[str, Any]],
        "Words of responses by status: {name} is null for one that is left out; a list is gone through in its time.",
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContractFile:
    """What one provider of a create-then-poll API documents, as data: the tables of a contract file."""

    provider: Annotated[Provider, "Who provides the API."]
    sources: Annotated[Mapping[str, Source], "The documents, by the short key that clauses cite."]
    statuses: Annotated[Mapping[str, Status], "Every status value with its phase; a value that ends in * is a prefix."]
    lifecycle: Annotated[LifecycleTable, "How a task of the reference goes."]
    operations: Annotated[Mapping[str, Operation], "The operations of the API.", Form(least=1)]
    task_id: Annotated[TaskIds, "Task ids."]
    tasks: Annotated[Mapping[str, TaskKind], "The kinds of tasks.", Form(least=1)]
    clauses: Annotated[tuple[Clause, ...], "The rules.", NamedBy("id"), Form(least=1)]
    errors: Annotated[Mapping[str, ErrorCode], "The error catalogue."] = field(default_factory=dict)
    refusals: Annotated[Refusals, "Which codes the reference provider uses."] = field(default_factory=Refusals)
    limits: Annotated[Limits, "The numbers of the API."] = field(default_factory=Limits)
    probes: Annotated[
        tuple[Probe, ...], "Invalid requests beside those that every API can be sent.", NamedBy("name")
    ] = ()
    rates: Annotated[tuple[Rate, ...], "How many requests are accepted in a time."] = ()
    asides: Annotated[tuple[UnrelatedEndpoint, ...], "Requests that clients make besides, which are not judged."] = ()
    variants: Annotated[
        tuple[Variant, ...], "Conforming implementations that use what the documents leave open.", NamedBy("name")
    ] = ()
    observations: Annotated[tuple[Observation, ...], "Figures that are reported, never asserted.", NamedBy("id")] = ()
    unspecified: Annotated[tuple[Unspecified, ...], "What is never asserted.", NamedBy("name")] = ()
    slips: Annotated[tuple[DocumentationError, ...], "Slips and contradictions of the documents.", NamedBy("what")] = ()
    passages: Annotated[
        tuple[Passage, ...], "All lines of the documents at hand, and what judges each rule.", NamedBy("source")
    ] = ()
    extends: Annotated[str, "A contract that this one extends: a bundled name, or a path beside this file."] = ""
    omits: Annotated[
        tuple[str, ...], "Clauses, probes and variants of it that are not taken over; * stands for any."
    ] = ()
