"""The reference provider: a conformant implementation made from the contract alone, on a clock that it is given.

Mutants are subclasses of it that override one method; legal variants are settings and changed answer templates.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pollproof.clauses import KINDS
from pollproof.clauses.faults import Provider, RequestRoute
from pollproof.clauses.faults import Settings as Settings
from pollproof.clauses.faults import Task as Task
from pollproof.clock import Clock
from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Break, Contract, Operation, Pages, Phase, Probe, Role, Signature, TaskKind
from pollproof.contract.places import MISSING, View, compile_place, parse_place
from pollproof.contract.probes import recognises
from pollproof.contract.requests import path_of, query_of
from pollproof.contract.signatures import signature_of
from pollproof.contract.templates import compile_template, with_value, words_of
from pollproof.reference.answers import Template, change
from pollproof.reference.bookkeeping import KeyBook, RequestCounter, whole_seconds
from pollproof.reference.routes import LAST, SHORT, Route
from pollproof.tasks.hash_set import HashSet
from pollproof.trace.bodies import Unreadable, canonical
from pollproof.trace.codecs import checks_of, codec_of
from pollproof.trace.exchange import Request, Response
from pollproof.trace.inputs import breaks_format

SOLVING_SECONDS = (5.0, 2.0, 9.0, 0.0, 14.0, 3.5, 27.0)
"""Solving times that the tasks of the reference take in turn: within the documented 1 to 30 s, and one at once."""

KEPT = 1_024
"""Tasks from which on those that are lost are let go of, all but their ids: a mock may be served for weeks."""

SEARCHED = 2_000
"""Task numbers among which that of an id is looked for."""

FURTHER = 500_000
"""How far the numbers of the further ids of a task are from its own."""

FAILING = 5
"""Every task of this number (and its multiples) fails, so that failures are seen too."""

EPOCH = datetime(2026, 1, 1)
"""What the reference's clock shows at second 0."""

EPOCH_SECONDS = 1_767_225_600
"""The same moment, in seconds since 1970."""

SENT_AGAIN = 5.0
"""Seconds after which a callback that was not accepted is sent again."""

CANCELLING = 1.0
"""Seconds that cancelling takes where a status tells of it."""

FORGETTING = 50_000.0
"""Seconds after which the reference forgets a task where clauses judge lost tasks and no limit says when."""

BATCH_NUMBER = 9007199254740993
"""The id of a batch: a number that no double holds, as the documented ones are."""

_WHOLE = re.compile(r"-?[1-9][0-9]{0,17}|0")
_NOTHING: Mapping[str, str] = MappingProxyType({})

_EMPTY = View(MISSING, MISSING, _NOTHING, _NOTHING, _NOTHING, None)

_ADDRESS = parse_place("request#/callback_url")
"""Where the address of a callback stands in a creation when the contract does not say it."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Asked(NamedTuple):
    """What a request asks: its operation and variables, its body, and the contract's probes that it is wrong in."""

    route: Route
    variables: Mapping[str, str]
    body: Any
    wrong: tuple[Probe, ...]


