"""The profile of a recording: all that a comparison needs to know of it, gathered entry by entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum

from pollproof.clauses.fields import retry_after_seconds
from pollproof.contract.model import Contract, Effect, Phase, Role
from pollproof.contract.places import MISSING
from pollproof.drift.fields import Context, FieldProfile, requested_types
from pollproof.drift.findings import EntryReference
from pollproof.drift.limits import LimitsSeen
from pollproof.drift.response_class import ACCEPTED, UNKNOWN_STATUS, UNREADABLE, ResponseClasses, one_reason
from pollproof.drift.shape import shape_of
from pollproof.drift.task_kinds import TaskKinds
from pollproof.drift.words import TEXT, Words, shown_word
from pollproof.monitor.slack import Slack
from pollproof.recordings.entry import Recorded
from pollproof.tasks.account import Account
from pollproof.trace.bodies import Unreadable
from pollproof.trace.events import Answer, Event
from pollproof.trace.reader import Reader

NO_TYPE = "none"
"""Stands for the content type of a response that names none."""

QUEUED = "accepted"
"""The class of responses that give an id and no result yet, whatever they call the state of the task."""

_QUEUED = frozenset({ACCEPTED, UNKNOWN_STATUS, Phase.WAITING.value, Phase.RUNNING.value})

UNKNOWN_KIND = "?"
"""The kind of a task whose creation is not in the recording."""

_Remembered = tuple[str, Mapping[str, frozenset[str]] | None]
"""What is remembered of a task: its kind, and the types of its parameters (None: not known)."""

Class = tuple[str, str]
"""A class of responses: the operation and the response class; or an operation and what else sets responses apart."""


class Aspect(Enum):
    """What words are compared of, each within one `Class`."""

    HTTP = "HTTP status by class"
    CONTENT = "content type by class"
    WAIT = "Retry-After by class"
    STATUS = "statuses of an operation"
    MEANING = "statuses by phase"
    CODE = "error codes of an operation"
    REFUSAL = "error codes by class"
    RESPONSE = "response classes by request"


class Profile:
    """What one recording of a contract shows. Files are added one by one; nothing of an exchange is kept."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.exchanges = 0
        self.files = 0
        self.classes: Counter[Class] = Counter()
        self.first: dict[Class, EntryReference] = {}
        self.fields: dict[Class, FieldProfile] = {}
        self.words: dict[Aspect, defaultdict[Class, Words]] = {aspect: defaultdict(Words) for aspect in Aspect}
        self.slack = Slack()
        self.limits = LimitsSeen(contract)
        self._reader = Reader(contract)
        self._classes = ResponseClasses(contract)
        self._kinds = TaskKinds(contract)
        operations = contract.operations.values()
        self._shapes = {each.name: shape_of(contract, each) for each in operations}
        # Responses that repeat parameters have fields that depend on the task.
        self._echoes = {o.name for o in operations if any("$asked" in repr(a.body) for a in o.answers.values())}
        self._account = Account()
        self._remembered: dict[str, _Remembered] = {}

    def add(self, recording: Iterable[Recorded]) -> None:
        """Take in one file."""
        self._account = Account()
        self._remembered.clear()
        self.limits.begin()
        for number, recorded in enumerate(recording):
            event = self._reader.read(recorded.exchange, number)
            if event is not None and event.operation.role is not Role.OUTCOME:
                self.exchanges += 1
                self._add(event, EntryReference(recorded.file, recorded.number))
        self.files += 1

    def _add(self, event: Event, seen: EntryReference) -> None:
        account, role = self._account, event.operation.role
        if role is Role.CREATE:
            account.note_creation(event)
        named = self._classes.name(event)
        if named is not None:
            of = (event.operation.name, named)
            self.classes[of] += 1
            self.first.setdefault(of, seen)
            self._remember(event)
            for aspect, where, text in self._observed(event, of):
                self.words[aspect][where].add(text, seen, event.task or f"#{event.number}")
            if named != UNREADABLE:
                self._fields(event, of, seen)
            self.limits.add(event, account, seen)
            history = account.tasks.get(event.task or "")
            if role is Role.POLL and history is not None and history.created is not None:
                self.slack.note(history, event, self.contract.limits)
        account.fold(event, self.contract.limits)

    # ---------------------------------------------------------------------------------- words

    def _observed(self, event: Event, of: Class) -> Iterable[tuple[Aspect, Class, str]]:
        """The words of one event: the aspect of each, and within what it is compared."""
        name, response = event.operation.name, event.exchange.response
        yield from self._answered(event, of)
        status = str(event.status).lower() if type(event.status) is bool else event.status
        if event.answer is Answer.STATE and not event.probe and type(status) is str and status:
            status = shown_word(status, self.contract.statuses)
            yield Aspect.STATUS, (name, ""), status
            if event.phase is not None and event.phase.terminal:
                yield Aspect.MEANING, (name, event.phase.value), status
        code = None if event.error_code is None else shown_word(event.error_code, self.contract.errors)
        if code is not None and code != TEXT:  # the text of a fault is not a code
            yield Aspect.CODE, (name, ""), code
            if event.answer is Answer.REFUSED and (where := self._refusal(event, of)) is not None:
                words = self.words[Aspect.REFUSAL][where]
                words.one_reason = words.one_reason and one_reason(event)
                yield Aspect.REFUSAL, where, code
        if response is None or event.operation.role is Role.CALLBACK:
            return
        if event.answer is not Answer.REFUSED or one_reason(event):
            yield Aspect.HTTP, of, str(response.status)
        elif event.error_code in self.contract.errors:  # one effect has many reasons
            yield Aspect.HTTP, (name, f"refused: {event.error_code}"), str(response.status)
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.body:
            yield Aspect.CONTENT, of, shown_word(media) if media else NO_TYPE
        wait = event.marks.get("retry_after", response.headers.get("retry-after", MISSING))
        if wait is not MISSING:
            seconds = retry_after_seconds(wait)
            yield Aspect.WAIT, of, "a date" if seconds is None else f"{seconds:g} s"

    def _answered(self, event: Event, of: Class) -> Iterable[tuple[Aspect, Class, str]]:
        """The class of response to one request. Those to polls follow the life of the task and say nothing."""
        role, fault = event.operation.role, self._classes.fault(event)
        if event.effect in (Effect.BUSY, Effect.BLOCKED) or role is Role.CALLBACK:
            return  # it says something of the load or the account
        if fault:
            request = fault.strip()
        elif role in (Role.CREATE, Role.BATCH, Role.CANCEL, Role.DELETE):
            request = "a task" if role in (Role.CANCEL, Role.DELETE) else self._kinds.shown(event.request)
        else:
            return
        answer = of[1].removesuffix(fault)
        yield Aspect.RESPONSE, (of[0], request), QUEUED if answer in _QUEUED else answer

    def _refusal(self, event: Event, of: Class) -> Class | None:
        """Within what the code of a refusal is compared; None where it says nothing of its meaning."""
        if event.probe is None and event.effect is Effect.LOST:
            history = None if event.task is None else self._account.tasks.get(event.task)
            return of[0], f"{of[1]} {self._classes.reason(event, history)}"
        return None if event.probe is None and event.effect is Effect.UNCLEAR else of

    # --------------------------------------------------------------------------------- bodies

    def _remember(self, event: Event) -> None:
        """Remember the requests of tasks: the form of their results and their repeated parameters depend on them."""
        if event.answer is Answer.STATE:
            if event.operation.role is Role.CREATE and event.task is not None:
                self._remembered[event.task] = self._request(event)
            elif event.operation.role is Role.BATCH:
                requested = self._request(event)
                self._remembered.update((member.task, requested) for member in event.members if member.task is not None)

    def _request(self, event: Event) -> _Remembered:
        types = requested_types(event.request) if self._echoes else {}
        return self._kinds.exact(event.operation, event.request), types

    def _fields(self, event: Event, of: Class, seen: EntryReference) -> None:
        operation = event.operation
        called = operation.role is Role.CALLBACK
        body, errors = (event.request, event.request_errors) if called else (event.response, event.response_errors)
        if body is MISSING or type(body) is Unreadable:
            return
        if operation.role in (Role.CREATE, Role.BATCH):
            kind, requested = self._request(event)
        else:
            kind, requested = self._remembered.get(event.task or "", (UNKNOWN_KIND, None))
        if operation.name not in self._echoes or event.answer is not Answer.STATE:
            requested = {}
        fields = self.fields.get(of)
        if fields is None:
            elements = self.contract.body != "json"
            fields = self.fields[of] = FieldProfile(self._shapes[operation.name], elements=elements)
        wrong = frozenset(error.pointer for error in errors)
        fields.add(body, Context(seen, event.task or f"#{event.number}", kind, requested, wrong))
