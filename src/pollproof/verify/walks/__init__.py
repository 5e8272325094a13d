"""Directed walks: short plans, derived from the contract, that exercise every clause for certain.

Each walk is a function over a session, simplest first. A walk judges nothing: the monitor behind the session does.
"""

from pollproof.verify.walks import (  # isort: skip - the order of the walks is the order of these imports
    ordinary,
    refusals,
    budgets,
    lifetimes,
    several_at_once,
    final_walks,
)
from pollproof.verify.walks.registry import WALKS, Walk
from pollproof.verify.walks.steps import edge, until_age

__all__ = [
    "WALKS",
    "Walk",
    "budgets",
    "edge",
    "final_walks",
    "lifetimes",
    "ordinary",
    "refusals",
    "several_at_once",
    "until_age",
]
