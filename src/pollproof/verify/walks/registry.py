"""Walks by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pollproof.contract.model import Contract
from pollproof.verify.session import Session


@dataclass(frozen=True, slots=True)
class Walk:
    """A named walk; `applies` tells whether a contract has what it exercises.

    A `last` walk may end the good will of a provider: it is run after everything else.
    """

    name: str
    run: Callable[[Session], None]
    applies: Callable[[Contract], bool]
    last: bool = False

    @property
    def purpose(self) -> str:
        """The first line of the walk's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


WALKS: list[Walk] = []
"""All walks in the order in which they are run."""


def walk(
    applies: Callable[[Contract], bool] = lambda contract: True, *, last: bool = False
) -> Callable[[Callable[[Session], None]], Callable[[Session], None]]:
    """Register a walk."""

    def register(run: Callable[[Session], None]) -> Callable[[Session], None]:
        WALKS.append(Walk(run.__name__.replace("_", "-"), run, applies, last))
        return run

    return register
