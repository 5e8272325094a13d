"""The callbacks of the reference provider: which are due, what is in them, and which are sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pollproof.clauses.faults import Settings, Task
from pollproof.clock import Clock
from pollproof.contract.model import Break, Contract, Operation, Phase, Role, Signature
from pollproof.contract.places import View, compile_place
from pollproof.contract.signatures import signature_of
from pollproof.reference.moments import EPOCH_SECONDS
from pollproof.reference.responses import Responder
from pollproof.reference.task_store import KEPT_TASKS

SENT_AGAIN = 5.0
"""Seconds after which a callback that was not accepted is sent again."""


class Caller(Responder):
    """Keeps the callbacks that tasks were created with until they are due."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        super().__init__(contract, clock, settings, changes)
        self.to_call_back: list[tuple[Task, str]] = []
        self._address = compile_place(contract.callback_address)
        self._delivered: dict[bytes, Mapping[str, str]] = {}
        self._last_headers: Mapping[str, str] = {}
        self._handed: dict[tuple[str, bytes], Task] = {}
        self._not_before: dict[int, float] = {}

    def reset(self) -> None:
        super().reset()
        self.to_call_back.clear()
        self._handed.clear()
        self._not_before.clear()

    def add(self, view: View, operation: Operation) -> Task:
        task = super().add(view, operation)
        address = self._address(view)
        if isinstance(address, str):
            self.to_call_back.append((task, address))
        return task

    def calls_back(self, task: Task, now: float) -> int:
        return 1 if self.phase(task, now).terminal else 0

    def due_callbacks(self) -> list[tuple[str, bytes]]:
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
        status = self.contract.path[-1] if phase is Phase.SUCCEEDED else self.word(phase)
        response = self.fill(operation, "callback", task, status)
        if len(self._delivered) >= KEPT_TASKS:
            self._delivered.clear()
        self._delivered[response.body] = self._last_headers = response.headers
        return response.body

    def resend(self, address: str, body: bytes) -> None:
        task = self._handed.get((address, body))
        if task is not None:
            self._not_before[task.number] = self.clock.now() + SENT_AGAIN
            self.to_call_back.append((task, address))

    def callback_headers(self, body: bytes) -> dict[str, str]:
        """The headers of a callback with this body, its signature among them."""
        operation = self.contract.operation(Role.CALLBACK)
        headers = {"content-type": self._request_codec.content_type, **self._delivered.get(body, self._last_headers)}
        signature = operation.signature
        if signature is not None and signature.header.lower() not in self._changed_headers:
            name, now = signature.header.lower(), str(EPOCH_SECONDS + int(self.clock.now()))
            headers[name] = signature_of(signature, self.secret(signature), body, {"timestamp": now, **headers})
        return headers

    def secret(self, signature: Signature) -> str:
        return signature.secret
