"""A service of createTask and getTaskResult that knows nothing of any test clock, for servers in Python.

Timers take a task from idle to processing and to ready, one after the other; how old it is, it learns by comparing
times. `faults` break it: `lifetime` keeps tasks for 360 seconds, `polls` answers 121 polls, `flip` takes a result back.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

KEY = "YOUR_API_KEY"
PATHS = ("/createTask", "/getTaskResult")

Answer = tuple[int, dict[str, Any]]
Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds, as the server's own runtime does that."""


@dataclass
class Task:
    identifier: str
    created: float
    status: str = "idle"
    polls: int = 0
    read: int = 0


class Service:
    def __init__(self, later: Later, faults: Collection[str] = ()) -> None:
        self._later = later
        self._faults = faults
        self._lifetime = 360 if "lifetime" in faults else 300
        self._polls = 121 if "polls" in faults else 120
        self._tasks: dict[str, Task] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def answer(self, path: str, body: bytes) -> Answer:
        """The HTTP status and the body that answer a POST."""
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or path not in PATHS:
            return refused("ERROR_BAD_REQUEST")
        if asked.get("clientKey") != KEY:
            return refused("ERROR_KEY_DENIED_ACCESS")
        with self._lock:
            return self._create(asked.get("task")) if path == PATHS[0] else self._poll(asked.get("taskId"))

    def _create(self, wanted: Any) -> Answer:
        kind = wanted.get("type") if isinstance(wanted, dict) else None
        if not kind:
            return refused("ERROR_INVALID_TASK_DATA")
        identifier = str(uuid.uuid4())
        if kind == "ImageToTextTask":
            return 200, {"errorId": 0, "taskId": identifier, "status": "ready", "solution": {"text": identifier}}
        if kind != "ReCaptchaV2TaskProxyLess":
            return refused("ERROR_TASK_NOT_SUPPORTED")
        task = self._tasks[identifier] = Task(identifier, time.time())
        solving = 3 + next(self._numbers) % 7

        def process() -> None:
            task.status = "processing"
            self._later(solving, finish)

        def finish() -> None:
            task.status = "ready"

        self._later(2, process)
        return 200, {"errorId": 0, "taskId": identifier}

    def _poll(self, identifier: Any) -> Answer:
        task = self._tasks.get(identifier) if isinstance(identifier, str) else None
        if task is None or time.time() - task.created > self._lifetime or task.polls >= self._polls:
            return refused("ERROR_TASKID_INVALID")
        task.polls += 1
        status = task.status
        if status == "ready":
            task.read += 1
            if "flip" in self._faults and task.read == 3:
                status = "processing"
        answer: dict[str, Any] = {"errorId": 0, "taskId": identifier, "status": status}
        if status == "ready":
            answer["solution"] = {"userAgent": "sample agent", "gRecaptchaResponse": f"token of {identifier}"}
        return 200, answer


def refused(code: str) -> Answer:
    return 400, {"errorId": 1, "errorCode": code, "errorDescription": code}
