"""Traces written by hand, for judging the monitor without any provider."""

from __future__ import annotations

import json
from typing import Any

from pollproof.contract.model import Contract, Role
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader

KEY = "YOUR_API_KEY"


class HandWritten:
    """A trace of one contract, exchange by exchange; every exchange takes `latency` seconds."""

    def __init__(self, contract: Contract, latency: float = 0.0) -> None:
        self.contract = contract
        self.latency = latency
        self.monitor = Monitor(Reader(contract), clauses_of(contract))

    @property
    def ledger(self) -> Ledger:
        return self.monitor.ledger

    @property
    def violated(self) -> set[str]:
        return {entry.clause.id.partition(".")[2] for entry in self.ledger.violated()}

    def held(self, name: str) -> int:
        return self.ledger[f"{self.contract.name}.{name}"].exercised

    def exchange(self, path: str, body: Any, answer: Any, at: float, http: int = 200, probe: str | None = None) -> None:
        request = Request("POST", path, {}, json.dumps(body).encode())
        response = Response(http, {}, json.dumps(answer).encode())
        self.monitor.observe(Exchange(request, response, at, at + self.latency, None, probe))

    def create(self, task: Any, at: float = 0.0, about: Any = None, **answer: Any) -> None:
        """Create a task that is about something of its own, or about `about`."""
        body = {"clientKey": KEY, "task": {"type": "AnyTask", "about": about or task}}
        path = self.contract.operation(Role.CREATE).path
        self.exchange(path, body, {"errorId": 0, "taskId": task, **answer}, at)

    def poll(self, task: Any, answer: Any, at: float, probe: str | None = None) -> None:
        path = self.contract.operation(Role.POLL).path
        self.exchange(path, {"clientKey": KEY, "taskId": task}, answer, at, probe=probe)


def running(**more: Any) -> dict[str, Any]:
    return {"errorId": 0, "status": "processing", **more}


def ready(text: str = "token", **more: Any) -> dict[str, Any]:
    return {"errorId": 0, "status": "ready", "solution": {"text": text}, **more}


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"errorId": 1, "errorCode": code, "errorDescription": "", **more}
