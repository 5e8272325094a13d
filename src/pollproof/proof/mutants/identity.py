"""Ids that are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Clause, Contract, Operation
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task
from pollproof.trace.exchange import Response


class WrongEcho(ReferenceProvider):
    """Repeats another task id than the one asked for."""

    def say(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if task is None or operation.echo is None or name == "created":
            return super().say(operation, name, task, status, code)
        own = task.id
        task.id = self.new_id(task.number + 1_000_000)
        try:
            return super().say(operation, name, task, status, code)
        finally:
            task.id = own


class ReusesIds(ReferenceProvider):
    """Gives the id of the first task to every third."""

    def new_id(self, number: int) -> Any:
        return super().new_id(1 if number % 3 == 0 else number)


@mutates("echo")
def _echo(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("another task id is repeated", WrongEcho)


@mutates("unique-id")
def _unique_id(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("every third task has the first one's id", ReusesIds)
