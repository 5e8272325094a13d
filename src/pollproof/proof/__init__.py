"""Proof that a contract's clauses can fail, and that none fails without cause: mutants and legal variants are run."""

from pollproof.proof.complete import missing
from pollproof.proof.matrix import Matrix, Task, prove, tasks_of
from pollproof.proof.trials import Trial, try_mutant, try_variant

__all__ = ["Matrix", "Task", "Trial", "missing", "prove", "tasks_of", "try_mutant", "try_variant"]