class ReferenceProvider(Provider):
    """Answers requests as the contract says. `changes` are departures of the answer templates."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        self.contract = contract
        self.base_url = contract.base_url  # a server puts its own address here
        self.clock = clock
        self.settings = settings or Settings()
        self.tasks: dict[str, Task] = {}
        self.order: list[Task] = []
        self.to_call_back: list[tuple[Task, str]] = []
        self.polls = 0
        self.last_batch: float | None = None
        self._limits_batches = any(clause.kind == "batch-limit" for clause in contract.clauses)
        self._first = 1
        self._last: dict[tuple[str, str, bytes], Asked] = {}
        conditions = [each for operation in contract.operations.values() for each in operation.when]
        self._keeps = all(condition.at.area != "header" for condition in conditions)
        self._added = 0
        self._tidied = KEPT
        self._gone = HashSet()
        limits = contract.limits
        self.lifetime = self.settings.lifetime if self.settings.lifetime is not None else limits.lifetime
        kinds = {clause.kind for clause in contract.clauses}
        if self.lifetime is None and "result-available" not in kinds and any(KINDS[name].shows_loss for name in kinds):
            self.lifetime = FORGETTING
        self.limit = self.settings.polls if self.settings.polls is not None else limits.polls
        self._credential = compile_place(contract.credential.at)
        self._expected = contract.credential.template.replace("{credential}", contract.credential.sample)
        self._codec = codec_of(contract.body, contract.namespace)
        checks = checks_of(contract.schemas)
        operations = list(contract.operations.values())
        self._routes = [Route(operation, checks) for operation in operations if operation.role is not Role.CALLBACK]
        departures = tuple(changes)
        self._changed_headers = {name.lower() for departure in departures for name, _ in departure.headers}
        templates = {
            (operation.name, name): change(answer, operation.name, name, departures)
            for operation in operations
            for name, answer in operation.answers.items()
        }
        # Where a mutant or a variant answers with another HTTP status, the one of the error code does not count.
        self._broken = {
            key for key, each in templates.items() if each.http != contract.operations[key[0]].answers[key[1]].http
        }
        self._answers = {key: Template(answer, self._codec, self.settings.writing) for key, answer in templates.items()}
        # Dates, progress and parameters cost time at every answer, so they are made only where a template asks.
        needed = set().union(*(words_of([each.body, dict(each.headers)]) for each in templates.values()))
        self._detailed = any(name.endswith("_at") or name.partition(".")[0] in ("progress", "asked") for name in needed)
        self._requested = {name: parse_place(name) for name in needed if "#" in name or name.startswith("request.")}
        self._tells_wait, self._wait = "retry_after" in needed, 1
        self._asides = {
            (aside.method, aside.path): Response(
                200, {"content-type": self._codec.content_type}, self._codec.write(aside.answer)
            )
            for aside in contract.asides
        }
        self._probes = [(probe, recognises(probe, contract.operations[probe.operation])) for probe in contract.probes]
        first = contract.operation(Role.CREATE)
        kinds_of = [(kind, kind.operation or first.name) for kind in contract.kinds.values()]
        self._plain_kind = next(kind for kind in contract.kinds.values() if not kind.when)
        self._plain_kinds = {name: kind for kind, name in reversed(kinds_of) if not kind.when}
        self._special_kinds = [(kind, name, compile_any(kind.when)) for kind, name in kinds_of if kind.when]
        self._chosen = {
            each.name: compile_place(
                each.task_id if each.task_id is not None and each.task_id.part == "request" else None
            )
            for each in operations
        }
        self._id_names = tuple(dict.fromkeys(name for each in operations for name in each.ids))
        self._aliases: dict[tuple[str, str], Any] = {}
        self._others = [
            (compile_place(other.at), other.template.replace("{credential}", contract.credential.sample))
            for other in contract.credential.others
        ]
        self._requested_path = ""
        self._words: dict[Phase, list[str]] = {}
        self._phases = [contract.statuses[word].phase for word in contract.path[:-1]]
        waiting = sum(phase is Phase.WAITING for phase in self._phases)
        self._begins = waiting / len(self._phases) if self._phases else 0.0
        self._dates_results = "created_at" in repr([kind.result for kind in contract.kinds.values()])
        self._results = {kind.name: compile_template(kind.result) for kind in contract.kinds.values()}
        self._fetches = contract.operation_of(Role.FETCH) is not None
        self._keys, self._counter = KeyBook(), RequestCounter(contract.rates)
        self._key_of = {
            operation.name: compile_place(operation.marks.get("idempotency_key"))
            for operation in operations
            if operation.role is Role.CREATE
        }
        callback = contract.operation_of(Role.CALLBACK)
        self._address = compile_place(_ADDRESS if callback is None or callback.address is None else callback.address)
        kept = {"result-kept", "result-removed"}
        self._retentions = [each.parameters for each in contract.clauses if each.kind in kept]
        self._view = _EMPTY
        limited = [each.parameters.operation for each in contract.clauses if each.kind == "refused-input"]
        self._inputs = {name: contract.schemas[contract.operations[name].request_schema or ""] for name in limited}
        self._fails = "failed" in contract.operation(Role.POLL).answers
        self._delivered: dict[bytes, Mapping[str, str]] = {}
        self._last_headers: Mapping[str, str] = {}
        self._handed: dict[tuple[str, bytes], Task] = {}
        self._not_before: dict[int, float] = {}

    def reset(self) -> None:
        """Forget all tasks."""
        self.tasks.clear()
        self.order.clear()
        self.to_call_back.clear()
        self.last_batch = None
        self.polls = self._added = 0
        self._tidied = KEPT
        self._gone.clear()
        self._keys.clear()
        self._handed.clear()
        self._not_before.clear()
        self._aliases.clear()
        self._counter.clear()

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

    # ------------------------------------------------------------------ what mutants override

    def new_id(self, number: int) -> Any:
        """The id of a new task."""
        return _identifier(self.contract.task_id["type"], number)

    def token(self, number: int) -> str:
        """The one-time token of a task's result."""
        return self.settings.token or f"token-{number:06d}-{(number * 2654435761) % 2**32:08x}"

    def knows(self, credential: Any) -> bool:
        """Whether the key of a request is right."""
        return self.contract.credential.at is None or bool(credential == self._expected)

    def admits(self, view: View, route: RequestRoute, body: bytes) -> bool:
        """Whether a request has all its required fields, and they have their types."""
        if not route.is_complete(view) or not route.has_shape(view, body):
            return False
        schema = self._inputs.get(route.operation.name)
        return schema is None or not breaks_format(schema, view.request)

    def rejects(self, probe: str) -> bool:
        """Whether requests that are wrong in this way of the contract's own are refused."""
        return True

    def is_wrong(self, view: View, route: RequestRoute, probe: str) -> bool:
        """Whether a request is wrong in this way of the contract's own."""
        own = (wrong for each, wrong in self._probes if each.name == probe and each.operation == route.operation.name)
        return any(wrong(view) for wrong in own)

    def find(self, identifier: Any) -> Task | None:
        """The task of that id, lost ones included (of very many tasks, not those that were lost long ago)."""
        return self.tasks.get(str(identifier))

    def is_lost(self, task: Task, now: float) -> bool:
        """Whether a task's lifetime or budget is over."""
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
        """Where a living task stands."""
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
        """The result that a read of a task gives."""
        return task.result

    def make_result(self, task: Task, token: str) -> Any:
        """A result of a task with a token in it."""
        words = {"token": token, "number": task.number, "task_id": task.id}
        if self._dates_results:
            words["created_at"] = self.moment(task.created)
        return self._results[task.kind.name](words)

    def inline(self, kind: TaskKind) -> bool:
        """Whether a task is answered in its creation."""
        return kind.inline

    def malformed(self, operation: Operation) -> Response:
        """The answer to a body that cannot be read."""
        refusals = self.contract.refusals
        code = refusals.malformed or refusals.invalid_request
        return self.say(operation, self._refusal(operation, "malformed"), None, "", code)

    def updated(self, task: Task, now: float) -> float:
        """The time of a task's last change."""
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
        return {name: None if moment is None else self.moment(moment) for name, moment in known.items()}

    def moment(self, seconds: float) -> Any:
        """A time as answers write it."""
        return _moment(seconds, self.contract.times)

    def progress(self, task: Task, share: float) -> int:
        """The progress of a task in per cent, given the share of its solving time that is over."""
        return int(100 * share)

    def members(self, tasks: list[Task]) -> list[Task]:
        """The tasks of a batch in the order in which its answer lists them."""
        return tasks

    def calls_back(self, task: Task, now: float) -> int:
        """How many callbacks of a task are due (those that were sent before are not asked about again)."""
        return 1 if self.phase(task, now).terminal else 0

    # ----------------------------------------------------------------------------- answering

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        key = request.method, request.path, request.body
        asked = self._last.get(key)
        if asked is None:  # the same question comes again and again
            found = self._read(request)
            if isinstance(found, Response):
                return found
            asked = found
            if self._keeps and len(request.body) <= SHORT:
                if len(self._last) >= LAST:
                    self._last.clear()
                self._last[key] = asked
        route, variables, body, wrong = asked
        operation = route.operation
        if type(body) is Unreadable:
            return self.malformed(operation)
        self._requested_path = request.path
        self._view = view = View(body, MISSING, variables, request.headers, _NOTHING, None)
        refusals = self.contract.refusals
        if self.contract.rates and self.counts():
            wait = self._counter.wait(operation.role, route.task_id(view), self.clock.now())
            if wait:
                self._wait = whole_seconds(wait)
                return self.say(operation, self._refusal(operation, "busy"), None, "", refusals.too_many)
        if not self.knows(self.shown_key(view)):
            task = self.find(route.task_id(view)) if operation.role is Role.POLL else None
            if task is not None and self.settings.count_refused:
                task.polls += 1
            return self.say(operation, self._refusal(operation, "unauthorized"), None, "", refusals.wrong_credential)
        if not self.admits(view, route, request.body):
            missing = refusals.missing_field if not route.is_complete(view) else ""
            return self.refuse(operation, missing or refusals.invalid_request)
        for probe in wrong:
            if self.rejects(probe.name):
                return self.refuse(operation, probe.code)
        match operation.role:
            case Role.CREATE:
                return self.create(operation, view)
            case Role.BATCH:
                return self.batch(operation, view)
        identifier = route.task_id(view)
        if operation.takes:
            identifier = self._aliases.get((operation.takes, str(identifier)), (operation.takes, identifier))
        if operation.role is Role.CANCEL:
            return self.cancel(operation, identifier)
        response = (self.fetch if operation.role is Role.FETCH else self.poll)(operation, identifier)
        task = self.tasks.get(str(identifier))
        if task is not None and response.status < 400:
            task.touched = self.clock.now()
        return response

    def shown_key(self, view: View) -> Any:
        """The key of a request, wherever it is documented to stand."""
        shown = self._credential(view)
        for read, expected in self._others if shown is MISSING else ():
            shown = read(view)
            if shown is not MISSING:
                return self._expected if shown == expected else shown
        return shown

    def _read(self, request: Request) -> Asked | Response:
        """What a request asks, or the answer where that can be told from its path alone."""
        path = path_of(request.path)
        body = self._codec.read(request.body) if request.body or request.method != "GET" else MISSING
        query = query_of(request.path)
        found = self._find(request, path, View(body, MISSING, query, request.headers, _NOTHING, None))
        if isinstance(found, Response):
            return found
        route, variables = found
        variables = {**variables, **query} if query else variables
        if not request.body and route.operation.request is None:
            body = MISSING  # an operation that is asked without a body
        view = View(body, MISSING, variables, _NOTHING, _NOTHING, None)
        own = [(probe, wrong) for probe, wrong in self._probes if probe.operation == route.operation.name]
        return Asked(route, variables, body, tuple(probe for probe, wrong in own if wrong(view)))

    def _find(self, request: Request, path: str, view: View) -> tuple[Route, Mapping[str, str]] | Response:
        known, method, body = False, request.method, view.request
        unreadable: Route | None = None
        for route in self._routes:
            variables = route.pattern.variables(path)
            if variables is None:
                continue
            known = True
            if route.operation.method == method:
                if route.names(view):
                    return route, variables
                unreadable = route
        if unreadable is not None:  # a body that names none of the operations of this path
            if type(body) is Unreadable:
                return unreadable, {}
            code = next((probe.code for probe, wrong in self._probes if wrong(view)), None)
            return self.malformed(unreadable.operation) if code is None else self.refuse(unreadable.operation, code)
        aside = self._asides.get((method, path))
        if aside is not None:
            return aside
        return _plain(405 if known else 404, "method not allowed" if known else "no such path")

    def _refusal(self, operation: Operation, name: str) -> str:
        return name if (operation.name, name) in self._answers else "refused"

    def create(self, operation: Operation, view: View) -> Response:
        """Answer a creation."""
        key, now = self._key_of[operation.name](view), self.clock.now()
        known = None if key is MISSING else self._keys.find(key, now, self.key_lifetime())
        if known is not None:
            if self.conflicts(known, view.request):
                return self.refuse(operation, self.contract.refusals.reused_key)
            task = self.replays(known, view.request)
            if task is not None:
                name = "replayed" if (operation.name, "replayed") in self._answers else "created"
                return self.say(operation, name, task, self.status_of(task, self.phase(task, now)))
        task = self.add(view, operation)
        if key is not MISSING:
            self._keys.note(key, view.request, now, task)
        if self.inline(task.kind):
            return self.say(operation, "succeeded", task, self.contract.path[-1])
        return self.say(operation, "created", task, self.contract.path[0])

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
            fails=self.settings.failing and self._fails and number % FAILING == 0 and not kind.inline,
            asked=view.request,
        )
        for index, name in enumerate(self._id_names, 1):
            task.ids[name] = _identifier(self.contract.task_id["type"], number + FURTHER * index)
            self._aliases[name, str(task.ids[name])] = identifier
        task.result = self.make_result(task, self.token(number))
        self.order.append(task)
        if str(identifier) not in self._gone:  # one whose id was given before is not asked for by it
            self.tasks.setdefault(str(identifier), task)
        address = self._address(view)
        if isinstance(address, str):
            self.to_call_back.append((task, address))
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
        self._tidied = max(KEPT, 2 * len(kept))

    def living(self, operation: Operation, identifier: Any) -> Task | Response:
        """The task of that id, or the answer that there is none, or none any more."""
        task = self.find(identifier)
        if task is None:
            if str(identifier) in self._gone:
                return self.lost(operation, Task(0, identifier, self._plain_kind, self.clock.now(), 0.0, False))
            return self.unknown(operation, identifier)
        if task.lost or self.is_lost(task, self.clock.now()):
            task.lost = True
            return self.lost(operation, task)
        return task

    def poll(self, operation: Operation, identifier: Any) -> Response:
        """Answer a poll."""
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
        """Answer the question for a result."""
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
                return self.say(operation, name, task, self.contract.path[-1], code)
            return self.say(operation, "succeeded", task, self.contract.path[-1])
        name, refusals = phase.value if phase.terminal else "nothing", self.contract.refusals
        if (operation.name, name) not in self._answers:
            name = "nothing"
        status = self.word(phase) if phase.terminal else self.unfinished(task, phase)
        failed = refusals.failed_task if phase is Phase.FAILED else ""
        return self.say(operation, name, task, status, failed or refusals.not_ready)

    def cancel(self, operation: Operation, identifier: Any) -> Response:
        """Answer the wish that a task be given up."""
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
                    return self.say(operation, name, task, self.status_of(task, phase), code)
        if task.ended is None:  # one that has ended is cancelled all the same where nothing refuses that
            at_once = phase.terminal or not self.contract.cancelling
            task.ended = min(now, task.created + task.solving) if at_once else now + CANCELLING
            task.lost = "cancelled" not in self.contract.operation(Role.POLL).answers
            phase = Phase.CANCELLED
        return self.say(operation, "cancelled", task, self.status_of(task, phase))

    def hurries(self, now: float) -> bool:
        """Whether a batch comes sooner after the last accepted one than it may."""
        wait = self.contract.limits.batch_wait
        if not self._limits_batches or wait is None or self.last_batch is None:
            self.last_batch = now
            return False
        if now - self.last_batch < wait:
            return True
        self.last_batch = now
        return False

    def batch(self, operation: Operation, view: View) -> Response:
        """Answer a batch: one task for each entry of the first array in the request."""
        if self.hurries(self.clock.now()):
            return self.say(operation, self._refusal(operation, "busy"), None, "")
        name = next(key for key, value in view.request.items() if isinstance(value, list))
        tasks = [
            self.add(view._replace(request={**view.request, name: entry}), operation) for entry in view.request[name]
        ]
        template = self._answers[operation.name, "entry"]
        entries = [template.value(self.words(task, self.contract.path[0])) for task in self.members(tasks)]
        return self._answers[operation.name, "created"].fill({"entries": entries, "number": BATCH_NUMBER})

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        """Answer a poll with a phase."""
        if phase is Phase.FAILED:
            return self.say(operation, "failed", task, self.word(phase), self.contract.refusals.failed_task)
        if phase is Phase.CANCELLED:
            return self.say(operation, "cancelled", task, self.word(phase))
        if phase is Phase.SUCCEEDED:
            task.reads += not self._fetches
            name = "removed" if (operation.name, "removed") in self._answers and self._is_removed(task) else "succeeded"
            return self.say(operation, name, task, self.contract.path[-1])
        return self.say(operation, phase.value, task, self.unfinished(task, phase))

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
        """The phase of a task that was just created."""
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

    def lost(self, operation: Operation, task: Task) -> Response:
        """Answer a poll of a lost task."""
        return self.say(operation, "lost", task, "", self.contract.refusals.lost_task)

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        """Answer a poll of a task that was never created."""
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        known = ("unknown", "lost", "refused")
        name = next(each for each in known if (operation.name, each) in self._answers or each == "refused")
        if identifier in ill_formed and self.rejects("ill-formed-task"):
            if refusals.ill_formed_task:
                return self.refuse(operation, refusals.ill_formed_task)
            return self.say(operation, name, None, "", refusals.unknown_task)
        return self.say(operation, name, None, "", refusals.unknown_task)

    def refuse(self, operation: Operation, code: str) -> Response:
        """Answer with an error."""
        return self.say(operation, "refused", None, "", code)

    def say(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        """Fill an answer template."""
        if (operation.name, name) not in self._answers:
            name = "refused"
            if (operation.name, name) not in self._answers:
                return _plain(400, "refused")
        words = self.words(task, status, code)
        if task is not None and name == "succeeded" and operation.pages is not None:
            words |= self._page_words(operation.pages, words["result"])
        entry = self.contract.errors.get(code)
        http = None if entry is None or (operation.name, name) in self._broken else entry.http
        words["http"] = self._answers[operation.name, name].http if http is None else http
        response = self._answers[operation.name, name].fill(words)
        if task is not None and name == "succeeded" and self._retentions and operation.role is Role.POLL:
            response = self._without_removed(operation, response, task)
        return response if http is None or http == response.status else response._replace(status=http)

    def _page_words(self, pages: Pages, result: Any) -> dict[str, Any]:
        """The words of the page that the request at hand is for."""
        items = result if isinstance(result, list) else []
        path, _, query = self._requested_path.partition("?")
        given = {name.removeprefix("?"): text for name, text in query_of(self._requested_path).items()}
        asked, name = given.get(pages.size, ""), pages.parameter or "page_token"
        size = min(max(int(asked), 1), pages.most) if asked.isdigit() else pages.usual
        digits = given.get(name, "").removeprefix("p")
        number = int(digits) if digits.isdigit() else pages.first if pages.counts == "pages" else 0
        start = (number - pages.first) * size if pages.counts == "pages" else number
        part, after = self.page(items, start, size)
        token = None if after is None else f"p{after}"
        kept = [each for each in query.split("&") if each and not each.startswith(name + "=")]
        address = f"{self.contract.base_url}{path}?{'&'.join([*kept, f'{name}={token}'])}"
        words = {"items": part, "cursor": token, "total": len(items), "page_size": size}
        return {**words, "next": None if token is None else address}

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        """The items of a page of a result, and where the next page begins; None after the last."""
        after = start + size
        return items[start:after], after if after < len(items) else None

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

    def _without_removed(self, operation: Operation, response: Response, task: Task) -> Response:
        """An answer without the results that are not kept any more."""
        now = self.clock.now()
        for rule in self._retentions:
            began = self._began(task, rule.within.lifetime_from)
            if rule.at is None or not self._has_expired(task, rule.at.text, now - began > self.kept_for(rule.seconds)):
                continue
            if rule.operation and operation.name not in rule.operation:
                continue
            body = self._codec.read(response.body)
            if rule.read(View(body, body, _NOTHING, _NOTHING, _NOTHING, None)) is not MISSING:
                response = response._replace(body=self._codec.write(with_value(body, rule.at.pointer, None)))
        return response

    def kept_for(self, documented: float) -> float:
        """Seconds that results are kept where that many are documented."""
        return documented

    def replays(self, key: Any, body: Any) -> Task | None:
        """The task that a creation with this idempotency key repeats."""
        task: Task = key.task
        return task

    def conflicts(self, known: Any, body: Any) -> bool:
        """Whether an idempotency key comes with another request than the first time."""
        return bool(known.body != canonical(body))

    def key_lifetime(self) -> float:
        """Seconds that an idempotency key is kept."""
        lifetime = self.contract.limits.key_lifetime
        return math.inf if lifetime is None else lifetime

    def counts(self) -> bool:
        """Whether requests are counted, so that one too many is refused."""
        return True

    def words(self, task: Task | None, status: str, code: str = "") -> dict[str, Any]:
        """The words that answer templates can have in them."""
        entry = self.contract.errors.get(code)
        words: dict[str, Any] = {
            "status": status,
            "error_code": code,
            "error_number": int(code) if _WHOLE.fullmatch(code) else code,
            "error_text": code if entry is None else entry.text,
            "base_url": self.base_url,
            "timestamp": EPOCH_SECONDS + int(self.clock.now()),
        }
        if self._tells_wait:
            words["retry_after"] = self._wait
        for name, place in self._requested.items():
            value = compile_place(place)(self._view._replace(creation=MISSING if task is None else task.asked))
            words[name] = None if value is MISSING else value
        if task is not None:
            words["task_id"] = task.id
            words["result"] = self.result(task)
            words |= task.ids
            words["polls"] = task.polls
            if self._detailed:
                now = self.clock.now()
                share = min((now - task.created) / task.solving, 1.0) if task.solving else 1.0
                words["created_at"] = self.moment(task.created)
                words["updated_at"] = self.moment(self.updated(task, now))
                words |= self.times(task, now)
                scaled = self.progress(task, share) * self.contract.progress / 100
                words["progress"] = int(scaled) if self.contract.progress >= 100 else scaled
                words["asked"] = task.asked
        return words

    # ----------------------------------------------------------------------------- callbacks

    def due_callbacks(self) -> list[tuple[str, bytes]]:
        """The callbacks that are due now and were not handed out before: address and body of each."""
        operation = self.contract.operation_of(Role.CALLBACK) if self.to_call_back else None
        if operation is None:
            return []
        now = self.clock.now()
        due: list[tuple[str, bytes]] = []
        waiting: list[tuple[Task, str]] = []
        for task, address in self.to_call_back:
            if now < self._not_before.get(task.number, now):
                waiting.append((task, address))
                continue
            count = self.calls_back(task, now)
            if count:
                body = self.callback(operation, task, self.phase(task, now))
                self._handed[address, body] = task
                due += [(address, body)] * count
            else:
                waiting.append((task, address))
        self.to_call_back = waiting
        return due

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        """The body of a task's callback."""
        status = self.contract.path[-1] if phase is Phase.SUCCEEDED else self.word(phase)
        response = self.say(operation, "callback", task, status)
        if len(self._delivered) >= KEPT:
            self._delivered.clear()
        self._delivered[response.body] = self._last_headers = response.headers
        return response.body

    def send_again(self, address: str, body: bytes) -> None:
        """Send a callback again a while later, since it was not accepted."""
        task = self._handed.get((address, body))
        if task is not None:
            self._not_before[task.number] = self.clock.now() + SENT_AGAIN
            self.to_call_back.append((task, address))

    def callback_headers(self, body: bytes) -> dict[str, str]:
        """The headers of a callback with this body, its signature among them."""
        operation = self.contract.operation(Role.CALLBACK)
        headers = {"content-type": self._codec.content_type, **self._delivered.get(body, self._last_headers)}
        signature = operation.signature
        if signature is not None and signature.header.lower() not in self._changed_headers:
            headers[signature.header.lower()] = signature_of(signature, self.secret(signature), body, headers)
        return headers

    def secret(self, signature: Signature) -> str:
        """The secret that callbacks are signed with."""
        return signature.secret


@lru_cache(512)
def _identifier(form: str, number: int) -> Any:
    spread = number * 0x9E3779B97F4A7C15F39CC0605CEDC835  # the golden ratio: ids of neighbours look unalike
    match form:
        case "integer":
            return 100_000_000 + 7 * number
        case "digits":
            return str(7434928397127555073 + 2 * number)  # odd and beyond 2^53: no double is one of them
        case "letters" | "lower":
            letters = "".join(_LETTERS[spread // 36**place % 36] for place in range(24))
            return letters if form == "letters" else letters.lower()
        case "hex":
            return f"{spread % 2**64:016x}"
    return str(uuid.UUID(int=spread % 2**128, version=4))


def _moment(seconds: float, form: str) -> Any:
    """A time as answers of that form write it."""
    if form in ("text", "iso"):
        return _second(int(seconds), "%Y-%m-%d %H:%M:%S" if form == "text" else "%Y-%m-%dT%H:%M:%SZ")
    return int((EPOCH_SECONDS + seconds) * (1000 if form == "milliseconds" else 1))


LAST_SECOND = int((datetime(9999, 12, 31, tzinfo=EPOCH.tzinfo) - EPOCH).total_seconds())
"""The last day that a date has: the clock of a client that never ends is put forward beyond it."""


@lru_cache(maxsize=256)
def _second(second: int, form: str) -> str:
    """A second as answers write it: of three thousand tasks of a batch all were created in the same one."""
    return (EPOCH + timedelta(seconds=min(second, LAST_SECOND))).strftime(form)


def _plain(status: int, text: str) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())
