"""Tasks that a session has created, and what walks must see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pollproof.contract.model import (
    TaskKind,
)

SUCCESS = "a task that succeeded"
TASK_ENDED = "the end of a task"
TASK_CREATED = "a task that was created"
REFUSED = "a response to a deliberately invalid request"
"""What walks must reach: nearly every walk one of these."""


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """A task that the session has created: its id as it was given, the key of its history, and its kind."""

    id: Any
    key: str
    kind: TaskKind
