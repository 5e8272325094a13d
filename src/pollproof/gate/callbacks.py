"""Callbacks of a scenario: posted to the address that the client's own task names, in the clock's time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pollproof.clauses.faults import Task
from pollproof.contract.model import Phase, Role
from pollproof.contract.templates import with_value, without
from pollproof.gate.clocks import GateClock
from pollproof.gate.scenario import Callback
from pollproof.gate.scenario_provider import StagedProvider
from pollproof.http.addresses import TargetError
from pollproof.http.client import HttpTarget
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import Exchange, Request, Response

RECEIVER_TIMEOUT = 5.0
"""Real seconds that the client's receiver may take."""

FIELD = "callback"
"""How the field begins in which a task names its address, in any case of letters."""


def address_in(task: Any) -> str | None:
    """The address to which a task wants its callback."""
    for name, value in task.items() if isinstance(task, dict) else ():
        if name.lower().startswith(FIELD) and isinstance(value, str) and value.startswith(("http://", "https://")):
            return value
        found = address_in(value)
        if found is not None:
            return found
    return None


class CallbackCaller:
    """Calls the client back about the tasks of one scenario."""

    def __init__(self, provider: StagedProvider, clock: GateClock, keep: Callable[[Exchange], None]) -> None:
        self._provider = provider
        self._clock = clock
        self._keep = keep
        self._operation = provider.contract.operation_of(Role.CALLBACK)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    def created(self, task: Task) -> Callable[[], None] | None:
        """Take note of a new task; what is to be done before its creation is answered."""
        address = None if self._operation is None else address_in(task.creation)
        if address is None:
            return None
        if self._provider.scenario.callback is Callback.EARLY:
            return lambda: self._call(address, task)
        thread = threading.Thread(target=self._wait, args=(address, task), daemon=True)
        self._threads.append(thread)
        thread.start()
        return None

    def close(self) -> None:
        """Call nobody any more."""
        self._closed.set()
        for thread in self._threads:
            thread.join(RECEIVER_TIMEOUT)

    def _wait(self, address: str, task: Task) -> None:
        with self._clock.held() as hold:
            if hold.sleep(task.solving, until=self._closed.is_set):
                for _ in range(2 if self._provider.scenario.callback is Callback.TWICE else 1):
                    self._call(address, task)

    def _call(self, address: str, task: Task) -> None:
        assert self._operation is not None
        phase = Phase.FAILED if task.fails else Phase.SUCCEEDED
        body = self._body(self._provider.callback(self._operation, task, phase))
        sent, kind = self._clock.now(), {"content-type": self._provider.codec.content_type}
        status, failure = 0, None
        with suppress(TargetError):
            target = HttpTarget(address, RECEIVER_TIMEOUT)
            outcome = target.exchange(Request("POST", "", kind, body))
            target.close()
            status, failure = (0, outcome.failure) if outcome.response is None else (outcome.response.status, None)
        response = Response(status, {}, b"") if status else None
        request = Request("POST", CALLBACK_PATH, kind, body)
        self._keep(Exchange(request, response, sent, self._clock.now(), failure))

    def _body(self, body: bytes) -> bytes:
        """The body of a callback, with a key misspelt where the scenario has it so."""
        place = None if self._operation is None else self._operation.marks.get("passthrough")
        if self._provider.scenario.callback is not Callback.MISSPELT or place is None:
            return body
        codec = self._provider.codec
        value = codec.read(body)
        right = place.pointer
        wrong = right.replace("th", "t", 1)
        if not isinstance(value, dict) or right[1:] not in value:
            return body
        return codec.write(with_value(without(value, right), wrong, value[right[1:]]))
