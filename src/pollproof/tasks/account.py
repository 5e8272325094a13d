"""What is known across the tasks of a trace: of all tasks, of their results, and of batches and repeated requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pollproof.contract.model import Effect, Limits, Role, id_mark
from pollproof.contract.vocabulary import ABOUT_A_TASK, CALLBACK, CREATE, FETCH, POLL
from pollproof.tasks.ages import age_least, received_by, surely_inside
from pollproof.tasks.batches import BatchHistory, creation_in_batch
from pollproof.tasks.creation_pace import CreationPace
from pollproof.tasks.fold import fold, keep_later
from pollproof.tasks.hash_set import HashSet
from pollproof.tasks.individual import Alike, own_part, way_of
from pollproof.tasks.repeated import INSTANT, MAXIMUM_STALLS, Stall, Streak, streak_key
from pollproof.tasks.rounded_ids import RoundedIds
from pollproof.tasks.state import TaskState
from pollproof.trace.events import REFUSAL, STATE, Event, task_key
from pollproof.trace.exchange import UNKNOWN_TIME

MAXIMUM_SHARED = 1000
"""Shared results that are remembered: the first ones suffice."""

_HARDLY_POLLED = 0.1
"""The share of its polls up to which a task was hardly polled."""

MAXIMUM_VALUES = 20_000
"""Values of one place that are remembered: the first ones, by which one that comes again is known."""

IDEMPOTENCY_MARK = "idempotency_key"
"""The mark of a creation that has its idempotency key."""


def replays(history: TaskState, event: Event) -> bool:
    """Whether a creation repeats the one of a task, with its idempotency key."""
    key = event.marks.get(IDEMPOTENCY_MARK)
    return key is not None and history.marks.get(IDEMPOTENCY_MARK) == key


class Account:
    """What is known across the tasks of a trace: all histories, the further ids of tasks (`aliases`), results.

    `owners` maps the canonical form of a result to the task that first showed it. `shared` are results that a
    second task showed as its first: number of the exchange, task and owner. Results that came with a creation
    are left out: the same picture is read the same way twice. `twice` are ids that two creations gave. `unheard` means
    that a creation was not answered, or without an id, so that a task may be known by other ways. `unnamed` means
    that a task was created whose id was not given, or by a request that should have been refused. `creates` means
    that creations are on their way, whose tasks may be known to others already.
    `whole` means that the trace has all exchanges about its tasks, which a recording seldom does; where people
    vouch for it (`decides`), ids that no creation gave are held against a provider that knows them, too.
    `streaks` are the requests that last failed, or found a task unfinished; with `watches` they are kept.
    `served_age` is the greatest age at which a task was served that was hardly polled before, `lost_unpolled` whether
    one was lost within its lifetime.
    `remember` bounds the number of tasks that are known at a time: those that were silent longest are forgotten.
    With `spends`, of a forgotten task it stays known that there was such an id, in some 20 bytes.
    """

    __slots__ = (
        "_alike",
        "_keys",
        "_rounded",
        "_spent",
        "_values",
        "_ways",
        "aliases",
        "batches",
        "creates",
        "creations",
        "decides",
        "last_created",
        "last_received",
        "lost_unpolled",
        "owners",
        "remember",
        "served_age",
        "shared",
        "spends",
        "stalls",
        "streaks",
        "tasks",
        "twice",
        "unheard",
        "unnamed",
        "watches",
        "whole",
    )

    def __init__(
        self, *, whole: bool = True, remember: int | None = None, watches: bool = False, spends: bool = False
    ) -> None:
        self.whole = whole
        self.watches = watches
        self.spends = spends
        self._spent = HashSet()
        self.streaks: dict[tuple[str, Any], Streak] = {}
        self.remember = remember
        self.batches = BatchHistory()
        self.creations = CreationPace()
        self.last_created: int | None = None
        self.tasks: dict[str, TaskState] = {}
        self.owners: dict[str, str] = {}
        self.shared: list[tuple[int, str, str]] = []
        self.twice: set[str] = set()
        self.unnamed = self.creates = False
        self.unheard = False
        self.decides = False
        self.served_age = 0.0
        self.lost_unpolled = False
        self._ways: dict[str, Alike] = {}
        self._alike: dict[str, Alike] = {}
        self._rounded = RoundedIds()
        self._keys: dict[str, str] = {}
        self._values: dict[str, dict[Any, int]] = {}
        self.aliases: dict[tuple[str, str], str] = {}
        self.stalls: dict[tuple[str, Any], Stall] = {}
        self.last_received = UNKNOWN_TIME

    def first_with(self, place: str, value: Any, number: int) -> int | None:
        """The response that had this value at a place before; None where none had, and then it is remembered."""
        values = self._values.setdefault(place, {})
        if len(values) >= MAXIMUM_VALUES and value not in values:
            return None
        before = values.setdefault(value, number)
        return None if before == number else before

    def values_at(self, place: str) -> int:
        """How many different values a place had so far."""
        return len(self._values.get(place, ()))

    def result_number(self, task: str) -> int | None:
        """The exchange in which a task first showed its result."""
        history = self.tasks.get(task)
        return None if history is None else history.result_number

    def rounded_like(self, raw: Any) -> TaskState | None:
        """The task whose id became this one in a language without 64-bit integers; None for an id of its own."""
        return self.tasks.get(self._rounded.find(raw) or "")

    def named(self, event: Event) -> Event:
        """An event of the task that it is about, where its operation takes another id than that of the creation."""
        takes = event.operation.takes
        if not takes or event.task is None:
            return event
        return event._replace(task=self.aliases.get((takes, event.task), f"{takes} {event.task}"))

    def note_ids(self, event: Event) -> None:
        """Remember the further ids that a response gives to its task."""
        for name in event.operation.ids:
            key = task_key(event.marks.get(id_mark(name)))
            if key is not None and event.task is not None and event.answer is STATE:
                self.aliases[name, key] = event.task

    def is_unknown(self, event: Event) -> bool:
        """Whether a request is about a task that no creation gave, as far as the trace holds all of them."""
        if not self.decides or not self.whole or self.unnamed or self.unheard or event.task is None:
            return False
        if event.operation.role not in ABOUT_A_TASK:
            return False
        known = self.tasks.get(event.task)
        if (known is not None and known.created is not None) or self.has_forgotten(event.task):
            return False
        return self.rounded_like(event.raw_task) is None

    def has_forgotten(self, task: str | None) -> bool:
        """Whether a creation gave this id to a task of which no more than that is known."""
        return task is not None and task in self._spent

    def note_refusal(self, event: Event, wait: float) -> Stall:
        """Take in that a request was refused as busy, and that the next one should come that many seconds later.

        It counts only where the client has left the provider alone for the wait after the last refusal.
        """
        key, exchange = streak_key(event), event.exchange
        before = self.stalls.pop(key, None)
        sent = exchange.sent
        if before is not None and sent - self.last_received >= before.wait - INSTANT:
            stall = Stall(before.times + 1, before.first, event.number, before.sent, sent, wait)
        else:
            stall = Stall(1, event.number, event.number, sent, sent, wait)
        if len(self.stalls) >= MAXIMUM_STALLS:
            del self.stalls[next(iter(self.stalls))]
        self.stalls[key] = stall
        return stall

    def endless(self, event: Event) -> Stall | None:
        """The stall that a refusal which was just taken in has made endless, or longer; None for any other event."""
        stall = self.stalls.get(streak_key(event)) if self.stalls else None
        return stall if stall is not None and stall.number == event.number and stall.is_endless else None

    def are_different(self, one: str, other: str) -> bool:
        """Whether two tasks surely are about different things: their creations are known, and are not the same."""
        first, second = self.tasks.get(one), self.tasks.get(other)
        if first is None or second is None or first.creation is None or second.creation is None:
            return False
        return first.creation is not second.creation and bool(first.creation != second.creation)

    def has_created(self, task: str) -> bool:
        """Whether a creation gave this id: a poll alone may have been on its way at the same time."""
        history = self.tasks.get(task)
        return (history is not None and history.created is not None) or self.has_forgotten(task)

    def note_creation(self, event: Event) -> None:
        """Remember an id that a creation gives although an earlier task has it."""
        if event.task is not None and event.answer is STATE and not event.probe:
            before = self.tasks.get(event.task)
            if before is not None and replays(before, event):
                return
            if self.has_created(event.task):
                self.twice.add(event.task)

    def fold(self, event: Event, limits: Limits, *, overlapped: bool = False) -> Sequence[str]:
        """Take one more event in; the tasks that were forgotten for it, mostly none.

        One that `overlapped` with others that were taken in before may have come first: no state runs backwards by it.
        """
        if self.watches:
            self._watch(event)
        if event.operation.role is Role.BATCH:
            self.unnamed |= self.batches.add(event, limits.batch_wait, self.last_received)
        elif limits.batch_wait is not None and event.operation.role is CREATE and not event.probe:
            self.creations.add(event, limits.batch_wait)
        self.last_received = event.exchange.received
        if self.stalls and event.answer is STATE:
            self.stalls.pop(streak_key(event), None)
        if event.operation.role is Role.BATCH:
            self._fold_batch(event)
            return self._forget()
        task = event.task
        if task is None:
            self.unheard |= event.operation.role is CREATE and event.answer is not REFUSAL
            return ()
        before = self.tasks.get(task)
        if before is None:
            if event.probe:
                self.unnamed = self.unnamed or (event.operation.role is CREATE and event.answer is STATE)
                return ()
            if event.operation.role is CREATE and event.answer is not STATE:
                return ()
            if event.operation.role is CALLBACK:
                return ()
            before = TaskState(task, event.raw_task)
        elif self.remember is not None:
            del self.tasks[task]  # so that the dictionary is in the order of who was heard of last
        after = fold(before, event, limits)
        if limits.polls is not None and event.operation.role is POLL and before.created is not None:
            self._note_age(before, event, limits)
        if overlapped:
            after = keep_later(after, before, event)
        self.tasks[task] = after
        if after.created is not None and before.created is None:
            self._note_id(after)
        if after.result is not None and before.result is None and after.result_number is not None and not after.inline:
            owner = self.owners.setdefault(after.result, task)
            if owner != task and len(self.shared) < MAXIMUM_SHARED and self.are_different(task, owner):
                self.shared.append((after.result_number, task, owner))
            if self.remember is None and after.creation is not None:
                self._compare_part(after)
        return self._forget()

    def _compare_part(self, history: TaskState) -> None:
        """Compare the first result of a task with those of tasks that were requested alike."""
        part = own_part(history)
        if not part:
            return
        alike = self._alike[history.id] = self._ways.setdefault(way_of(history), Alike())
        owner = alike.add(history, part)
        if owner != history.id and self.are_different(history.id, owner):
            alike.note(history, owner)

    def _note_age(self, history: TaskState, event: Event, limits: Limits) -> None:
        """Note the age of a task that was hardly polled: at which some are served, and that some are lost too early."""
        if history.polls_most > _HARDLY_POLLED * (limits.polls or 0):
            return
        if event.answer is STATE:
            self.served_age = max(self.served_age, age_least(history, event, limits))
        elif event.effect is Effect.LOST and history.lost is None and limits.lifetime is not None:
            self.lost_unpolled |= surely_inside(history, event, limits)

    def alike(self, task: str) -> Alike | None:
        """The results of the tasks that were requested as this one was; None where it has shown none."""
        return self._alike.get(task)

    def _watch(self, event: Event) -> None:
        """Keep the requests that were in vain; a response with a final state ends a streak."""
        role = event.operation.role
        if event.probe or role is CALLBACK or role is Role.OUTCOME:
            return
        key = streak_key(event)
        before = self.streaks.pop(key, None)
        if not event.exchange.recorded:
            return  # what the client saw is not known, so neither is what it repeats
        failed = event.answer is not STATE
        if not failed and (role is not POLL and role is not FETCH):
            return
        if not failed and event.phase is not None and event.phase.terminal:
            return
        number, leapt = event.number, event.exchange.leapt
        # Who waits for a response in vain pauses meanwhile.
        received = event.exchange.sent if event.exchange.response is None else event.exchange.received
        if before is None:
            self.streaks[key] = Streak(int(failed), 0, number, number, received, leapt)
        else:
            hurried = before.hurried + 1 if before.hurries(event) else 0
            if failed != (before.failures > 0):
                hurried = 0  # a retry after an error is another thing than one more poll
            failures = before.failures + 1 if failed else 0
            self.streaks[key] = Streak(failures, hurried, before.first, number, received, leapt)
        if self.remember is not None and len(self.streaks) > self.remember:
            del self.streaks[next(iter(self.streaks))]

    def _note_id(self, history: TaskState) -> None:
        self.last_created = history.created
        self._rounded.add(history.id)
        if IDEMPOTENCY_MARK in history.marks:
            self._keys[str(history.marks[IDEMPOTENCY_MARK])] = history.id

    def created_with(self, key: Any) -> TaskState | None:
        """The last task that was created with an idempotency key; None where none was."""
        history = self.tasks.get(self._keys.get(str(key), ""))
        return history if history is not None and history.marks.get(IDEMPOTENCY_MARK) == key else None

    def _forget(self) -> Sequence[str]:
        if self.remember is None or len(self.tasks) <= self.remember:
            return ()
        forgotten = []
        while len(self.tasks) > self.remember:
            task = next(iter(self.tasks))
            self.forget(task)
            forgotten.append(task)
        return forgotten

    def forget(self, task: str) -> None:
        """Forget all that is known of a task."""
        history = self.tasks.pop(task, None)
        if history is None:
            return
        self.twice.discard(task)
        self._alike.pop(task, None)
        if self._keys.get(str(history.marks.get(IDEMPOTENCY_MARK))) == task:
            del self._keys[str(history.marks[IDEMPOTENCY_MARK])]
        for mark, value in history.marks.items():
            if mark.startswith("@id "):
                self.aliases.pop((mark.removeprefix("@id "), str(value)), None)
        if self.spends and history.created is not None:
            self._spent.add(task)
        self._rounded.discard(task)
        if history.result is not None and self.owners.get(history.result) == task:
            del self.owners[history.result]

    def forget_streaks(self, since: int) -> None:
        """Forget the requests in vain before the exchange of that number that were not repeated."""
        for key, streak in list(self.streaks.items()):
            if streak.number < since:
                del self.streaks[key]

    def _fold_batch(self, event: Event) -> None:
        for place, member in enumerate(event.members):
            if member.task is None:
                continue
            if self.has_created(member.task):
                self.twice.add(member.task)
            else:
                known = self.tasks.get(member.task) or TaskState(member.task, member.raw_task)
                answered = event.exchange.received - event.exchange.precision
                self.tasks[member.task] = known._replace(
                    created=event.number,
                    created_sent=event.exchange.sent,
                    created_received=received_by(event.exchange),
                    answered=known.answered if known.answered > answered else answered,
                    creation=creation_in_batch(event, place),
                )
                self._note_id(self.tasks[member.task])
