"""Examples: what the reference provider answers in the life of one task, as exchanges with names."""

from __future__ import annotations

from dataclasses import dataclass

from pollproof.clauses.faults import Settings
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Operation, Phase, Role, Subject
from pollproof.http.target import InProcessTarget
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.events import Event
from pollproof.trace.exchange import Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.session import Session

_SOLVING = 10.0
"""Seconds that the task of the examples takes."""

LOOKS = 20
"""Polls until then, so that every status on the way is seen."""


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange. `name` tells it from the others of its operation; `phase` is the task's, None for a refusal."""

    operation: Operation
    name: str
    request: Request
    response: Response
    phase: Phase | None
    task: object = None


def examples_of(contract: Contract) -> list[Example]:
    """Exchanges of all operations of a client: creations, each status on the way to a result, and refusals."""
    clock = VirtualClock()
    provider = ReferenceProvider(contract, clock, Settings(solving=_SOLVING))
    clauses = clauses_of(contract, Subject.PROVIDER)
    monitor = Monitor(Reader(contract), clauses, Ledger(clauses))
    session = Session(InProcessTarget("the reference", provider.handle), clock, monitor)
    found: dict[tuple[str, str], Example] = {}

    def keep(event: Event | None, name: str) -> None:
        if event is not None and event.exchange.response is not None:
            example = Example(
                event.operation, name, event.exchange.request, event.exchange.response, event.phase, event.raw_task
            )
            found.setdefault((event.operation.name, name), example)

    def named(event: Event | None) -> str:
        if event is None:
            return ""
        return event.status if type(event.status) is str else "not yet" if event.phase is None else event.phase.value

    event, handle = session.create(session.kinds[0])
    keep(event, "created")
    for kind in session.inline_kinds:
        keep(session.create(kind)[0], kind.name)
    if contract.operation_of(Role.BATCH) is not None:
        keep(session.batch()[0], "created")
    if handle is not None:
        for _ in range(LOOKS + 1):
            event = session.poll(handle)
            keep(event, named(event))
            event_of_result = session.fetch(handle)
            keep(event_of_result, named(event_of_result))
            session.advance(_SOLVING / LOOKS)
        for wrong in session.wrong_credentials()[:1]:
            words = {"task": session.kinds[0].sample, "task_id": handle.id, "number": 1}
            for operation in contract.operations.values():
                if operation.role is Role.CALLBACK:
                    continue
                keep(session.probe_credential(operation, words, wrong), "wrong key")
    keep(session.probe_unknown(contract.task_id["unknown"][0]), "unknown task")
    return list(found.values())
