"""Walks keep the documented rates, and the response to a callback is not one of the provider."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pollproof.clock import VirtualClock
from pollproof.contract.model import Effect, Rate
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.scaffold import write
from pollproof.trace.reader import Reader
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from pollproof.verify.session import Session

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
pages = { items = "response#/items", cursor = "response#/next", parameter = "page", key = "/n" }

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
    text = text.replace("[errors]\n", '[errors]\nnot_yet = { effect = "running", text = "in work" }\n', 1)
    text = text.replace("[refusals]\n", '[refusals]\nnot_ready = "not_yet"\n', 1)
    text = text.replace('result = { text = "{token}" }', 'result = [{ n = 1, text = "{token}" }, { n = 2 }, { n = 3 }]')
    file.write_text(text + PAGED, encoding="utf-8")
    result = explore(Plan(load_contract(file), examples=0))
    for name in ("pages", "count"):
        assert result.ledger[f"my-api.items.{name}"].verdict is Verdict.HELD
