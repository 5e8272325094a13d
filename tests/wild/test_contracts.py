"""The contracts of the projects, each held by its own reference; and what these projects taught the suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollproof import judge_trace, load_contract, run_verify
from pollproof.clock import VirtualClock
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.verify.handles import Handle
from pollproof.verify.walks.refusals import near_misses
from tests.wild.__main__ import main

CONTRACTS = sorted((Path(__file__).resolve().parents[2] / "examples" / "contracts").glob("*.toml"))


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_the_reference_keeps_the_contract(path: Path) -> None:
    report = run_verify(str(path), examples=3)
    assert {entry["id"]: entry["verdict"] for entry in report.document["clauses"] if entry["verdict"] != "held"} == {}


def test_a_number_is_read_and_written_as_an_error_code() -> None:
    contract = load_contract(CONTRACTS[0].with_name("a2a.toml"))
    body = {"jsonrpc": "2.0", "id": 7, "method": "GetTask", "params": {"id": "no-such-task"}}
    answer = ReferenceProvider(contract, VirtualClock()).handle(
        Request("POST", "/a2a", {"A2A-Version": "1.0"}, json.dumps(body).encode())
    )
    assert json.loads(answer.body)["error"]["code"] == -32001


WPS = "http://www.opengis.net/wps/1.0.0"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("<w:ProcessAccepted>accepted</w:ProcessAccepted>", "held"),
        ('<w:ProcessAccepted percentCompleted="0">accepted</w:ProcessAccepted>', "violated"),
        ('<w:ProcessStarted percentCompleted="100">started</w:ProcessStarted>', "violated"),
        ("<w:ProcessFailed><ExceptionReport xmlns='http://www.opengis.net/ows/1.1'/></w:ProcessFailed>", "held"),
        ("<w:ProcessFailed><w:ExceptionReport/></w:ProcessFailed>", "violated"),
    ],
)
def test_an_answer_is_held_to_an_xsd(status: str, verdict: str) -> None:
    address = "http://127.0.0.1:5000/outputs/00000000-0000-4000-8000-00000000000a.xml"
    beginning = (
        f'<w:ExecuteResponse xmlns:w="{WPS}" service="WPS" version="1.0.0" serviceInstance="http://127.0.0.1:5000"'
    )
    time = "2026-01-01T00:00:00Z"

    def document(status: str) -> bytes:
        process = f'<w:Process/><w:Status creationTime="{time}">{status}</w:Status>'
        return f'{beginning} statusLocation="{address}">{process}</w:ExecuteResponse>'.encode()

    task = f'<Execute xmlns="{WPS}"><Identifier>greet</Identifier><DataInputs/></Execute>'.encode()
    accepted = Response(200, {}, document("<w:ProcessAccepted>accepted</w:ProcessAccepted>"))
    trace = [
        Exchange(Request("POST", "/wps", {}, task), accepted, 0.0, 0.1),
        Exchange(Request("GET", address[21:], {}, b""), Response(200, {}, document(status)), 1.0, 1.1),
    ]
    ledger = judge_trace(str(CONTRACTS[0].with_name("wps.toml")), trace)
    assert ledger["wps.status.document"].verdict.value == verdict


def test_statuses_are_not_expected_where_no_word_states_them() -> None:
    report = run_verify(str(CONTRACTS[0].with_name("wps.toml")), examples=1)
    assert report.document["coverage"]["statuses"] == []
    assert all(entry["seen"] for entry in report.document["coverage"]["transitions"])


@pytest.mark.parametrize(("name", "verdict"), [("jobID", "held"), ("id", "violated")])
def test_a_job_whose_id_has_another_name_is_found_by_the_first_exchange(name: str, verdict: str) -> None:
    """As pygeoapi 0.22 is reported to answer (geopython/pygeoapi#2197), which no registry has yet."""
    body = json.dumps({name: "job-1", "type": "process", "status": "accepted"}).encode()
    request = Request("POST", "/processes/hello-world/execution", {}, b'{"inputs": {"name": "World 1"}}')
    response = Response(201, {"location": "http://127.0.0.1:5000/jobs/job-1"}, body)
    ledger = judge_trace(str(CONTRACTS[0].with_name("ogc-processes.toml")), [Exchange(request, response, 0.0, 0.1)])
    assert ledger["ogc-processes.execute.created"].verdict.value == verdict


def handle_of(identifier: str) -> Handle:
    kind = next(iter(load_contract(CONTRACTS[0]).kinds.values()))
    return Handle(identifier, identifier, kind)


def test_an_id_that_may_be_cut_is_no_near_miss() -> None:
    handle = handle_of("89abcdef01234567")
    assert "89abcdef0123456" in near_misses(handle, None)
    assert "89abcdef0123456" not in near_misses(handle, None, prefix=True)


def test_a_number_in_hexadecimal_digits_is_the_same_in_another_case_and_no_other_text_is() -> None:
    number, text = handle_of("2089b05ecca3d829"), handle_of("9e3779b9-7f4a-4c15-b39c-c0605cedc835")
    assert number.id.upper() not in near_misses(number, None)
    assert text.id.upper() in near_misses(text, None)
    assert "zX9" in near_misses(handle_of("Zx9"), None)


@pytest.mark.parametrize("stopped", [True, False])
def test_a_cancelling_that_is_accepted_was_requested_whatever_its_key(stopped: bool) -> None:
    trace: list[Exchange] = []

    def send(action: str, body: dict[str, object], answer: dict[str, object], probe: str | None = None) -> None:
        request = Request("POST", "/", {"x-amz-target": f"AmazonAthena.{action}"}, json.dumps(body).encode())
        response = Response(200, {"content-type": "application/json"}, json.dumps(answer).encode())
        trace.append(Exchange(request, response, float(len(trace)), len(trace) + 0.1, None, probe))

    send("StartQueryExecution", {"QueryString": "SELECT 1"}, {"QueryExecutionId": "q-1"})
    if stopped:
        send("StopQueryExecution", {"QueryExecutionId": "q-1"}, {}, "wrong-credential")
    status = {"State": "CANCELLED", "SubmissionDateTime": 1.0, "CompletionDateTime": 2.0}
    execution = {"QueryExecutionId": "q-1", "Query": "SELECT 1", "Status": status}
    send("GetQueryExecution", {"QueryExecutionId": "q-1"}, {"QueryExecution": execution})
    ledger = judge_trace(str(CONTRACTS[0].with_name("athena.toml")), trace)
    assert ledger["athena.stop.on-request"].verdict.value == ("held" if stopped else "violated")


def test_a_name_that_no_project_has_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["wild", "nothing"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "nothing is named nothing; known: " in capsys.readouterr().err
