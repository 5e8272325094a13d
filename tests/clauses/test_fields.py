"""What fields show from one answer to the next: the progress of tasks that end in one way or another."""

import pytest

from pollproof.contract.model import Role
from pollproof.loading import load_contract
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from tests.crowds import violated

CNODE = load_contract("cnode")


def progress_of(*states: tuple[str, int]) -> set[str]:
    """The clauses that a task breaks whose polls show these statuses and percentages."""
    codec, create, poll = reader_of(CNODE).codec, CNODE.operation(Role.CREATE), CNODE.operation(Role.POLL)
    success = {"requestStatus": "SUCCESS", "requestStatusDescription": "Request succeeded.", "taskId": "A1"}
    bodies = [({create.element: {}}, {f"{create.element}Response": {"return": success}})]
    for status, percent in states:
        state = {"type": "LOGIN", "progressPercent": percent, "status": status, "additionalInfo": "{}", **success}
        bodies.append(({poll.element: {"taskId": "A1"}}, {f"{poll.element}Response": {"return": state}}))
    trace = [
        Exchange(Request("POST", "/", {}, codec.write(asked)), Response(200, {}, codec.write(back)), at, at + 0.1)
        for at, (asked, back) in enumerate(bodies)
    ]
    return set(violated(CNODE, trace))


@pytest.mark.parametrize("end", ["FINISHED_ERR_TIMEOUT", "FINISHED_REVOKED"])
def test_the_progress_of_a_task_that_ends_without_success_may_be_any(end: str) -> None:
    assert progress_of(("SEARCHING", 75), (end, 40), (end, 40)) == set()


def test_the_progress_of_a_task_that_has_ended_falls_no_more() -> None:
    assert progress_of(("SEARCHING", 75), ("FINISHED_ERR_TIMEOUT", 40), ("FINISHED_ERR_TIMEOUT", 30)) == {
        "cnode.poll.progress"
    }


def test_the_progress_of_a_task_in_work_does_not_fall() -> None:
    assert progress_of(("SEARCHING", 75), ("TRANSFERRING", 40)) == {"cnode.poll.progress"}
