"""A reference whose tasks take the statuses that they are given: it shows what no task of the plain one comes to."""

from __future__ import annotations

from collections.abc import Sequence

from pollproof.clauses.faults import Task
from pollproof.clock import Clock
from pollproof.contract.model import Contract, Operation, Phase, Status
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Response

_TEMPLATES = {Phase.OPEN: "running", Phase.CANCELLED: "failed"}
"""The response template of a phase that has none of its own."""

_ENDED_BEFORE = 1e-6
"""Seconds by which a task has ended before the poll that says so."""

Script = Sequence[Status]
"""What the polls of a task are answered, one after the other; the last status stays."""


class ScriptedProvider(ReferenceProvider):
    """The task of each number follows the script of that number."""

    def __init__(self, contract: Contract, clock: Clock, scripts: Sequence[Script]) -> None:
        super().__init__(contract, clock)
        self._scripts = scripts

    def _status(self, task: Task) -> Status:
        script = self._scripts[(task.number - 1) % len(self._scripts)]
        return script[min(max(task.polls, 1), len(script)) - 1]

    def phase(self, task: Task, now: float) -> Phase:
        return self._status(task).phase

    def is_too_late(self, task: Task, now: float) -> bool:
        return False

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        status, code = self._status(task), ""
        if phase.terminal:  # its times say that it has ended, too
            task.solving = max(min(task.solving, self.clock.now() - task.created - _ENDED_BEFORE), 0.0)
        name = status.phase.value
        if (operation.name, name) not in self._answers:
            name = _TEMPLATES[status.phase]
        if status.phase is Phase.FAILED:
            code = self.contract.refusals.failed_task
        return self.fill(operation, name, task, status.value, code)
