"""Mutants and legal variants: proof that each clause can fail, and that none fails without cause.

A mutant is the reference provider (or client) with exactly one clause broken. Most follow from the kind of the
clause; the rest are written in the contract as `breaks`. A legal variant differs in what the documents leave open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Break, Clause, Contract, Operation, Phase, Role, Subject, TaskKind, Variant
from pollproof.contract.places import MISSING, View
from pollproof.events import Event
from pollproof.explore.session import Handle
from pollproof.loading.errors import nearest
from pollproof.reference.client import ReferenceClient
from pollproof.reference.provider import ReferenceProvider, Settings, Task
from pollproof.reference.routes import Route
from pollproof.trace import Request, Response


class MutantError(ValueError):
    """A mutant that does not exist; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A reference with one clause broken. `name` says how, in words.

    `companions` are clauses that cannot be kept when this one is broken.
    """

    name: str
    clause: Clause
    contract: Contract
    provider_type: type[ReferenceProvider] = ReferenceProvider
    client_type: type[ReferenceClient] = ReferenceClient
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()
    companions: tuple[str, ...] = ()

    @property
    def subject(self) -> Subject:
        return self.clause.subject

    def provider(self, clock: Clock | None = None) -> ReferenceProvider:
        """The mutant provider on a clock (a virtual one when none is given)."""
        return self.provider_type(self.contract, clock or VirtualClock(), self.settings, self.changes)


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a kind's mutant is made of."""

    name: str
    provider: type[ReferenceProvider] = ReferenceProvider
    client: type[ReferenceClient] = ReferenceClient
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()


_MAKERS: dict[str, Callable[[Contract, Clause], Iterator[_Fault]]] = {}


def _mutates(kind: str) -> Callable[[Callable[[Contract, Clause], Iterator[_Fault]]], None]:
    def register(maker: Callable[[Contract, Clause], Iterator[_Fault]]) -> None:
        _MAKERS[kind] = maker

    return register


def mutants_of(contract: Contract, clause: Clause) -> list[Mutant]:
    """The mutants of one clause: those its contract writes down, and those that follow from its kind."""
    faults = [_Fault(change.name, changes=(change,)) for change in clause.breaks]
    maker = _MAKERS.get(clause.kind)
    if maker is not None and not clause.breaks:
        faults += maker(contract, clause)
    companions: tuple[str, ...] = ()
    if clause.kind == "unique-id":  # an id that is given twice is given twice in batches too
        companions = tuple(other.id for other in contract.clauses if other.kind == "batch-entries")
    fetch = contract.operation_of(Role.FETCH)
    if clause.kind == "result-own" and fetch is not None and fetch.echo is not None:
        # A result that names its task cannot be another's without naming another.
        companions = tuple(other.id for other in contract.clauses if other.kind == "echo")
    if clause.kind == "retry-after-kept":
        companions = tuple(other.id for other in contract.clauses if other.kind == "minimum-wait")
    if clause.kind == "poll-budget" and contract.budget_reachable is False:
        # More polls than the budget within the lifetime take less than the wait between two of them.
        companions = tuple(other.id for other in contract.clauses if other.kind == "minimum-wait")
    return [
        Mutant(fault.name, clause, contract, fault.provider, fault.client, fault.settings, fault.changes, companions)
        for fault in faults
    ]


def mutants(contract: Contract) -> list[Mutant]:
    """All mutants of a contract, in the order of its clauses."""
    return [mutant for clause in contract.clauses for mutant in mutants_of(contract, clause)]


def mutant_named(contract: Contract, name: str) -> Mutant:
    """The mutant provider of that name, or the first of a clause id; raises `MutantError`."""
    found = [mutant for mutant in mutants(contract) if mutant.subject is Subject.PROVIDER]
    for mutant in found:
        if name in (mutant.name, mutant.clause.id):
            return mutant
    words = [mutant.name for mutant in found] + [mutant.clause.id for mutant in found]
    raise MutantError(f"'{name}' is no mutant of {contract.name}{nearest(name, words)}")


def variants_of(contract: Contract, clause: Clause) -> list[Variant]:
    """The legal variants that show the freedom of a clause."""
    return [variant for variant in contract.variants if clause.id in variant.clauses]


