"""Figures: ratios with their spread, and their goals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio is to reach: `at_least` or at most `value`."""

    value: float
    at_least: bool = True

    def met_by(self, ratio: float) -> bool:
        """Whether a ratio reaches the goal."""
        return ratio >= self.value if self.at_least else ratio <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, measured several times; the median is held against the goal (None: the figure is for information).

    `parts` are the medians of what the ratio was made of, in words and numbers; `missing` says why there is no figure.
    """

    name: str
    ratios: Sequence[float]
    goal: Goal | None = None
    parts: dict[str, float] = field(default_factory=dict)
    missing: str = ""

    @property
    def median(self) -> float:
        """The ratio that counts."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """Whether the goal is met, in one or two words."""
        if not self.ratios:
            return "not measured"
        if self.goal is None:
            return "no goal"
        return "met" if self.goal.met_by(self.median) else "MISSED"

    def document(self) -> dict[str, Any]:
        """The figure as a JSON value."""
        return {
            "name": self.name,
            "ratios": list(self.ratios),
            "minimum": min(self.ratios, default=None),
            "median": self.median if self.ratios else None,
            "maximum": max(self.ratios, default=None),
            "goal": None if self.goal is None else str(self.goal),
            "verdict": self.verdict,
            "parts": self.parts,
            "missing": self.missing,
        }

    def lines(self) -> list[str]:
        """The figure for people: the ratio on one line, its parts on the next."""
        goal = "" if self.goal is None else f"goal {self.goal}"
        if not self.ratios:
            return [f"{self.name:<58} {self.missing}"]
        spread = f"{min(self.ratios):8.3f} {self.median:8.3f} {max(self.ratios):8.3f}"
        parts = ", ".join(f"{name} {value:,.4g}" for name, value in self.parts.items())
        return [f"{self.name:<58} {spread}   {goal:<12} {self.verdict}", *([f"    {parts}"] if parts else [])]


HEADING = f"{'ratio':<58} {'min':>8} {'median':>8} {'max':>8}"


def medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each part over all samples."""
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
