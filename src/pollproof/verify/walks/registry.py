"""Walks by name, in the order in which they are run: one list for targets of one's own and for real providers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pollproof.contract.model import Contract

if TYPE_CHECKING:
    from pollproof.verify.session import Session

Run = Callable[["Session"], None]


@dataclass(frozen=True, slots=True)
class Walk:
    """A named walk over a session.

    `applies` says whether a contract has what it exercises. `reaches` are the facts that it must see at least once
    (`Session.reach`): a walk that ends without one of them has tested less than its name says. `breaks` says in words
    which rule of a provider it breaks deliberately, for which a real provider's owner gives permission (empty: none).
    `live` walks are also made against real providers, then with few requests and tasks; what one costs is measured
    by a rehearsal on the reference. `needs` names what it cannot do without: `callbacks`, `connections`, `second key`.
    A `last` walk may end the good will of a provider: it is run after everything else.
    """

    name: str
    run: Run
    applies: Callable[[Contract], bool]
    reaches: tuple[str, ...] = ()
    breaks: str = ""
    needs: str = ""
    live: bool = False
    last: bool = False

    def unreached(self, session: Session) -> list[str]:
        """What the walk must reach and did not, a sentence each."""
        return [f"the walk '{self.name}' did not reach {each}" for each in self.reaches if each not in session.reached]

    @property
    def purpose(self) -> str:
        """The first line of the walk's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


SECOND_KEY = "second key"
"""What a walk needs that is made with two keys of one's own."""

WALKS: list[Walk] = []
"""All walks in the order in which they are run."""


def walk(applies: Callable[[Contract], bool] = lambda contract: True, **more: Any) -> Callable[[Run], Run]:
    """Register a walk; `more` are the further fields of `Walk`."""

    def register(run: Run) -> Run:
        WALKS.append(Walk(run.__name__.replace("_", "-"), run, applies, **more))
        return run

    return register


def has_kind(*kinds: str) -> Callable[[Contract], bool]:
    """What tells the contracts that have a clause of one of these kinds."""
    return lambda contract: any(clause.kind in kinds for clause in contract.clauses)
