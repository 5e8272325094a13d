"""The words of contracts: phases and effects, levels and subjects, roles of operations, probes."""

from __future__ import annotations

from enum import Enum
from typing import Final

OTHER_KEY = "other-key"
"""The probe that is a request about a task with another key than the one that created it."""

NEAR_MISS = "near-miss"
"""The probe of a task id that is nearly one that was given: an unknown task, whatever code it is refused with."""

PROBES = (
    "unknown-task",
    NEAR_MISS,
    OTHER_KEY,
    "ill-formed-task",
    "wrong-credential",
    "missing-field",
    "malformed",
    "reused-key",
    "too-many",
    "too-many-unfinished",
    "invalid-input",
    "wrong-scheme",
    "not-modified",
    "modified",
)
"""The ways in which requests to any API can be deliberately invalid."""

REFUSED_KEY = "refused-key"
"""The probe of a recorded exchange that was refused for its key: whether the key was right is not known."""


def speaks_of(probe: str, sent: str | None) -> bool:
    """Whether a clause about a probe speaks of a request that was sent as one."""
    return sent == probe or (sent == NEAR_MISS and probe == "unknown-task")


SILENCE = "no-callback"
"""The probe of an exchange that records that a callback was waited for and did not come."""


class Phase(Enum):
    """What a status means for the life of a task. Terminal phases are final."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OPEN = "open"  # documented, but whether it is final is not said

    terminal: bool
    rank: int


for _phase in Phase:
    # Plain attributes, not properties: both are read for every exchange.
    _phase.terminal = _phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)
    _phase.rank = {Phase.WAITING: 0, Phase.RUNNING: 1, Phase.OPEN: 1}.get(_phase, 2)


SUCCEEDED: Final = Phase.SUCCEEDED
"""Members that are compared with for every exchange have names of their own here: `Phase.SUCCEEDED` takes Python 3.11
twenty times as long to look up.
"""


class Effect(Enum):
    """What an error code says about the task of the request."""

    FAILED = "failed"  # the task has failed; final
    LOST = "lost"  # the task is not there, or no longer
    RUNNING = "running"  # an error in form, but the task is merely not finished
    BUSY = "busy"  # try again later; says nothing about the task
    REFUSED = "refused"  # the call itself was wrong; says nothing about the task
    BLOCKED = "blocked"  # the account is locked for a while; says nothing about the task
    UNCLEAR = "unclear"  # a code that the contract does not list


PUT_OFF = (Effect.BUSY, Effect.BLOCKED)
"""The effects of responses that put a client off and say nothing of its task."""


class Level(Enum):
    """How binding a clause is: MUST fails a run, SHOULD warns."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Subject(Enum):
    """Who must keep a clause."""

    PROVIDER = "provider"
    CLIENT = "client"


class Role(Enum):
    """What an operation does to a task."""

    CREATE = "create"  # creates a task
    POLL = "poll"  # asks how a task stands
    FETCH = "fetch"  # reads the result of a task, where that is another operation than polling
    BATCH = "batch"  # creates several tasks at once
    CALLBACK = "callback"  # the provider tells the client of the end of a task
    CANCEL = "cancel"  # asks that a task be given up
    DELETE = "delete"  # removes a task, its result with it
    OUTCOME = "outcome"  # says how the client ended; no contract has it, every trace may


CREATE: Final = Role.CREATE
POLL: Final = Role.POLL
FETCH: Final = Role.FETCH
CALLBACK: Final = Role.CALLBACK

ABOUT_A_TASK: Final = (POLL, FETCH, Role.CANCEL, Role.DELETE)
"""The roles of requests about one task that was created before."""
