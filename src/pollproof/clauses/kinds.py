"""Kinds: the executable meaning of clauses, registered by name.

The check of a kind is a small pure function over (history, event, parameters). Its docstring is the sentence that it
enforces. It returns None when the event could not have broken the rule, `HELD` when it could have and did not, a
`Violation`, or `Unjudged` where the event was meant to show it and could not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar

from pollproof.clauses.faults import Fault, FaultyClient, FaultyProvider
from pollproof.contract.model import Clause, Contract, Limits, Role, Subject
from pollproof.contract.vocabulary import POLL
from pollproof.errors import InputError


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
    """A violated clause: what was expected, what was seen, and the exchanges that show it.

    `number` is the exchange that breaks the rule (None: the one just judged); `since` are earlier
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


def numbered(*numbers: int | None) -> tuple[int, ...]:
    """The exchanges that a violation is held against, without those whose numbers are not known."""
    return tuple(number for number in numbers if number is not None)


class Unjudged(NamedTuple):
    """An exchange that could have exercised a clause and did not: why, in a few words, and the cause in one.

    The causes are those of reports: `busy`, `absent`, `unexercised`.
    """

    reason: str
    cause: str = "unexercised"


Finding = Held | Violation | Unjudged | None


class Boundary(Enum):
    """What a deadline is a boundary of; the monitor counts which sides of each were seen."""

    LIFETIME = "lifetime"
    POLLS = "polls"
    WAIT = "wait"
    RETRY_AFTER = "retry-after"
    BATCH_SIZE = "batch-size"
    BATCH_WAIT = "batch-wait"


BEFORE, AFTER = "before", "after"

NEAR_END = 10.0
"""Seconds beside the end of a lifetime that are just before and just after it, besides a hundredth of it."""


class Side(NamedTuple):
    """One side of a deadline of a clause: the limit in words, what would show it, and why it need not be shown."""

    boundary: Boundary
    limit: str
    side: str
    would: str
    excluded: str = ""


def side_of(boundary: Boundary, side: str, limit: str, would: str) -> Callable[[Contract, Clause], Iterator[Side]]:
    """What gives the one side of a deadline; `limit` and `would` are templates for the parameters of the clause."""

    def sides(contract: Contract, clause: Clause) -> Iterator[Side]:
        yield Side(boundary, limit.format(clause.parameters), side, would.format(clause.parameters))

    return sides


CheckFunction = Callable[[Any, Any, Any], Finding]
Maker = Callable[[Contract, Clause], Iterator[Fault]]

PROVIDER = (Subject.PROVIDER,)
CLIENT = (Subject.CLIENT,)
EITHER = (Subject.PROVIDER, Subject.CLIENT)


_NO_TABLES: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Nothing:
    """The parameters of a kind that has none."""


def _undecided(subject: Any, event: Any, parameters: Any) -> Finding:
    """The check of a kind that has none yet."""
    return None


@dataclass(slots=True)
class Kind:
    """All that belongs to one kind of clause. It decorates its check, whose docstring is the sentence of the kind.

    What a check takes decides by what it judges: a task state, or the account of all tasks (`scope`); the type of its
    third argument is that of the parameters. With `probes` it also sees deliberately invalid requests. `ordered` kinds
    need to know in which order the responses about a task were given, `timed` ones when. Those with `streaks` need to
    know which requests were repeated. Where two events of an operation (other than fetching a result) have no errors in
    their bodies, and `alike` gives the same number for both, the check finds the same in both, whatever the task state,
    and is not called again.

    `prepared` makes of a clause what its check is called with in place of the parameters; a clause that it makes
    something else of is not judged by `alike`.

    `exercised` is a phrase for what would exercise a clause of the kind, where neither a side of a deadline nor a
    probe does. `sides` gives the sides of the deadlines of a clause. `shows_loss` means that a clause of the kind
    means that tasks are lost. `walks` are the directed walks that exercise it (a client's kinds are exercised by all
    scenarios of the gate). `hint` is for the owner of an implementation: what usually causes a violation, in one
    imperative sentence. `conditional` gives the reason why a contract leaves open whether what exercises a clause ever
    happens (empty: it does not). A `broad` kind looks at whatever a contract names, so its clauses may object to the
    mutants of all others. `faults` break any clause of the kind (see `breaks`), and `maker` makes those that depend on
    the clause (see `mutates`).
    """

    name: str
    subjects: tuple[Subject, ...] = PROVIDER
    roles: tuple[Role, ...] = (POLL,)
    probes: bool = False
    ordered: bool = False
    timed: bool = False
    streaks: bool = False
    alike: Callable[[Any], int] | None = None
    prepared: Callable[[Contract, Clause], Any] | None = None
    exercised: str = ""
    sides: Callable[[Contract, Clause], Iterator[Side]] | None = None
    shows_loss: bool = False
    walks: tuple[str, ...] = ()
    hint: str = ""
    broad: bool = False
    conditional: Callable[[Contract, Clause], str] | None = None
    judge: CheckFunction = _undecided
    scope: str = "task"
    parameters: type[Any] = Nothing
    faults: list[Fault] = field(default_factory=list)
    maker: Maker | None = None

    def __call__(self, check: CheckFunction) -> CheckFunction:
        """Register the kind with its check."""
        history, _, parameters = list(check.__annotations__.values())[:3]
        self.judge = check
        self.scope = "account" if history == "Account" else "task"
        self.parameters = check.__globals__[parameters.partition(" ")[0]]
        KINDS[self.name] = self
        return check

    @property
    def is_breakable(self) -> bool:
        """Whether the kind has faults by which its clauses are broken."""
        return bool(self.faults) or self.maker is not None

    def mutants(self, contract: Contract, clause: Clause) -> list[Fault]:
        """The faults that break a clause of the kind."""
        return [*self.faults, *(() if self.maker is None else self.maker(contract, clause))]

    @property
    def sentence(self) -> str:
        """The first line of the check's docstring: the rule in general words."""
        return (self.judge.__doc__ or "").strip().partition("\n")[0]


