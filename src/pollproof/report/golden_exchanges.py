"""A right and a wrong exchange for a clause: from the bundled histories, else from a run of a mutant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pollproof.bundled import folder
from pollproof.contract.model import Clause, Contract, Role, Subject
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.recordings.order import by_time
from pollproof.recordings.reading import exchanges
from pollproof.recordings.tally import Tally
from pollproof.report.document import clause_documents as documented
from pollproof.report.document import shown_exchange
from pollproof.report.timeline import lines
from pollproof.secrets.redact import Redactor
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader, reader_of

GOOD = ("reference.yaml", "independent.yaml", "walks.yaml.gz")
"""The good histories of a bundled provider, short ones first."""

GoldenExample = tuple[str, str, list[str]]
"""What was expected, what came, and the lines of the trace."""


def wrong_example(contract: Contract, clause: Clause) -> GoldenExample | None:
    """The shortest trace that is known to break a clause; None where there is neither a history nor a mutant."""
    file = folder("cassettes") / contract.name / "bad" / f"{clause.id}.yaml"
    ledger = _judged(contract, file) if file.is_file() else _mutant_ledger(contract, clause)
    if ledger is None or ledger[clause.id].evidence is None:
        return None
    (found,) = [each for each in documented(contract, ledger, Redactor(set())) if each["id"] == clause.id]
    violation: dict[str, Any] = found["violation"]
    return violation["expected"], violation["seen"], lines(violation["trace"], violation["deadlines"])


def right_example(contract: Contract, clause: Clause) -> list[str]:
    """An exchange of a good history that exercises a clause and keeps it, behind the creation of its task."""
    reader = Reader(contract)
    for name in GOOD:
        file = folder("cassettes") / contract.name / name
        monitor = Monitor(reader_of(contract), clauses_of(contract))
        created: dict[str, tuple[int, Exchange]] = {}
        for number, exchange in enumerate(_exchanges(contract, file) if file.is_file() else ()):
            before = monitor.ledger[clause.id].exercised
            event = monitor.observe(exchange)
            task = None if event is None else event.task
            if monitor.ledger[clause.id].exercised > before:
                pair = [created[task]] if task in created else []
                first = (pair or [(number, exchange)])[0][1].sent
                shown = [*pair, (number, exchange)]
                return lines([shown_exchange(reader, place, each, first, Redactor(set())) for place, each in shown])
            if event is not None and event.operation.role is Role.CREATE and task is not None:
                created[task] = number, exchange
    return []


def _judged(contract: Contract, file: Path) -> Ledger:
    monitor = Monitor(reader_of(contract), clauses_of(contract))
    for exchange in _exchanges(contract, file):
        monitor.observe(exchange)
    return monitor.ledger


def _exchanges(contract: Contract, file: Path) -> Iterator[Exchange]:
    return (recorded.exchange for recorded in by_time(exchanges([file], contract, Tally(), None)))


def _mutant_ledger(contract: Contract, clause: Clause) -> Ledger | None:
    """The ledger of a run of the first mutant of a clause."""
    from pollproof.proof.mutants import mutants_of
    from pollproof.verify.plan import Plan
    from pollproof.verify.reference_client import judge_client
    from pollproof.verify.run import explore

    mutant = next(iter(mutants_of(contract, clause)), None)
    if mutant is None:
        return None
    if mutant.subject is Subject.CLIENT:
        return judge_client(contract, client=mutant.client_type, changes=mutant.changes).ledger
    return explore(Plan(contract, examples=0), provider=mutant.provider(), until=frozenset([clause.id])).ledger
