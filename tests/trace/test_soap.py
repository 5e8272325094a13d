"""SOAP bodies: what is read and what is refused unread, whatever its form; and two validators that agree."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollproof.bundled import folder
from pollproof.trace.bodies import Unreadable
from pollproof.trace.soap import XsdShape, read_envelope, write_envelope

CNODE = folder("schemas") / "cnode"
SAMPLES = {
    sample["name"]: sample for sample in json.loads((CNODE / "samples.json").read_text(encoding="utf-8"))["samples"]
}
ANSWER = SAMPLES["poll-preparation"]["original"]
RETURN = {
    "type": "LOGIN",
    "progressPercent": 50,
    "status": "TRANSFERRING",
    "additionalInfo": '{"a": "<&>"}',
    "taskId": "QF4KJMNG3ESEG2245J7901KD",
    "requestStatus": "SUCCESS",
    "requestStatusDescription": "Request succeeded.",
}


@cache
def shape(name: str) -> XsdShape:
    return XsdShape(CNODE / f"{name}.xsd")


def shape_of(sample: Any) -> XsdShape:
    return shape(f"{sample['operation']}.{sample['part']}")


def declared(declaration: str, text: str = "PREPARATION") -> str:
    head, _, rest = ANSWER.partition("\n")
    return f"{head}\n{declaration}\n{rest.replace('>PREPARATION<', f'>{text}<')}"


def bomb(text: str = "&i;") -> str:
    levels = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    return declared(f'<!DOCTYPE x [<!ENTITY a "ha">{levels}]>', text)


def status_of(body: str | bytes) -> Any:
    value = read_envelope(body if isinstance(body, bytes) else body.encode(), "ns1")
    assert not isinstance(value, Unreadable), value.problem
    return value["getTaskStatusResponse"]["return"]["status"]


# ------------------------------------------------------------------------------- what is refused unread

HOSTILE = {
    "a document type": declared("<!DOCTYPE x>"),
    "an entity": declared('<!DOCTYPE x [<!ENTITY a "FINISHED_OK">]>', "&a;"),
    "an entity bomb": bomb(),
    "an entity bomb in an attribute": bomb().replace("<return>", '<return a="&i;">'),
    "an external entity": declared('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>', "&a;"),
    "an external subset": declared('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
    "an external parameter entity": declared('<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>'),
    "a document type behind comments": declared("<!-- > --><?pi ?><!---->\n<!DOCTYPE x>"),
    "an unfinished document type": "<!DOCTYPE x [",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_document_type_is_refused_without_being_read(body: str, encoding: str) -> None:
    declared_as = "utf-8" if encoding.startswith("utf-8") else "utf-16"
    data = body.replace('encoding="UTF-8"', f'encoding="{declared_as}"').encode(encoding)
    started = time.perf_counter()
    value = read_envelope(data, "ns1")
    errors = shape("getTaskStatus.response").check_body(data)
    assert time.perf_counter() - started < 1.0
    assert isinstance(value, Unreadable)
    assert "document type declaration" in value.problem
    assert [(error.rule, error.message) for error in errors] == [("", value.problem)]


def test_a_document_type_in_an_encoding_that_is_not_looked_into_is_refused_as_well() -> None:
    body = declared("<!DOCTYPE x>").replace('encoding="UTF-8"', 'encoding="ebcdic-cp-us"').encode("cp037")
    assert isinstance(read_envelope(body, "ns1"), Unreadable)


def test_what_only_looks_like_a_document_type_is_text() -> None:
    body = ANSWER.replace("{}", '<![CDATA[{"a": "<!DOCTYPE x>"}]]>').replace(
        "<return>", "<!-- <!DOCTYPE y> --><return>"
    )
    assert status_of(body) == "PREPARATION"
    assert shape("getTaskStatus.response").check_body(body.encode()) == ()


def test_many_comments_before_the_root_cost_little() -> None:
    body = ANSWER.replace("<SOAP-ENV:Envelope", "<!-- -->" * 50_000 + "<SOAP-ENV:Envelope").encode()
    started = time.perf_counter()
    read_envelope(body + b"<!DOCTYPE", "ns1")
    assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"\xff\xfe",
        b"\0" * 50,
        b"{}",
        b"<a>",
        b"<a/><b/>",
        b"<a>&nbsp;</a>",
        b"<a b=1/>",
        b"<?xml version='1.0' encoding='nothing-like-it'?><a/>",
        b"<a>\x01</a>",
        b"\xff" + ANSWER.encode(),
        ANSWER.replace("</return>", "").encode(),
        ANSWER.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope").encode(),
        ANSWER.replace('xmlns:ns="ns1"', 'xmlns:ns="ns2"').encode(),
        ANSWER.replace(" <ns:getTaskStatusResponse>", " <ns:other/><ns:getTaskStatusResponse>").encode(),
        ANSWER.replace("SOAP-ENV:Body", "SOAP-ENV:Header").encode(),
        b"<a>" * 100_000,
        b"<a>" * 1000 + b"</a>" * 1000,
    ],
)
def test_what_is_no_envelope_is_unreadable_and_has_no_shape(body: bytes) -> None:
    value = read_envelope(body, "ns1")
    assert isinstance(value, Unreadable)
    assert 0 < len(value.problem) < 250
    assert shape("getTaskStatus.response").check_body(body) != ()


def test_a_deeply_nested_or_large_envelope_is_read_as_far_as_it_makes_sense() -> None:
    deep = ANSWER.replace("GIVE_MONEY", "<a>" * 200 + "</a>" * 200)
    assert status_of(deep) == "PREPARATION"
    assert shape("getTaskStatus.response").check_body(deep.encode()) != ()
    large = ANSWER.replace("GIVE_MONEY", "x" * 5_000_000)
    assert status_of(large) == "PREPARATION"
    assert shape("getTaskStatus.response").check_body(large.encode()) == ()
    many = ANSWER.replace("</return>", "<a/>" * 100_000 + "</return>")
    assert status_of(many) == "PREPARATION"
    assert shape("getTaskStatus.response").check_body(many.encode()) == ()
    wrong = ANSWER.replace("<return>", "<return>" + "<status/>" * 2_000)
    assert shape("getTaskStatus.response").check_body(wrong.encode()) != ()


def test_a_schema_that_an_answer_names_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.xsd").write_text("no schema at all")
    hint = f'xsi:schemaLocation="ns1 {tmp_path.as_uri()}/other.xsd" xsi:noNamespaceSchemaLocation="http://127.0.0.1:9/"'
    body = ANSWER.replace("<return>", f"<return {hint}>").encode()
    assert shape("getTaskStatus.response").check_body(body) == ()
    assert shape("getTaskStatus.response").explain(body) == ()


# ---------------------------------------------------------------------------- forms of the same message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">PREPARATION<", "><!-- a -->PREPAR<!-- b -->ATION<"),
        (">PREPARATION<", "><![CDATA[PREPAR]]>ATION<"),
        (">PREPARATION<", ">&#80;REPARATION<"),
        (">PREPARATION<", ">PREPAR<?pi?>ATION<"),
        ("<status>", '<status xsi:type="xsd:string">'),
        ("<return>", '<return xsi:type="ns:vuiSoapGetTaskStatusResponse">'),
        ("<return>", '<return SOAP-ENV:encodingStyle="">'),
        ("<return>", "<return><unknown><deeper/></unknown>"),
    ],
)
def test_the_same_in_another_form_is_read_and_let_pass(old: str, new: str) -> None:
    body = ANSWER.replace(old, new)
    assert body != ANSWER
    assert status_of(body) == "PREPARATION"
    assert shape("getTaskStatus.response").check_body(body.encode()) == ()


@pytest.mark.parametrize("prefix", ["ns", "ns1", "a", "SOAP-ENC"])
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("on_body", [False, True])
def test_every_way_of_writing_is_read_as_the_same(prefix: str, typed: bool, reverse: bool, on_body: bool) -> None:
    value = {"getTaskStatusResponse": {"return": RETURN}}
    body = write_envelope(value, "ns1", prefix=prefix, typed=typed, reverse=reverse, on_body=on_body)
    read = read_envelope(body, "ns1")
    assert read == {"getTaskStatusResponse": {"return": {**RETURN, "progressPercent": "50"}}}
    assert shape("getTaskStatus.response").check_body(body) == ()


def test_a_fault_is_read_and_has_the_shape_of_an_answer() -> None:
    fault = {"Fault": {"faultcode": "SOAP-ENV:Client", "faultstring": "ERR_INVALID_TASK_ID"}}
    body = write_envelope(fault, "ns1")
    assert read_envelope(body, "ns1") == fault
    assert shape("getTaskStatus.response").check_body(body) == ()
    assert shape("getTaskStatus.request").check_body(body) != ()


def test_elements_that_come_twice_are_an_array_and_not_the_shape() -> None:
    body = ANSWER.replace("<return>", "<return><status>FINISHED_OK</status>")
    assert status_of(body) == ["FINISHED_OK", "PREPARATION"]
    assert shape("getTaskStatus.response").check_body(body.encode()) != ()


# ------------------------------------------------------------------------------------------ the schemas


def test_an_xsd_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    for place in ("http://127.0.0.1:9/x.xsd", "../x.xsd", "/x.xsd", "missing.xsd"):
        path = tmp_path / "entry.xsd"
        path.write_text(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
            f'<xs:import namespace="n" schemaLocation="{place}"/></xs:schema>'
        )
        with pytest.raises(ValueError, match="XSD"):
            XsdShape(path)
    for text in ("", "<a/>", '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element/></xs:schema>'):
        path.write_text(text)
        with pytest.raises(ValueError, match="XSD"):
            XsdShape(path)


def test_each_xsd_has_only_the_rules_of_its_own_message() -> None:
    assert shape("getTaskStatus.response").rules() == {"status", "progress-range", "request-status", "description"}
    assert shape("startLogin.response").rules() == {"request-status", "description"}
    assert shape("getTaskStatus.request").rules() == frozenset()


# -------------------------------------------------------------------------------- two validators, one verdict

PIECES = [
    "<status>FINISHED_OK</status>",
    "<status>DONE</status>",
    "<status/>",
    "<requestStatus>ERR_TIMEOUT</requestStatus>",
    "<requestStatus>OK</requestStatus>",
    "<progressPercent> 7 </progressPercent>",
    "<progressPercent>+7</progressPercent>",
    "<progressPercent>-0</progressPercent>",
    "<progressPercent>007</progressPercent>",
    "<progressPercent>101</progressPercent>",
    "<progressPercent>4294967296</progressPercent>",
    "<progressPercent>\u0667</progressPercent>",
    "<progressPercent>7\u00a0</progressPercent>",
    "<additionalInfo xsi:nil='true'/>",
    "<additionalInfo xsi:nil='1'>{}</additionalInfo>",
    "<status xsi:nil='true'/>",
    "<taskId xsi:type='xsd:int'>A</taskId>",
    "<taskId id='a'>A</taskId>",
    "<callback>1</callback>",
    "<callback>TRUE</callback>",
    "<callback> true </callback>",
    "<unknown/>",
    "<SOAP-ENV:unknown/>",
    "text",
    "\n",
    "<!-- comment -->",
    "<SOAP-ENV:Header/>",
    "<SOAP-ENV:Fault><faultcode>a</faultcode><faultstring>b</faultstring></SOAP-ENV:Fault>",
    "<a xmlns='urn:x' b='c'/>",
]


@st.composite
def documents(draw: st.DrawFn) -> tuple[XsdShape, bytes]:
    """A sample with some tags left out, put twice or put elsewhere, and foreign pieces put in between."""
    sample = draw(st.sampled_from([sample for sample in SAMPLES.values() if "Fault" not in sample["original"]]))
    lines = sample["original"].split("\n")
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(1, len(lines) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                lines.insert(place, draw(st.sampled_from(PIECES)))
            case 1:
                del lines[place]
            case 2:
                lines.insert(place, lines[draw(st.integers(1, len(lines) - 1))])
            case _:
                lines[place] = lines[place].replace(
                    draw(st.sampled_from("<>/:S0A")), draw(st.sampled_from("<>/:S0A")), 1
                )
    return shape_of(sample), "\n".join(lines).encode()


@given(documents())
def test_both_validators_agree(found: tuple[XsdShape, bytes]) -> None:
    xsd, body = found
    fast, worded = xsd.check_body(body), xsd.explain(body)
    assert fast == worded


@given(st.sampled_from(list(SAMPLES.values())), st.data())
def test_no_bytes_can_crash_the_reading(sample: Any, data: st.DataObject) -> None:
    body = bytearray(sample["original"].encode())
    for _ in range(data.draw(st.integers(0, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    read_envelope(bytes(body), "ns1")
    assert shape_of(sample).check_body(bytes(body)) == shape_of(sample).explain(bytes(body))


def test_tables_are_written_with_their_types_where_these_are_given() -> None:
    body = write_envelope({"op": {"return": {"a": 1}}}, "ns1", prefix="ns1", typed=True, types={"op": "Kind"})
    assert b'<return xsi:type="ns1:Kind"><a xsi:type="xsd:unsignedInt">1</a></return>' in body
    assert read_envelope(body, "ns1") == {"op": {"return": {"a": "1"}}}
