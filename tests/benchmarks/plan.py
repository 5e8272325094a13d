"""How a group is to be measured: how often, how thoroughly, with what, and whom to tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for. `schemathesis` is the command of that name, where one was found."""

    repeats: int
    quick: bool
    say: Callable[[str], None]
    schemathesis: str | None = None

    def rounds(self, what: str = "", most: int | None = None) -> Iterator[int]:
        """Number the measurements from 0, at most so many, and tell of each when it begins."""
        count = self.repeats if most is None else min(self.repeats, most)
        for number in range(count):
            self.say(f"{what + ', ' if what else ''}{number + 1} of {count}")
            yield number

    def size(self, full: int, quick: int) -> int:
        """The size of an input: the smaller one where quickness was asked for."""
        return quick if self.quick else full
