"""Directed walks: short plans, derived from the contract, that exercise every clause for certain.

Each walk is a function over a session, simplest first. A walk judges nothing: the monitor behind the session does.
"""

from pollproof.verify.walks import budgets, lifetimes, ordinary, refusals, several_at_once
from pollproof.verify.walks import final_walks as aftermath
from pollproof.verify.walks.registry import WALKS, Walk
from pollproof.verify.walks.steps import edge, until_age

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
