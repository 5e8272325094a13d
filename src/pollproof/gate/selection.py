"""Which scenarios a client meets: all of them, those that are named, or those whose names an expression matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollproof.errors import InputError
from pollproof.gate.scenario import Scenario
from pollproof.loading.errors import nearest
from pollproof.runs.expressions import ExpressionError, matching


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
                raise SelectionError(f"'{name}' is no scenario{nearest(name, words)}")
        found = [scenario for scenario in known if scenario.name in names]
    if not found:
        raise SelectionError(f"no scenario matches '{wanted}'")
    return found
