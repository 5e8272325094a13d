"""Callbacks that do not come, come too early or too often, or say something else."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.contract.model import Clause, Contract, Operation, Phase, Role
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task


class NeverCallsBack(ReferenceProvider):
    """Sends no callback."""

    def calls_back(self, task: Task, now: float) -> int:
        return 0


class CallsBackTwice(ReferenceProvider):
    """Sends every callback twice."""

    def calls_back(self, task: Task, now: float) -> int:
        return 2 * super().calls_back(task, now)


class CallsBackEarly(ReferenceProvider):
    """Calls back when a task has only begun."""

    def calls_back(self, task: Task, now: float) -> int:
        return 1

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        return self.say(operation, "callback", task, self.contract.path[0]).body


class CallsBackForStrangers(ReferenceProvider):
    """Adds a callback about a task that was never created."""

    def due_callbacks(self) -> list[tuple[str, bytes]]:
        due = super().due_callbacks()
        operation = self.contract.operation_of(Role.CALLBACK)
        if due and operation is not None:
            stranger = Task(0, self.new_id(9_999), self.order[0].kind, 0.0, 1.0, False)
            due.append((due[0][0], self.callback(operation, stranger, Phase.SUCCEEDED)))
        return due


class AltersPassthrough(ReferenceProvider):
    """Hands something else through than it was given."""

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        own = task.asked
        task.asked = {**own, "passthrough": "another note"}
        try:
            return super().callback(operation, task, phase)
        finally:
            task.asked = own


@mutates("callback-sent")
def _callback_sent(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("no callback", NeverCallsBack)


@mutates("callback-once")
def _callback_once(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("two callbacks", CallsBackTwice)


@mutates("callback-final")
def _callback_final(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a callback before the end", CallsBackEarly)


@mutates("callback-known")
def _callback_known(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a callback about a stranger", CallsBackForStrangers)


@mutates("passthrough")
def _passthrough(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("another passthrough", AltersPassthrough)
