"""The fast validator and the one that words failures agree on everything."""

from __future__ import annotations

from functools import cache
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from pollproof.bundled import bundled
from pollproof.contract.model import Role
from pollproof.loading import load_contract
from pollproof.trace.bodies import Unreadable, canonical, read_json, write_json
from pollproof.trace.codecs import checks_of
from pollproof.trace.shapes import Shape


@cache
def shapes() -> dict[str, Shape]:
    schemas = (entry for provider in bundled() for entry in load_contract(provider).schemas.items())
    return {name: Shape(schema) for name, schema in schemas if not isinstance(schema, str)}


WORDS = ["errorId", "errorCode", "errorDescription", "status", "solution", "taskId", "clientKey", "task", "type"]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(),
    st.sampled_from([0.0, 1.0, 0.5, 1e300, 9007199254740993]),
    st.sampled_from(["", "ready", "processing", "idle", "failed", "null", "ERROR_X"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=7),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=7) | VALUES


@given(value=BODIES)
@settings(max_examples=300)
def test_both_validators_agree(value: Any) -> None:
    for name, shape in shapes().items():
        worded = shape.explain(value)
        assert shape.is_valid(value) == (worded == ()), name
        if not worded:  # and a failure is worded by `explain`, which takes its time
            assert shape.check(value) == (), name


def test_a_check_answers_about_the_body_that_it_is_asked_about() -> None:
    found = load_contract("capsolver")
    check = checks_of(found.schemas)[found.operation(Role.POLL).request_schema or ""]
    right = {"clientKey": "k", "taskId": "61138bb6-19fb-11ec-a9c8-0242ac110006"}
    verdicts = [check(value, write_json(value)) for value in ({}, {}, right, {**right, "taskId": []}, right)]
    assert [bool(errors) for errors in verdicts] == [True, True, False, True, False]
    assert verdicts[0] == verdicts[1] != verdicts[3]


@given(value=VALUES)
def test_a_body_is_read_as_it_was_written(value: Any) -> None:
    assert canonical(read_json(write_json(value))) == canonical(value)


def test_what_is_no_json_is_told_and_never_raised() -> None:
    bodies = [b"", b"{", b"\xff\xfe{", b"NaN", b"[1e999, Infinity]", b"[" * 100_000, b"1" * 10_000, b"{} {}", b"'x'"]
    bodies += [b" ", b"\xef\xbb\xbf", b"{}x", b'"\\ud800"', b'{"\\udc00": 1}', b'["\\ud83d", "\\ude00"]']
    for body in bodies:
        assert isinstance(read_json(body), Unreadable), body[:20]


def test_a_byte_order_mark_and_white_space_around_are_tolerated() -> None:
    assert read_json(b'\xef\xbb\xbf {"a": 1} \n') == {"a": 1}


def test_digits_beyond_the_precision_of_floats_are_kept() -> None:
    assert read_json(b'{"id": 7495756599328274433}') == {"id": 7495756599328274433}


def test_surrogate_pairs_and_what_only_looks_like_a_half_are_read() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert read_json(rb'"\\ud800"') == "\\ud800"


def test_half_of_a_surrogate_pair_is_written_as_its_escape() -> None:
    assert write_json({"a": "\ud800\u00e4"}) == b'{"a":"\\ud800\\u00e4"}'
    assert canonical(["\ud800"]) != canonical(["\ud801"])


def test_what_cannot_be_read_has_no_shape() -> None:
    assert not Shape({}).is_valid(read_json(b"{"))
    assert Shape({"type": "integer"}).is_valid(10**400)
