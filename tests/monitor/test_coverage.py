"""Coverage as a gate: what a run must have seen, what it names when it has not, and what would show it."""

from __future__ import annotations

import io
from functools import cache

import pytest
from rich.console import Console

from pollproof.bundled import bundled, folder
from pollproof.check.judging import check
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.monitor.coverage import AFTER, BEFORE, expected
from pollproof.report.coverage import SORTS
from pollproof.report.document import build_document, join_documents, only
from pollproof.report.terminal import print_document
from pollproof.runs.outcome import Document, decided, unseen
from pollproof.runs.spec import Policy
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore

CONTRACTS = {name: load_contract(name) for name in bundled()}


@cache
def embedded(name: str) -> Document:
    return build_document(explore(Plan(CONTRACTS[name], examples=0)), Policy(require_all=True))


def printed(document: Document) -> str:
    stream = io.StringIO()
    print_document(Console(file=stream, width=10_000, highlight=False), document, strict=False, verbosity=1)
    return stream.getvalue()


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_embedded_run_sees_every_status_change_and_side_of_a_deadline(name: str) -> None:
    document = embedded(name)
    assert list(unseen(document)) == []
    assert document["outcome"] == "passed"
    assert "not seen" not in printed(document)


def test_what_a_lawful_client_cannot_reach_is_left_out_with_a_reason() -> None:
    (excluded,) = [entry for entry in embedded("capsolver")["coverage"]["deadlines"] if "excluded" in entry]
    assert excluded["clause"] == "capsolver.client.budget"
    assert "cannot poll so often within the lifetime" in excluded["excluded"]


def test_both_sides_of_each_limit_of_the_provider_are_asked_for() -> None:
    contract = CONTRACTS["capsolver"]
    sides = {(name.rpartition(".")[2], side.side) for name, side in expected(contract, contract.clauses).sides}
    assert {
        ("lifetime-served", BEFORE),
        ("lifetime-ended", AFTER),
        ("budget-served", BEFORE),
        ("budget-ended", AFTER),
    } <= sides
    decodo = CONTRACTS["decodo"]
    assert {("decodo.batch.accepted", BEFORE), ("decodo.batch.size", AFTER)} <= {
        (name, side.side) for name, side in expected(decodo, decodo.clauses).sides
    }


def test_a_run_that_saw_too_little_is_inconclusive_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.verify.run.WALKS", [])
    monkeypatch.setattr("pollproof.verify.run.scripts_for", lambda contract, seen: [])
    exploring = explore(Plan(CONTRACTS["capsolver"], examples=0))
    document = build_document(exploring, Policy(require_all=True))
    assert document["outcome"] == "inconclusive"
    assert {sort for sort, _ in unseen(document)} == set(SORTS) - {"statuses"}, "the reference client saw those"
    text = printed(document)
    assert "coverage: 3 of 3 statuses, " in text
    assert "succeeded to lost: polls of a task that is succeeded, then lost" in text
    assert "a poll just after the end of a lifetime" in text
    assert "not exercised, it needs a poll after the final response of a task" in text


def test_one_thing_that_was_not_seen_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    document = embedded("cnode")
    statuses = [
        entry | {"seen": 0, "would": "x"} if entry["name"] == "SERIES_ACCEPTED" else entry
        for entry in document["coverage"]["statuses"]
    ]
    poorer = {**document, "coverage": {**document["coverage"], "statuses": statuses}}
    assert decided(poorer, Policy(require_all=True))["outcome"] == "inconclusive"
    assert decided(poorer, Policy())["outcome"] == "passed"
    assert "statuses not seen (1): SERIES_ACCEPTED: x" in printed(poorer)


def test_several_documents_keep_apart_whose_coverage_it_is() -> None:
    whole = join_documents([embedded("capsolver"), embedded("decodo")])
    assert {entry["provider"] for entry in whole["coverage"]["statuses"]} == {"capsolver", "decodo"}


def test_some_clauses_alone_are_asked_for_their_own_deadlines() -> None:
    part = only(embedded("capsolver"), {"capsolver.poll.lifetime-ended"})
    assert part["coverage"]["statuses"] == part["coverage"]["transitions"] == []
    assert [entry["clause"] for entry in part["coverage"]["deadlines"]] == ["capsolver.poll.lifetime-ended"]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_recordings_have_their_coverage_too(contract: Contract) -> None:
    path = folder("cassettes") / contract.name / "reference.yaml"
    coverage = build_document(check(contract, [path]))["coverage"]
    assert {entry["name"] for entry in coverage["statuses"] if entry["seen"]} >= {contract.path[-1]}
    assert any(entry["seen"] for entry in coverage["transitions"])
