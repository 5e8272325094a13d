"""Batches that lose or shuffle their tasks."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.contract.model import Clause, Contract
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task


class ReversesBatches(ReferenceProvider):
    """Lists the tasks of a batch in the wrong order."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[::-1]


class ShortensBatches(ReferenceProvider):
    """Leaves the last task of a batch out."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[:-1]


@mutates("batch-entries")
def _batch_entries(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the tasks of a batch in the wrong order", ReversesBatches)
    yield Fault("one task of a batch is missing", ShortensBatches)
