"""A contract's own probes are changed requests that would be right: of a fetch, about tasks that have a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pollproof.clock import VirtualClock
from pollproof.contract.model import Phase
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.reader import Reader
from pollproof.verify.session import Session
from pollproof.verify.walks.refusals import turned_away

REELCAST = load_contract(Path(__file__).parents[1] / "apis" / "reelcast.toml")


class FailsAlways(ReferenceProvider):
    """No task of it succeeds."""

    def phase(self, task: Any, now: float) -> Phase:
        phase = super().phase(task, now)
        return Phase.FAILED if phase is Phase.SUCCEEDED else phase


@pytest.mark.parametrize(("kind", "sent"), [(ReferenceProvider, True), (FailsAlways, False)])
def test_a_fetch_is_changed_only_where_there_is_a_result(kind: type[ReferenceProvider], sent: bool) -> None:
    clock = VirtualClock()
    monitor = Monitor(Reader(REELCAST), clauses_of(REELCAST))
    turned_away(Session(InProcessTarget("a provider", kind(REELCAST, clock).handle), clock, monitor))
    assert ("limit-zero" in {exchange.probe for exchange in monitor.trace}) is sent
