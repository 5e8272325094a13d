"""The catalogue: every scenario that follows from a contract, a file per family. Nothing here knows a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pollproof.contract.model import Contract
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenarios.batches import batch_scenarios
from pollproof.gate.scenarios.builder import Catalogue
from pollproof.gate.scenarios.callbacks import callback_scenarios
from pollproof.gate.scenarios.failures import failures
from pollproof.gate.scenarios.forms import forms
from pollproof.gate.scenarios.gateway_errors import gateway_scenarios
from pollproof.gate.scenarios.ordinary import ordinary
from pollproof.gate.scenarios.refusals import refusals
from pollproof.gate.scenarios.wire import wire

FAMILIES: tuple[Callable[[Catalogue], Iterator[Scenario]], ...] = (
    ordinary,
    forms,
    failures,
    refusals,
    gateway_scenarios,
    wire,
    callback_scenarios,
    batch_scenarios,
)


def scenarios(contract: Contract) -> list[Scenario]:
    """All scenarios of a contract; the first is the one that every working client passes."""
    catalogue = Catalogue(contract)
    found = [scenario for family in FAMILIES for scenario in family(catalogue)]
    names = [scenario.name for scenario in found]
    assert len(names) == len(set(names)), "scenarios have names of their own"
    return found
