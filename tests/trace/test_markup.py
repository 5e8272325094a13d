"""Bodies that are plain XML or forms: read, written, and typed by a JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollproof.trace.bodies import Unreadable
from pollproof.trace.markup import read_form, read_xml, typed, write_form, write_xml

TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"<a><b>1</b></a>", {"a": {"b": "1"}}),
        (b'<n:a xmlns:n="urn:x" id="7"><n:b/></n:a>', {"a": {"@id": "7", "b": ""}}),
        (b"<a><b>1</b><b>2</b></a>", {"a": {"b": ["1", "2"]}}),
        (b'<a><b unit="s">3</b></a>', {"a": {"b": {"@unit": "s", "#text": "3"}}}),
        (b"<?xml version='1.0'?><a><![CDATA[<x>]]></a>", {"a": "<x>"}),
    ],
)
def test_xml_is_read_as_tables(body: bytes, value: Any) -> None:
    assert read_xml(body) == value


@pytest.mark.parametrize("body", [b"", b"<a>", b"{}", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_not_xml_is_unreadable(body: bytes) -> None:
    assert isinstance(read_xml(body), Unreadable)


def test_xml_is_written_with_its_namespace_and_without_null() -> None:
    written = write_xml({"a": {"@id": 7, "b": [True, "<"], "c": None}}, "urn:x")
    assert b'<a xmlns="urn:x" id="7"><b>true</b><b>&lt;</b></a>' in written
    assert read_xml(written) == {"a": {"@id": "7", "b": ["true", "<"]}}


@given(st.recursive(TEXTS, lambda inner: st.dictionaries(TEXTS.map("k{}".format), inner, min_size=1, max_size=3)))
def test_a_table_goes_through_xml_unharmed(value: Any) -> None:
    assert read_xml(write_xml({"root": value})) == {"root": value}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"a=1&b=x+y%26", {"a": "1", "b": "x y&"}),
        (b"a=1&a=2", {"a": ["1", "2"]}),
        (b"a[]=1", {"a": ["1"]}),
        (b"a%5Bb%5D=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        (b"a=", {"a": ""}),
        (b"", {}),
    ],
)
def test_a_form_is_read_as_a_table(body: bytes, value: Any) -> None:
    assert read_form(body) == value


@pytest.mark.parametrize("body", [b"no fields at all", b"\xff=1"])
def test_what_is_not_a_form_is_unreadable(body: bytes) -> None:
    assert isinstance(read_form(body), Unreadable)


@given(st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS, min_size=1), min_size=1))
def test_a_table_goes_through_a_form_unharmed(value: Any) -> None:
    assert read_form(write_form(value)) == value


def test_a_schema_states_the_types_of_texts() -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "share": {"type": ["number", "null"]},
            "over": {"$ref": "#/$defs/flag"},
            "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            "code": {"type": "string"},
            "state": {"enum": [10, 20]},
        },
        "$defs": {"flag": {"type": "boolean"}},
    }
    texts = {"count": "7", "share": "", "over": "true", "rows": {"n": "1"}, "code": "007", "state": "20", "more": "1"}
    assert typed(texts, schema) == {
        "count": 7,
        "share": None,
        "over": True,
        "rows": [{"n": 1}],
        "code": "007",
        "state": 20,
        "more": "1",
    }
    assert typed({"count": "seven", "over": "yes"}, schema) == {"count": "seven", "over": "yes"}
