"""What goes wrong with order, ends and results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Clause, Contract, Operation, Phase, Role, TaskKind
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task
from pollproof.trace.exchange import Response


class RunsBackwards(ReferenceProvider):
    """Says a waiting status again after a running one."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.RUNNING:
            task.seen.append(phase.value)
            if len(task.seen) % 2 == 0:
                phase = Phase.WAITING
        return super().state(operation, task, phase)


class ForgetsTheEnd(ReferenceProvider):
    """Says running again at the third read of a result."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.SUCCEEDED and task.reads == 2:
            task.reads += 1
            phase = self.first_phase()
        return super().state(operation, task, phase)


class FailsAndSucceeds(ReferenceProvider):
    """Says that a task has succeeded after it said that it had failed."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.FAILED:
            task.seen.append(phase.value)
            if len(task.seen) > 1:
                phase = Phase.SUCCEEDED
        return super().state(operation, task, phase)


class ChangesResults(ReferenceProvider):
    """Gives another result at every read."""

    def result(self, task: Task) -> Any:
        return self.make_result(task, self.token(task.number * 1000 + task.reads))


class SharesResults(ReferenceProvider):
    """Gives the result of the newest task to every later read of any."""

    def result(self, task: Task) -> Any:
        if task.reads <= 1:
            return task.result
        newest = next((other for other in reversed(self.order) if other.kind is task.kind and other.reads), task)
        return newest.result


class LostWithoutError(ReferenceProvider):
    """Says that a lost task is running."""

    def lost(self, operation: Operation, task: Task) -> Response:
        if operation.role is not Role.POLL:
            return super().lost(operation, task)
        return self.state(operation, task, self.first_phase())


class NeverInline(ReferenceProvider):
    """Gives a task id where the result should be."""

    def inline(self, kind: TaskKind) -> bool:
        return False


class LosesResults(ReferenceProvider):
    """Gives no result at the second read of it, long before its lifetime is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        young = task is not None and self.clock.now() - task.created < (self.contract.limits.lifetime or 1e9) / 10
        if task is not None and young and task.reads == 1 and "missed" not in task.seen:
            task.seen.append("missed")
            return self.say(operation, "nothing", task, "")
        return super().fetch(operation, identifier)


@mutates("status-order")
def _status_order(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("waiting again after running", RunsBackwards)


@mutates("terminal")
def _terminal(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("running again after the end", ForgetsTheEnd)
    yield Fault("succeeded after it had failed", FailsAndSucceeds)
    yield Fault("running again once it is lost", LostWithoutError)


@mutates("result-stable")
def _result_stable(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("another result at every read", ChangesResults)


@mutates("result-own")
def _result_own(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the result of the newest task", SharesResults)


@mutates("inline-result")
def _inline_result(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a synchronous task must be polled", NeverInline)


@mutates("result-available")
def _result_available(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("no result at the second read", LosesResults)
