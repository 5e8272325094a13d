"""The documents' own samples: valid after the recorded repairs, every status accepted, every corruption refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pollproof.bundled import bundled, folder
from pollproof.contract.model import Contract, Role
from pollproof.contract.templates import with_value, without
from pollproof.loading import load_contract
from pollproof.trace.bodies import Unreadable
from pollproof.trace.codecs import Check, Codec, codec_of, rules_of


@cache
def contract(provider: str) -> Contract:
    return load_contract(provider)


@cache
def collection(provider: str) -> Any:
    return json.loads((folder("schemas") / provider / "samples.json").read_text(encoding="utf-8"))


def samples(provider: str) -> dict[str, Any]:
    return {sample["name"]: sample for sample in collection(provider)["samples"]}


def repaired(sample: Any) -> str:
    text: str = sample["original"]
    for repair in sample["repairs"]:
        assert text.count(repair["from"]) == 1, f"the repair '{repair['what']}' must meet exactly one place"
        text = text.replace(repair["from"], repair["to"])
    return text


def schema_of(provider: str, operation: str, part: str) -> Any:
    found = contract(provider).operations[operation]
    name = found.request_schema if part == "request" else found.response_schema
    return None if name is None else contract(provider).schemas[name]


@cache
def check(provider: str, operation: str, part: str) -> Check:
    return Check(schema_of(provider, operation, part))


@cache
def codec(provider: str) -> Codec:
    return codec_of(contract(provider))


def broken_clauses(provider: str, sample: Any, text: str) -> set[str]:
    """The clauses of kind 'shape' that a body of this sample's operation and part breaks."""
    body = text.encode()
    errors = check(provider, sample["operation"], sample["part"])(codec(provider).read(body), body)
    rules = {error.rule for error in errors}
    return {
        clause.id
        for clause in contract(provider).clauses
        if clause.kind == "shape"
        and (clause.parameters.operation, clause.parameters.part) == (sample["operation"], sample["part"])
        and clause.parameters.rule in rules
    }


def changed(sample: Any, change: Any) -> str:
    """The sample after a change: of its text (`replace`), or of its JSON (`remove` and `set`)."""
    text = repaired(sample)
    if "replace" in change:
        old, new = change["replace"]
        assert text.count(old) == 1, f"{old!r} must stand exactly once in the sample"
        return text.replace(old, new)
    value = json.loads(text)
    for pointer in change.get("remove", ()):
        assert without(value, pointer) != value, f"{pointer} is not in the sample"
        value = without(value, pointer)
    for pointer, item in change.get("set", {}).items():
        value = with_value(value, pointer, item)
    return json.dumps(value)


def entries(key: str) -> list[Any]:
    return [
        pytest.param(provider, entry, id=f"{provider}-{entry.get('name') or entry['sample']}-{number}")
        for provider in bundled()
        for number, entry in enumerate(collection(provider)[key])
    ]


@pytest.mark.parametrize(("provider", "sample"), entries("samples"))
def test_a_documented_sample_has_its_shape(provider: str, sample: Any) -> None:
    expected = {sample["breaks"]} if "breaks" in sample else set()
    assert broken_clauses(provider, sample, repaired(sample)) == expected


@pytest.mark.parametrize(("provider", "sample"), entries("samples"))
def test_a_repair_is_recorded_exactly_where_the_sample_cannot_be_read(provider: str, sample: Any) -> None:
    if isinstance(codec(provider).read(sample["original"].encode()), Unreadable):
        assert sample["repairs"], "the sample cannot be read and no repair is recorded"
    else:
        assert not sample["repairs"], "a repair is recorded for a sample that can be read"


@pytest.mark.parametrize(("provider", "change"), entries("corruptions"))
def test_a_corruption_is_refused_by_its_own_clause_and_no_other(provider: str, change: Any) -> None:
    sample = samples(provider)[change["sample"]]
    assert broken_clauses(provider, sample, changed(sample, change)) == {change["breaks"]}


@pytest.mark.parametrize(("provider", "change"), entries("accepted"))
def test_what_the_documents_leave_open_is_accepted(provider: str, change: Any) -> None:
    sample = samples(provider)[change["sample"]]
    assert broken_clauses(provider, sample, changed(sample, change)) == set()


@pytest.mark.parametrize("provider", bundled())
def test_every_documented_status_is_accepted_and_belongs_to_the_schema(provider: str) -> None:
    statuses = contract(provider).statuses
    for name, sample in samples(provider).items():
        value = codec(provider).read(repaired(sample).encode())
        if sample["part"] != "response" or not isinstance(value.get("status"), str) or "breaks" in sample:
            continue
        for status in statuses:
            body = {**value, "status": status}
            body.pop("solution", None)
            if status == contract(provider).path[-1]:
                body["solution"] = {"text": "x"}
            found = broken_clauses(provider, sample, json.dumps(body))
            creation = contract(provider).operations[sample["operation"]].role is Role.CREATE
            assert not found or creation, f"{name} with status {status!r} breaks {found}"


@pytest.mark.parametrize("provider", bundled())
def test_every_rule_of_every_schema_has_its_clause(provider: str) -> None:
    claimed = {
        (clause.parameters.operation, clause.parameters.part, clause.parameters.rule)
        for clause in contract(provider).clauses
        if clause.kind == "shape"
    }
    kinds = {clause.kind for clause in contract(provider).clauses}  # a kind of its own may judge what a rule states
    for operation in contract(provider).operations.values():
        for part in ("request", "response"):
            schema = schema_of(provider, operation.name, part)
            for rule in () if schema is None else (rules_of(schema) | {""}) - kinds:
                assert (operation.name, part, rule) in claimed, f"no clause judges rule '{rule}' of {operation.name}"


@pytest.mark.parametrize("provider", bundled())
def test_every_shape_clause_is_broken_by_a_corruption(provider: str) -> None:
    broken = {change["breaks"] for change in collection(provider)["corruptions"]}
    assert broken == {clause.id for clause in contract(provider).clauses if clause.kind == "shape"}


@pytest.mark.parametrize("provider", bundled())
def test_every_schema_says_what_it_is_and_where_each_constraint_comes_from(provider: str) -> None:
    for name, schema in contract(provider).schemas.items():
        if isinstance(schema, str):  # an XSD
            for word in ("<xs:documentation>", "Source"):
                assert word in Path(schema).read_text(encoding="utf-8"), f"{name}: no {word}"
            continue
        assert schema["$id"].endswith(name)
        assert schema["title"]
        assert schema["description"]
        for constraint in [*schema["properties"].values(), *schema.get("allOf", [])]:
            assert constraint["x-source"], f"{name}: a constraint without source: {constraint}"
