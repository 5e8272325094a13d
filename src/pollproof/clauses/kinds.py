"""Kinds: the executable meaning of clauses, registered by name.

A kind is one small pure function over (history, event, parameters). Its docstring is the sentence that it enforces.
It returns None when the event could not have broken the rule, `HELD` when it could have and did not, or a `Violation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple

from pollproof.contract.model import Limits, Role, Subject


class Held:
    """The type of `HELD`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HELD"


HELD: Final = Held()


class Deadline(NamedTuple):
    """A moment that a rule speaks of: `at`, in seconds on the clock of the trace, with what begins or ends there.

    `start` is when that which ends there began, where it is known.
    """

    at: float
    text: str
    start: float | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: what was expected, what was seen, and the exchanges that show it.

    `number` is the exchange that breaks the rule (the one just judged unless said otherwise); `since` are earlier
    ones that it is held against; `tasks` are the ids of other tasks that belong to the story. `deadlines` are the
    moments that were crossed, or not reached.
    """

    expected: str
    seen: str
    since: tuple[int, ...] = ()
    number: int | None = None
    tasks: tuple[str, ...] = ()
    deadlines: tuple[Deadline, ...] = ()

    @property
    def message(self) -> str:
        return f"expected {self.expected}; seen {self.seen}"


Finding = Held | Violation | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind. `scope` is `task` (judged on one history) or `account` (judged on all of them).

    `ordered` kinds need to know in which order the answers about a task were given, `timed` ones when. Those with
    `streaks` need to know what was asked again and again. Where two events of an operation (other than asking for a
    result) have no errors in their bodies, and `alike` gives the same number for both, the kind finds the same in both,
    whatever the history, and is not asked again.
    """

    name: str
    judge: Callable[[Any, Any, Any], Finding]
    parameters: type[Any]
    subjects: tuple[Subject, ...]
    scope: str
    roles: tuple[Role, ...]
    probes: bool
    ordered: bool
    timed: bool
    streaks: bool
    alike: Callable[[Any], int] | None = None

    @property
    def sentence(self) -> str:
        """The first line of the function's docstring: the rule in general words."""
        return (self.judge.__doc__ or "").strip().partition("\n")[0]


KINDS: dict[str, Kind] = {}
"""Every kind by name, filled when `pollproof.clauses` is imported."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The parameters of a kind that has none."""


def from_limits(name: str) -> Any:
    """A parameter that a contract states in its `[limits]`; None there makes the clause unusable."""
    return field(metadata={"limits": name})


def kind(
    name: str,
    *,
    subject: Subject | tuple[Subject, ...],
    roles: tuple[Role, ...] = (Role.POLL,),
    parameters: type[Any] = Nothing,
    scope: str = "task",
    probes: bool = False,
    ordered: bool = True,
    timed: bool = False,
    streaks: bool = False,
    alike: Callable[[Any], int] | None = None,
) -> Callable[[Callable[[Any, Any, Any], Finding]], Callable[[Any, Any, Any], Finding]]:
    """Register a function as a kind. With `probes` it also sees requests that are deliberately wrong."""

    def register(function: Callable[[Any, Any, Any], Finding]) -> Callable[[Any, Any, Any], Finding]:
        subjects = subject if isinstance(subject, tuple) else (subject,)
        KINDS[name] = Kind(name, function, parameters, subjects, scope, roles, probes, ordered, timed, streaks, alike)
        return function

    return register


class ParameterError(ValueError):
    """A parameter of a clause that is missing; the message says which and where it is expected."""


def bind(kind_: Kind, values: dict[str, Any], limits: Limits) -> Any:
    """The parameters of a clause from its own values and the contract's limits; raises `ParameterError`."""
    bound: dict[str, Any] = {}
    for parameter in fields(kind_.parameters):
        source = parameter.metadata.get("limits")
        if source == "*":
            bound[parameter.name] = limits
        elif parameter.name in values:
            bound[parameter.name] = values[parameter.name]
        elif source is not None:
            if getattr(limits, source) is None:
                raise ParameterError(f"kind '{kind_.name}' needs '{source}' under [limits]")
            bound[parameter.name] = getattr(limits, source)
        elif parameter.default is NO_DEFAULT:
            raise ParameterError(f"kind '{kind_.name}' needs '{parameter.name}'")
    return kind_.parameters(**bound)


def parameter_names(kind_: Kind) -> tuple[str, ...]:
    """The names that a clause of this kind may set itself."""
    return tuple(parameter.name for parameter in fields(kind_.parameters) if parameter.metadata.get("limits") != "*")
