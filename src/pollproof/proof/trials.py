"""Trials: one mutant, or one legal variant, explored and judged.

A mutant provider is taken through all walks to their end, though its clause may have been broken long before: what
comes after shows whether other clauses complain too. Only a mutant that the walks let live meets the state machine,
and that ends at the first violation of its clause. A mutant client does all the work of the reference client.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from pollproof.clauses import KINDS
from pollproof.contract.model import Contract, Subject, Variant
from pollproof.monitor.ledger import Ledger, Verdict
from pollproof.proof.mutants import Mutant, variant_provider
from pollproof.reference.answers import change
from pollproof.text import plural
from pollproof.verify.plan import Plan
from pollproof.verify.reference_client import judge_client
from pollproof.verify.run import explore

MUTANT_EXAMPLES = 60
"""Examples of the state machine for a mutant that the walks let live."""

VARIANT_EXAMPLES = 5
"""Examples of the state machine for a legal variant, after all walks."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one mutant or one legal variant.

    `clauses` are the clause that a mutant breaks, or those whose freedom a variant shows; `companions` may be violated
    beside it. `violated` counts, for each violated clause, the exchanges up to the first one that broke it; `held` are
    the clauses that were exercised and not broken. `error` is why it could not be carried out, `survival` why its
    clause did not find a mutant, and what to change.
    """

    name: str
    subject: Subject
    clauses: tuple[str, ...]
    companions: tuple[str, ...]
    violated: Mapping[str, int]
    held: frozenset[str]
    exchanges: int
    is_mutant: bool
    error: str | None = None
    survival: str = ""

    @property
    def killed(self) -> bool:
        """Whether its own clause found the mutant."""
        return self.clauses[0] in self.violated

    @property
    def exchanges_to_kill(self) -> int | None:
        """Exchanges up to the first that its own clause held against the mutant; None where it survived."""
        return self.violated.get(self.clauses[0]) if self.is_mutant else None

    @property
    def bystanders(self) -> tuple[str, ...]:
        """Clauses that complained though neither they nor their companion is broken: of a variant, any."""
        own = {*self.clauses, *self.companions} if self.is_mutant else set[str]()
        return tuple(name for name in self.violated if name not in own)


def try_mutant(mutant: Mutant, seed: int = 0, examples: int = MUTANT_EXAMPLES) -> Trial:
    """Explore a mutant provider, or let a mutant client work."""
    error, provider = None, mutant.provider()
    if mutant.subject is Subject.CLIENT:
        ledger = judge_client(mutant.contract, client=mutant.client_type, changes=mutant.changes).ledger
    else:
        plan = Plan(mutant.contract, examples=examples, seed=seed)
        exploring = explore(plan, provider=provider, until=frozenset([mutant.clause.id]))
        ledger, error = exploring.ledger, exploring.error
    trial = _trial(mutant.name, mutant.subject, (mutant.clause.id,), mutant.companions, ledger, error, is_mutant=True)
    return trial if trial.killed else replace(trial, survival=survival_of(mutant, ledger, provider.given))


def survival_of(mutant: Mutant, ledger: Ledger, given: Set[tuple[str, str]]) -> str:
    """Why the clause of a mutant did not find it, and what to change."""
    entry, kind = ledger[mutant.clause.id], KINDS[mutant.clause.kind]
    shown = [
        (operation.name, name, answer)
        for departure in mutant.changes
        for operation in mutant.contract.operations.values()
        for name, answer in operation.answers.items()
        if departure.operation in ("", operation.name) and departure.answer in ("", name)
    ]
    if mutant.changes and all(
        repr(change(answer, where, name, mutant.changes)) == repr(answer) for where, name, answer in shown
    ):
        return "the change alters nothing in the responses of the reference; correct its operation, answer or pointers"
    if mutant.changes and mutant.subject is Subject.PROVIDER and not given & {each[:2] for each in shown}:
        names = " or ".join(sorted({f"'{name}' of {where}" for where, name, _ in shown}))
        return f"the reference never gave the response {names}; add what leads to it, or break another one in `breaks`"
    if not entry.exercised:
        reason = "" if entry.unjudged is None else f" ({entry.unjudged.reason})"
        needed = kind.exercised or f"what the walks {', '.join(kind.walks)} do"
        return f"nothing exercised the clause{reason}; it takes {needed}: give the reference a response that shows it"
    held = plural(entry.exercised, "exchange")
    return f"the clause held in {held} with it; break in `breaks` a value that the clause looks at"


def try_variant(contract: Contract, variant: Variant, seed: int = 0, examples: int = VARIANT_EXAMPLES) -> Trial:
    """Explore a legal variant, and let the reference client work with it."""
    plan = Plan(contract, examples=examples, seed=seed)
    exploring = explore(plan, provider=variant_provider(contract, variant))
    ledger = Ledger(contract.clauses)
    ledger.absorb(exploring.ledger)
    judge_client(contract, ledger, variant=variant)
    return _trial(variant.name, Subject.PROVIDER, variant.clauses, (), ledger, exploring.error, is_mutant=False)


def _trial(
    name: str,
    subject: Subject,
    clauses: tuple[str, ...],
    companions: tuple[str, ...],
    ledger: Ledger,
    error: str | None,
    *,
    is_mutant: bool,
) -> Trial:
    violated = {
        identifier: entry.first or 0
        for identifier, entry in ledger.entries.items()
        if entry.verdict is Verdict.VIOLATED
    }
    held = frozenset(name for name, entry in ledger.entries.items() if entry.verdict is Verdict.HELD)
    return Trial(name, subject, clauses, companions, violated, held, ledger.exchanges, is_mutant, error)
