"""The kill matrix of a contract: every mutant by the clauses that found it, every legal variant by those that did not.

A clause is proved when each of its mutants is killed by it, when a legal variant names it, and when it is exercised
and held by one that does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from pollproof.contract.model import Clause, Contract
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutants
from pollproof.proof.trials import Trial, try_mutant, try_variant
from pollproof.runs.expressions import matching
from pollproof.runs.result import Progress


class ScheduledTrial(NamedTuple):
    """One trial to be carried out: the mutant, or the legal variant, of that number in its contract."""

    is_mutant: bool
    number: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """The trials of one contract; `clauses` are those that are to be proved."""

    contract: Contract
    clauses: tuple[Clause, ...]
    trials: tuple[Trial, ...]

    @property
    def mutants(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.is_mutant)

    @property
    def variants(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if not trial.is_mutant)

    def of(self, identifier: str) -> tuple[Trial, ...]:
        """The mutants of one clause."""
        return tuple(trial for trial in self.mutants if trial.clauses[0] == identifier)

    def problems(self) -> list[str]:
        """What is not proved, in sentences; empty where all is."""
        found = [f"{trial.name}: it could not be tried: {trial.error}" for trial in self.trials if trial.error]
        for trial in self.mutants:
            if not trial.killed:
                found.append(
                    f"{trial.clauses[0]}: the mutant '{trial.name}' survived{trial.survival and ': '}{trial.survival}"
                )
            elif trial.bystanders:
                others = ", ".join(trial.bystanders)
                found.append(f"{trial.clauses[0]}: the mutant '{trial.name}' was found by others too: {others}")
        for trial in self.variants:
            if trial.bystanders:
                found.append(f"the legal variant '{trial.name}' was accused by {', '.join(trial.bystanders)}")
        for clause in self.clauses:
            if not clause.citations:
                found.append(f"{clause.id}: no source is given")
            if not self.of(clause.id):
                found.append(f"{clause.id}: no mutant shows that it can fail")
            named = [trial for trial in self.variants if clause.id in trial.clauses]
            if not named:
                found.append(f"{clause.id}: no legal variant shows what it lets pass")
            elif not any(clause.id in trial.held for trial in named):
                names = ", ".join(trial.name for trial in named)
                found.append(f"{clause.id}: no legal variant that names it exercises it ({names})")
        return found


def tasks_of(contract: Contract, keyword: str | None = None) -> tuple[tuple[Clause, ...], list[ScheduledTrial]]:
    """The clauses that an expression means, as in `pytest -k`, and the trials that prove them.

    The expression is matched with clause ids and with the names of mutants. Raises `ExpressionError`.
    """
    all_mutants = mutants(contract)
    if keyword is None:
        clauses = contract.clauses
        chosen = list(range(len(all_mutants)))
    else:
        names = [f"{mutant.clause.id} {mutant.name}" for mutant in all_mutants]
        by_name = set(matching(names, keyword))
        by_id = set(matching([clause.id for clause in contract.clauses], keyword))
        chosen = [number for number, name in enumerate(names) if name in by_name]
        meant = by_id | {all_mutants[number].clause.id for number in chosen}
        clauses = tuple(clause for clause in contract.clauses if clause.id in meant)
    wanted = {clause.id for clause in clauses}
    variants = [number for number, each in enumerate(contract.variants) if wanted.intersection(each.clauses)]
    if keyword is None:
        variants = list(range(len(contract.variants)))
    return clauses, [
        *(ScheduledTrial(True, number) for number in chosen),
        *(ScheduledTrial(False, number) for number in variants),
    ]


def prove(
    contract: Contract, keyword: str | None = None, *, seed: int = 0, workers: int = 1, progress: Progress | None = None
) -> Matrix:
    """Try every mutant and every legal variant of a contract, or those that an expression means."""
    clauses, tasks = tasks_of(contract, keyword)
    trials: list[Trial] = []
    results = _one_by_one(contract, tasks, seed) if workers < 2 else _shared_out(contract, tasks, seed, workers)
    for trial in results:
        trials.append(trial)
        if progress is not None:
            progress(contract.name, len(trials), len(tasks))
    return Matrix(contract, clauses, tuple(trials))


def carry_out(contract: Contract, task: ScheduledTrial, seed: int = 0) -> Trial:
    """One trial."""
    if task.is_mutant:
        return try_mutant(mutants(contract)[task.number], seed)
    return try_variant(contract, contract.variants[task.number], seed)


def _one_by_one(contract: Contract, tasks: Sequence[ScheduledTrial], seed: int) -> Iterator[Trial]:
    for task in tasks:
        yield carry_out(contract, task, seed)


def _shared_out(contract: Contract, tasks: Sequence[ScheduledTrial], seed: int, workers: int) -> Iterator[Trial]:
    """The trials in their order, carried out by several processes."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Contracts hold what no process can hand to another, so each worker loads its own; spawned, since forking a
    # process that has threads is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_remote, contract.origin, task, seed) for task in tasks]
        for future in futures:
            yield future.result()


def _remote(origin: str, task: ScheduledTrial, seed: int) -> Trial:
    return carry_out(_loaded(origin), task, seed)


@cache
def _loaded(origin: str) -> Contract:
    return load_contract(origin)
