"""Proof that a contract's clauses can fail, and that none fails without cause: mutants and legal variants are run.

Reports name mutants, so that what runs them is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pollproof.proof.complete import find_missing_proof
    from pollproof.proof.matrix import Matrix, ScheduledTrial, prove, tasks_of
    from pollproof.proof.trials import Trial, try_mutant, try_variant

__all__ = ["Matrix", "ScheduledTrial", "Trial", "find_missing_proof", "prove", "tasks_of", "try_mutant", "try_variant"]

_MODULES = {"find_missing_proof": "complete", "Trial": "trials", "try_mutant": "trials", "try_variant": "trials"}


def __getattr__(name: str) -> Any:
    """A public name of the package; its module is imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'matrix')}"), name)
