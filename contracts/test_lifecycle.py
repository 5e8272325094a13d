"""The state machine and the walks did what they are for: a run that explored nothing must not look green."""

from __future__ import annotations

from typing import Any


def test_the_target_was_explored(pollproof_provider: str, pollproof_explored: Any) -> None:
    exploring = pollproof_explored.exploring
    assert exploring.error is None, exploring.error
    if exploring.plan.base_url is None:
        assert exploring.complete
        assert exploring.examples >= 10, "the state machine ran too few examples to mean anything"
        assert exploring.moves >= 50 * exploring.examples * 0.5, "examples ended early"
        assert not exploring.notes, exploring.notes


def test_every_status_was_seen(pollproof_provider: str, pollproof_explored: Any) -> None:
    exploring = pollproof_explored.exploring
    if exploring.plan.base_url is not None:
        return  # a foreign target need not show them all; the report tells what was not exercised
    assert set(exploring.plan.contract.path) <= exploring.statuses
