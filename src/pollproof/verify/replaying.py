"""Replaying the trace of a report: its requests are sent again, with fresh tasks, and judged by one clause."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pollproof.contract.model import Clause
from pollproof.errors import InputError
from pollproof.monitor.ledger import Ledger, LedgerEntry
from pollproof.monitor.monitor import Monitor
from pollproof.secrets.redact import MASK
from pollproof.trace.bodies import write_json
from pollproof.trace.client_outcome import OUTCOME_PATH
from pollproof.trace.events import CALLBACK_PATH, Event
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.plan import Plan
from pollproof.verify.request_builder import Builder
from pollproof.verify.shrinking import ScheduledRequest, ids_of, renamed
from pollproof.verify.targets import OpenTarget

WRONG_KEY = "wrong-credential"
"""The probe whose requests carry another key than the given one."""


MAXIMUM_POLLS = 100
"""Polls that wait for a final response where the report has one."""


class Replayed(NamedTuple):
    """One request of a replay; `final` where the report's response said that the task has ended."""

    step: ScheduledRequest
    final: bool


class NotReplayable(InputError):
    """A trace whose requests cannot be sent again; the text is one sentence."""


def steps_of_trace(plan: Plan, trace: Sequence[Mapping[str, Any]]) -> list[Replayed]:
    """The requests of a report's trace, ready to be sent again.

    Args:
        plan: the target; its key takes the place of the masked one.
        trace: the exchanges as the report has them.

    Raises:
        NotReplayable: for a trace with callbacks, with the end of a client, or with a body that the report has cut.
    """
    contract, reader = plan.contract, Reader(plan.contract)
    key = plan.credential or contract.credential.sample
    steps: list[Replayed] = []
    before = 0.0
    for number, shown in enumerate(trace):
        sent = shown["request"]
        if sent["path"] in (CALLBACK_PATH, OUTCOME_PATH):
            raise NotReplayable("the trace holds a callback, or the end of a client; it cannot be sent again")
        operation = contract.operations.get(shown["operation"])
        if operation is None or str(sent["body"]).endswith(" more characters)"):
            raise NotReplayable(f"request {number + 1} of the trace ({shown['operation']}) is not whole in the report")
        own = key.swapcase() if shown["probe"] == WRONG_KEY else key
        headers = Builder(operation, contract).build(own, {}).headers
        body = _bytes(sent["body"]).replace(MASK.encode(), own.encode())
        request = Request(sent["method"], sent["path"].replace(MASK, own), headers, body)
        answer = shown["response"]
        response = None if answer is None else Response(answer["status"], {}, _bytes(answer["body"]))
        event = reader.read(Exchange(request, response, 0.0, 0.0), number)
        at = shown["sent"] if shown["sent"] is not None else before
        ids = () if event is None else ids_of(event)
        step = ScheduledRequest(
            max(at - before, 0.0), request, shown["probe"], ids, None if event is None else event.task
        )
        steps.append(Replayed(step, _is_final(event)))
        before = at
    return steps


def replay_steps(
    found: OpenTarget, plan: Plan, clause: Clause, steps: Sequence[Replayed], notify: Callable[[float, Exchange], None]
) -> LedgerEntry:
    """Send requests again, and judge them by one clause.

    Tasks may take longer than in the report: a poll that found its task ended there is sent until it does here.

    Args:
        found: the open target, whose clock passes the seconds between requests.
        plan: the plan of the target.
        clause: the clause that judges.
        steps: the requests, from `steps_of_trace`.
        heard: is called with the seconds before each exchange, and the exchange.
    """
    reader = Reader(plan.contract)
    monitor = Monitor(reader, (clause,), Ledger((clause,)))
    names: dict[str, str] = {}
    pause = plan.contract.limits.wait or 1.0

    def send(request: Request, wait: float, probe: str | None) -> Event | None:
        if wait > 0:
            found.clock.advance(wait)
        sent = found.clock.now()
        answer = found.target.exchange(request)
        exchange = Exchange(request, answer.response, sent, found.clock.now(), answer.failure, probe)
        notify(wait, exchange)
        return monitor.observe(exchange)

    for number, (step, final) in enumerate(steps):
        request = renamed(step.request, names)
        event = send(request, step.wait, step.probe)
        if event is not None and step.ids:
            names.update(zip(step.ids, ids_of(event), strict=False))
        for _ in range(MAXIMUM_POLLS if final and number < len(steps) - 1 else 0):
            if event is None or event.phase is None or event.phase.terminal:
                break
            event = send(request, pause, step.probe)
    return monitor.ledger[clause.id]


def _is_final(event: Event | None) -> bool:
    return event is not None and event.phase is not None and event.phase.terminal


def _bytes(body: Any) -> bytes:
    """A body of a report as bytes: what was JSON is written as JSON."""
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else write_json(body)
