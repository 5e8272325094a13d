"""Drift: a changed provider is found out, and clients, tasks and pseudonyms that differ are not taken for a change."""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from pollproof.bundled import bundled
from pollproof.clauses.faults import Settings
from pollproof.cli.drift import drift_command as command
from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Break, Contract, Effect, Operation, Phase, Role, Status, TaskKind
from pollproof.drift import DIFFERENCE_KINDS, Difference, Profile, Severity, compare
from pollproof.drift.compare import Comparison
from pollproof.drift.document import drift_document
from pollproof.drift.views import markdown_of
from pollproof.http.client import HttpTarget
from pollproof.http.target import InProcessTarget, Target
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor
from pollproof.recordings.entry import Recorded
from pollproof.recordings.writing import write_cassette
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.handles import Handle
from pollproof.verify.probing import MAXIMUM_STRANGERS
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import HookedClock
from tests.independent import capmonster_service, capsolver_service, cnode_service, decodo_service, serving
from tests.lanes import only

KEY = "YOUR_API_KEY"
SERVICES: dict[str, Any] = {
    "capsolver": capsolver_service,
    "capmonster": capmonster_service,
    "decodo": decodo_service,
    "cnode": cnode_service,
}


# ------------------------------------------------------------------------------------- recording


class Visit:
    """A client that creates and polls tasks at random, asks for some wrongly, and leaves a recording behind."""

    def __init__(self, contract: Contract, target: Target, clock: Clock, seed: int, number: int = 0) -> None:
        self.contract = contract
        self.clock = clock
        self.random = random.Random(seed)
        self.monitor = Monitor(Reader(contract), ())
        self.session = Session(target, clock, self.monitor)
        self.session.created = number
        self.more: dict[str, Any] = {}

    def recording(self, file: str = "made by hand") -> list[Recorded]:
        return [Recorded(file, number, exchange) for number, exchange in enumerate(self.monitor.trace, 1)]

    def solve(self, kind: TaskKind, pause: float | None = None) -> Handle | None:
        """Create a task and poll it to its end, and once more."""
        session = self.session
        more = {name: value for name, value in self.more.items() if self.random.random() < 0.5}
        event, handle = session.create(kind, more=more)
        if handle is None or event.phase is Phase.SUCCEEDED:
            return handle
        session.fetch(handle)
        for _ in range(40):
            session.advance(pause or max(session.wait, self.random.choice([1.0, 2.0, 3.0, 5.0])))
            event = session.poll(handle)
            if (event.phase is not None and event.phase.terminal) or event.effect in (Effect.FAILED, Effect.LOST):
                break
        session.advance(session.wait)
        session.read(handle)
        return handle

    def solve_all(self, tasks: int) -> None:
        for _ in range(tasks):
            self.solve(self.random.choice(list(self.contract.kinds.values())))

    def batches(self) -> None:
        if self.session.batch_operation is not None:
            for variety in range(2):
                self.session.advance(self.contract.limits.batch_wait or 1.0)
                for handle in self.session.batch(variety)[1]:
                    self.session.settle(handle, 60)

    def ask_wrongly(self) -> None:
        """Ask in all wrong ways, in one task's name."""
        session = self.session
        kind = session.kinds[0]
        _, handle = session.create(kind)
        assert handle is not None
        session.strangers = MAXIMUM_STRANGERS - 3
        for unknown in self.contract.task_id["unknown"]:
            session.probe_unknown(unknown)
        for probe in self.contract.probes:
            session.probe_own(probe, {"task": session.task(kind), "number": 1})
        words = {"task": session.task(kind), "task_id": handle.id}
        for operation in (session.create_operation, session.poll_operation):
            session.advance(session.wait)
            if operation.request is not None:
                session.probe_malformed(operation, words, 1)
            for number in range(len(operation.required)):
                session.probe_missing(operation, words, number)
            if self.contract.credential.at is not None:
                session.probe_credential(operation, words, self.contract.credential.wrong)

    def outlive(self, kind: TaskKind) -> None:
        """Poll one task until its lifetime is surely over, and after."""
        for _ in range(3):  # some tasks fail, and such may be forgotten
            handle = self.solve(kind)
            assert handle is not None
            if self.monitor.account.tasks[handle.key].terminal is Phase.SUCCEEDED:
                break
        lifetime = self.contract.limits.lifetime
        if lifetime is not None:
            assert handle is not None
            for seconds in (lifetime / 2, lifetime / 4, lifetime):
                self.session.advance(seconds)
                self.session.read(handle)

    def visit(self, tasks: int) -> list[Recorded]:
        self.solve_all(tasks)
        self.batches()
        self.ask_wrongly()
        self.outlive(self.session.kinds[0])
        return self.recording()


def embedded(contract: Contract, provider: ReferenceProvider, seed: int = 0, number: int = 0) -> Visit:
    """A visit to a provider in this process; its clock is the provider's."""
    return Visit(contract, InProcessTarget("embedded", provider.handle), provider.clock, seed, number)


def profile(contract: Contract, recording: Iterable[Recorded]) -> Profile:
    made = Profile(contract)
    made.add(recording)
    return made


def drift(contract: Contract, old: Iterable[Recorded], new: Iterable[Recorded]) -> Comparison:
    return compare(profile(contract, old), profile(contract, new))


def serious(comparison: Comparison) -> list[Difference]:
    return [finding for finding in comparison.findings if finding.severity is not Severity.INFO]


