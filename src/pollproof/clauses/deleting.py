"""Deleting: what was deleted is not there any more."""

from __future__ import annotations

from pollproof.clauses.faults import FaultyProvider, Task
from pollproof.clauses.kinds import HELD, Finding, Kind, Nothing, Violation, breaks
from pollproof.clauses.lifecycle import describe
from pollproof.contract.vocabulary import FETCH, POLL
from pollproof.tasks.state import DELETED, TaskState
from pollproof.trace.events import REFUSAL, STATE, Event


@Kind(
    "deleted-stays-deleted",
    roles=(POLL, FETCH),
    exercised="a poll of a task that was deleted",
    walks=("deleted",),
    hint="Delete the result and every cached answer together with the task.",
)
def deleted_stays_deleted(history: TaskState, event: Event, parameters: Nothing) -> Finding:
    """A task whose deletion was accepted is not there any more, nor is its result."""
    deleted = history.marks.get(DELETED)
    if deleted is None or event.request_errors or event.exchange.sent < deleted[1]:
        return None
    if event.answer is STATE:
        return Violation("no task, since it was deleted", describe(event), (deleted[0],))
    return HELD if event.answer is REFUSAL else None


@breaks("deleted-stays-deleted", "a deleted task is there all the same", ("lost-stays-lost", "answer"))
class KeepsDeleted(FaultyProvider):
    """Accepts a deletion, and keeps the task."""

    def remove(self, task: Task) -> None:
        pass
