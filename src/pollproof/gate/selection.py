"""Which scenarios a client meets: those that are named, a sample of those that are alike, what fits into real time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollproof.contract.model import Contract
from pollproof.errors import InputError
from pollproof.gate.bounds import OVERTIME
from pollproof.gate.rehearsal import exercised
from pollproof.gate.scenario import Scenario
from pollproof.runs.expressions import ExpressionError, matching
from pollproof.text import nearest


class SelectionError(InputError):
    """No scenarios can be selected in this way; the message is one sentence."""


def selected(known: Sequence[Scenario], wanted: str | Iterable[str] | None) -> list[Scenario]:
    """The wanted of the known scenarios, in the order of the contract; a text is an expression as for `pytest -k`."""
    if wanted is None:
        return list(known)
    if isinstance(wanted, str):
        try:
            names = matching([scenario.name for scenario in known], wanted)
        except ExpressionError as error:
            raise SelectionError(str(error)) from None
        found = [scenario for scenario in known if scenario.name in names]
    else:
        names, words = list(wanted), [scenario.name for scenario in known]
        for name in names:
            if name not in words:
                raise SelectionError(f"unknown scenario '{name}'{nearest(name, words)}")
        found = [scenario for scenario in known if scenario.name in names]
    if not found:
        raise SelectionError(f"no scenario matches '{wanted}'")
    return found


def chosen_of(known: Sequence[Scenario], wanted: str | Iterable[str] | None, *, deep: bool) -> list[Scenario]:
    """The wanted scenarios; where none are named all, or without `deep` a sample of those that are alike."""
    return sampled(known) if wanted is None and not deep else selected(known, wanted)


def sampled(known: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios that together have each situation, those that add most first; of equal ones the earlier."""
    kept = {scenario.name for scenario in known if not scenario.adds}
    covered: set[str] = set()
    while best := max(known, key=lambda each: len(each.adds - covered), default=None):
        if best.adds <= covered:
            break
        kept.add(best.name)
        covered |= best.adds
    return [scenario for scenario in known if scenario.name in kept]


def within(
    contract: Contract, scenarios: Sequence[Scenario], smoke: Scenario, budget: float, timeout: float
) -> set[str]:
    """The names of the scenarios that fit into real time: those that exercise most clauses in the least time first."""
    left = budget - smoke.seconds
    covered = set(exercised(contract, smoke))
    possible = [each for each in scenarios if each is not smoke and each.seconds * OVERTIME <= timeout]
    gains = {each.name: exercised(contract, each) for each in possible}
    chosen = {smoke.name}
    while possible:
        best = max(possible, key=lambda each: (len(gains[each.name] - covered) > 0, -each.seconds))
        possible.remove(best)
        if best.seconds <= left:
            left -= best.seconds
            covered |= gains[best.name]
            chosen.add(best.name)
    return chosen
