"""Mutants and legal variants: proof that each clause can fail, and that none fails without cause.

A mutant is the reference provider (or client) with exactly one clause broken. Most follow from the kind of the
clause; the rest are written in the contract as `breaks`. A legal variant differs in what the documents leave open.
"""

from pollproof.proof.mutants import batches, callbacks, clients, fields, identity, lifecycle, limits, refusals
from pollproof.proof.mutants.collect import (
    Mutant,
    MutantError,
    mutant_named,
    mutants,
    mutants_of,
    variant_provider,
    variant_settings,
    variants_of,
)

__all__ = [
    "Mutant",
    "MutantError",
    "batches",
    "callbacks",
    "clients",
    "fields",
    "identity",
    "lifecycle",
    "limits",
    "mutant_named",
    "mutants",
    "mutants_of",
    "refusals",
    "variant_provider",
    "variant_settings",
    "variants_of",
]