def kinds(comparison: Comparison) -> set[tuple[str, str]]:
    return {(finding.kind, finding.severity.value) for finding in comparison.findings}


# ------------------------------------------------------------------------- the same provider twice


@pytest.mark.parametrize("provider", bundled())
def test_a_recording_and_itself_do_not_differ(provider: str) -> None:
    contract = load_contract(provider)
    recording = embedded(contract, ReferenceProvider(contract, VirtualClock())).visit(10)
    comparison = drift(contract, recording, recording)
    assert comparison.findings == ()
    assert comparison.unshared == ()
    assert len(comparison.shared) > 5


@pytest.mark.parametrize("provider", bundled())
def test_clients_and_tasks_that_differ_are_no_drift(provider: str) -> None:
    contract = load_contract(provider)
    recordings = []
    for seed in range(4):
        visit = embedded(contract, ReferenceProvider(contract, VirtualClock()), seed, 1000 * seed)
        visit.session.created = 100 * seed
        if provider == "decodo":
            visit.more = {"geo": "de", "parse": True, "headless": "html", "passthrough": "x", "limit": 20}
        recordings.append(visit.visit(2 + 3 * seed))
    profiles = [profile(contract, recording) for recording in recordings]
    for old in profiles:
        for new in profiles:
            assert serious(compare(old, new)) == []


@pytest.mark.parametrize("provider", SERVICES)
def test_an_independent_provider_over_http_is_no_drift(provider: str) -> None:
    contract = load_contract(provider)
    recordings = []
    for seed in range(3):
        with serving.serve(SERVICES[provider].create_application(KEY)) as base_url:
            target, clock = HttpTarget(base_url), HookedClock(base_url + "/advance")
            recordings.append(Visit(contract, target, clock, seed).visit(4 + 3 * seed))
            target.close()
            clock.close()
    profiles = [profile(contract, recording) for recording in recordings]
    for old in profiles:
        for new in profiles:
            assert serious(compare(old, new)) == []


# --------------------------------------------------------------------------- changes, one at a time


@functools.cache
def before(provider: str) -> list[Recorded]:
    """A recording of the reference."""
    contract = load_contract(provider)
    return embedded(contract, ReferenceProvider(contract, VirtualClock()), 1).visit(8)


def after(provider: ReferenceProvider) -> Comparison:
    """A provider compared with the reference, by another client with other tasks."""
    contract = provider.contract
    return drift(contract, before(contract.name), embedded(contract, provider, 2, 100).visit(8))


def changed(provider: str, *changes: Break, **settings: Any) -> Comparison:
    """The reference before and after a change of its responses."""
    return after(ReferenceProvider(load_contract(provider), VirtualClock(), Settings(**settings), changes))


def answers(operation: str, answer: str, remove: Any = "", http: Any = None, **values: Any) -> Break:
    placed = tuple((f"/{name.replace('__', '/')}", value) for name, value in values.items())
    return Break("changed", operation, answer, (remove,) if remove else (), placed, http)


