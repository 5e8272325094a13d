"""What every run of the tests proves of a long matrix, and what the long lane (`pytest -m long`) proves besides."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from typing import Any

import pytest

long = pytest.mark.long
"""The mark of the long lane: `addopts` in pyproject.toml leaves it out where no `-m` is given."""


def one_of_each(
    cases: Iterable[Any], sort: Callable[[Any], Hashable], sorts: Container[Hashable] | None = None
) -> list[Any]:
    """The cases as parameters: the first of each sort (of `sorts`) in every run, the others in the long lane."""
    seen: set[Hashable] = set()
    parameters = []
    for case in cases:
        parameters.append(_parameter(case, sort(case) not in seen and (sorts is None or sort(case) in sorts)))
        seen.add(sort(case))
    return parameters


def a_few(cases: Iterable[Any], count: int) -> list[Any]:
    """The cases as parameters: `count` of them, at like distances, in every run, the others in the long lane."""
    known = list(cases)
    chosen = {number * len(known) // count for number in range(count)}
    return [_parameter(case, number in chosen) for number, case in enumerate(known)]


def only(cases: Iterable[Any], names: Sequence[Any]) -> list[Any]:
    """The cases as parameters: those that are named in every run, the others in the long lane."""
    return [_parameter(case, case in names) for case in cases]


def _parameter(case: Any, in_every_run: bool) -> Any:
    values = case if type(case) is tuple else (case,)
    return pytest.param(*values, marks=[] if in_every_run else [long])
