"""What a failure shows: deadlines between the exchanges, gists that say what matters, commands without keys."""

from __future__ import annotations

from typing import Any

import pytest

from pollproof.bundled import bundled, folder
from pollproof.check.judging import CheckSpec, check
from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract
from pollproof.gate.run import Gate
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.report.body_phrases import BODY_ROOM, shorten_body
from pollproof.report.document import build_document
from pollproof.report.terminal import violation_lines
from pollproof.report.timeline import lines
from pollproof.runs.outcome import Document
from pollproof.runs.spec import Policy
from pollproof.trace.shapes import Shape
from pollproof.verify.plan import Plan, command

CONTRACTS = [load_contract(name) for name in bundled()]
LIMITED = ("budget-ended", "poll-budget")
TIMED = [
    (contract, clause)
    for contract in CONTRACTS
    for clause in contract.clauses
    if KINDS[clause.kind].timed or clause.kind in LIMITED
]


def golden(contract: Contract, clause: Clause) -> Document:
    path = folder("cassettes") / contract.name / "bad" / f"{clause.id}.yaml"
    document = build_document(check(contract, [path]))
    return next(entry for entry in document["clauses"] if entry["id"] == clause.id)


@pytest.mark.parametrize(("contract", "clause"), TIMED, ids=[clause.id for _, clause in TIMED])
def test_a_broken_limit_shows_its_deadline_as_a_line_of_its_own(contract: Contract, clause: Clause) -> None:
    shown = golden(contract, clause)
    violation = shown["violation"]
    assert violation["deadlines"]
    text = violation_lines(shown)
    for deadline in violation["deadlines"]:
        assert any(line.endswith(f"-- {deadline['text']} --") for line in text)
    last = violation["trace"][-1]["sent"]
    crossed = any(deadline["at"] <= last for deadline in violation["deadlines"])
    early = clause.kind in (
        "lifetime-served",
        "minimum-wait",
        "batch-rate",
        "batch-limit",
        "no-hot-loop",
        "creation-unpaced",
    )
    assert crossed is not early, "what came too late crossed its deadline, what came too early did not"


def exchange(sent: float, **more: Any) -> dict[str, Any]:
    return {
        "number": int(sent),
        "operation": "poll",
        "probe": None,
        "sent": sent,
        "received": sent,
        "request": {"method": "POST", "path": "/poll", "body": {"id": 1}},
        "response": {"status": 200, "body": {"status": "ready"}, "said": "status 'ready'"},
        "failure": None,
        **more,
    }


def test_a_deadline_parts_a_run_of_like_exchanges() -> None:
    trace = [exchange(float(second)) for second in range(6)]
    shown = lines(trace, [{"at": 2.5, "text": "half time", "start": 0.0}])
    assert shown == [
        '    0.000 s  poll {"id": 1}',
        '             -> status \'ready\': {"status": "ready"}',
        "    2.000 s  ... 2 more of the same, with the same response",
        "    2.500 s  -- half time --",
        '    3.000 s  poll {"id": 1}',
        '             -> status \'ready\': {"status": "ready"}',
        "    4.000 s  ... 1 more of the same, with the same response",
        '    5.000 s  poll {"id": 1}',
        '             -> status \'ready\': {"status": "ready"}',
    ]


def test_exchanges_that_are_left_out_between_two_like_ones_are_counted() -> None:
    trace = [exchange(0.0), exchange(9.0), exchange(10.0, failure="none", response=None)]
    assert "1 more of the same, with the same response, 8 exchanges between them are not shown" in lines(trace)[2]


def test_many_like_exchanges_over_several_connections_are_one_line() -> None:
    shown = lines([exchange(float(second), connection=1 + second % 3) for second in range(60)])
    assert len(shown) == 5
    assert shown[2] == "   58.000 s  ... 58 more of the same over 3 connections, with the same response"


def test_a_few_like_exchanges_that_overlap_are_shown_one_by_one() -> None:
    shown = lines([exchange(1.0, connection=1), exchange(1.0, connection=2), exchange(1.0, connection=3)])
    assert [line[13:18] for line in shown if "poll" in line] == [" 1 . ", " . 2 ", " . . "]


def test_a_deadline_that_is_not_reached_comes_last() -> None:
    assert (
        lines([exchange(1.0)], [{"at": 3.0, "text": "wait ends", "start": 0.0}])[-1] == "    3.000 s  -- wait ends --"
    )


