"""Requests that overlap: every lawful history passes, and a fault that no order explains is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pollproof.clauses.faults import Task
from pollproof.contract.model import Operation, Phase
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Request, Response
from tests.crowds import Crowd, key_of, violated
from tests.lanes import a_few

APIS = Path(__file__).parents[1] / "apis"

OTHER_SORTS = (
    ("decodo", "called back"),
    (str(APIS / "press.toml"), "sent again"),
    (str(APIS / "press.toml"), "cancelled"),
    (str(APIS / "docmill.toml"), "cancelled"),
    (str(APIS / "predictions.toml"), "cancelled"),
)
"""Contracts with further kinds of exchanges, by what happens in their crowds."""

BUNDLED = ("capsolver", "capmonster", "decodo", "cnode")


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("seed", a_few(range(8), 3))
def test_every_lawful_history_of_requests_that_overlap_passes(name: str, seed: int) -> None:
    contract = load_contract(name)
    for connections, hot, creating in ((3, 1, 0.004), (16, 2, 0.03)):
        crowd = Crowd(contract, seed, connections=connections, hot=hot, creating=creating)
        assert violated(contract, crowd.exchanges) == {}


@pytest.mark.parametrize(("name", "sort"), OTHER_SORTS)
@pytest.mark.parametrize("seed", a_few(range(3), 1))
def test_overlapping_cancels_repeated_creations_and_callbacks_are_lawful(name: str, sort: str, seed: int) -> None:
    contract = load_contract(name)
    crowds = [Crowd(contract, seed + more, count=300, connections=8, hot=3, creating=0.1) for more in (0, 100)]
    assert [violated(contract, crowd.exchanges) for crowd in crowds] == [{}, {}]
    assert all(crowd.sorts[sort] for crowd in crowds)


class Miscounting(Crowd):
    """Counts a poll another number of times while another poll of the same task is on its way."""

    times = 0

    def serve(self, request: Request) -> Response:
        before = [(task, task.polls) for task in self.provider.order]
        response = super().serve(request)
        if self.flying[key_of(request)] > 1:
            for task, polls in before:
                if task.polls > polls:
                    task.polls = polls + self.times
        return response


class CountsThrice(Miscounting):
    times = 3


class ConfusesTasks(Crowd):
    """Gives the response of the request that was served before to one of another task, as long as both are open."""

    def serve(self, request: Request) -> Response:
        response = super().serve(request)
        last, self.last = getattr(self, "last", None), (request, response)
        if last is not None and last[0].path == request.path and self.flying[key_of(last[0])]:
            if key_of(last[0]) != key_of(request) and b'"ready"' in last[1].body and b'"ready"' in response.body:
                return last[1]
        return response


class Forgetful(ReferenceProvider):
    """Shows every fifth read of a task that has ended as unfinished."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        task.seen.append("read")
        ended = task.seen.count("ended")
        if phase is Phase.SUCCEEDED:
            task.seen.append("ended")
        return super().state(operation, task, self.first_phase() if ended % 5 == 4 else phase)


class RevivesTasks(ReferenceProvider):
    """Serves every tenth poll of a task that it has already called lost."""

    def lost(self, operation: Operation, task: Task) -> Response:
        task.seen.append("lost")
        if task.seen.count("lost") % 10 == 0:
            return self.state(operation, task, Phase.SUCCEEDED)
        return super().lost(operation, task)


class RepeatsIds(ReferenceProvider):
    """Gives the same id to two creations that come one right after the other."""

    def new_id(self, number: int) -> Any:
        return super().new_id(number - 1 if number % 4 == 0 else number)


FAULTS: dict[str, tuple[str, Callable[..., Crowd], dict[str, Any], set[str]]] = {
    "overlapping polls are not counted": ("capsolver", Miscounting, {"creating": 0.002}, {"poll.budget-ended"}),
    "overlapping polls count thrice": ("capmonster", CountsThrice, {"creating": 0.002}, {"poll.budget-served"}),
    "responses are mixed up": ("capsolver", ConfusesTasks, {"hot": 4}, {"poll.echo", "poll.result-own"}),
    "an ended task is unfinished": ("decodo", Crowd, {"provider": Forgetful}, {"status.terminal"}),
    "an ended task is in work": ("cnode", Crowd, {"provider": Forgetful}, {"poll.terminal"}),
    "a lost task is served": ("capsolver", Crowd, {"provider": RevivesTasks}, {"poll.lost-stays-lost"}),
    "ids are given twice": ("capmonster", Crowd, {"provider": RepeatsIds, "hot": 4}, {"create.unique-id"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_history_that_no_order_explains_is_found(fault: str) -> None:
    name, crowd, options, expected = FAULTS[fault]
    contract = load_contract(name)
    seeds = range(6)
    found = [
        violated(contract, crowd(contract, seed, count=400, connections=12, **{"hot": 1, **options}).exchanges)
        for seed in seeds
    ]
    clauses = [{each.partition(".")[2] for each in one} for one in found]
    assert sum(bool(one & expected) for one in clauses) >= 2, clauses
