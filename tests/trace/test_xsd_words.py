"""Failures of SOAP bodies in words of the rule: what a value may be, and the value as it was written."""

from __future__ import annotations

import pytest

from pollproof.bundled import folder
from pollproof.loading import load_contract
from pollproof.trace.codecs import Check, checks_of
from pollproof.trace.soap import write_envelope

CNODE = load_contract("cnode")
POLL = next(name for name in CNODE.schemas if "getTaskStatus.response" in name)
CHECK: Check = checks_of(CNODE.schemas)[POLL]


def said(**changes: str) -> str:
    value = {
        "type": "GIVE_MONEY", "progressPercent": "5", "status": "PREPARATION", "additionalInfo": "{}",
        "taskId": "7W3A0N1N9I2E7N1TKLS54A9PTR", "requestStatus": "SUCCESS", "requestStatusDescription": "ok",
    } | changes  # fmt: skip
    body = write_envelope({"getTaskStatusResponse": {"return": value}}, CNODE.namespace)
    return CHECK({"return": value}, body)[0].message


@pytest.mark.parametrize("value", ["0.0", "101", "-1", "abc", "50%", "1e2"])
def test_a_number_is_told_its_range(value: str) -> None:
    assert said(progressPercent=value) == f"at progressPercent: {value!r} is not a whole number from 0 to 100"


@pytest.mark.parametrize("value", ["ready", " ", "PREPARATION\n", "\tSEARCHING"])
def test_a_word_is_told_the_others_and_blanks_are_shown(value: str) -> None:
    found = said(status=value)
    assert found.startswith(f"at status: {value!r} is not one of 'PREPARATION', 'SEARCHING', ")
    assert found.endswith("more")


def test_a_multipart_message_is_named() -> None:
    body = b'--uuid:1\r\nContent-Type: application/xop+xml; type="text/xml"\r\n\r\n<a/>\r\n--uuid:1--\r\n'
    (error,) = CHECK({}, body)
    assert error.message == "the body is a multipart message, as MTOM sends it; expected an XML document alone"


def test_the_schemas_are_there() -> None:
    assert (folder("schemas") / "cnode").is_dir()
