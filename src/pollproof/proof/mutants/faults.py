"""Faults: what the mutant of a kind is made of, and the makers of faults by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pollproof.contract.model import Break, Clause, Contract
from pollproof.reference.provider import ReferenceProvider, Settings
from pollproof.verify.reference_client import ReferenceClient


@dataclass(frozen=True, slots=True)
class Fault:
    """What a kind's mutant is made of."""

    name: str
    provider: type[ReferenceProvider] = ReferenceProvider
    client: type[ReferenceClient] = ReferenceClient
    settings: Settings = field(default_factory=Settings)
    changes: tuple[Break, ...] = ()


MAKERS: dict[str, Callable[[Contract, Clause], Iterator[Fault]]] = {}
"""The maker of faults of each kind, filled when `pollproof.proof.mutants` is imported."""


def mutates(kind: str) -> Callable[[Callable[[Contract, Clause], Iterator[Fault]]], None]:
    """Register a maker of the faults of a kind."""

    def register(maker: Callable[[Contract, Clause], Iterator[Fault]]) -> None:
        MAKERS[kind] = maker

    return register
