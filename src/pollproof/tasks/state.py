"""What a trace has shown so far of one task."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pollproof.contract.model import Phase
from pollproof.tasks.repeated import Stall
from pollproof.trace.exchange import UNKNOWN_TIME

_NO_MARKS: Mapping[str, Any] = MappingProxyType({})

RESULT_EXPIRED = "@result-expired"
"""The mark of a task whose result was surely not kept any more when it was read, counted from the read before."""

REPEATED = "@repeated"
"""The mark of a creation while another one with its idempotency key is on its way; it is never kept."""

CANCEL_SENT = "@cancel-sent"
"""The mark of a task whose cancelling was requested: the number of the exchange."""

CALLBACK_REFUSED = "@callback-refused"
"""The mark of a task whose callback was not accepted: the exchange, when it came, and its headers."""

DELETED = "@deleted"
"""The mark of a task whose deletion was accepted: the exchange, and when it was answered."""

CANCEL_REFUSED = "@cancel-refused"
"""The mark of a task whose cancelling was refused: the last exchange that did, and when it was answered."""

SHORT_LIVED = "@short-lived"
"""The mark of a task that is gone while tasks that were hardly polled are gone early: the age at which some lived."""

CANCEL_ACCEPTED = "@cancel-accepted"
"""The mark of a task whose cancelling was accepted: the exchange, when it was answered, and whether it had ended."""


class Final(NamedTuple):
    """A final response by value: the provider's status, its error code, and what a task that failed has besides."""

    status: Any
    error_code: str | None
    details: str | None


class TaskState(NamedTuple):
    """What is known of one task. Immutable: `fold` gives the next one.

    Times are seconds on the clock of the trace. `polls_most` counts every poll that may have counted toward a
    budget, `polls_least` those that surely did, `unanswered` those to which no response came. `lost` is set once a
    response has shown, not too early, that the task is gone, `unclear` once an unfinished task was answered with an
    error that no document lists. Numbers of exchanges are places in the trace. `last_number` and `last_sent` are of the
    last poll that was answered, `first_number` and `first_sent` of the first one, with `gaps` waits between the two.
    `last_free` is that the last one was answered with an error after which no document states a wait.

    `gone` means that an error has shown the loss. `final` is the first final poll by value: status, error code and, of
    a task that has not succeeded, what stands where its result would. `cancelled` is the exchange that cancelled it.
    `stall` is what the provider has put off until now; it is set while an exchange is judged, and never kept.

    `last_precision` is the precision of `last_sent`, `answered` the time at which all responses so far were there.
    `pending_sent` is when the last poll left that found the task unfinished, `ended_received` when the response came
    that first stated its end. `creation` is the body of the creation, `callbacks` how many came, `marks` the last
    values at the operation's further places.
    """

    id: str
    raw_id: object
    created: int | None = None
    created_sent: float = UNKNOWN_TIME
    created_received: float = UNKNOWN_TIME
    inline: bool = False
    polls_most: int = 0
    polls_least: int = 0
    phase: Phase | None = None
    phase_number: int | None = None
    terminal: Phase | None = None
    terminal_number: int | None = None
    result: str | None = None
    result_number: int | None = None
    lost: int | None = None
    last_number: int | None = None
    last_sent: float = UNKNOWN_TIME
    last_precision: float = 0.0
    answered: float = UNKNOWN_TIME
    last_final: bool = False
    unclear: int | None = None
    pending_sent: float = UNKNOWN_TIME
    ended_received: float = UNKNOWN_TIME
    creation: Any = None
    callbacks: int = 0
    marks: Mapping[str, Any] = _NO_MARKS
    first_number: int | None = None
    first_sent: float = UNKNOWN_TIME
    gaps: int = 0
    gone: bool = False
    final: Final | None = None
    cancelled: int | None = None
    stall: Stall | None = None
    unanswered: int = 0
    last_free: bool = False

    @property
    def is_stalled(self) -> bool:
        """Whether the provider has put off requests about the task for longer than a client owes it patience."""
        return self.stall is not None and self.stall.is_endless
