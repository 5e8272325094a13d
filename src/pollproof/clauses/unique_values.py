"""Values that are another in every response, such as the id of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pollproof.clauses.faults import Fault
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, mutates, numbered
from pollproof.contract.declared import ONE_OR_MORE
from pollproof.contract.model import Break, Clause, Contract
from pollproof.contract.places import Place
from pollproof.contract.vocabulary import ABOUT_A_TASK, CREATE
from pollproof.tasks.account import IDEMPOTENCY_MARK, Account
from pollproof.trace.events import Event


@dataclass(frozen=True, slots=True)
class UniquePlace:
    """`at`: a place in responses."""

    at: Annotated[Place, "The place of the value, in responses."]
    operation: Annotated[tuple[str, ...], "The operations that answer; all when left out.", ONE_OR_MORE] = ()

    @property
    def remembered(self) -> tuple[Place, ...]:
        """The place whose values are read in every response."""
        return (self.at,)


@Kind(
    "unique-value",
    roles=(CREATE, *ABOUT_A_TASK),
    probes=True,
    exercised="a second response with a value there",
    walks=("one-after-another",),
)
def unique_value(account: Account, event: Event, rule: UniquePlace) -> Finding:
    """A value is another one in every response, as the id of a request is."""
    value = event.marks.get("@" + rule.at.text)
    if value is None or isinstance(value, (dict, list)) or not account.whole:
        return None
    if event.operation.role is CREATE and account.created_with(event.marks.get(IDEMPOTENCY_MARK)) is not None:
        return None  # a replay may be the first response as it was
    before = account.first_with(rule.at.text, value, event.number)
    if before is None:
        return HELD if account.values_at(rule.at.text) > 1 else None
    return Violation(f"another {rule.at.text} than in any response before", f"{value!r:.100} again", numbered(before))


@mutates("unique-value")
def _unique_value(contract: Contract, clause: Clause) -> Iterator[Fault]:
    at: Place = clause.parameters.at
    wrong = "00000000-0000-4000-8000-000000000000"
    for name in clause.parameters.operation or ("",):
        if at.area == "header":
            change = Break("", operation=name, headers=((at.steps[0], wrong),))
        else:
            change = Break("", operation=name, set=((at.pointer, wrong),))
        yield Fault(f"the same {at.text} in every response", changes=(change,), companions=("answer", "shape"))