def test_a_gist_shows_every_field_of_a_long_body() -> None:
    body = {"first": "x" * 300, "second": {"inner": "y" * 300}, "status": "ready", "last": 7}
    shown = shorten_body(body)
    assert len(shown) <= BODY_ROOM
    for word in ("first", "second", "inner", '"status": "ready"', '"last": 7'):
        assert word in shown


def test_a_gist_of_xml_is_its_fields_without_envelope_and_namespaces() -> None:
    text = (
        '<?xml version="1.0"?><s:Envelope xmlns:s="urn:e"><s:Header/><s:Body><n:poll xmlns:n="urn:n">'
        "<task-id>7</task-id><more/></n:poll></s:Body></s:Envelope>"
    )
    assert shorten_body(text) == "task-id=7, more="
    assert shorten_body("<html>overloaded</html>") == "<html>overloaded</html>"


def test_a_gist_of_xml_with_attributes_shows_them() -> None:
    text = '<?xml version="1.0"?><export xmlns="urn:x" ref="E7" state="4"><amount>12</amount></export>'
    assert shorten_body(text) == '<export xmlns="urn:x" ref="E7" state="4"><amount>12</amount></export>'
    assert shorten_body('<?xml version="1.0"?><export xmlns="urn:x"><amount>12</amount></export>') == "amount=12"


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"required": ["a"]}, {"b": None}, "'a' is missing"),
        ({"properties": {"a": {"type": "integer"}}}, {"a": False}, "at /a: false is not of type integer"),
        ({"properties": {"a": {"enum": [None, ""]}}}, {"a": "x"}, 'at /a: "x" is not one of null, ""'),
        ({"properties": {"a": {"not": {"const": "ready"}}}}, {"a": "ready"}, 'at /a: "ready" is not allowed here'),
    ],
    ids=["required", "type", "enum", "not"],
)
def test_a_wrong_shape_is_told_in_words_of_json(schema: dict[str, Any], value: Any, words: str) -> None:
    assert [error.message for error in Shape(schema).check(value)] == [words]


def test_no_command_that_shows_a_violation_again_holds_a_key() -> None:
    plan = Plan(CONTRACTS[0], "http://127.0.0.1:9", credential="SECRET-SECRET", advance_url="http://127.0.0.1:9/a?t=1")
    text = command(plan, "capsolver", strict=True)
    assert "SECRET" not in text
    assert text == (
        "pollproof verify capsolver --base-url http://127.0.0.1:9 --advance-url 'http://127.0.0.1:9/a?t=1' --strict"
        ' --api-key "$POLLPROOF_API_KEY" --seed 0'
    )
    hidden = Plan(CONTRACTS[0], "http://127.0.0.1:9/SECRET-SECRET", credential="SECRET-SECRET")
    assert "SECRET" not in command(hidden, "capsolver")


def test_the_commands_of_check_and_gate_hold_every_option_that_decides_what_is_judged() -> None:
    contract = CONTRACTS[0]
    assert CheckSpec(contract, ("a b.yaml",), "http://x", together=True, provider="p").command() == (
        "pollproof check p 'a b.yaml' --together --base-url http://x"
    )
    known = scenarios(contract)
    policy = Policy(strict=True)
    gate = Gate(
        contract, ("node", "a b"), (), known[0], "real", timeout=5.0, task="t.json", provider="p", policy=policy
    )
    assert gate.command() == "pollproof gate p --clock real --timeout 5s --task t.json --strict -- node 'a b'"


def test_a_field_that_is_judged_is_shown_of_a_body_that_is_too_long() -> None:
    body = {f"field_number_{number}": "x" * 20 for number in range(20)} | {"progress": 30}
    assert "progress" not in shorten_body(body)
    assert shorten_body(body, judged="progress at least 40").startswith('{"progress": 30, ')
    assert shorten_body({"progress": 30, "a": 1}, judged="a") == '{"progress": 30, "a": 1}'


def test_a_callback_that_did_not_come_is_not_shown_as_a_request() -> None:
    shown = {"operation": "callback", "probe": "no-callback", "failure": "none came within 3 s", "number": 1}
    request = {"method": "POST", "path": "/@callback", "body": {"id": "7"}}
    assert lines([{**shown, "sent": 4.0, "received": 7.0, "request": request, "response": None}]) == [
        "    4.000 s  callback: none came within 3 s"
    ]
