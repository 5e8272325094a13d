"""Parts: what of exploring one target can be done apart from the rest, in any process, with the same findings."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 25
"""Examples of the state machine in one part: few enough to share a run out evenly, and half a second of work."""

LAUNCHED_BLOCK = 50
"""The same for a target that is launched for each part: so many that its start costs little."""

SEEDS = 1_000_000
"""How far apart the seeds of two parts are: the seeds that people type are smaller."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of exploring one target: it begins with a fresh one, so it needs nothing of the other parts.

    `walks` says that the directed walks (and the reference client) belong to it; `first` counts the examples of the
    state machine that belong to earlier parts, `examples` its own.
    """

    name: str
    walks: bool = False
    first: int = 0
    examples: int = 0

    def seed(self, seed: int) -> int:
        """The seed of this part's examples in a run with that seed."""
        return seed + self.first // BLOCK * SEEDS


WALKS_PART = Part("walks", walks=True)
"""The directed walks, in one trace: the later ones meet what the earlier ones have left."""


def whole(examples: int) -> tuple[Part, ...]:
    """One part for everything: a target that cannot be made anew is explored in one go."""
    return (Part("everything", walks=True, examples=examples),)


def divide(examples: int, *, launched: bool) -> tuple[Part, ...]:
    """The parts of exploring a target that can be made anew, in their order; the same for any number of workers."""
    block = LAUNCHED_BLOCK if launched else BLOCK
    blocks = [
        Part(
            f"examples {first + 1} to {min(first + block, examples)}",
            first=first,
            examples=min(block, examples - first),
        )
        for first in range(0, examples, block)
    ]
    return (WALKS_PART, *blocks)
