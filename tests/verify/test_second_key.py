"""A second key of one's own: tasks of both keys side by side, each read with the other key too."""

from __future__ import annotations

from typing import Any

import pytest

from pollproof.clock import Clock, ShiftedClock
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.trace.exchange import Request, Response
from pollproof.verify.options import OptionError, plan_from
from pollproof.verify.run import explore

FIRST, SECOND = "FIRST-KEY-0123456789", "SECOND-KEY-0123456789"


class TwoKeys(ReferenceProvider):
    """A service with two keys, of which `reading` says what a read of the other key's task does."""

    def __init__(self, contract: Contract, clock: Clock, reading: str) -> None:
        super().__init__(contract, clock)
        self._reading = reading
        self._keys: dict[int, bool] = {}

    def knows(self, credential: Any) -> bool:
        return credential in (FIRST, SECOND)

    def handle(self, request: Request) -> Response:
        key, before = SECOND.encode() in request.body, len(self.order)
        for task in self.order:
            if str(task.id).encode() in request.body and self._keys[task.number] != key and self._reading != "shown":
                task.lost = self._reading == "lost"
                return self.unknown(self.contract.operations["getTaskResult"], "unknown")
        response = super().handle(request)
        for task in self.order[before:]:
            self._keys[task.number] = key
        return response


def violated(reading: str) -> tuple[set[str], list[str]]:
    clock = ShiftedClock()
    with serve(TwoKeys(load_contract("capsolver"), clock, reading), clock) as found:
        plan = plan_from(
            "capsolver", base_url=found.base_url, advance_url=found.advance_url, api_key=FIRST, second_api_key=SECOND,
            examples=0,
        )  # fmt: skip
        assert SECOND in plan.secrets()
        assert SECOND not in plan.command()
        result = explore(plan)
    assert result.error is None
    assert reading == "lost" or result.unreached == []
    return {entry.clause.id for entry in result.ledger.violated()}, result.walks


@pytest.mark.parametrize("reading", ["shown", "unknown"])
def test_what_the_other_key_gets_is_left_open(reading: str) -> None:
    found, walks = violated(reading)
    assert found == set()
    assert "by-two-keys" in walks


def test_a_task_that_is_lost_for_its_owner_is_found() -> None:
    found, _ = violated("lost")
    assert any(clause.startswith("capsolver.poll.") for clause in found)


def test_the_second_key_is_another_one() -> None:
    with pytest.raises(OptionError, match="give another key of your own"):
        plan_from("capsolver", base_url="http://127.0.0.1:1", api_key=FIRST, second_api_key=FIRST)