WARNED = {("field-gone", "warning")}
CNODE = "getTaskStatusResponse__return"
CHANGES: dict[str, tuple[str, Break, set[tuple[str, str]]]] = {
    "a new field": ("capsolver", answers("getTaskResult", "succeeded", cost=1), {("field-new", "info")}),
    "a new element": ("cnode", answers("getTaskStatus", "running", **{f"{CNODE}__queue": 3}), {("field-new", "info")}),
    "a field is gone": ("capsolver", answers("createTask", "created", "/errorDescription"), WARNED),
    "an element is gone": (
        "cnode", answers("getTaskStatus", "succeeded", "/getTaskStatusResponse/return/type"), WARNED,
    ),
    "a field of the result is gone": (
        "capsolver", answers("getTaskResult", "succeeded", solution={"gRecaptchaResponse": "x"}),
        WARNED,
    ),
    "a field of results in an array is gone": (
        "decodo", answers("results", "succeeded", results=[{"content": "x", "task_id": "{task_id}"}]),
        WARNED,
    ),
    "a field of batch entries is gone": ("decodo", answers("batch", "entry", "/page_from"), WARNED),
    "another type": ("capsolver", answers("createTask", "created", taskId=7), {("type-changed", "error")}),
    "another type of a batch's id": ("decodo", answers("batch", "created", id="x"), set()),
    "another type of an undocumented field": (
        "decodo", answers("status", "waiting", page_count="1"), {("type-changed", "error")},
    ),
    "a table for a text": (
        "cnode", answers("getTaskStatus", "succeeded", **{f"{CNODE}__type": {"name": "LOGIN"}}),
        {("type-changed", "error")},
    ),
    "words for a number": (
        "cnode", answers("getTaskStatus", "succeeded", **{f"{CNODE}__progressPercent": "all"}),
        {("type-changed", "error")},
    ),
    "null for a value": ("capsolver", answers("getTaskResult", "succeeded", taskId=None), {("null-new", "warning")}),
    "another HTTP status": ("decodo", answers("task", "created", http=201), {("http-status-changed", "error")}),
    "another HTTP status of an error": (
        "capsolver", answers("getTaskResult", "failed", http=200), {("http-status-changed", "error")},
    ),
    "a status that nobody knows": (
        "capsolver", answers("getTaskResult", "succeeded", status="done"), {("status-new", "error")},
    ),
    "a status of the documents": (
        "cnode", answers("getTaskStatus", "failed", **{f"{CNODE}__status": "FINISHED_ERR_LOCKED"}),
        {("status-first-seen", "info")},
    ),
    "another error code": (
        "capmonster", answers("getTaskResult", "lost", errorCode="ERROR_NO_SUCH_CAPCHA_ID"),
        {("error-code-changed", "error")},
    ),
    "an error code that nobody knows": (
        "capmonster", answers("getTaskResult", "failed", errorCode="ERROR_SOMETHING"), {("error-code-new", "error")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_one_answer_is_found_and_nothing_else(name: str) -> None:
    provider, change, expected = CHANGES[name]
    assert kinds(changed(provider, change)) == expected


# --------------------------------------------------------------------------------- fields, by hand


def exchange(operation: Operation, body: Any, answer: Any, at: Any = UNKNOWN_TIME, **more: Any) -> Exchange:
    """An exchange that took no time; `http`, `headers` and `probe` of its response where they are not as usual."""
    path = operation.path.replace("{task_id}", "7")
    sent = b"" if body is None else json.dumps(body).encode()
    request = Request(operation.method, path, {"authorization": "Basic x"}, sent)
    told = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    headers = {"content-type": "application/json", **more.get("headers", {})}
    response = Response(more.get("http", 200), headers, told)
    return Exchange(request, response, at, at, None, more.get("probe"))


class Made:
    """A recording of one provider made by hand."""

    def __init__(self, provider: str = "capsolver") -> None:
        self.contract = load_contract(provider)
        self.exchanges: list[Exchange] = []

    def create(self, task: Any, at: Any = UNKNOWN_TIME, kind: str = "AnyTask") -> Made:
        body = {"clientKey": KEY, "task": {"type": kind, "websiteURL": f"https://{len(self.exchanges)}"}}
        answer = {"errorId": 0, "taskId": task}
        self.exchanges.append(exchange(self.contract.operation(Role.CREATE), body, answer, at))
        return self

    def poll(self, task: Any, answer: Any, at: Any = UNKNOWN_TIME, **more: Any) -> Made:
        body = {"clientKey": KEY, "taskId": task}
        self.exchanges.append(exchange(self.contract.operation(Role.POLL), body, answer, at, **more))
        return self

    def running(self, task: Any = "a", at: Any = UNKNOWN_TIME, **more: Any) -> Made:
        return self.poll(task, {"errorId": 0, "status": "processing", **more}, at)

    def ready(self, task: Any = "a", at: Any = UNKNOWN_TIME, **more: Any) -> Made:
        return self.poll(task, {"errorId": 0, "status": "ready", "solution": {"text": "x"}, **more}, at)

    def refused(self, task: Any, code: str, at: Any = UNKNOWN_TIME, **more: Any) -> Made:
        answer = {"errorId": 1, "errorCode": code, "errorDescription": ""}
        return self.poll(task, answer, at, **{"http": 400, **more})

    def against(self, new: Made) -> Comparison:
        """What has changed when this is the old recording."""
        return drift(self.contract, *(map(_numbered, (self.exchanges, new.exchanges))))


def _numbered(exchanges: list[Exchange]) -> list[Recorded]:
    return [Recorded("made by hand", number, each) for number, each in enumerate(exchanges, 1)]


def test_a_finding_says_where_it_is_first_seen_and_shows_no_value() -> None:
    old = Made().running(cost="SECRET-1", who=None)
    new = Made().running(cost="SECRET-1", who=None).running(cost=["SECRET-2"], who="SECRET-3")
    comparison = old.against(new)
    (finding,) = comparison.findings
    assert finding[:8] == (
        "type-changed", Severity.ERROR, "getTaskResult", "running", "/cost", "string", "array, string", "new",
    )  # fmt: skip
    assert finding.first == ("made by hand", 2)
    assert "SECRET" not in repr(comparison.findings)
    (gone,) = old.against(Made().running(who=None)).findings
    assert (gone.kind, gone.side, gone.first.number, gone.old, gone.new) == (
        "field-gone", "old", 1, "in all of 1", "never there",
    )  # fmt: skip


def tasks(count: int, field: Callable[[int], dict[str, Any]]) -> Made:
    made = Made()
    for number in range(count):
        made.running(f"task-{number}", **field(number))
    return made


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (tasks(10, lambda n: {"a": 1}), tasks(10, lambda n: {"a": 1} if n % 2 else {}), {("field-missing", "warning")}),
        (tasks(2, lambda n: {"a": 1}), tasks(10, lambda n: {"a": 1} if n else {}), {("field-missing", "info")}),
        (tasks(10, lambda n: {"a": 1} if n % 2 else {}), tasks(10, lambda n: {"a": 1} if n % 3 else {}), set()),
        (tasks(10, lambda n: {"a": 1} if n % 2 else {}), tasks(2, lambda n: {}), set()),
        (tasks(10, lambda n: {"a": 1} if n % 2 else {}), tasks(20, lambda n: {}), WARNED),
        (tasks(5, lambda n: {"a": 1}), tasks(5, lambda n: {"a": None if n else 1}), {("null-new", "warning")}),
        (tasks(5, lambda n: {"a": 1}), tasks(5, lambda n: {"a": None}), {("type-changed", "error")}),
        (tasks(5, lambda n: {"a": None}), tasks(5, lambda n: {"a": "x"}), {("type-changed", "error")}),
        (tasks(1, lambda n: {"a": None}), tasks(5, lambda n: {"a": "x"}), set()),
        (tasks(5, lambda n: {"a": None if n else 1}), tasks(5, lambda n: {"a": 1}), set()),
        (tasks(5, lambda n: {"a": 1}), tasks(5, lambda n: {"a": 1.5}), set()),
        (tasks(5, lambda n: {"a": 1 if n else "x"}), tasks(5, lambda n: {"a": 1}), set()),
        (tasks(1, lambda n: {"errorDescription": ""}), tasks(1, lambda n: {"errorDescription": None}),
         {("null-new", "info")}),
        (tasks(5, lambda n: {"errorDescription": ""}), tasks(1, lambda n: {"errorDescription": None}),
         {("null-new", "warning")}),
    ],
)  # fmt: skip
def test_how_often_fields_are_there_and_of_which_types(old: Made, new: Made, expected: set[Any]) -> None:
    assert kinds(old.against(new)) == expected


def test_results_are_compared_within_one_sort_of_tasks() -> None:
    token, text = {"solution": {"gRecaptchaResponse": "x", "userAgent": "y"}}, {"solution": {"userAgent": "y"}}
    old = Made().create("a").ready("a", **token)
    assert kinds(old.against(Made().create("b").ready("b", **text))) == {("field-gone", "warning")}
    assert kinds(old.against(Made().create("b", kind="OtherTask").ready("b", **text))) == set()
    unknown = Made().ready("a", **token)  # without the creation nobody knows what was asked for
    assert kinds(unknown.against(Made().ready("b", **text))) == {("field-gone", "info")}


def test_free_form_tables_are_one_value() -> None:
    old = Made().create("a").ready("a", solution={"token-1": 1, "cookies": {"a": "b"}}, meta={"x": 1})
    new = Made().create("b").ready("b", solution={"token-2": "2", "cookies": [1]}, meta={"y": "2"})
    assert kinds(old.against(new)) == set()
    assert kinds(old.against(Made().create("b").ready("b", solution={}, meta=[1]))) == {("type-changed", "error")}


def test_keys_that_are_ids_tokens_or_pseudonyms_are_no_fields() -> None:
    old = Made().running("task-a", **{"task-a": 1, "0d9b8f4c-11aa-4b1c-9d4e-5f6a7b8c9d0e": 1, "x-abcdefghij": 1})
    new = Made().running("task-b", **{"task-b": 1, "a61f2c3d4e5f60718293a4b5c6d7e8f9": 1, "scrubbed-abcdefghi2": 1})
    assert kinds(old.against(new)) == set()


def test_the_content_of_a_page_may_be_of_any_type() -> None:
    contract = load_contract("decodo")

    def results(content: Any) -> list[Recorded]:
        item = {"content": content, "status_code": 200, "task_id": "7"}
        return _numbered([exchange(contract.operation(Role.FETCH), None, {"results": [item]})])

    assert kinds(drift(contract, results("<html>"), results({"results": {"organic": []}}))) == set()
    assert kinds(drift(contract, results("<html>"), results(["<html>"]))) == set()


def test_parameters_come_back_as_they_were_asked_for() -> None:
    contract = load_contract("decodo")
    times = {"id": "7", "status": "pending", "created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}

    def queued(asked: dict[str, Any], **told: Any) -> list[Recorded]:
        return _numbered([exchange(contract.operation(Role.CREATE), asked, {**times, **told})])

    url, query = {"url": "https://a"}, {"query": "a", "geo": "de"}
    assert kinds(drift(contract, queued(url, **url, geo=None), queued(query, **query, url=None))) == set()
    assert kinds(drift(contract, queued(url, **url), queued({"url": "https://b"}))) == {("field-gone", "warning")}
    assert kinds(drift(contract, queued(url, **url), queued(url, url=["https://a"]))) == {("type-changed", "error")}


def test_a_body_that_cannot_be_read_any_more() -> None:
    old = Made().running().ready()
    (finding,) = old.against(Made().running().poll("a", b"<html>", headers={"content-type": "text/html"})).findings
    assert (finding.kind, finding.severity, finding.old, finding.new) == (
        "type-changed", Severity.ERROR, "readable", "unreadable",
    )  # fmt: skip
    assert kinds(old.against(Made().running().poll("a", b"<html>", http=503))) == set()  # a gateway's page
    assert kinds(old.against(Made().running().poll("a", b"{", probe="malformed"))) == set()


def test_content_types() -> None:
    old, plain = (
        Made().running(),
        Made().poll("a", {"errorId": 0, "status": "processing"}, headers={"content-type": ""}),
    )
    html = Made().poll("a", {"errorId": 0, "status": "processing"}, headers={"content-type": "text/html; a=b"})
    utf8 = Made().poll("a", {"errorId": 0, "status": "processing"}, headers={"content-type": "Application/JSON; a=b"})
    assert kinds(old.against(html)) == {("content-type-changed", "warning")}
    assert kinds(old.against(utf8)) == set()
    assert kinds(old.against(plain)) == set()  # a recording without headers
    assert kinds(old.ready().against(plain.ready())) == {("content-type-changed", "warning")}


# ------------------------------------------------------------------------------- codes and statuses


def test_codes_of_many_reasons_need_many_tasks() -> None:
    def failing(code: str, count: int, effect: str = "a") -> Made:
        made = Made()
        for number in range(count):
            made.refused(f"{effect}-{number}", code)
        return made

    one = failing("ERROR_CAPTCHA_UNSOLVABLE", 2)
    assert kinds(one.against(failing("ERROR_PROXY_BANNED", 9))) == {("error-code-first-seen", "info")}
    many = failing("ERROR_CAPTCHA_UNSOLVABLE", 3)
    assert kinds(many.against(failing("ERROR_PROXY_BANNED", 3))) == {("error-code-changed", "error")}
    lost = Made().refused("a", "ERROR_TASKID_INVALID", probe="unknown-task")
    other = Made().refused("b", "ERROR_BAD_REQUEST", probe="unknown-task")
    assert kinds(lost.against(other)) == {("error-code-changed", "error")}
    assert kinds(lost.running().against(Made().running().refused("b", "ERROR_NEW"))) == {("error-code-new", "error")}


def test_scrubbed_codes_and_statuses_are_one_word() -> None:
    old, new = Made(), Made()
    for made, code, status in ((old, "ERROR_X_ABCDEFGH", "x-abc2efghij"), (new, "ERROR_X_ZZZZZZZZ", "scrubbed-zz2")):
        made.refused("a", code).poll("b", {"errorId": 0, "status": status})
    assert kinds(old.against(new)) == set()
    assert ("error-code-new", "error") in kinds(Made().refused("a", "ERROR_TASKID_INVALID").against(new))


def test_a_status_in_the_place_of_another() -> None:
    contract = load_contract("cnode")
    old = before("cnode")
    change = answers("getTaskStatus", "succeeded", **{f"{CNODE}__status": "FINISHED_FINE"})
    new = embedded(contract, ReferenceProvider(contract, VirtualClock(), changes=[change]), 2).visit(6)
    (finding,) = serious(drift(contract, old, new))
    assert (finding.kind, finding.new, finding.place) == (
        "status-new", "FINISHED_FINE", "getTaskStatusResponse/return/status",
    )  # fmt: skip


def test_another_word_for_success() -> None:
    contract = load_contract("capsolver")
    statuses = {**contract.statuses, "done": Status("done", Phase.SUCCEEDED)}
    contract = replace(contract, statuses=statuses)
    old, new = (
        _numbered([each for n in range(3) for each in Made().poll(f"{n}", {"errorId": 0, "status": word}).exchanges])
        for word in ("ready", "done")
    )
    assert kinds(drift(contract, old, new)) == {("status-replaced", "error"), ("status-first-seen", "info")}
    assert kinds(drift(contract, old[:2], new)) == {("status-first-seen", "info")}


# ------------------------------------------------------------------------------------------- timing


def test_retry_after() -> None:
    def busy(*waits: Any) -> Made:
        made = Made()
        for number, wait in enumerate(waits):
            headers = {} if wait is None else {"retry-after": wait}
            made.refused(f"{number}", "ERROR_RATE_LIMIT", headers=headers)
        return made

    assert kinds(busy("2", "2").against(busy("2", "2.0"))) == set()
    assert kinds(busy("2", "2").against(busy("5", "5"))) == {("retry-after-changed", "error")}
    assert kinds(busy("2").against(busy("5"))) == {("retry-after-changed", "warning")}
    assert kinds(busy("2", "7").against(busy("5", "5"))) == set()  # it counts down
    assert kinds(busy("2", "2").against(busy(None))) == {("retry-after-changed", "warning")}
    assert kinds(busy(None).against(busy("2"))) == {("retry-after-changed", "info")}


def lived(*ages: float, lost: float, latency: float = 0.0, polls: int = 0) -> Made:
    """A task that is ready and polled at these ages, then lost; and one that answers a number of polls at once."""
    made = Made().create("a", 0)
    for age in ages:
        made.ready("a", age)
    made.refused("a", "ERROR_TASKID_INVALID", lost)
    made.create("b", 0)
    for number in range(polls):
        made.ready("b", 1 + number / 100)
    made.exchanges = [each._replace(received=each.sent + latency) for each in made.exchanges]
    return made


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (lived(10, 250, lost=400, polls=9), lived(10, 100, lost=150, polls=9), {"lifetime-changed"}),
        (lived(10, 100, lost=150, polls=9), lived(10, 250, lost=400, polls=9), {"lifetime-changed"}),
        (lived(10, 140, lost=400, polls=9), lived(10, 100, lost=150, polls=9), set()),  # nobody asked that late
        (lived(10, 160, lost=400, polls=9), lived(10, 100, lost=150, polls=9, latency=20), set()),  # perhaps that late
        (lived(10, 304, lost=400, polls=9), lived(10, 100, lost=301, polls=9), set()),  # the documents leave that open
        (lived(1, 2, 3, 4, 5, 200, lost=400), lived(1, 2, 3, lost=4, polls=1), {"retention-changed"}),
        (lived(1, 200, lost=400, polls=8), lived(1, 200, lost=400), set()),
        (lived(200, lost=400, polls=9), lived(1, 2, 3, lost=4, polls=9), set()),  # its own polls contradict that
    ],
)
def test_lifetimes(old: Made, new: Made, expected: set[str]) -> None:
    assert {finding.kind for finding in old.against(new).findings} == expected


