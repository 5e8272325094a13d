"""Which scenarios a client meets: all of them, those that are named, or those whose names an expression matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollproof.gate.scenarios import Scenario
from pollproof.loading.errors import nearest


class SelectionError(ValueError):
    """No scenarios can be selected in this way; the message is one sentence."""


def selected(known: Sequence[Scenario], wanted: str | Iterable[str] | None) -> list[Scenario]:
    """The wanted of the known scenarios, in the order of the contract; a text is an expression as for `pytest -k`."""
    if wanted is None:
        return list(known)
    if isinstance(wanted, str):
        found = _matching(known, wanted)
    else:
        names, words = list(wanted), [scenario.name for scenario in known]
        for name in names:
            if name not in words:
                raise SelectionError(f"'{name}' is no scenario{nearest(name, words)}")
        found = [scenario for scenario in known if scenario.name in names]
    if not found:
        raise SelectionError(f"no scenario matches '{wanted}'")
    return found


def _matching(known: Sequence[Scenario], expression: str) -> list[Scenario]:
    from _pytest.mark.expression import Expression

    try:
        compiled = Expression.compile(expression)
        return [scenario for scenario in known if compiled.evaluate(_Contains(scenario.name))]
    except Exception as error:  # the parser raises errors of its own, and SyntaxError in newer versions
        raise SelectionError(f"'{expression}' is no expression ({error})") from None


class _Contains:
    """Tells an expression whether a word is part of a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, word: str, /, **_: object) -> bool:
        return word.lower() in self._name
