"""Preparing the gate: which scenarios a client meets, and how, from what people request through any face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pollproof.contract.model import Contract
from pollproof.gate.scenarios import scenarios as scenarios_of
from pollproof.gate.selection import chosen_of
from pollproof.gate.spec import SCENARIO_TIMEOUT, WAIT_BUDGET, Gate
from pollproof.gate.tasks import with_task
from pollproof.runs.spec import Policy


def prepare(
    contract: Contract,
    command: Sequence[str],
    *,
    scenarios: str | Iterable[str] | None = None,
    profile: str = "ci",
    task: Mapping[str, Any] | None = None,
    limits: tuple[str, float, float] = ("auto", SCENARIO_TIMEOUT, WAIT_BUDGET),
    provider: str = "",
    policy: Policy | None = None,
) -> Gate:
    """The gate for a command.

    Args:
        contract: the contract whose scenarios it meets.
        command: the words that start it.
        scenarios: the names of some, or an expression as for `pytest -k`.
        profile: ci for a sample where none are named, deep for all, each by itself.
        task: the task to create where the contract's sample does not suit.
        limits: the clock, the real seconds of one scenario, and those of all together where the clock does not leap.
        provider: the contract as people name it.
        policy: what the outcome depends on besides what happens.

    Raises:
        InputError: for scenarios and tasks that cannot be used.
    """
    known = with_task(contract, scenarios_of(contract), task)
    chosen = tuple(chosen_of(known, scenarios, deep=profile == "deep"))
    gate = Gate(contract, tuple(command), chosen, known[0], *limits, known=len(known), provider=provider)
    return replace(gate, merges=profile != "deep", policy=policy or gate.policy)
