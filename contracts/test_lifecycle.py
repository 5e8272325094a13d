"""The run itself, one item for each provider: one that failed or is inconclusive is not green."""

from __future__ import annotations

from typing import Any


def test_run(pollproof_provider: str, pollproof_explored: Any) -> None:
    pollproof_explored.judge()


def test_embedded_reference_was_explored(pollproof_provider: str, pollproof_explored: Any) -> None:
    exploring = pollproof_explored.exploring
    if exploring.spec.base_url is not None:
        return  # what a foreign target must have shown, `test_run` says
    assert exploring.error is None, exploring.error
    assert exploring.examples >= 10, "the state machine ran too few examples to mean anything"
    assert exploring.moves >= 50 * exploring.examples * 0.5, "examples ended early"
    assert set(exploring.spec.contract.path) <= exploring.statuses
