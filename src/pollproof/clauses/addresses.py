"""Addresses that answers give, and the places where a key may stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, from_contract, mutates
from pollproof.clauses.shape import ABOUT_THE_KEY, ANY
from pollproof.contract.declared import FILLED_BY_LOADER, ONE_OR_MORE
from pollproof.contract.model import Break, Clause, Contract, Role, id_mark, link_mark
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.requests import RequestPattern, query_of
from pollproof.contract.vocabulary import CALLBACK, CREATE, FETCH, POLL
from pollproof.tasks.account import Account
from pollproof.tasks.state import TaskState
from pollproof.trace.events import STATE, Event, task_key

GIVERS = (CREATE, POLL, FETCH, Role.CANCEL)


@dataclass(frozen=True, slots=True)
class LinkRule:
    """The operation that an address leads to, and the operations whose responses give it."""

    leads_to: Annotated[str, "The operation that the address leads to; its place is among the `links` of others."]
    operations: Annotated[Any, FILLED_BY_LOADER] = from_contract("operations")
    operation: Annotated[tuple[str, ...], "The operations that give the address; all when left out.", ONE_OR_MORE] = ()
    pattern: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", RequestPattern(self.operations[self.leads_to]))


@Kind(
    "link",
    roles=GIVERS,
    exercised="a response that gives the address",
    walks=("one-after-another",),
    hint="Make the address from the route of the operation and the id of the task.",
)
def link(history: TaskState, event: Event, rule: LinkRule) -> Finding:
    """The address that a response gives is that of the documented operation, for the same task."""
    if event.answer is not STATE or event.request_errors or rule.leads_to not in event.operation.links:
        return None
    address = event.marks.get(link_mark(rule.leads_to))
    if address is None or address == "":
        return None
    target = rule.operations[rule.leads_to]
    expected = f"an address of the operation {rule.leads_to} ({target.method} {target.path})"
    path = rule.pattern.within(address, event.exchange.request.path) if isinstance(address, str) else None
    if path is None:
        return Violation(expected, f"{address!r:.200}")
    variables = {**(rule.pattern.variables(path.partition("?")[0]) or {}), **query_of(path)}
    named = compile_place(target.task_id)(View(MISSING, MISSING, variables, {}, {}, None))
    own: Any = event.task
    if target.takes:
        own = event.marks.get(id_mark(target.takes), history.marks.get(id_mark(target.takes)))
    if named is MISSING or own is None or task_key(named) == task_key(own):
        return HELD
    return Violation(f"the address of the task {own}", f"{address!r:.200}")


@mutates("link")
def _link(contract: Contract, clause: Clause) -> Iterator[Fault]:
    rule: LinkRule = clause.parameters
    for operation in contract.operations.values():
        place = operation.links.get(rule.leads_to)
        if place is None or (rule.operation and operation.name not in rule.operation):
            continue
        for name, answer in operation.answers.items():
            if place.area == "header" and place.steps[0] in {header.lower() for header, _ in answer.headers}:
                change = Break("", operation.name, name, headers=((place.steps[0], "https://example.com/nowhere"),))
            elif place.area == "body" and answer.body is not None and name in ("created", "succeeded"):
                change = Break("", operation.name, name, set=((place.pointer, "https://example.com/nowhere"),))
            else:
                continue
            yield Fault(f"an address that leads nowhere ({operation.name}, {name})", changes=(change,), companions=ALL)
            return


ALL = ("answer", "shape", "echo", "own-id", "unique-id", "result-available", "finishes")


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """The places where a key may stand."""

    credential: Annotated[Any, FILLED_BY_LOADER] = from_contract("credential")
    read: Annotated[Any, FILLED_BY_LOADER] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = [compile_place(place) for place in (self.credential.at, *(each.at for each in self.credential.others))]
        object.__setattr__(self, "read", places)


@Kind(
    "key-accepted",
    roles=ANY,
    exercised="requests with the key at each of its documented places",
    walks=("key-at-other-places",),
    hint="Look for the key at every documented place before refusing a request.",
)
def key_accepted(account: Account, event: Event, rule: KeyPlaces) -> Finding:
    """The key is accepted at each of its documented places."""
    request, response = event.exchange.request, event.exchange.response
    if response is None or event.operation.role is CALLBACK or account.last_created is None:
        return None
    view = View(event.request, MISSING, query_of(request.path), request.headers, {}, None)
    first, *others = (read(view) for read in rule.read)
    if first is not MISSING or not any(shown is not MISSING for shown in others):
        return None
    if event.answer is STATE:
        return HELD
    if response.status not in ABOUT_THE_KEY:
        return None
    return Violation("the key to be accepted at each of its documented places", f"HTTP {response.status}")


class KnowsOnePlace(FaultyProvider):
    """Looks for the key at its first place alone."""

    def shown_key(self, view: View) -> Any:
        return compile_place(self.contract.credential.at)(view)


@mutates("key-accepted")
def _key_accepted(contract: Contract, clause: Clause) -> Iterator[Fault]:
    if contract.credential.others:
        together = ("lifetime-served", "budget-served", "own-id", "result-available", "terminal", "answer")
        yield Fault("the key is accepted at its first place alone", KnowsOnePlace, companions=together)
