"""Fields that say something else than before."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.contract.model import Break, Clause, Contract, Role
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.reference.provider import ReferenceProvider, Task
from pollproof.trace.exchange import Request, Response


class FallingTimes(ReferenceProvider):
    """Shows a time of change that falls back to the creation once the task has ended and was read."""

    def updated(self, task: Task, now: float) -> float:
        task.seen.append("updated")
        return task.created + len(task.seen) % 2


class FallingProgress(ReferenceProvider):
    """Counts its progress down."""

    def progress(self, task: Task, share: float) -> int:
        return 100 - int(100 * share)


class WithoutRetryAfter(ReferenceProvider):
    """Does not say when to ask again."""

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "retry-after"}
        return answer._replace(headers=headers)


@mutates("timestamps")
def _timestamps(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the time of change falls", FallingTimes)


@mutates("progress")
def _progress(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the progress falls", FallingProgress)


@mutates("parameters-echoed")
def _parameters_echoed(contract: Contract, clause: Clause) -> Iterator[Fault]:
    create = contract.operation(Role.CREATE)
    name = clause.parameters.always[0]
    yield Fault(
        f"another {name} than was sent",
        changes=(Break("", operation=create.name, answer="created", set=((f"/{name}", "$status"),)),),
    )


@mutates("retry-after")
def _retry_after(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("no Retry-After", WithoutRetryAfter)
