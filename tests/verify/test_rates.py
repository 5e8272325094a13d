"""Walks keep the documented rates and limits, and hold nothing against a provider that the client did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pollproof.clock import VirtualClock
from pollproof.contract.model import Effect, Operation, Rate
from pollproof.contract.places import View
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.scaffold import write
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import HookedClock

RATED = """
[[rates]]
of = "create"
requests = 20
seconds = 60

[operations.webhook]
role = "callback"
method = "POST"
path = ""
address = "request#/webhook"
task_id = "request#/id"
status = "request#/status"

[operations.webhook.answers]
callback = { body = { id = "$task_id", status = "$status" } }

[[clauses]]
id = "my-api.webhook.retried"
kind = "callback-retried"
seconds = 60
source = ["docs, webhooks"]
text = "A webhook that is not accepted is sent again within a minute."

[[clauses]]
id = "my-api.poll.ok"
kind = "http-status"
source = ["docs, polling a task"]
text = "A task comes with 200."
"""


def test_creations_keep_their_rate(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    contract = replace(load_contract(tmp_path / "my-api.toml"), rates=(Rate("create", 3, 60.0),))
    clock = VirtualClock()
    provider = ReferenceProvider(contract, clock)
    monitor = Monitor(Reader(contract), clauses_of(contract))
    session = Session(InProcessTarget("a provider", provider.handle), clock, monitor)
    before = clock.now()
    events = [session.create(session.kinds[0])[0] for _ in range(10)]
    assert [event.effect for event in events if event.effect is Effect.BUSY] == []
    assert clock.now() - before > 180
    session.unpaced = True
    assert [session.create(session.kinds[0])[0].task for _ in range(4)][-1] is None


def test_webhooks_are_retried_beside_a_rate_and_their_responses_are_those_of_the_client(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    file = tmp_path / "my-api.toml"
    file.write_text(file.read_text(encoding="utf-8") + RATED, encoding="utf-8")
    result = explore(Plan(load_contract(file), examples=0))
    assert result.ledger["my-api.webhook.retried"].verdict is Verdict.HELD
    assert result.ledger["my-api.poll.ok"].verdict is Verdict.HELD
    assert [reason for reason in result.unreached if "callbacks" in reason] == []


def test_a_rate_has_an_error_code_of_its_own(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    whole = load_contract(tmp_path / "my-api.toml")
    contract = replace(whole, rates=(Rate("create", 1, 60.0, "invalid_key"), Rate("all", 2, 60.0)))
    provider = ReferenceProvider(contract, VirtualClock())
    monitor = Monitor(Reader(contract), clauses_of(contract))
    session = Session(InProcessTarget("a provider", provider.handle), provider.clock, monitor)
    session.unpaced = True
    first, second = [session.create(session.kinds[0])[0] for _ in range(2)]
    assert (first.error_code, second.error_code) == (None, "invalid_key")


PAGED = """
[operations.items]
role = "fetch"
method = "GET"
path = "/tasks/{task_id}/items"
task_id = "request.path.task_id"
result = "response#/items"
error_code = "response#/error/code"
phases = [{ when = { at = "response#/items", present = true }, phase = "succeeded" }]
refused = [{ at = "response#/error", present = true }]
pages = { items = "response#/items", cursor = "response#/next", parameter = "page", size = "limit", usual = 9 }

[operations.items.answers]
succeeded = { body = { items = "$items", next = "$cursor", count = "$page_count" } }
nothing = { body = { error = { code = "not_yet", message = "in work" } } }
lost = { like = "poll.lost" }
refused = { like = "poll.refused" }
unauthorized = { like = "poll.unauthorized" }

[[clauses]]
id = "my-api.items.pages"
kind = "pages"
source = ["docs, results"]
text = "The pages have every item once."

