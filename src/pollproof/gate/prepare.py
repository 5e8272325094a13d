"""Preparing the gate: which scenarios a client meets, and how, from what people request through any face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from pollproof.contract.model import Contract
from pollproof.gate.scenarios import scenarios as scenarios_of
from pollproof.gate.selection import chosen_of
from pollproof.gate.spec import SCENARIO_TIMEOUT, WAIT_BUDGET, Gate
from pollproof.gate.tasks import with_task
from pollproof.runs.spec import Policy


class Chosen(TypedDict, total=False):
    """How a client is judged; what is left out is as for `pollproof gate`.

    `scenarios` are the names of some, or an expression as for `pytest -k`. The `profile` is ci for a sample where none
    are named, deep for all, each by itself. `task` is the one to create where the contract's sample does not suit.
    `clock` is auto, leap or real. `timeout` are the real seconds of one scenario, `budget` those of all together where
    the clock does not leap.
    """

    scenarios: str | Iterable[str] | None
    profile: str
    task: Mapping[str, Any] | None
    clock: str
    timeout: float
    budget: float


def prepare(
    contract: Contract,
    command: Sequence[str],
    *,
    provider: str = "",
    policy: Policy | None = None,
    **chosen: Unpack[Chosen],
) -> Gate:
    """The gate for a command.

    Args:
        contract: the contract whose scenarios it meets.
        command: the words that start it.
        provider: the contract as people name it.
        policy: what the outcome depends on besides what happens.
        chosen: see `Chosen`.

    Raises:
        InputError: for scenarios and tasks that cannot be used.
    """
    known = with_task(contract, scenarios_of(contract), chosen.get("task"))
    is_deep = chosen.get("profile", "ci") == "deep"
    met = tuple(chosen_of(known, chosen.get("scenarios"), deep=is_deep))
    limits = chosen.get("clock", "auto"), chosen.get("timeout", SCENARIO_TIMEOUT), chosen.get("budget", WAIT_BUDGET)
    gate = Gate(contract, tuple(command), met, known[0], *limits, known=len(known), provider=provider)
    return replace(gate, merges=not is_deep, policy=policy or gate.policy)
