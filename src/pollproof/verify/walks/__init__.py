"""Directed walks: short plans, derived from the contract, that exercise every clause for certain.

Each walk is a function over a session, simplest first. A walk judges nothing: the monitor behind the session does.
"""

# Importing registers: this is the order in which the walks are run.
from pollproof.verify.walks import ordinary  # noqa: F401, I001
from pollproof.verify.walks import batches  # noqa: F401
from pollproof.verify.walks import budgets  # noqa: F401
from pollproof.verify.walks import lifetimes  # noqa: F401
from pollproof.verify.walks import concurrency  # noqa: F401
from pollproof.verify.walks import refusals  # noqa: F401
from pollproof.verify.walks import documented  # noqa: F401
from pollproof.verify.walks import inputs  # noqa: F401
from pollproof.verify.walks import final  # noqa: F401
from pollproof.verify.walks.registry import WALKS, Walk

__all__ = ["WALKS", "Walk"]
