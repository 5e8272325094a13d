"""Scenarios: how the provider behaves toward the client under test, as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pollproof.clauses.faults import Settings
from pollproof.clock import Clock
from pollproof.contract.model import Break, Phase, Role, TaskKind
from pollproof.gate.basis import PRIMARY, Grounds
from pollproof.gate.faults import Manner
from pollproof.trace.exchange import Request, Response

POLLING = (Role.POLL, Role.FETCH)
"""The operations by which a client learns the state of its task; where there are both, either will do."""


NEVER_SOLVED = 1_000_000.0
"""A solving time that no lifetime reaches: the task is never ready."""


ENDLESS_LIFETIME = 100_000_000.0
"""A lifetime that no client outlasts: three years."""


class Expects(Enum):
    """The end of a client that a scenario expects."""

    SUCCESS = "success"  # status 0, and the task's one-time token in the output
    FAILURE = "failure"  # another status: nothing was served that could be returned
    EITHER = "either"  # what the documents leave open: the trace alone is judged, and that the end is honest


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens to some requests in place of what the provider would do.

    It is about the requests of these `roles` from number `first` to number `last`, counted together from 1.
    `response` is answered as it stands; `code` is refused with (empty: the refusal that has none); `lost` makes the
    task one that is gone, `phase` and `status` one that stands so. `http` is another HTTP status for the response,
    `padding` characters of a field more, `retry_date` the seconds that Retry-After states, as a
    date. `manner` and `delay` are how it goes over the wire.
    """

    roles: tuple[Role, ...] = POLLING
    first: int = 1
    last: float = math.inf
    response: Response | None = None
    code: str | None = None
    lost: bool = False
    phase: Phase | None = None
    status: str = ""
    http: int | None = None
    padding: int = 0
    retry_date: float | None = None
    manner: Manner = Manner.WHOLE
    delay: float = 0.0


class Callback(Enum):
    """How a scenario calls the client back, where its task names an address."""

    ONCE = "once"
    EARLY = "before the creation is answered"
    TWICE = "twice"
    MISSPELT = "with a misspelt key"


Answers = Callable[[Request], Response | None]
"""Answers requests; None where the connection ends without a response."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way in which the provider behaves.

    `text` is what happens and what a conforming client does. `kind` is the task that the client is to create, `fails`
    whether it fails, `identifier` its id (None: an ordinary one). `seconds` is how long a conforming client must wait.
    `needs` is an operation that not every client knows: one that does not use it is not judged. `grounds` are what
    promises that a provider behaves so: they bound the level of what is held against a client here. `adds` are the
    situations that a sample of scenarios needs once each; a scenario without any is in each sample. `answers` makes
    what responds in place of the reference provider, in the time of a clock; its second argument gets a sentence about
    each request without a response.
    """

    name: str
    text: str
    expects: Expects
    kind: TaskKind
    seconds: float
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()
    turns: tuple[Turn, ...] = ()
    fails: bool = False
    identifier: Any = None
    callback: Callback = Callback.ONCE
    needs: Role | None = None
    grounds: Grounds = PRIMARY
    adds: frozenset[str] = frozenset()
    answers: Callable[[Clock, Callable[[str], None]], Answers] | None = None

    @property
    def is_endless(self) -> bool:
        """Whether a client meets a task that stays unfinished and is there without end."""
        return self.settings.lifetime == ENDLESS_LIFETIME and (self.settings.solving or 0.0) >= NEVER_SOLVED

    @property
    def is_lasting(self) -> bool:
        """Whether what happens goes on without end: another scenario may end earlier, and be the same until then."""
        return self.is_endless or any(turn.last == math.inf for turn in self.turns)
