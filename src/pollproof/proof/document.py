"""The kill matrix as a JSON document; `schemas/pollproof/mutants.schema.json` is its schema."""

from __future__ import annotations

from pollproof.proof.matrix import Matrix
from pollproof.proof.trials import Trial
from pollproof.runs.outcome import Document
from pollproof.version import __version__


def matrix_document(matrices: list[Matrix], *, seed: int) -> Document:
    """The document of several contracts."""
    return {
        "pollproof": __version__,
        "mode": "mutants",
        "seed": seed,
        "outcome": "proved" if not any(matrix.problems() for matrix in matrices) else "unproved",
        "providers": [_provider(matrix) for matrix in matrices],
        "complete": True,
    }


def _provider(matrix: Matrix) -> Document:
    return {
        "provider": matrix.contract.name,
        "clauses": [_clause(matrix, clause.id) for clause in matrix.clauses],
        "mutants": [_mutant(trial) for trial in matrix.mutants],
        "variants": [_variant(trial) for trial in matrix.variants],
        "problems": matrix.problems(),
    }


def _clause(matrix: Matrix, identifier: str) -> Document:
    clause = matrix.contract.clause(identifier)
    named = [trial for trial in matrix.variants if identifier in trial.clauses]
    return {
        "id": identifier,
        "level": clause.level.value,
        "subject": clause.subject.value,
        "mutants": [trial.name for trial in matrix.of(identifier)],
        "killed": sum(trial.killed for trial in matrix.of(identifier)),
        "variants": [trial.name for trial in named],
        "held_by_variants": sum(identifier in trial.held for trial in named),
    }


def _mutant(trial: Trial) -> Document:
    others = [name for name in trial.violated if name != trial.clauses[0]]
    return {
        "clause": trial.clauses[0],
        "name": trial.name,
        "subject": trial.subject.value,
        "result": "killed" if trial.killed else "survived",
        "exchanges_to_kill": trial.exchanges_to_kill,
        "exchanges": trial.exchanges,
        "others": [
            {"clause": name, "declared": name in trial.companions, "exchanges_to_kill": trial.violated[name]}
            for name in others
        ],
        "error": trial.error,
    }


def _variant(trial: Trial) -> Document:
    return {
        "name": trial.name,
        "clauses": list(trial.clauses),
        "result": "accused" if trial.violated else "let pass",
        "accused_by": list(trial.violated),
        "exercised": [name for name in trial.clauses if name in trial.held],
        "exchanges": trial.exchanges,
        "error": trial.error,
    }
