"""A session with one target: creates, polls and fetches tasks, and lets the monitor judge every response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pollproof.clauses.fields import retry_after_seconds
from pollproof.contract.model import (
    OTHER_KEY,
    Effect,
    Phase,
    TaskKind,
)
from pollproof.contract.templates import overlaid
from pollproof.trace.events import Answer, Event
from pollproof.trace.exchange import Request
from pollproof.trace.pages import PAGE, with_parameter
from pollproof.verify.handles import SUCCESS, TASK_CREATED, TASK_ENDED, Handle
from pollproof.verify.probing import Prober
from pollproof.verify.target_clocks import BudgetSpent
from pollproof.verify.variety import Variation

MAXIMUM_PAGES = 300
"""Pages of a result after which a reading is given up."""

FEW_PAGES = 5
"""The same for a real provider."""

MAXIMUM_IDENTIFIER = 10_000
"""Characters of an id that is polled; no provider has a hundredth of them."""


class Session(Prober):
    """Creates and polls tasks on a target. `observed` is called after each exchange (for progress).

    One with a real provider is `frugal`: walks then take few requests and tasks; without being `permitted` they break
    none of the provider's rules.
    """

    permitted = True

    def reset(self) -> None:
        """Begin a new trace on a target that has forgotten the last one."""
        self.monitor.reset()
        self.strangers = 0
        self.created = 0

    def create(
        self, kind: TaskKind, *, repeated: bool = False, more: Mapping[str, Any] | None = None
    ) -> tuple[Event, Handle | None]:
        """Create one task, or with `repeated` the same one again; the handle is None when it was not accepted.

        `more` are further fields of the task.
        """
        if repeated:
            self.created -= 1
        return self.begun(
            self.send(self.creation(kind) if more is None else self._creation_of(kind, {**self.task(kind), **more})),
            kind,
        )

    def create_varied(self, variation: Variation, form: int | None = None) -> tuple[Event, Handle | None]:
        """Create a task in another way that the documents allow, its body written in one of the other forms."""
        task = {name: value for name, value in self.task(variation.kind).items() if name not in variation.left_out}
        request = self._creation_of(variation.kind, {**task, **variation.more})
        return self.begun(self.send(self.in_form(request, form)), variation.kind)

    def create_in_way(self, kind: TaskKind, way: int) -> tuple[Event, Handle | None]:
        """Create a task by one of the other documented bodies of a request."""
        return self.begun(self.send(self._creation_of(kind, self.task(kind), way)), kind)

    def create_with_key(self, kind: TaskKind, task: Any, key: str, probe: str | None = None) -> Event:
        """Create a task with an idempotency key of one's own."""
        return self.send(self.request(self.creates(kind), self.creation_words(task, key)), probe)

    def create_called_back(
        self, kind: TaskKind, fields: Mapping[str, Any], more: Mapping[str, Any] | None = None
    ) -> tuple[Event, Handle | None]:
        """Create a task with `more` fields of its own, and further fields of its request: a callback's address."""
        request = self._creation_of(kind, {**self.task(kind), **(more or {})})
        body = overlaid(self.codec.read(request.body), fields)
        return self.begun(self.send(request._replace(body=self.codec.write(body))), kind)

    def create_whole(self, kind: TaskKind) -> tuple[Event, Handle | None]:
        """Create a task with every documented parameter, as far as they go together."""
        options = dict(field for option in self.request_options for field in option.items())
        whole = self.whole_task(kind)
        return self.create_called_back(kind, options, whole) if options else self.create(kind, more=whole)

    def create_by_second_key(self, kind: TaskKind) -> tuple[Event, Handle | None]:
        """Create a task with the second key of one's own."""
        words = self.creation_words(self.task(kind))
        return self.begun(self.send(self.request(self.creates(kind), words, self.second_credential)), kind)

    def begun(self, event: Event, kind: TaskKind) -> tuple[Event, Handle | None]:
        """The response of a creation, and a handle of its task, None where it gave none."""
        if event.answer is Answer.STATE and event.task is not None and len(event.task) <= MAXIMUM_IDENTIFIER:
            self.reach(TASK_CREATED)
            self.unwalked.discard(event.operation.name)
            return event, Handle(event.raw_task, event.task, kind)
        return event, None

    def begin(self) -> Handle | None:
        """A new task of the kinds that must be polled for, taken in turn; a busy provider is insisted on."""
        kind = self.kinds[self.created % len(self.kinds)]
        event, handle = self.create(kind)
        return handle if handle is not None else self.begun(self.insist(event), kind)[1]

    def poll(self, handle: Handle) -> Event:
        """Poll a task once."""
        return self.send(self.about(self.poll_operation, handle))

    def poll_varied(self, handle: Handle, number: int, form: int | None = None) -> Event:
        """Poll a task by a request in which what is optional is left out or another; `number` counts the ways."""
        request = self.about(self.poll_operation, handle)
        changes = self.poll_variations
        if changes and request.body:
            body = changes[number % len(changes)](self.codec.read(request.body))
            request = request._replace(body=self.codec.write(body))
        return self.send(self.in_form(request, form))

    def poll_by(self, handle: Handle, credential: str | None, *, own: bool) -> Event:
        """Poll a task with one of two keys: its `own`, or the other one, of which no document says what it gets."""
        request = self.request(self.poll_operation, {"task_id": handle.id, "number": self.created}, credential)
        return self.send(request, None if own else OTHER_KEY)

    def poll_with_etag(self, handle: Handle, etag: str, *, same: bool) -> Event:
        """Poll a task with an ETag: that of its present state, or of an earlier one."""
        request = self.about(self.poll_operation, handle)
        headers = {**request.headers, "if-none-match": etag}
        return self.send(request._replace(headers=headers), "not-modified" if same else "modified")

    def fetch(self, handle: Handle) -> Event | None:
        """Ask for the result of a task, where that is an operation of its own and its address or id is known."""
        if self.fetch_operation is None or not self.has_ids(self.fetch_operation, handle):
            return None
        return self.send(self.about(self.fetch_operation, handle))

    def fetch_pages(self, handle: Handle, size: int | None = None) -> int:
        """Read a result page by page to its end, pages of that `size` where it can be said; how many pages came."""
        operation = self.fetch_operation
        reader = None if operation is None else self.monitor.reader.pages_of(operation)
        if operation is None or reader is None or not self.has_ids(operation, handle):
            return 0
        request: Request | None = self.about(operation, handle)
        if size is not None and request is not None:
            request = with_parameter(request, reader.pages.size, str(size))
        count = 0
        while request is not None and count < (FEW_PAGES if self.frugal else MAXIMUM_PAGES):
            event = self.insist(self.send(request))
            page = event.marks.get(PAGE)
            count += 1
            request = None if page is None or page.items is None else reader.next_request(request, page)
            request = None if request is None else self._with_key(request)
        return count

    def read(self, handle: Handle) -> Event:
        """Poll a task, and fetch its result where that is an operation of its own; the event of the poll."""
        event = self.poll(handle)
        fetched = self.fetch(handle)
        if fetched is not None and event.phase is Phase.SUCCEEDED and fetched.answer is not Answer.STATE:
            self.insist(fetched)
        return event

    def poll_each(self, handles: Sequence[Handle]) -> list[Event]:
        """Poll tasks of which none waits for another one."""
        return self.send_each([self.about(self.poll_operation, handle) for handle in handles])

    def read_each(self, handles: Sequence[Handle]) -> None:
        """Poll tasks and fetch their results, of which none waits for another one."""
        if not self.is_slow:
            for handle in handles:
                self.read(handle)
            return
        self.poll_each(handles)
        fetch = self.fetch_operation
        if fetch is not None:
            self.send_each([self.about(fetch, handle) for handle in handles if self.has_ids(fetch, handle)])

    def settle(self, handle: Handle, patience: float) -> Phase | None:
        """Poll at the documented pace, ever more slowly, until the task has an end or `patience` seconds are over."""
        waited, pause = 0.0, self.wait
        while True:
            event = self.poll(handle)
            if event.phase is not None and event.phase.terminal:
                self.reach(TASK_ENDED)
                if event.phase is Phase.SUCCEEDED:
                    self.reach(SUCCESS)
                return event.phase
            if event.effect is Effect.FAILED:
                self.reach(TASK_ENDED)
                return Phase.FAILED
            if event.answer is Answer.REFUSED and event.effect in (Effect.LOST, Effect.REFUSED, Effect.UNCLEAR):
                return None
            if waited >= patience:
                return None
            pause = max(pause, retry_after_seconds(event.marks.get("retry_after")) or 0.0)
            try:
                self.advance(pause)
            except BudgetSpent:
                return None
            waited += pause
            pause = min(pause * 1.5, patience / 8)

    def cancel(self, handle: Handle) -> Event | None:
        """Cancel a task, where there is an operation for that."""
        if self.cancel_operation is None or not self.has_ids(self.cancel_operation, handle):
            return None
        return self.send(self.about(self.cancel_operation, handle))

    def delete(self, handle: Handle) -> Event | None:
        """Delete a task, where there is an operation for that."""
        if self.delete_operation is None or not self.has_ids(self.delete_operation, handle):
            return None
        return self.send(self.about(self.delete_operation, handle))

    def batch(
        self,
        way: int = 0,
        *,
        size: int | None = None,
        equal: bool = False,
        more: Mapping[str, Any] | None = None,
        probe: str | None = None,
    ) -> tuple[Event, list[Handle]]:
        """Request several tasks at once, in one of the documented ways; the response, and the tasks that it gave.

        `size` entries, or one that is `equal` to another besides; `more` are further fields. With a `probe` the batch
        is invalid in that way.
        """
        event = self.send(self.batch_request(way, size=size, equal=equal, more=more), probe)
        return event, self.members(event)

    def members(self, event: Event) -> list[Handle]:
        """The tasks that the response of a batch gave."""
        return [
            Handle(member.raw_task, member.task, self.kinds[0])
            for member in event.members
            if member.task is not None and len(member.task) <= MAXIMUM_IDENTIFIER
        ]
