"""Directed walks: short plans, derived from the contract, that exercise every clause for certain.

Each walk is a function over a session, simplest first. A walk judges nothing: the monitor behind the session does.
"""

from pollproof.explore.walks import (  # isort: skip - the order of the walks is the order of these imports
    ordinary,
    refusals,
    budgets,
    lifetimes,
    several_at_once,
    aftermath,
)
from pollproof.explore.walks.registry import WALKS, Walk
from pollproof.explore.walks.steps import edge, until_age

__all__ = [
    "WALKS",
    "Walk",
    "aftermath",
    "budgets",
    "edge",
    "lifetimes",
    "ordinary",
    "refusals",
    "several_at_once",
    "until_age",
]
