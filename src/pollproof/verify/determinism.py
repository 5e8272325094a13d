"""Drawing: what Hypothesis draws is to follow from the seed, in whatever process it draws."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hypothesis.internal.conjecture import providers

CONSTANT = "_maybe_draw_constant"
"""How Hypothesis calls what draws a constant; a version that has none draws none."""


@contextlib.contextmanager
def from_seed_alone() -> Iterator[None]:
    """Let Hypothesis draw no constants until the context ends.

    Now and then it draws a number that stands in the source of some module that happens to be loaded: a worker, which
    has loaded others than the command has, would explore something else. What we draw has no use for them.
    """
    provider: Any = getattr(providers, "HypothesisProvider", None)
    before = getattr(provider, CONSTANT, None)
    if before is None:
        yield
        return
    setattr(provider, CONSTANT, _none)
    try:
        yield
    finally:
        setattr(provider, CONSTANT, before)


def _none(*_: Any, **__: Any) -> None:
    return None
