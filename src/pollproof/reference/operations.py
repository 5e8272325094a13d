"""The operations of the reference provider, once a request has been admitted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pollproof.clauses.faults import Settings, Task
from pollproof.clock import Clock
from pollproof.contract.model import Break, Contract, Operation, Phase, Role
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.reference.bookkeeping import KeyBook
from pollproof.reference.callbacks import Caller
from pollproof.tasks.hash_set import HashSet
from pollproof.trace.bodies import canonical
from pollproof.trace.exchange import Response

CANCELLING = 1.0
"""Seconds that cancelling takes where a status tells of it."""

BATCH_NUMBER = 9007199254740993
"""The id of a batch: a number that no double holds, as the documented ones are."""


class Operator(Caller):
    """Creates, polls, fetches, cancels, and takes batches."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        super().__init__(contract, clock, settings, changes)
        self.polls = 0
        self.last_batch: float | None = None
        self._limits_batches = any(clause.kind == "batch-limit" for clause in contract.clauses)
        self._keys = KeyBook()
        self._deleted = HashSet()
        self._key_of = {
            operation.name: compile_place(operation.marks.get("idempotency_key"))
            for operation in contract.operations.values()
            if operation.role is Role.CREATE
        }

    def reset(self) -> None:
        super().reset()
        self.last_batch = None
        self.polls = 0
        self._keys.clear()
        self._deleted.clear()

    def create(self, operation: Operation, view: View) -> Response:
        key, now = self._key_of[operation.name](view), self.clock.now()
        known = None if key is MISSING else self._keys.find(key, now, self.key_lifetime())
        if known is not None:
            if self.conflicts(known, view.request):
                return self.refuse(operation, self.contract.refusals.reused_key)
            task = self.replays(known, view.request)
            if task is not None:
                name = "replayed" if (operation.name, "replayed") in self._answers else "created"
                return self.fill(operation, name, task, self.status_of(task, self.phase(task, now)))
        if self.unfinished_count() >= self.most_unfinished():
            code = self.contract.refusals.too_many_unfinished
            return self.fill(operation, self._refusal(operation, "busy"), None, "", code)
        task = self.add(view, operation)
        if key is not MISSING:
            self._keys.note(key, view.request, now, task)
        if self.inline(task.kind):
            return self.fill(operation, "succeeded", task, self.contract.path[-1])
        return self.fill(operation, "created", task, self.contract.path[0])

    def most_unfinished(self) -> float:
        limit = self.contract.limits.unfinished
        return math.inf if limit is None else limit

    def unfinished_count(self) -> int:
        """How many tasks are unfinished, where that is limited."""
        if self.contract.limits.unfinished is None:
            return 0
        now = self.clock.now()
        return sum(not task.lost and not self.phase(task, now).terminal for task in self.order)

    def replays(self, key: Any, body: Any) -> Task | None:
        task: Task = key.task
        return task

    def conflicts(self, known: Any, body: Any) -> bool:
        return bool(known.body != canonical(body))

    def key_lifetime(self) -> float:
        lifetime = self.contract.limits.key_lifetime
        return math.inf if lifetime is None else lifetime

    def living(self, operation: Operation, identifier: Any) -> Task | Response:
        """The task of that id, or the response that there is none, or none any more."""
        task = self.find(identifier)
        if task is None:
            if str(identifier) in self._deleted and self.contract.refusals.deleted_task:
                name = "unknown" if (operation.name, "unknown") in self._answers else "lost"
                return self.fill(operation, name, None, "", self.contract.refusals.deleted_task)
            if str(identifier) in self._gone:
                return self.lost(operation, Task(0, identifier, self._plain_kind, self.clock.now(), 0.0, False))
            return self.unknown(operation, identifier)
        if task.lost or self.is_lost(task, self.clock.now()):
            task.lost = True
            return self.lost(operation, task)
        return task

    def poll(self, operation: Operation, identifier: Any) -> Response:
        self.polls += 1
        if self.settings.busy_every and self.polls % self.settings.busy_every == 0:
            return self.refuse(operation, self.settings.busy_code)
        task = self.living(operation, identifier)
        if isinstance(task, Response):
            return task
        now = self.clock.now()
        task.polls += 1
        phase = Phase.SUCCEEDED if task.kind.inline else self.phase(task, now)
        return self.state(operation, task, phase)

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.living(operation, identifier)
        if isinstance(task, Response):
            return task
        now = self.clock.now()
        phase = self.phase(task, now)
        if phase is Phase.SUCCEEDED:
            task.reads += 1
            if self._is_removed(task):
                code = self.contract.refusals.removed_result or self.contract.refusals.lost_task
                name = "removed" if (operation.name, "removed") in self._answers else "lost"
                return self.fill(operation, name, task, self.contract.path[-1], code)
            return self.fill(operation, "succeeded", task, self.contract.path[-1])
        name, refusals = phase.value if phase.terminal else "nothing", self.contract.refusals
        if (operation.name, name) not in self._answers:
            name = "nothing"
        status = self.word(phase) if phase.terminal else self.unfinished(task, phase)
        failed = refusals.failed_task if phase is Phase.FAILED else ""
        return self.fill(operation, name, task, status, failed or refusals.not_ready)

    def cancel(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        if task is None:
            return self.unknown(operation, identifier)
        now = self.clock.now()
        if task.lost or self.is_lost(task, now):
            task.lost = True
            return self.unknown(operation, identifier)
        phase = self.phase(task, now)
        refusals = self.contract.refusals
        if phase.terminal:
            codes = {
                "cancelled-again": refusals.ended_task,
                "ended": refusals.ended_task,
                phase.value: refusals.failed_task,
            }
            for name, code in list(codes.items())[phase is not Phase.CANCELLED :]:
                if (operation.name, name) in self._answers:
                    return self.fill(operation, name, task, self.status_of(task, phase), code)
        elif self.is_too_late(task, now):
            name = next(each for each in ("too-late", "ended", "refused") if (operation.name, each) in self._answers)
            code = refusals.late_cancel or refusals.ended_task
            return self.fill(operation, name, task, self.unfinished(task, phase), code)
        if task.ended is None:  # one that has ended is cancelled all the same where nothing refuses that
            at_once = phase.terminal or not self.contract.cancelling
            task.ended = min(now, task.created + task.solving) if at_once else now + CANCELLING
            task.lost = "cancelled" not in self.contract.operation(Role.POLL).answers
            phase = Phase.CANCELLED
        if task.ended is not None and now < task.ended:
            phase = self.contract.statuses[self.contract.cancelling].phase
        return self.fill(operation, "cancelled", task, self.status_of(task, phase))

    def is_too_late(self, task: Task, now: float) -> bool:
        limits, phase = self.contract.limits, self.phase(task, now)
        if task.ended is not None:
            return False  # it is being cancelled
        if limits.cancel_within is not None and now - task.created > limits.cancel_within:
            return True
        return bool(limits.cancel_while) and self.unfinished(task, phase) not in limits.cancel_while

    def delete(self, operation: Operation, identifier: Any) -> Response:
        """Answer a deletion."""
        task = self.living(operation, identifier)
        if isinstance(task, Response):
            return task
        phase = self.phase(task, self.clock.now())
        if not phase.terminal and (operation.name, "unfinished") in self._answers:
            code = self.contract.refusals.unfinished_task or self.contract.refusals.not_ready
            return self.fill(operation, "unfinished", task, self.unfinished(task, phase), code)
        response = self.fill(operation, "deleted", task, self.status_of(task, phase))
        self.remove(task)
        return response

    def remove(self, task: Task) -> None:
        self.tasks.pop(str(task.id), None)
        self._deleted.add(str(task.id))
        task.lost = True

    def hurries(self, now: float) -> bool:
        wait = self.contract.limits.batch_wait
        if not self._limits_batches or wait is None or self.last_batch is None:
            self.last_batch = now
            return False
        if now - self.last_batch < wait:
            return True
        self.last_batch = now
        return False

    def batch(self, operation: Operation, view: View) -> Response:
        if self.hurries(self.clock.now()):
            return self.fill(operation, self._refusal(operation, "busy"), None, "")
        name = next(key for key, value in view.request.items() if isinstance(value, list))
        tasks = [
            self.add(view._replace(request={**view.request, name: entry}), operation) for entry in view.request[name]
        ]
        template = self._answers[operation.name, "entry"]
        entries = [template.value(self.words(task, self.contract.path[0])) for task in self.members(tasks)]
        return self._answers[operation.name, "created"].fill({"entries": entries, "number": BATCH_NUMBER})