def variant_settings(variant: Variant) -> Settings:
    """The settings of a reference that is this variant."""
    return Settings(**variant.settings)


def variant_provider(contract: Contract, variant: Variant, clock: Clock | None = None) -> ReferenceProvider:
    """The reference provider as a legal variant."""
    return ReferenceProvider(contract, clock or VirtualClock(), variant_settings(variant), variant.changes)


# --------------------------------------------------------------------------- providers that are wrong


class WrongEcho(ReferenceProvider):
    """Repeats another task id than the one asked for."""

    def say(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if task is None or operation.echo is None or name == "created":
            return super().say(operation, name, task, status, code)
        own = task.id
        task.id = self.new_id(task.number + 1_000_000)
        try:
            return super().say(operation, name, task, status, code)
        finally:
            task.id = own


class RunsBackwards(ReferenceProvider):
    """Says a waiting status again after a running one."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.RUNNING:
            task.seen.append(phase.value)
            if len(task.seen) % 2 == 0:
                phase = Phase.WAITING
        return super().state(operation, task, phase)


class ForgetsTheEnd(ReferenceProvider):
    """Says running again at the third read of a result."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.SUCCEEDED and task.reads == 2:
            task.reads += 1
            phase = self.first_phase()
        return super().state(operation, task, phase)


class FailsAndSucceeds(ReferenceProvider):
    """Says that a task has succeeded after it said that it had failed."""

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.FAILED:
            task.seen.append(phase.value)
            if len(task.seen) > 1:
                phase = Phase.SUCCEEDED
        return super().state(operation, task, phase)


class ChangesResults(ReferenceProvider):
    """Gives another result at every read."""

    def result(self, task: Task) -> Any:
        return self.make_result(task, self.token(task.number * 1000 + task.reads))


class SharesResults(ReferenceProvider):
    """Gives the result of the newest task to every later read of any."""

    def result(self, task: Task) -> Any:
        newest = next((other for other in reversed(self.order) if other.kind is task.kind and other.reads), task)
        return newest.result if task.reads > 1 else task.result


class ReusesIds(ReferenceProvider):
    """Gives the id of the first task to every third."""

    def new_id(self, number: int) -> Any:
        return super().new_id(1 if number % 3 == 0 else number)


class ComesBack(ReferenceProvider):
    """Gives the result of a lost task once it has said that it is lost."""

    def lost(self, operation: Operation, task: Task) -> Response:
        task.seen.append("lost")
        if task.seen.count("lost") > 1 and not task.fails:
            return self.state(operation, task, Phase.SUCCEEDED)
        return super().lost(operation, task)


class LostWithoutError(ReferenceProvider):
    """Says that a lost task is running."""

    def lost(self, operation: Operation, task: Task) -> Response:
        if operation.role is not Role.POLL:
            return super().lost(operation, task)
        return self.state(operation, task, self.first_phase())


class KnowsEveryTask(ReferenceProvider):
    """Says of tasks that it never created that they are running."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        if self.takes(identifier) and operation.role is Role.POLL:
            kind = next(iter(self.contract.kinds.values()))
            stranger = Task(0, self.new_id(0), kind, self.clock.now(), 1.0, False)
            return self.state(operation, stranger, self.first_phase())
        return super().unknown(operation, identifier)

    def takes(self, identifier: Any) -> bool:
        """Whether this id is one that it takes for a task's."""
        return identifier not in self.contract.task_id.get("ill_formed", ())


class KnowsIllFormedTasks(KnowsEveryTask):
    """Says of ids that none can have that their tasks are running."""

    def takes(self, identifier: Any) -> bool:
        return not super().takes(identifier)


class SwapsCodes(ReferenceProvider):
    """Says of unknown tasks that their id is ill-formed."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        if identifier in ill_formed:
            return super().unknown(operation, identifier)
        return self.refuse(operation, refusals.ill_formed_task)


class SwapsIllFormedCodes(ReferenceProvider):
    """Says of ill-formed ids that there is no such task."""

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        return self.say(operation, "lost", None, "", self.contract.refusals.unknown_task)


class TakesEveryKey(ReferenceProvider):
    """Accepts any key that is there."""

    def knows(self, credential: Any) -> bool:
        return isinstance(credential, str) and len(credential) > 0


class TakesMissingFields(ReferenceProvider):
    """Creates tasks from requests that lack what they must have."""

    def knows(self, credential: Any) -> bool:
        return credential is MISSING or super().knows(credential)

    def admits(self, view: View, route: Route, body: bytes) -> bool:
        return not route.is_complete(view) or super().admits(view, route, body)

    def poll(self, operation: Operation, identifier: Any) -> Response:
        if identifier is MISSING and self.order:
            return self.state(operation, self.order[-1], self.phase(self.order[-1], self.clock.now()))
        return super().poll(operation, identifier)


class CrashesOnGarbage(ReferenceProvider):
    """Answers a malformed body with HTTP 500."""

    def malformed(self, operation: Operation) -> Response:
        return Response(500, {"content-type": "text/plain"}, b"Internal Server Error")


class NeverInline(ReferenceProvider):
    """Gives a task id where the result should be."""

    def inline(self, kind: TaskKind) -> bool:
        return False


def _refuses(operation: str, holding: list[str]) -> type[ReferenceProvider]:
    class Refuses(ReferenceProvider):
        """Refuses requests that it must accept."""

        def admits(self, view: View, route: Route, body: bytes) -> bool:
            asked = view.request if isinstance(view.request, dict) else {}
            concerned = not holding or any(name in asked for name in holding)
            if route.operation.name == operation and concerned and self.order:
                return False
            return super().admits(view, route, body)

    return Refuses


@_mutates("accepted")
def _accepted(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    parameters = clause.parameters
    words = f" with {' or '.join(parameters.holding)}" if parameters.holding else ""
    yield _Fault(f"{parameters.operation}{words} is refused", _refuses(parameters.operation, parameters.holding))


@_mutates("echo")
def _echo(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("another task id is repeated", WrongEcho)


@_mutates("status-order")
def _status_order(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("waiting again after running", RunsBackwards)


@_mutates("terminal")
def _terminal(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("running again after the end", ForgetsTheEnd)
    yield _Fault("succeeded after it had failed", FailsAndSucceeds)
    yield _Fault("running again once it is lost", LostWithoutError)


@_mutates("result-stable")
def _result_stable(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("another result at every read", ChangesResults)


@_mutates("result-own")
def _result_own(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("the result of the newest task", SharesResults)


@_mutates("unique-id")
def _unique_id(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("every third task has the first one's id", ReusesIds)


@_mutates("budget-served")
def _budget_served(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    limit = clause.parameters.limit - 1
    yield _Fault(f"lost after {limit} polls", settings=Settings(polls=limit))


@_mutates("budget-ended")
def _budget_ended(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    limit = clause.parameters.limit + 1
    yield _Fault(f"{limit} polls are answered", settings=Settings(polls=limit))


def _margin(contract: Contract) -> float:
    """Seconds by which a wrong lifetime differs: more than is left open about when it began."""
    limits = contract.limits
    return 2.0 if limits.lifetime_from == "creation" else 2.0 + 2 * (limits.wait or 1.0)


@_mutates("lifetime-served")
def _lifetime_served(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    seconds = clause.parameters.seconds - contract.limits.lifetime_slack - _margin(contract)
    if contract.operation_of(Role.FETCH) is not None:
        yield _Fault(f"results are lost after {seconds:g} s", ShortLivedResults)
    else:
        yield _Fault(f"lost after {seconds:g} s", settings=Settings(lifetime=seconds))


@_mutates("lifetime-ended")
def _lifetime_ended(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    seconds = clause.parameters.seconds + contract.limits.lifetime_slack + _margin(contract)
    yield _Fault(f"there for {seconds:g} s", settings=Settings(lifetime=seconds))


@_mutates("lost-stays-lost")
def _lost_stays_lost(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a lost task comes back", ComesBack)


@_mutates("refused")
def _refused(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    wrong: dict[str, tuple[str, type[ReferenceProvider]]] = {
        "unknown-task": ("every task is known", KnowsEveryTask),
        "ill-formed-task": ("an ill-formed id is known", KnowsIllFormedTasks),
        "wrong-credential": ("every key is right", TakesEveryKey),
        "missing-field": ("missing fields are no matter", TakesMissingFields),
        "malformed": ("a malformed body is a server error", CrashesOnGarbage),
    }
    probe = clause.parameters.probe
    if probe in wrong:
        name, provider = wrong[probe]
        yield _Fault(name, provider)
    else:
        yield _Fault(f"the probe '{probe}' is let pass", _lets_pass(probe))


@_mutates("refusal-code")
def _refusal_code(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    ill_formed = clause.parameters.probe == "ill-formed-task"
    yield _Fault("the code of another refusal", SwapsIllFormedCodes if ill_formed else SwapsCodes)


def _lets_pass(name: str) -> type[ReferenceProvider]:
    class LetsPass(ReferenceProvider):
        """Accepts what one probe of the contract asks."""

        def rejects(self, probe: str) -> bool:
            return probe != name

        def admits(self, view: View, route: Route, body: bytes) -> bool:
            return super().admits(view, route, body) or any(
                probe.name == name and wrong(view) and probe.operation == route.operation.name
                for probe, wrong in self._probes
            )

    return LetsPass


@_mutates("inline-result")
def _inline_result(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a synchronous task must be polled", NeverInline)


@_mutates("http-status")
def _http_status(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a result with HTTP 500", changes=(Break("", answer="succeeded", http=500),))


class FallingTimes(ReferenceProvider):
    """Shows a time of change that falls back to the creation once the task has ended and was read."""

    def updated(self, task: Task, now: float) -> float:
        task.seen.append("updated")
        return task.created + len(task.seen) % 2


class FallingProgress(ReferenceProvider):
    """Counts its progress down."""

    def progress(self, task: Task, share: float) -> int:
        return 100 - int(100 * share)


class LosesResults(ReferenceProvider):
    """Gives no result at the second read of it, long before its lifetime is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        young = task is not None and self.clock.now() - task.created < (self.contract.limits.lifetime or 1e9) / 10
        if task is not None and young and task.reads == 1 and "missed" not in task.seen:
            task.seen.append("missed")
            return self.say(operation, "nothing", task, "")
        return super().fetch(operation, identifier)


class ShortLivedResults(ReferenceProvider):
    """Forgets results, though not their tasks, before their time is over."""

    def fetch(self, operation: Operation, identifier: Any) -> Response:
        task = self.find(identifier)
        limits = self.contract.limits
        if task is not None and self.clock.now() - task.created > (limits.lifetime or 0) - limits.lifetime_slack - 2:
            return self.lost(operation, task)
        return super().fetch(operation, identifier)


class ReversesBatches(ReferenceProvider):
    """Lists the tasks of a batch in the wrong order."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[::-1]


class ShortensBatches(ReferenceProvider):
    """Leaves the last task of a batch out."""

    def members(self, tasks: list[Task]) -> list[Task]:
        return tasks[:-1]


class NeverCallsBack(ReferenceProvider):
    """Sends no callback."""

    def calls_back(self, task: Task, now: float) -> int:
        return 0


class CallsBackTwice(ReferenceProvider):
    """Sends every callback twice."""

    def calls_back(self, task: Task, now: float) -> int:
        return 2 * super().calls_back(task, now)


class CallsBackEarly(ReferenceProvider):
    """Calls back when a task has only begun."""

    def calls_back(self, task: Task, now: float) -> int:
        return 1

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        return self.say(operation, "callback", task, self.contract.path[0]).body


class CallsBackForStrangers(ReferenceProvider):
    """Adds a callback about a task that was never created."""

    def due_callbacks(self) -> list[tuple[str, bytes]]:
        due = super().due_callbacks()
        operation = self.contract.operation_of(Role.CALLBACK)
        if due and operation is not None:
            stranger = Task(0, self.new_id(9_999), self.order[0].kind, 0.0, 1.0, False)
            due.append((due[0][0], self.callback(operation, stranger, Phase.SUCCEEDED)))
        return due


class AltersPassthrough(ReferenceProvider):
    """Hands something else through than it was given."""

    def callback(self, operation: Operation, task: Task, phase: Phase) -> bytes:
        own = task.asked
        task.asked = {**own, "passthrough": "another note"}
        try:
            return super().callback(operation, task, phase)
        finally:
            task.asked = own


@_mutates("timestamps")
def _timestamps(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("the time of change falls", FallingTimes)


@_mutates("progress")
def _progress(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("the progress falls", FallingProgress)


@_mutates("parameters-echoed")
def _parameters_echoed(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    create = contract.operation(Role.CREATE)
    name = clause.parameters.always[0]
    yield _Fault(
        f"another {name} than was sent",
        changes=(Break("", operation=create.name, answer="created", set=((f"/{name}", "$status"),)),),
    )


@_mutates("result-available")
def _result_available(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("no result at the second read", LosesResults)


@_mutates("batch-entries")
def _batch_entries(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("the tasks of a batch in the wrong order", ReversesBatches)
    yield _Fault("one task of a batch is missing", ShortensBatches)


@_mutates("callback-sent")
def _callback_sent(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("no callback", NeverCallsBack)


@_mutates("callback-once")
def _callback_once(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("two callbacks", CallsBackTwice)


@_mutates("callback-final")
def _callback_final(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a callback before the end", CallsBackEarly)


@_mutates("callback-known")
def _callback_known(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a callback about a stranger", CallsBackForStrangers)


@_mutates("passthrough")
def _passthrough(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("another passthrough", AltersPassthrough)


# ----------------------------------------------------------------------------- clients that are wrong


class Hasty(ReferenceClient):
    """Waits half as long as it should."""

    def wait(self) -> float:
        return super().wait() / 2


class Tireless(ReferenceClient):
    """Polls on past the budget, quickly enough to stay within the lifetime."""

    def wait(self) -> float:
        limits = self.contract.limits
        lifetime = limits.lifetime or 1e9
        return min(super().wait(), lifetime * 0.9 / ((limits.polls or 0) + 2))

    def gives_up(self, polls: int, elapsed: float) -> bool:
        limits = self.contract.limits
        return polls > (limits.polls or 0) or (limits.lifetime is not None and elapsed > limits.lifetime)


class Doubtful(ReferenceClient):
    """Asks once more after the final answer."""

    asked = False

    def is_done(self, event: Event) -> bool:
        done = super().is_done(event)
        if done and not self.asked:
            self.asked = True
            return False
        return done


class Late(ReferenceClient):
    """Polls a task for the first time when its lifetime is over."""

    def wait(self) -> float:
        limits = self.contract.limits
        return (limits.lifetime or 0.0) + limits.lifetime_slack + 1.0

    def gives_up(self, polls: int, elapsed: float) -> bool:
        return polls > 0


class Retyping(ReferenceClient):
    """Sends the task id as another JSON type, or with another digit."""

    def task_id(self, handle: Handle, event: Event | None) -> Any:
        if isinstance(handle.id, int):
            return float(handle.id)
        return handle.id.upper() if handle.id.upper() != handle.id else handle.id + "0"


class PollsInline(ReferenceClient):
    """Polls for a result that it has."""

    def keeps_inline(self, event: Event) -> bool:
        return False


class WithoutRetryAfter(ReferenceProvider):
    """Does not say when to ask again."""

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "retry-after"}
        return answer._replace(headers=headers)


@_mutates("retry-after")
def _retry_after(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("no Retry-After", WithoutRetryAfter)


@_mutates("retry-after-kept")
def _retry_after_kept(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("half the wait that Retry-After asks for", client=Hasty)


class HastyBatches(ReferenceClient):
    """Sends batches one right after the other."""

    def batch_wait(self) -> float:
        return super().batch_wait() / 2


@_mutates("batch-rate")
def _batch_rate(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("two batches in half the time", client=HastyBatches)


@_mutates("minimum-wait")
def _minimum_wait(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("half the wait", client=Hasty)


@_mutates("poll-budget")
def _poll_budget(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("one poll too many", client=Tireless)


@_mutates("no-poll-after-final")
def _no_poll_after_final(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("one more poll after the final answer", client=Doubtful)


@_mutates("no-poll-after-lifetime")
def _no_poll_after_lifetime(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a poll past the lifetime", client=Late)


@_mutates("same-task-id")
def _same_task_id(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("the task id retyped", client=Retyping)


@_mutates("no-poll-after-inline")
def _no_poll_after_inline(contract: Contract, clause: Clause) -> Iterator[_Fault]:
    yield _Fault("a result that is there is polled for", client=PollsInline)