def test_poll_budgets() -> None:
    def polled(count: int, last: float) -> Made:
        """One task that is polled very often and lost, one that is old."""
        made = Made().create("a", 0).ready("a", 0.5)
        for number in range(1, count):
            made.ready("a", 1 + number / 100)
        return made.refused("a", "ERROR_TASKID_INVALID", last).create("b", 0).ready("b", 1).ready("b", 200)

    old, new = polled(40, 350), polled(20, 2)
    (finding,) = old.against(new).findings
    assert (finding.kind, finding.severity, finding.old, finding.new) == (
        "poll-budget-changed", Severity.ERROR, "there at poll 40", "gone at poll 21",
    )  # fmt: skip
    assert finding.first.number == 22
    assert kinds(new.against(old)) == {("poll-budget-changed", "error")}
    assert kinds(old.against(polled(40, 350))) == set()


def test_limits_say_nothing_without_times() -> None:
    def timeless(made: Made) -> Made:
        made.exchanges = [each._replace(sent=float("nan"), received=float("nan")) for each in made.exchanges]
        return made

    old, new = timeless(lived(10, 250, lost=400, polls=9)), timeless(lived(10, 100, lost=150, polls=9))
    assert old.against(new).findings == ()


@pytest.mark.parametrize("provider", ["capsolver", "decodo"])
def test_a_provider_with_another_lifetime(provider: str) -> None:
    found = changed(provider, lifetime=load_contract(provider).limits.lifetime / 3)  # type: ignore[operator]
    assert {finding.kind for finding in serious(found)} == {"lifetime-changed"}