KINDS: dict[str, Kind] = {}
"""Every kind by name, filled when `pollproof.clauses` is imported."""


def mutates(name: str) -> Callable[[Maker], Maker]:
    """Register the maker of the faults that break clauses of a kind, each in its own way."""

    def register(maker: Maker) -> Maker:
        KINDS[name].maker = maker
        return maker

    return register


def breaks(kind: str, name: str, companions: Sequence[str] = ()) -> Callable[[type[Overriding]], type[Overriding]]:
    """Register a provider or client that breaks every clause of a kind; `name` and `companions` as in `Fault`."""

    def register(override: type[Overriding]) -> type[Overriding]:
        if issubclass(override, FaultyProvider):
            fault = Fault(name, override, companions=companions)
        else:
            fault = Fault(name, client=override, companions=companions)
        KINDS[kind].faults.append(fault)
        return override

    return register


Overriding = TypeVar("Overriding", FaultyProvider, FaultyClient)


def from_limits(name: str) -> Any:
    """A parameter that a contract states in its `[limits]`; None there makes the clause unusable."""
    return field(metadata={"limits": name}, kw_only=True)


def from_contract(table: str) -> Any:
    """A parameter that is a whole table of the contract: `schemas`, `errors` or `operations`."""
    return field(metadata={"contract": table})


class ParameterError(InputError):
    """A parameter of a clause that is missing; the message names it and where it is expected."""


def stated_limits(limits: Limits, tables: Iterable[Mapping[str, Any]]) -> Limits:
    """The limits of a contract together with the numbers that its clauses state themselves.

    What is promised lasts as long as in the clause that promises it, and ends as in the clause that ends it; what lies
    between is left open. Whoever waits waits for the longest. So histories, walks and references live by
    the numbers by which the clauses judge.
    """
    own: dict[tuple[str, bool], list[float]] = {}
    for table in tables:
        kind_ = KINDS[table["kind"]]
        for parameter in fields(kind_.parameters):
            source = parameter.metadata.get("limits")
            if source in ("lifetime", "polls", "wait", "batch_wait") and kind_.subjects[0] is _STATES[source]:
                value = table.get(parameter.name, getattr(limits, source))
                if value is not None:
                    own.setdefault((source, kind_.shows_loss), []).append(value)
    changed: dict[str, Any] = {}
    for source in ("wait", "batch_wait"):
        if (source, False) in own:
            changed[source] = max(own[source, False])
    for source in ("polls", "lifetime"):
        served, ended = own.get((source, False)), own.get((source, True))
        first, last = min(served or ended or [0]), max(ended or served or [0])
        if first == last and first:
            changed[source] = first
        elif source == "lifetime" and 0 < first < last:
            changed[source] = (first + last) / 2
            changed["lifetime_slack"] = limits.lifetime_slack + (last - first) / 2
    return replace(limits, **changed)


def limits_of_client(contract: Contract) -> Limits:
    """The limits that a client must keep: those of the contract, or what clauses about clients state themselves.

    Of several numbers for one limit the strictest counts.
    """
    own: dict[str, list[float]] = {}
    for clause in contract.clauses:
        if clause.subject is Subject.CLIENT:
            for parameter in fields(KINDS[clause.kind].parameters):
                source = parameter.metadata.get("limits")
                if isinstance(source, str) and source in _STRICTEST:
                    own.setdefault(source, []).append(getattr(clause.parameters, parameter.name))
    return replace(contract.limits, **{source: _STRICTEST[source](values) for source, values in own.items()})


_STRICTEST: Mapping[str, Callable[[list[float]], Any]] = {"polls": min, "lifetime": min, "wait": max, "batch_wait": max}

_STATES = {
    "lifetime": Subject.PROVIDER,
    "polls": Subject.PROVIDER,
    "wait": Subject.CLIENT,
    "batch_wait": Subject.CLIENT,
}
"""Whose clauses state a limit for all."""


def bind(
    kind_: Kind,
    values: dict[str, Any],
    limits: Limits,
    tables: Mapping[str, Any] = _NO_TABLES,
    stated: Limits | None = None,
) -> Any:
    """The parameters of a clause from its own values and the contract's limits; raises `ParameterError`.

    `tables` are the tables of the contract that a parameter may be, by name. `stated` are the limits together with the
    numbers of other clauses (see `stated_limits`), for a kind that states none itself.
    """
    bound: dict[str, Any] = {}
    sources = [parameter.metadata.get("limits") for parameter in fields(kind_.parameters)]
    if stated is not None and all(source in (None, "*") for source in sources):
        limits = stated
    own = {
        parameter.metadata["limits"]: values[parameter.name]
        for parameter in fields(kind_.parameters)
        if parameter.metadata.get("limits") not in (None, "*") and parameter.name in values
    }
    limits = replace(limits, **own)  # a number of the clause's own is the limit that it is judged by
    for parameter in fields(kind_.parameters):
        if not parameter.init:
            continue
        source = parameter.metadata.get("limits")
        if "contract" in parameter.metadata:
            bound[parameter.name] = tables[parameter.metadata["contract"]]
        elif source == "*":
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
    named = (each for each in fields(kind_.parameters) if each.init and "contract" not in each.metadata)
    own = (each for each in named if each.metadata.get("limits") != "*")
    return tuple(parameter.name for parameter in own)
