"""The profile of a recording: all that a comparison needs to know of it, gathered entry by entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from pollproof.clauses.fields import seconds_of
from pollproof.contract.model import Contract, Effect, Operation, Phase, Role
from pollproof.contract.places import MISSING
from pollproof.drift.counter import TEXT, Occurrences, word
from pollproof.drift.fields import Context, Fields, asked_types
from pollproof.drift.findings import Seen
from pollproof.drift.response_class import ACCEPTED, UNKNOWN_STATUS, UNREADABLE, Situations, one_reason
from pollproof.drift.structure import echoes_parameters, structure_of
from pollproof.drift.task_kinds import Sorts
from pollproof.drift.timing import Timing
from pollproof.monitor.slack import Slack
from pollproof.recordings.entry import Recorded
from pollproof.tasks.account import Account
from pollproof.trace.bodies import Unreadable
from pollproof.trace.events import Answer, Event
from pollproof.trace.reader import Reader

NO_TYPE = "none"
"""Stands for the content type of an answer that names none."""

QUEUED = "accepted"
"""The class of responses that give an id and no result yet, whatever they call the state of the task."""

_QUEUED = frozenset({ACCEPTED, UNKNOWN_STATUS, Phase.WAITING.value, Phase.RUNNING.value})

Asked = tuple[str, Mapping[str, frozenset[str]] | None]
"""What is remembered of a task: its sort, and the types of its parameters (None: not known)."""

Class = tuple[str, str]
"""A class of answers: the operation and the situation."""


class Codes(Occurrences):
    """The error codes of one situation. `alone` tells that all its refusals have one reason."""

    __slots__ = ("alone",)

    def __init__(self) -> None:
        super().__init__()
        self.alone = True


class Profile:
    """What one recording of a contract shows. Files are added one by one; nothing of an exchange is kept."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.exchanges = 0
        self.files = 0
        self.classes: Counter[Class] = Counter()
        self.first: dict[Class, Seen] = {}
        self.fields: dict[Class, Fields] = {}
        self.http: defaultdict[Class, Occurrences] = defaultdict(Occurrences)
        self.content: defaultdict[Class, Occurrences] = defaultdict(Occurrences)
        self.waits: defaultdict[Class, Occurrences] = defaultdict(Occurrences)
        self.statuses: defaultdict[str, Occurrences] = defaultdict(Occurrences)
        self.meanings: defaultdict[Class, Occurrences] = defaultdict(Occurrences)
        self.codes: defaultdict[str, Occurrences] = defaultdict(Occurrences)
        self.situations: defaultdict[Class, Codes] = defaultdict(Codes)
        self.responses: defaultdict[Class, Occurrences] = defaultdict(Occurrences)
        self.typed = False
        self.slack = Slack()
        self.timing = Timing(contract)
        self._reader = Reader(contract)
        self._names = Situations(contract)
        self._sorts = Sorts(contract)
        self._structures = {o.name: structure_of(contract, o) for o in contract.operations.values()}
        self._echoes = {o.name for o in contract.operations.values() if echoes_parameters(o)}
        self._account = Account()
        self._asked: dict[str, Asked] = {}

    def add(self, recording: Iterable[Recorded]) -> None:
        """Take in one file."""
        self._account = Account()
        self._asked.clear()
        self.timing.begin()
        for number, recorded in enumerate(recording):
            event = self._reader.read(recorded.exchange, number)
            if event is not None and event.operation.role is not Role.OUTCOME:
                self.exchanges += 1
                self._add(event, Seen(recorded.file, recorded.number))
        self.files += 1

    def _add(self, event: Event, seen: Seen) -> None:
        account = self._account
        if event.operation.role is Role.CREATE:
            account.note_creation(event)
        situation = self._names.name(event)
        if situation is not None:
            name = event.operation.name
            kind = (name, situation)
            task = event.task or f"#{event.number}"
            self.classes[kind] += 1
            self.first.setdefault(kind, seen)
            self._remember(event)
            self._responses(event, situation, seen, task)
            self._words(event, kind, seen, task)
            if situation != UNREADABLE:
                self._fields(event, kind, seen, task)
            self.timing.add(event, account, seen)
            history = account.tasks.get(event.task or "")
            if event.operation.role is Role.POLL and history is not None and history.created is not None:
                self.slack.note(history, event, self.contract.limits)
        account.fold(event, self.contract.limits)

    # ---------------------------------------------------------------------------------- words

    def _words(self, event: Event, kind: Class, seen: Seen, task: str) -> None:
        name = event.operation.name
        response = event.exchange.response
        if event.answer is Answer.STATE and not event.probe:
            status = (
                {True: "true", False: "false"}.get(event.status, "") if type(event.status) is bool else event.status
            )
            if type(status) is str and status:
                self.statuses[name].add(self._status(status), seen, task)
                if event.phase is not None and event.phase.terminal:
                    self.meanings[name, event.phase.value].add(self._status(status), seen, task)
        if event.error_code is not None:
            code = event.error_code if event.error_code in self.contract.errors else word(event.error_code)
            if code != TEXT:  # the text of a fault is no code
                self.codes[name].add(code, seen, task)
                if event.answer is Answer.REFUSED:
                    self._code(event, kind, code, seen, task)
        if response is None or event.operation.role is Role.CALLBACK:
            return
        self._http(event, kind, str(response.status), seen, task)
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media:
            self.typed = True
        if response.body:
            self.content[kind].add(word(media) if media else NO_TYPE, seen, task)
        wait = event.marks.get("retry_after", response.headers.get("retry-after", MISSING))
        if wait is not MISSING:
            seconds = seconds_of(wait)
            self.waits[kind].add("a date" if seconds is None else f"{seconds:g} s", seen, task)

    def _responses(self, event: Event, situation: str, seen: Seen, task: str) -> None:
        """Count the classes of responses to one request. Those of polls follow the life of the task and say nothing."""
        role, fault = event.operation.role, self._names.fault(event)
        if event.effect in (Effect.BUSY, Effect.BLOCKED) or role is Role.CALLBACK:
            return  # it says something of the load or the account
        if fault:
            request = fault.strip()
        elif role in (Role.CREATE, Role.BATCH, Role.CANCEL):
            request = self._sorts.request(event.request) if role is not Role.CANCEL else "a task"
        else:
            return
        answer = situation.removesuffix(fault)
        if answer in _QUEUED:
            answer = QUEUED
        self.responses[event.operation.name, request].add(answer, seen, task)

    def _status(self, status: str) -> str:
        return status if status in self.contract.statuses else word(status)

    def _code(self, event: Event, kind: Class, code: str, seen: Seen, task: str) -> None:
        name, situation = kind
        if event.effect is Effect.LOST and event.probe is None:
            history = None if event.task is None else self._account.tasks.get(event.task)
            situation = f"{situation} {self._names.reason(event, history)}"
        elif event.effect is Effect.UNCLEAR and event.probe is None:
            return  # a code that no document lists says nothing of its meaning
        codes = self.situations[name, situation]
        codes.alone = codes.alone and one_reason(event)
        codes.add(code, seen, task)

    def _http(self, event: Event, kind: Class, status: str, seen: Seen, task: str) -> None:
        """HTTP statuses by situation; unlabelled refusals by their code, for one effect has many reasons."""
        name, situation = kind
        if event.answer is Answer.REFUSED and not one_reason(event):
            if event.error_code not in self.contract.errors:
                return
            situation = f"refused: {event.error_code}"
        self.http[name, situation].add(status, seen, task)

    # --------------------------------------------------------------------------------- bodies

    def _remember(self, event: Event) -> None:
        """Remember what tasks were asked for: the form of their results and their repeated parameters depend on it."""
        if event.answer is not Answer.STATE:
            return
        if event.operation.role is Role.CREATE and event.task is not None:
            self._asked[event.task] = self._request(event.operation, event)
        elif event.operation.role is Role.BATCH:
            asked = self._request(event.operation, event)
            self._asked.update((member.task, asked) for member in event.members if member.task is not None)

    def _request(self, operation: Operation, event: Event) -> Asked:
        types = asked_types(event.request) if self._echoes else {}
        return self._sorts.name(operation, event.request), types

    def _fields(self, event: Event, kind: Class, seen: Seen, task: str) -> None:
        operation = event.operation
        body = event.request if operation.role is Role.CALLBACK else event.response
        if body is MISSING or type(body) is Unreadable:
            return
        errors = event.request_errors if operation.role is Role.CALLBACK else event.response_errors
        if operation.role in (Role.CREATE, Role.BATCH):
            sort, asked = self._request(operation, event)
        else:
            sort, asked = self._asked.get(event.task or "", (UNKNOWN_SORT, None))
        if operation.name not in self._echoes or event.answer is not Answer.STATE:
            asked = {}
        fields = self.fields.get(kind)
        if fields is None:
            elements = self.contract.body != "json"
            fields = self.fields[kind] = Fields(self._structures[operation.name], elements=elements)
        fields.add(body, Context(seen, task, sort, asked, frozenset(error.pointer for error in errors)))


UNKNOWN_SORT = "?"
"""The sort of a task whose creation is not in the recording."""