def test_pace() -> None:
    def paced(*polls: tuple[float, str]) -> Made:
        made = Made("capmonster").create(7, 0).running(7, 1)
        for at, code in polls:
            if code:
                made.refused(7, code, at, http=200)
            else:
                made.running(7, at)
        return made

    fast = "ERROR_TOO_MUCH_REQUESTS"
    old = paced((2.0, ""), (4.5, ""), (5.0, fast), (5.4, fast), (9.0, ""))
    new = paced((2.5, fast), (4.0, fast), (7.0, ""), (7.4, fast), (10.0, ""))
    (finding,) = old.against(new).findings
    assert (finding.kind, finding.severity, finding.first.number) == ("pace-changed", Severity.ERROR, 3)
    assert kinds(new.against(old)) == {("pace-changed", "error")}
    assert kinds(old.against(paced((2.5, fast), (4.1, ""), (7, "")))) == {("pace-changed", "info")}  # once
    overloaded = paced((2.0, fast), (3.0, ""), (4.0, fast), (5.0, ""), (6.0, fast), (7.0, ""))
    assert kinds(old.against(overloaded)) == set()  # it answers others at the same pace
    assert kinds(old.against(paced((2.0, ""), (3.0, ""), (3.2, fast), (3.4, fast)))) == set()


