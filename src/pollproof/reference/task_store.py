"""The tasks of the reference provider: their ids, results, phases and times, on the clock of the provider."""

from __future__ import annotations

from typing import Any

from pollproof.clauses import KINDS
from pollproof.clauses.faults import FaultyProvider, Settings, Task
from pollproof.clock import Clock
from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Contract, Operation, Phase, Role, TaskKind
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.templates import compile_template
from pollproof.reference.moments import write_id, write_moment
from pollproof.tasks.hash_set import HashSet

SOLVING_SECONDS = (5.0, 2.0, 9.0, 0.0, 14.0, 3.5, 27.0)
"""Solving times that the tasks of the reference take in turn: within the documented 1 to 30 s, and one at once."""

KEPT_TASKS = 1_024
"""Tasks from which on those that are lost are let go of, all but their ids: a mock may be served for weeks."""

SEARCHED = 2_000
"""Task numbers among which that of an id is looked for."""

FURTHER = 500_000
"""How far the numbers of the further ids of a task are from its own."""

_EVERY_NTH_FAILS = 5
"""Every task of this number (and its multiples) fails, so that failures are seen too."""

FORGETTING = 50_000.0
"""Seconds after which the reference forgets a task where clauses judge lost tasks and no limit says when."""


class TaskStore(FaultyProvider):
    """Keeps tasks, and derives from the contract and the clock what a task has come to."""

    def __init__(self, contract: Contract, clock: Clock, settings: Settings | None) -> None:
        self.contract = contract
        self.clock = clock
        self.settings = settings or Settings()
        self.tasks: dict[str, Task] = {}
        self.order: list[Task] = []
        self._first = 1
        self._added = 0
        self._tidied = KEPT_TASKS
        self._gone = HashSet()
        limits = contract.limits
        self.lifetime = self.settings.lifetime if self.settings.lifetime is not None else limits.lifetime
        kinds = {clause.kind for clause in contract.clauses}
        if self.lifetime is None and "result-available" not in kinds and any(KINDS[name].shows_loss for name in kinds):
            self.lifetime = FORGETTING
        self.limit = self.settings.polls if self.settings.polls is not None else limits.polls
        self._choose_kinds()
        self._id_names = tuple(dict.fromkeys(name for each in contract.operations.values() for name in each.ids))
        self._aliases: dict[tuple[str, str], Any] = {}
        self._words: dict[Phase, list[str]] = {}
        self._phases = [contract.statuses[word].phase for word in contract.path[:-1]]
        waiting = sum(phase is Phase.WAITING for phase in self._phases)
        self._begins = waiting / len(self._phases) if self._phases else 0.0
        self._dates_results = "created_at" in repr([kind.result for kind in contract.kinds.values()])
        self._results = {kind.name: compile_template(kind.result) for kind in contract.kinds.values()}
        self._fails = "failed" in contract.operation(Role.POLL).answers

    def _choose_kinds(self) -> None:
        """Prepare the choice of a task's kind and id by its creation."""
        contract = self.contract
        first = contract.operation(Role.CREATE)
        kinds_of = [(kind, kind.operation or first.name) for kind in contract.kinds.values()]
        self._plain_kind = next(kind for kind in contract.kinds.values() if not kind.when)
        self._plain_kinds = {name: kind for kind, name in reversed(kinds_of) if not kind.when}
        self._special_kinds = [(kind, name, compile_any(kind.when)) for kind, name in kinds_of if kind.when]
        self._chosen = {
            each.name: compile_place(
                each.task_id if each.task_id is not None and each.task_id.part == "request" else None
            )
            for each in contract.operations.values()
        }

    def reset(self) -> None:
        """Forget all tasks."""
        self.tasks.clear()
        self.order.clear()
        self._added = 0
        self._tidied = KEPT_TASKS
        self._gone.clear()
        self._aliases.clear()

    def restart(self, clock: Clock, first: int = 1) -> None:
        """Forget all tasks, live by that clock, and give the next task that number."""
        self.reset()
        self.clock = clock
        self._first = first

    def number_of(self, identifier: str) -> int:
        """The number of the task that is given this id; 1 where none is."""
        return next((number for number in range(1, SEARCHED) if str(self.new_id(number)) == identifier), 1)

    def skip_ids(self, count: int) -> None:
        """Leave out that many task numbers, so that two providers of one trace give no id twice."""
        self._first += count

    def add(self, view: View, operation: Operation) -> Task:
        """Take a new task in that an operation creates."""
        if len(self.order) >= self._tidied:
            self._let_go()
        number = self._added + self._first
        self._added += 1
        kind = self._plain_kinds.get(operation.name, self._plain_kind)
        for special, name, matches in self._special_kinds:
            if name == operation.name and matches(view):
                kind = special
                break
        solving = self.settings.solving
        if solving is None:
            solving = SOLVING_SECONDS[(number - 1) % len(SOLVING_SECONDS)]
            if solving == SOLVING_SECONDS[-1]:  # one of them outlasts the time in which it can be cancelled
                solving = max(solving, 2 * (self.contract.limits.cancel_within or 0.0))
        now = self.clock.now()
        identifier = self._chosen[operation.name](view)
        if identifier is MISSING:
            identifier = self.new_id(number)
        task = Task(
            number=number,
            id=identifier,
            kind=kind,
            created=now,
            solving=solving,
            fails=self.settings.failing and self._fails and number % _EVERY_NTH_FAILS == 0 and not kind.inline,
            creation=view.request,
        )
        for index, name in enumerate(self._id_names, 1):
            task.ids[name] = write_id(self.contract.task_id["type"], number + FURTHER * index)
            self._aliases[name, str(task.ids[name])] = identifier
        task.result = self.make_result(task, self.token(number))
        self.order.append(task)
        if str(identifier) not in self._gone:  # one whose id was given before is not found by it
            self.tasks.setdefault(str(identifier), task)
        return task

    def _let_go(self) -> None:
        """Keep no more of lost tasks than that there were such ids."""
        now = self.clock.now()
        kept = []
        for task in self.order:
            if task.lost or self.is_lost(task, now):
                name = str(task.id)
                self._gone.add(name)
                if self.tasks.get(name) is task:
                    del self.tasks[name]
            else:
                kept.append(task)
        self.order = kept
        self._tidied = max(KEPT_TASKS, 2 * len(kept))

    def new_id(self, number: int) -> Any:
        ids = self.contract.task_id
        return write_id(ids["type"], number, ids.get("written", ""), ids.get("length", 0))

    def token(self, number: int) -> str:
        return self.settings.token or f"token-{number:06d}-{(number * 2654435761) % 2**32:08x}"

    def find(self, identifier: Any) -> Task | None:
        return self.tasks.get(str(identifier))

    def is_lost(self, task: Task, now: float) -> bool:
        began = self._began(task, self.contract.limits.lifetime_from)
        if self.lifetime is not None and now - began > self.lifetime:
            return True
        return self.limit is not None and task.polls >= self.limit

    def _began(self, task: Task, since: str) -> float:
        """When a time begins that is counted from the creation, the end or the last read of a task."""
        if since == "completion":
            return task.ended if task.ended is not None else task.created + task.solving
        return task.created if since == "creation" or task.touched is None else task.touched

    def phase(self, task: Task, now: float) -> Phase:
        if task.ended is not None:
            if now < task.ended:
                return self.contract.statuses[self.contract.cancelling].phase
            return Phase.CANCELLED
        elapsed = now - task.created
        if elapsed >= task.solving:
            return Phase.FAILED if task.fails else Phase.SUCCEEDED
        return self._phases[self._step(elapsed / task.solving)] if self._phases else Phase.RUNNING

    def _step(self, share: float) -> int:
        """The place in the lifecycle, without its end, of a share of the solving time."""
        count = len(self._phases)
        return min(int(share * count), count - 1)

    def result(self, task: Task) -> Any:
        return task.result

    def make_result(self, task: Task, token: str) -> Any:
        words = {"token": token, "number": task.number, "task_id": task.id}
        if self._dates_results:
            words["created_at"] = self.moment(task.created)
        return self._results[task.kind.name](words)

    def inline(self, kind: TaskKind) -> bool:
        return kind.inline

    def updated(self, task: Task, now: float) -> float:
        return min(now, task.created + task.solving) if now >= task.created + task.solving else task.created

    def times(self, task: Task, now: float) -> dict[str, Any]:
        """The moments of a task's life as answers write them; null for those that have not come."""
        end = task.ended if task.ended is not None else task.created + task.solving
        begun = task.created + task.solving * self._begins
        lives_from = self._began(task, self.contract.limits.lifetime_from)
        known = {
            "started_at": begun if now >= begun else None,
            "completed_at": end if now >= end else None,
            "cancelled_at": task.ended,
            "expires_at": None if self.lifetime is None else lives_from + self.lifetime,
        }
        if now < end and self.contract.limits.lifetime_from == "completion":
            known["expires_at"] = None
        return {name: None if moment is None else self.moment(moment) for name, moment in known.items()}

    def moment(self, seconds: float) -> Any:
        """A time as answers write it."""
        return write_moment(seconds, self.contract.times)

    def progress(self, task: Task, share: float) -> int:
        return int(100 * share)

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks

    def status_of(self, task: Task, phase: Phase) -> str:
        """The status of a task in a phase."""
        if phase is Phase.SUCCEEDED:
            return self.contract.path[-1]
        return self.word(phase) if phase.terminal else self.unfinished(task, phase)

    def word(self, phase: Phase) -> str:
        """The first documented status of a phase, empty where it has none."""
        known = self.contract.statuses.values()
        return next((status.value for status in known if status.phase is phase and status.documented), "")

    def first_phase(self) -> Phase:
        return self.contract.statuses[self.contract.path[0]].phase

    def unfinished(self, task: Task, phase: Phase) -> str:
        """The status of an unfinished task: the one of the lifecycle that its solving time has come to."""
        if task.ended is not None:
            return self.contract.cancelling
        words = self._words.get(phase)
        path = self.contract.path[:-1]
        if words is None:
            words = [word for word in path if self.contract.statuses[word].phase is phase] or [self.word(phase)]
            self._words[phase] = words
        if len(words) == 1 or not task.solving:
            return words[0]
        word = path[self._step((self.clock.now() - task.created) / task.solving)]
        return word if word in words else words[0]

    def _is_removed(self, task: Task) -> bool:
        """Whether the result of a task that has succeeded is not kept any more."""
        limits = self.contract.limits
        if limits.result_lifetime is None:
            return False
        began = self._began(task, limits.result_from)
        return self._has_expired(task, "result", self.clock.now() - began > self.kept_for(limits.result_lifetime))

    def _has_expired(self, task: Task, what: str, now: bool) -> bool:
        """Whether a time is over, now or before: one that is counted from the last read does not begin again."""
        if now and f"expired {what}" not in task.seen:
            task.seen.append(f"expired {what}")
        return now or f"expired {what}" in task.seen

    def kept_for(self, documented: float) -> float:
        return documented
