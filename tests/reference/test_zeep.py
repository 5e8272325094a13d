"""A SOAP client off the shelf talks to the reference provider through the WSDL; an independent provider is verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pollproof.bundled import folder
from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.independent import cnode_service, serving

zeep = pytest.importorskip(
    "zeep", reason="SOAP CLIENT NOT TESTED: zeep is not installed (it is a development dependency)"
)

CONTRACT = load_contract("cnode")
OLDER = {"prefix": "ns1", "typed": True, "reverse": True, "on_body": False}


def client_of(endpoint: str) -> Any:
    client = zeep.Client(str(folder("schemas") / "cnode" / "cnode.wsdl"))
    return client.create_service("{ns1}CNodeSoap", endpoint)


def statuses(service: Any, clock: Any, task: str) -> Iterator[Any]:
    """The answers to polls of a task, up to the final one."""
    for _ in range(100):
        answer = service.getTaskStatus(taskId=task, callback=False)
        yield answer
        if answer.status.startswith("FINISHED_"):
            return
        clock.advance(1.0)
    raise AssertionError("the task never ended")


@pytest.mark.parametrize("writing", [{}, OLDER], ids=["as documented", "as in the older sample"])
def test_zeep_completes_a_task_on_the_reference(writing: dict[str, Any]) -> None:
    clock = ShiftedClock()
    provider = ReferenceProvider(CONTRACT, clock, Settings(writing=writing))
    with serve(provider, clock) as served:
        service = client_of(served.base_url)
        created = service.startLogin(uniqueTransferId="11-42225-49853-A")
        assert created.requestStatus == "SUCCESS"
        answers = list(statuses(service, clock, created.taskId))
    assert [answer.taskId for answer in answers] == [created.taskId] * len(answers)
    assert answers[0].status == "PREPARATION"
    assert answers[-1].status == "FINISHED_OK"
    progress = [int(answer.progressPercent) for answer in answers]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert json.loads(answers[-1].additionalInfo)["session"].startswith("token-")


def test_zeep_is_told_of_errors_in_the_answer() -> None:
    clock = ShiftedClock()
    with serve(ReferenceProvider(CONTRACT, clock), clock) as served:
        service = client_of(served.base_url)
        assert service.getTaskStatus(taskId="QF4KJMNG3ESEG2245J7901KD").requestStatus == "ERR_TASK_DOES_NOT_EXIST"
        assert service.getTaskStatus(taskId="this is no task id").requestStatus == "ERR_INVALID_TASK_ID"


@pytest.mark.parametrize("operation", ["startLogin", "startRegister", "addSlaves", "giveMoneyRequest"])
def test_every_operation_that_starts_a_task_answers_its_id(operation: str) -> None:
    clock = ShiftedClock()
    with serve(ReferenceProvider(CONTRACT, clock), clock) as served:
        service = client_of(served.base_url)
        created = getattr(service, operation)(uniqueTransferId="11-42225-49853-A")
        assert service.getTaskStatus(taskId=created.taskId).status == "PREPARATION"


def test_zeep_completes_a_task_on_an_independent_implementation() -> None:
    application = cnode_service.create_application("")
    with serving.serve(application) as endpoint:
        service = client_of(endpoint)
        created = service.startRegister(uniqueTransferId="11-42225-49853-A")

        class Clock:
            def advance(self, seconds: float) -> None:
                serving.advance(application.clock, seconds)

        assert list(statuses(service, Clock(), created.taskId))[-1].status == "FINISHED_OK"


def test_verify_finds_nothing_wrong_with_an_independent_implementation() -> None:
    with serving.serve(cnode_service.create_application("")) as endpoint:
        exploring = explore(Plan(CONTRACT, endpoint, "", endpoint + "/advance", examples=10))
    assert exploring.error is None
    assert [(entry.clause.id, entry.evidence) for entry in exploring.ledger.violated()] == []
    assert [entry.clause.id for entry in exploring.ledger.unexercised()] == []
