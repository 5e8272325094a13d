"""Figures: ratios that are measured several times, with their spread and their goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio is to reach: `at_least` or at most `value`."""

    value: float
    at_least: bool

    def met_by(self, ratio: float) -> bool:
        """Whether a ratio reaches the goal."""
        return ratio >= self.value if self.at_least else ratio <= self.value

    def __str__(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {self.value:g}"


def at_least(value: float) -> Goal:
    """The goal of a ratio that is better the larger it is."""
    return Goal(value, at_least=True)


def at_most(value: float) -> Goal:
    """The goal of a ratio that is better the smaller it is."""
    return Goal(value, at_least=False)


@dataclass(frozen=True, slots=True)
class Ratio:
    """What a group measures: what is compared, in words that stand beside the figure, and the goal if there is one."""

    words: str
    goal: Goal | None = None

    def of(self, value: float, **parts: float) -> Sample:
        """One measurement; `parts` are what it was made of, named with underscores for spaces."""
        return Sample(self, value, {name.replace("_", " "): part for name, part in parts.items()})

    def without(self, reason: str) -> Sample:
        """Why there is no measurement, in one sentence."""
        return Sample(self, None, missing=reason)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of a ratio and what it was made of; or, without a value, why there is none."""

    ratio: Ratio
    value: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """All measurements of one ratio; their median is held against the goal."""

    ratio: Ratio
    values: Sequence[float]
    parts: Mapping[str, float]
    missing: str = ""

    @property
    def median(self) -> float | None:
        """The ratio that counts."""
        return statistics.median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a measurement."""
        median = self.median
        return None if self.ratio.goal is None or median is None else self.ratio.goal.met_by(median)

    def document(self, *, held: bool) -> dict[str, Any]:
        """The figure as a JSON value (`figures` in benchmarks.schema.json); `held`: it is held against its goal."""
        goal = self.ratio.goal
        return {
            "ratio": self.ratio.words,
            "values": list(self.values),
            "median": self.median,
            "low": min(self.values, default=None),
            "high": max(self.values, default=None),
            "goal": None if goal is None else {"at_least" if goal.at_least else "at_most": goal.value},
            "met": self.met if held else None,
            "parts": dict(self.parts),
            "missing": self.missing or None,
        }


def figures_of(ratios: Sequence[Ratio], samples: Sequence[Sample], otherwise: str) -> list[Figure]:
    """A figure for each of these ratios, in their order; `otherwise` says why one has no measurement, if none does."""
    strange = {sample.ratio.words for sample in samples}.difference(ratio.words for ratio in ratios)
    if strange:
        raise ValueError(f"measured without being announced: {', '.join(sorted(strange))}")
    return [_figure(ratio, [sample for sample in samples if sample.ratio == ratio], otherwise) for ratio in ratios]


def _figure(ratio: Ratio, samples: Sequence[Sample], otherwise: str) -> Figure:
    values = [sample.value for sample in samples if sample.value is not None]
    if not values:
        return Figure(ratio, (), {}, next((sample.missing for sample in samples if sample.missing), otherwise))
    names = {name: None for sample in samples for name in sample.parts}
    return Figure(ratio, values, {name: _median(name, samples) for name in names})


def _median(name: str, samples: Sequence[Sample]) -> float:
    return statistics.median(sample.parts[name] for sample in samples if name in sample.parts)