# --------------------------------------------------------------------------------- what is compared


def test_what_only_one_recording_has_is_counted_and_not_compared() -> None:
    old = Made().create("a").running("a", extra=1).running("a", extra=1)
    new = Made().create("a").ready("a", other="x").refused("a", "ERROR_TASKID_INVALID")
    comparison = old.against(new)
    assert [finding.kind for finding in comparison.findings] == ["error-code-first-seen", "status-first-seen"]
    assert comparison.shared == ((("createTask", "accepted"), 1, 1),)
    assert comparison.unshared == (
        (("getTaskResult", "refused: lost"), 0, 1),
        (("getTaskResult", "running"), 2, 0),
        (("getTaskResult", "succeeded"), 0, 1),
    )


def test_a_change_that_several_kinds_of_answers_show_is_one_finding() -> None:
    old = Made().running(cost=1).ready(cost=1)
    (finding,) = old.against(Made().running(cost="1").ready(cost="1")).findings
    assert finding.answer == "running; succeeded"


def test_files_of_one_recording_are_traces_of_their_own() -> None:
    contract = load_contract("capsolver")
    old = profile(contract, _numbered(lived(10, 100, lost=400, polls=9).exchanges))
    new = Profile(contract)
    for part in (lived(10, 100, lost=400).exchanges[:2], lived(lost=4).exchanges[1:2]):  # another task, the same id
        new.add(_numbered(part))
    assert compare(old, new).findings == ()
    assert new.files == 2


def test_callbacks_are_compared_by_what_they_tell() -> None:
    contract = load_contract("decodo")
    times = {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}

    def called(**more: Any) -> list[Recorded]:
        body = json.dumps({"id": "7", "status": "done", **times, **more}).encode()
        return _numbered([Exchange(Request("POST", CALLBACK_PATH, {}, body), Response(200, {}, b""), 0, 0)])

    assert kinds(drift(contract, called(parse=False), called(parse=0))) == set()  # the documents have both
    assert kinds(drift(contract, called(parse=False), called(parse="no"))) == {("type-changed", "info")}
    assert kinds(drift(contract, called(), called(status="over"))) == {("status-new", "error")}


# ------------------------------------------------------------------------------------- the command line


def cassette(file: Path, made: Iterable[Exchange], host: str = "https://api.capsolver.com") -> str:
    """A cassette of vcrpy, as its JSON serializer writes it."""
    interactions = []
    for each in made:
        assert each.response is not None
        request = {"method": each.request.method, "uri": host + each.request.path, "headers": {}}
        request["body"] = each.request.body.decode()
        headers = {name: [value] for name, value in each.response.headers.items()}
        response = {"status": {"code": each.response.status, "message": ""}, "headers": headers}
        interactions.append(
            {"request": request, "response": {**response, "body": {"string": each.response.body.decode()}}}
        )
    file.write_text(json.dumps({"version": 1, "interactions": interactions}), encoding="utf-8")
    return str(file)


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def refused(*words: str) -> str:
    """What is said of bad input."""
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "pollproof" / "drift.schema.json").read_text(encoding="utf-8"))


