"""Mutants and legal variants: proof that each clause can fail, and that none fails without cause.

A mutant is the reference provider (or client) with exactly one clause broken. Most follow from the kind of the
clause; the rest are written in the contract as `breaks`. A legal variant differs in what the documents leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pollproof.clauses import KINDS, faults_of
from pollproof.clauses.faults import Fault, FaultyClient, FaultyProvider, Settings
from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Break, Clause, Contract, Subject, Variant
from pollproof.errors import InputError
from pollproof.reference.provider import ReferenceProvider
from pollproof.text import nearest
from pollproof.verify.reference_client import ReferenceClient


class MutantError(InputError):
    """A mutant that does not exist; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A reference with one clause broken. `name` is how, in words.

    `companions` are clauses that cannot be kept when this one is broken.
    """

    name: str
    clause: Clause
    contract: Contract
    provider_type: type[ReferenceProvider] = ReferenceProvider
    client_type: type[ReferenceClient] = ReferenceClient
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()
    companions: tuple[str, ...] = ()

    @property
    def subject(self) -> Subject:
        return self.clause.subject

    def provider(self, clock: Clock | None = None) -> ReferenceProvider:
        """The mutant provider on a clock (a virtual one when none is given)."""
        return self.provider_type(self.contract, clock or VirtualClock(), self.settings, self.changes)


def mutants_of(contract: Contract, clause: Clause) -> list[Mutant]:
    """The mutants of one clause: those its contract writes down, and those that follow from its kind."""
    return [_mutant(contract, clause, fault) for fault in faults_of(contract, clause)]


def _mutant(contract: Contract, clause: Clause, fault: Fault) -> Mutant:
    """One mutant: what the fault overrides, put before the reference."""
    others = ((other.id, other.kind) for other in contract.clauses)
    companions = tuple(name for name, kind in others if kind in fault.companions or KINDS[kind].broad)
    return Mutant(
        fault.name,
        clause,
        contract,
        ReferenceProvider if fault.provider is None else _provider_type(fault.provider),
        ReferenceClient if fault.client is None else _client_type(fault.client),
        fault.settings,
        fault.changes,
        companions,
    )


def _provider_type(fault: type[FaultyProvider]) -> type[ReferenceProvider]:
    return type(fault.__name__, (fault, ReferenceProvider), {})


def _client_type(fault: type[FaultyClient]) -> type[ReferenceClient]:
    return type(fault.__name__, (fault, ReferenceClient), {})


def mutants(contract: Contract) -> list[Mutant]:
    """All mutants of a contract, in the order of its clauses."""
    return [mutant for clause in contract.clauses for mutant in mutants_of(contract, clause)]


def mutant_named(contract: Contract, name: str) -> Mutant:
    """The mutant provider of that name, or the first of a clause id; raises `MutantError`."""
    found = [mutant for mutant in mutants(contract) if mutant.subject is Subject.PROVIDER]
    for mutant in found:
        if name in (mutant.name, mutant.clause.id):
            return mutant
    words = [mutant.name for mutant in found] + [mutant.clause.id for mutant in found]
    raise MutantError(f"'{name}' is not a mutant of {contract.name}{nearest(name, words)}")


def variants_of(contract: Contract, clause: Clause) -> list[Variant]:
    """The legal variants that show the freedom of a clause."""
    return [variant for variant in contract.variants if clause.id in variant.clauses]


def variant_settings(variant: Variant) -> Settings:
    """The settings of a reference that is this variant."""
    return Settings(**variant.settings)


def variant_provider(contract: Contract, variant: Variant, clock: Clock | None = None) -> ReferenceProvider:
    """The reference provider as a legal variant."""
    return ReferenceProvider(contract, clock or VirtualClock(), variant_settings(variant), variant.changes)