[[clauses]]
id = "my-api.items.count"
kind = "answer"
to = "succeeded"
operation = "items"
where = [{ at = "response#/count", counts = "response#/items" }]
source = ["docs, results"]
text = "A page says how many items it has."
"""


def test_an_answer_that_a_result_is_not_there_yet_is_not_a_page_of_it(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    file = tmp_path / "my-api.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("[errors.", '[errors.not_yet]\neffect = "running"\ntext = "in work"\n\n[errors.', 1)
    text = text.replace("unknown_task =", 'not_ready = "not_yet"\nunknown_task =', 1)
    text = text.replace('result = { text = "{token}" }', 'result = [{ n = 1, text = "{token}" }, { n = 2 }, { n = 3 }]')
    file.write_text(text + PAGED, encoding="utf-8")
    result = explore(Plan(load_contract(file), examples=0))
    for name in ("pages", "count"):
        assert result.ledger[f"my-api.items.{name}"].verdict is Verdict.HELD


UNFINISHED = """
[[clauses]]
id = "my-api.create.active"
kind = "answer"
to = "too-many-unfinished"
http = 409
source = ["docs, limits"]
text = "While 3 tasks are unfinished another creation is refused."
"""


class EndsMeanwhile(ReferenceProvider):
    """Has all tasks end just before a creation that would be one too many is looked at, each second time."""

    late = 0

    def create(self, operation: Operation, view: View) -> Response:
        if self.unfinished_count() >= self.most_unfinished():
            self.late += 1
            if self.late % 2:
                self.clock.advance(100.0)
        return super().create(operation, view)


def test_one_task_too_many_is_judged_where_the_others_are_unfinished_after_it_too(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    file = tmp_path / "my-api.toml"
    text = file.read_text(encoding="utf-8").replace("[limits]\n", "[limits]\nunfinished = 3\n", 1)
    text = text.replace("[errors.", '[errors.many]\neffect = "busy"\ntext = "many"\nhttp = 409\n\n[errors.', 1)
    text = text.replace("unknown_task =", 'too_many_unfinished = "many"\nunknown_task =', 1)
    file.write_text(text + UNFINISHED, encoding="utf-8")
    contract = load_contract(file)
    provider = EndsMeanwhile(contract, VirtualClock())
    result = explore(Plan(contract, examples=0), provider=provider)
    assert provider.late > 1
    assert result.ledger["my-api.create.active"].verdict is Verdict.HELD


CHOSEN = """
[operations.create]
role = "create"
method = "POST"
path = "/tasks"
request = "$task"
request_schema = "my-api/create.request.schema.json"
response_schema = "my-api/create.response.schema.json"
task_id = "request#/input"
status = "response#/status"
error_code = "response#/error/code"
refused = [{ at = "response#/error", present = true }]

[[clauses]]
id = "my-api.create.at-limits"
kind = "accepted-input"
operation = "create"
source = ["docs, creating a task"]
text = "What keeps the limits is accepted."
"""


def test_an_id_of_the_client_that_is_in_use_may_be_refused(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    file = tmp_path / "my-api.toml"
    text = file.read_text(encoding="utf-8")
    table = text[text.index("[operations.create]") : text.index("[operations.create.answers]")]
    own, clause = CHOSEN.split("\n[[clauses]]")
    file.write_text(text.replace(table, own + "\n\n") + "\n[[clauses]]" + clause, encoding="utf-8")
    contract = load_contract(file)
    monitor = Monitor(Reader(contract), clauses_of(contract))
    refused = {"error": {"code": "invalid_request", "message": "in use"}}
    violated = []
    for number, (name, http, answer) in enumerate(
        [("a", 201, {"id": "a", "status": "queued"}), ("a", 400, refused), ("b", 400, refused)]
    ):
        body = json.dumps({"input": name}).encode()
        response = Response(http, {}, json.dumps(answer).encode())
        request = Request("POST", "/tasks", {"x-api-key": contract.credential.sample}, body)
        monitor.observe(Exchange(request, response, float(number), float(number)))
        violated.append(monitor.ledger["my-api.create.at-limits"].violations)
    assert violated == [0, 0, 1]


def test_what_comes_while_a_clock_is_moved_may_be_as_late_as_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HookedClock("http://127.0.0.1:9/advance")
    moments = []

    def exchange(request: Request) -> tuple[Response, None]:
        moments.append(clock.now())
        return Response(200, {}, b""), None

    monkeypatch.setattr(clock._hook, "exchange", exchange)
    before = clock.now()
    clock.advance(38)
    assert clock.latest(moments[0]) - moments[0] >= 38
    assert (clock.latest(before), clock.latest(clock.now()) < before + 39) == (before, True)


def test_only_polls_keep_the_rate_of_polls(tmp_path: Path) -> None:
    write("my-api", tmp_path)
    contract = replace(load_contract(tmp_path / "my-api.toml"), rates=(Rate("task", 1, 7.0),))
    clock = VirtualClock()
    provider = ReferenceProvider(contract, clock)
    session = Session(InProcessTarget("a provider", provider.handle), clock, Monitor(Reader(contract), ()))
    handle = session.begin()
    assert handle is not None
    poll = session.about(session.poll_operation, handle)
    for request, most in ((poll, 0.0), (poll._replace(path=poll.path + "/cancel"), 0.0), (poll, 8.0)):
        before = clock.now()
        session._keep_rates(request, wait=True)
        assert (clock.now() - before > 0.0, clock.now() - before <= most) == (most > 0, True)