def test_the_command_its_reports_and_its_exit_status(tmp_path: Path) -> None:
    made = Made().create("a").running("a", cost=1).ready("a", cost=1)
    old = cassette(tmp_path / "old.json", made.exchanges)
    warned = cassette(tmp_path / "warned.json", Made().create("b").running("b").ready("b", cost=1).exchanges)
    bad = Made().create("SECRET-id").running("SECRET-id", cost="SECRET").ready("SECRET-id", cost="SECRET")
    worse = cassette(tmp_path / "worse.json", bad.exchanges)
    nothing = cassette(tmp_path / "nothing.json", Made().refused("c", "ERROR_TASKID_INVALID").exchanges)
    assert run(old, old).exit_code == 0
    assert (
        run(old, old).output.splitlines()[-1].startswith("NO DRIFT: 0 errors, 0 warnings, 0 for information; 3 kinds")
    )
    assert run(old, warned).exit_code == 0
    assert run(old, warned, "--strict").exit_code == 1
    assert run(old, nothing).exit_code == 3
    files = [tmp_path / "drift.json", tmp_path / "drift.md"]
    done = run(old, worse, "--json", str(files[0]), "--markdown", str(files[1]))
    assert done.exit_code == 1
    document = json.loads(files[0].read_text(encoding="utf-8"))
    Draft202012Validator(SCHEMA).validate(document)
    assert document["complete"] is True
    assert document["counts"] == {"error": 1, "warning": 0, "info": 0}
    assert document["findings"][0]["first"] == {"recording": "new", "file": worse, "entry": 2}
    markdown = files[1].read_text(encoding="utf-8")
    assert "| **error** | type\\-changed |".replace("\\-", "-") in markdown
    assert all("SECRET" not in text for text in (done.output, json.dumps(document), markdown))
    assert "\x1b" not in done.output


def test_standard_output_is_for_one_report(tmp_path: Path) -> None:
    old = cassette(tmp_path / "old.json", Made().create("a").exchanges)
    Draft202012Validator(SCHEMA).validate(json.loads(run(old, old, "--json", "-").stdout))
    assert run(old, old, "--markdown", "-").stdout.startswith("### pollproof drift: capsolver: no drift")
    assert run(old, old, "-q").stdout.count("\n") == 1


def test_the_schema_names_every_kind_and_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["finding"]["properties"]["id"]["enum"] == list(DIFFERENCE_KINDS)


def test_names_from_recordings_are_no_markup() -> None:
    old = Made().running()
    odd = {"a|b": 1, "`c`": 1, "<script>": 1, "@someone": 1, "x_y*z": 1, "\x1b[31m": 1}
    comparison = old.against(Made().running(**odd))
    document = drift_document(comparison, "old|<b>.yaml", "`new`@x")
    text = markdown_of(document)
    table = [line for line in text.splitlines() if line.startswith("| **")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in table)
    assert "<" not in text
    assert "@" not in text
    assert not re.search(r"(?<!\\)`", text)
    assert "\x1b" not in text
    assert "@someone" in {finding.place[1:] for finding in comparison.findings}


def test_markdown_is_short_enough_for_a_comment() -> None:
    old, new = (
        Made().running(),
        Made().running(
            **{f"field_of_a_long_name_{'x' * 40}_{chr(97 + n % 26)}{'y' * (n // 26)}": 1 for n in range(500)}
        ),
    )
    text = markdown_of(drift_document(old.against(new), "old.yaml", "new.yaml"))
    assert "... and" in text
    assert len(text) < 60_000


def test_the_contract_is_found_or_asked_for(tmp_path: Path) -> None:
    exchanges = Made().create("a").running("a").exchanges
    hosted = cassette(tmp_path / "hosted.json", exchanges)
    local = cassette(tmp_path / "local.json", exchanges, "http://127.0.0.1:8000")
    other = cassette(tmp_path / "other.json", exchanges, "https://api.capmonster.cloud")
    foreign = cassette(tmp_path / "foreign.json", exchanges, "https://api.stranger.io")
    assert run(hosted, hosted).exit_code == 0
    assert run(hosted, local).exit_code == 0  # one of the two that the local one may be
    assert "may be of capmonster or capsolver; expected --provider" in refused(local, local)
    assert run(local, local, "--provider", "capsolver").exit_code == 0
    assert run(local, local, "--provider", "capsolver", "--base-url", "http://127.0.0.1:8000").exit_code == 0
    assert "of different APIs: capsolver and capmonster" in refused(hosted, other)
    assert "NEW holds no traffic of a bundled contract" in refused(hosted, foreign)
    assert "OLD holds no traffic of decodo" in refused(local, local, "--provider", "decodo")
    assert "did you mean 'capsolver'?" in refused(local, local, "--provider", "capsolvr")
    assert "no such file" in refused(local, str(tmp_path / "missing.json"))
    bundled_one = str(ROOT / "cassettes" / "capsolver" / "reference.yaml")
    assert run(bundled_one, local).exit_code in (0, 1)  # it says itself what it is
    assert "NEW was recorded from another API" in refused(local, bundled_one, "--provider", "capmonster")


