"""The rule book: one file for each family of kinds. Importing this package registers them all in `KINDS`.

A kind holds all that belongs to it: its sentence, check, parameters, the words for what exercises it, its mutants, and
the walks and scenarios that it needs. `docs/clause-kinds.md` is made from it.
"""

from importlib import import_module
from pkgutil import iter_modules

from pollproof.clauses.faults import Fault
from pollproof.clauses.kinds import HELD, KINDS, Deadline, Finding, Kind, Unjudged, Violation
from pollproof.contract.model import Clause, Contract

__all__ = ["HELD", "KINDS", "Deadline", "Finding", "Kind", "Unjudged", "Violation", "faults_of"]

for _family in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_family}")


def faults_of(contract: Contract, clause: Clause) -> list[Fault]:
    """What breaks a clause: the faults that its contract writes down, else those that follow from its kind."""
    if clause.breaks:
        return [Fault(change.name, changes=(change,), companions=("answer",)) for change in clause.breaks]
    return KINDS[clause.kind].mutants(contract, clause)