def test_folders_are_compared_as_wholes(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text('{"name": "x"}', encoding="utf-8")
        cassette(tmp_path / name / "1.json", Made().create("a").exchanges)
    cassette(tmp_path / "old" / "2.json", Made().running("b").exchanges)
    cassette(tmp_path / "new" / "3.json", Made().running("c", cost=1).exchanges)
    done = run(str(tmp_path / "old"), str(tmp_path / "new"))
    assert done.exit_code == 0
    assert "field-new  getTaskResult, running at /cost" in done.output
    assert "3.json, entry 1" in done.output
    assert "not a recording" in refused(str(tmp_path / "old" / "package.json"), str(tmp_path / "new"))


@pytest.mark.parametrize("provider", only(bundled(), ["capsolver", "cnode"]))
def test_bundled_cassettes_of_one_provider_do_not_drift(provider: str) -> None:
    folder = ROOT / "cassettes" / provider
    files = [str(folder / "reference.yaml"), str(folder / "walks.yaml.gz")]
    for old, new in (files, files[::-1]):
        done = run(old, new, "--strict", "-q")
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("provider", bundled())
def test_scrubbed_recordings_do_not_drift(provider: str, tmp_path: Path) -> None:
    contract = load_contract(provider)
    change = answers(contract.operation(Role.CREATE).name, "created", scrubbed_name_17_x=1, status_of_mine="s3cret")
    files = []
    for seed in range(2):
        reference = ReferenceProvider(contract, VirtualClock(), None, () if provider == "cnode" else (change,))
        made = [each.exchange for each in embedded(contract, reference, seed, 100 * seed).visit(6)]
        file = tmp_path / f"{seed}.yaml"
        write_cassette(file, made, contract, base_url="http://127.0.0.1:1", clock="virtual", source="the reference")
        files.append(str(file))
    done = run(*files, "--strict", "-q")
    assert done.exit_code == 0, done.output


def test_every_kind_of_finding_has_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in DIFFERENCE_KINDS if f'"{kind}"' not in source] == []


# ---------------------------------------------------------------------- classes of responses to one request


IMAGE = {"type": "ImageToTextTask", "body": "aGk="}


def asked(task: dict[str, Any], *told: dict[str, Any]) -> Made:
    """Creations of one kind of task, each with its response."""
    made = Made()
    for number, answer in enumerate(told):
        body, create = {"clientKey": KEY, "task": task}, made.contract.operation(Role.CREATE)
        made.exchanges.append(exchange(create, body, {"errorId": 0, **answer}, 60.0 * number))
    return made


INLINE = {"status": "ready", "solution": {"text": "hi"}, "taskId": "00000000-0000-4000-8000-000000000001"}
QUEUED_ONE = {"errorCode": "", "errorDescription": "", "taskId": "00000000-0000-4000-8000-000000000002"}
REFUSED_ONE = {"errorId": 1, "errorCode": "ERROR_INVALID_TASK_DATA", "errorDescription": "no"}
BUSY_ONE = {"errorId": 1, "errorCode": "ERROR_RATE_LIMIT", "errorDescription": "slow"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([INLINE], [QUEUED_ONE], {("sync-turned-async", "error")}),
        ([QUEUED_ONE], [INLINE], {("sync-turned-async", "error")}),
        ([INLINE] * 9, [INLINE] * 5 + [QUEUED_ONE] * 4, {("sync-turned-async", "error")}),
        ([INLINE, QUEUED_ONE], [QUEUED_ONE, INLINE], set()),
        ([INLINE] * 3, [INLINE] * 9, set()),
        ([INLINE], [BUSY_ONE], set()),
        ([QUEUED_ONE] * 3, [REFUSED_ONE] * 3, {("response-class-changed", "error")}),
        ([REFUSED_ONE] * 3, [QUEUED_ONE] * 3, {("response-class-changed", "error")}),
        ([QUEUED_ONE], [QUEUED_ONE, REFUSED_ONE], {("response-class-changed", "info")}),
        ([QUEUED_ONE] * 20, [QUEUED_ONE] * 9 + [REFUSED_ONE] * 4, {("response-class-changed", "error")}),
    ],
)
def test_the_same_request_gets_the_same_class_of_response(
    old: list[dict[str, Any]], new: list[dict[str, Any]], expected: set[tuple[str, str]]
) -> None:
    comparison = asked(IMAGE, *old).against(asked(IMAGE, *new))
    about = {"sync-turned-async", "response-class-changed"}
    assert {each for each in kinds(comparison) if each[0] in about} == expected


def test_another_request_may_get_another_class_of_response() -> None:
    slow = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.com/", "websiteKey": "k"}
    comparison = asked(IMAGE, INLINE).against(asked(slow, QUEUED_ONE))
    assert not {"sync-turned-async", "response-class-changed"} & {kind for kind, _ in kinds(comparison)}


def test_an_invalid_request_that_is_accepted_now_is_drift() -> None:
    def untyped(told: dict[str, Any]) -> list[Recorded]:
        body = json.dumps({"clientKey": KEY, "task": {}}).encode()
        answer = Response(200, {}, json.dumps({"errorId": 0, **told}).encode())
        return _numbered([Exchange(Request("POST", "/createTask", {}, body), answer, 0, 1, probe="untyped-task")])

    contract = load_contract("capsolver")
    comparison = drift(contract, untyped(REFUSED_ONE), untyped(QUEUED_ONE))
    assert ("response-class-changed", "error") in kinds(comparison)
    assert not {"response-class-changed"} & {kind for kind, _ in kinds(drift(contract, *[untyped(REFUSED_ONE)] * 2))}
