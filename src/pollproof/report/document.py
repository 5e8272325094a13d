"""The report as one JSON document (schemas/pollproof/report.schema.json); every other report is a view of it."""

from __future__ import annotations

import math
from collections.abc import Set
from datetime import UTC, datetime
from typing import Any

from pollproof.clauses import KINDS, faults_of
from pollproof.contract.model import Clause, Contract
from pollproof.contract.sources import Observation
from pollproof.monitor.coverage import CREATED, ENDED
from pollproof.monitor.ledger import Evidence, Ledger, LedgerEntry, Verdict
from pollproof.report.body_phrases import state_in_words
from pollproof.report.clause_locations import defined_in
from pollproof.report.coverage import coverage_of, exercising
from pollproof.runs.invocation import command_line, versions
from pollproof.runs.outcome import COVERAGE, Document, decided, outcome_of
from pollproof.runs.result import AnyResult
from pollproof.runs.spec import Policy
from pollproof.secrets.redact import MINIMUM_SECRET, Redactor
from pollproof.trace.bodies import Unreadable, read_json
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.version import __version__

UNMASKED = (
    f"a key of fewer than {MINIMUM_SECRET} characters cannot be distinguished from ordinary words, so it is not masked"
)

MAXIMUM_TEXT = 2000
"""Characters of one body in a report; results may be long, and their beginning suffices."""


def build_document(result: AnyResult, policy: Policy | None = None) -> Document:
    """The report of one run of any mode, with its outcome; `policy` replaces that of the run."""
    spec, ledger, detail = result.spec, result.ledger, result.detail
    contract: Contract = spec.contract
    redactor = Redactor(spec.secrets() | result.keys)
    error = result.error or detail.error()
    document: Document = {
        "pollproof": __version__,
        "mode": spec.mode,
        "provider": contract.name,
        "target": redactor.text(spec.target),
        "outcome": "",
        "error": None if error is None else redactor.text(error),
        "seed": spec.random_seed,
        "clock": redactor.text(result.clock),
        "exchanges": result.exchanges,
        "examples": result.examples,
        "seconds": round(result.seconds, 3),
        "started": datetime.fromtimestamp(result.started, UTC).isoformat(timespec="seconds"),
        "command_line": command_line(redactor),
        "versions": versions(),
        "notes": [
            redactor.text(note) for note in (*result.notes, *detail.notes(), *([UNMASKED] if redactor.unmasked else []))
        ],
        "cuts": [{"reason": redactor.text(cut.reason), "cause": cut.cause} for cut in result.cuts],
        "clauses": [
            *(_explained(result, clause) for clause in clause_documents(contract, ledger, redactor)),
            *_findings_beside(result, redactor),
        ],
        "coverage": coverage_of(contract, ledger),
        "tasks": {"created": ledger.seen.tasks[CREATED], "ended": ledger.seen.tasks[ENDED]},
        "observations": [observe(observation, result.solving) for observation in contract.observations],
        "unspecified": [{"about": entry.about, "reason": entry.reason} for entry in contract.unspecified],
        "deselected": 0,
        "complete": result.complete and error is None,
    }
    if spec.mode != "verify":  # whose walks go to every limit and beyond
        document["slack"] = ledger.seen.slack.figures(contract.limits)
    document |= detail.sections(redactor)
    if spec.selected is not None:
        document = only(document, spec.selected)
    document = with_reproduction(document, redactor.text(spec.command()))
    return decided(document, spec.policy if policy is None else policy)


def _findings_beside(result: AnyResult, redactor: Redactor) -> list[Document]:
    """The violations of a ledger beside that of the run."""
    detail, ledger = result.detail, result.detail.beside()
    found = [] if ledger is None else clause_documents(result.spec.contract, ledger, redactor)
    return [detail.explain_beside(_explained(result, clause)) for clause in found if clause["violation"] is not None]


def _explained(result: AnyResult, clause: Document) -> Document:
    """A clause with what its run has beside a violation, or why nothing has exercised it."""
    if clause["violation"] is not None:
        return {**clause, "violation": clause["violation"] | result.detail.evidence_of(clause["id"])}
    if clause["verdict"] != Verdict.UNEXERCISED.value:
        return clause
    contract: Contract = result.spec.contract
    own = contract.clause(clause["id"])
    idle = result.idle.get(own.id) or result.detail.idle(own)
    unjudged = result.ledger[own.id].unjudged
    if unjudged is not None and (idle is None or idle.cause == "unrecorded"):
        return {**clause, "reason": unjudged.reason, "cause": unjudged.cause}
    conditional = KINDS[own.kind].conditional
    if idle is None and conditional is not None and (reason := conditional(contract, own)):
        return {**clause, "reason": reason, "cause": "open"}
    if idle is None:
        return {**clause, "reason": f"it needs {exercising(contract, own)}"}
    found = {**clause, "reason": idle.reason, "cause": idle.cause}
    return found | ({"not_run": True} if idle.cause == "deselected" else {})


def with_reproduction(document: Document, command: str) -> Document:
    """The document with the command that shows each violation again, given the one that shows all of them."""
    clauses = document["clauses"]
    return {**document, "clauses": [_with_reproduction(clause, command) for clause in clauses]}


def _with_reproduction(clause: Document, command: str) -> Document:
    violation = clause["violation"]
    if violation is None:
        return clause
    command_line = f"{command} -k {clause['id']}"
    if "scenario" in violation:
        before, mark, after = command.partition(" -- ")
        command_line = f"{before} --scenario {violation['scenario']}{mark}{after}"
    return {**clause, "violation": {**violation, "again": command_line}}


def only(document: Document, identifiers: Set[str]) -> Document:
    """The document with these clauses alone, and what it has of their deadlines."""
    clauses = [clause for clause in document["clauses"] if clause["id"] in identifiers]
    left_out = document.get("deselected", 0) + len(document["clauses"]) - len(clauses)
    document = {**document, "partial": True, "deselected": left_out, "clauses": clauses}
    if "coverage" not in document:
        return document
    deadlines = [entry for entry in document["coverage"]["deadlines"] if entry["clause"] in identifiers]
    return {**document, "coverage": {"statuses": [], "transitions": [], "deadlines": deadlines}}


def join_documents(documents: list[Document]) -> Document:
    """One document of several providers: the figures added up, the worst outcome, the clauses in one list."""
    if len(documents) == 1:
        return documents[0]
    worst = max((outcome_of(document) for document in documents), key=lambda outcome: outcome.severity)
    return {
        **documents[0],
        "provider": ", ".join(document["provider"] for document in documents),
        "target": ", ".join(dict.fromkeys(document["target"] for document in documents)),
        "outcome": worst.value,
        "error": next((document["error"] for document in documents if document["error"]), None),
        "exchanges": sum(document["exchanges"] for document in documents),
        "examples": sum(document["examples"] for document in documents),
        "seconds": round(sum(document["seconds"] for document in documents), 3),
        **{
            key: [entry for document in documents for entry in document[key]]
            for key in ("notes", "clauses", "observations", "unspecified")
        },
        "coverage": {
            sort: [entry for document in documents for entry in document.get("coverage", {}).get(sort, [])]
            for sort in COVERAGE
        },
        "cuts": [cut for document in documents for cut in document.get("cuts", ())],
        "causes": [
            f"{document['provider']}: {cause}" for document in documents for cause in document.get("causes", ())
        ],
        "tasks": {
            name: sum(document.get("tasks", {}).get(name, 0) for document in documents) for name in ("created", "ended")
        },
        "deselected": sum(document.get("deselected", 0) for document in documents),
        "complete": all(document["complete"] for document in documents),
    }


def clause_documents(contract: Contract, ledger: Ledger, redactor: Redactor) -> list[Document]:
    """What a ledger has of every clause."""
    violated = any(entry.evidence is not None for entry in ledger.entries.values())
    reader = Reader(contract) if violated else None
    defined = defined_in(contract)
    found = [_entry(contract, reader, entry, redactor) for entry in ledger.entries.values()]
    return [{**clause, "defined": defined[clause["id"]]} if clause["id"] in defined else clause for clause in found]


def _entry(contract: Contract, reader: Reader | None, entry: LedgerEntry, redactor: Redactor) -> Document:
    clause = entry.clause
    document: Document = {
        "id": clause.id,
        "provider": contract.name,
        "level": clause.level.value,
        "subject": clause.subject.value,
        "kind": clause.kind,
        "source": "; ".join(str(citation) for citation in clause.citations),
        "sources": [
            {"document": citation.source.document, "place": str(citation), "basis": citation.source.basis}
            for citation in clause.citations
        ],
        "text": clause.text,
        "proof": _proof(contract, clause),
        "verdict": entry.verdict.value,
        "exercised": entry.exercised,
        "violation": None,
    }
    if entry.evidence is not None and reader is not None:
        document["violation"] = _evidence(reader, entry.evidence, redactor) | {"times": entry.violations}
        document |= {"hint": KINDS[clause.kind].hint} if KINDS[clause.kind].hint else {}
    return document


def _proof(contract: Contract, clause: Clause) -> Document:
    """The mutants that show that a clause can fail, and the legal variants that it lets pass, by name."""
    return {
        "mutants": [fault.name for fault in faults_of(contract, clause)],
        "variants": [variant.name for variant in contract.variants if clause.id in variant.clauses],
    }


def _evidence(reader: Reader, evidence: Evidence, redactor: Redactor) -> Document:
    violation = evidence.violation
    trace = evidence.trace
    first = trace.exchanges[0].sent if trace.exchanges else 0.0
    places = trace.places or [None] * len(trace)
    return {
        "message": redactor.beginning(violation.message, MAXIMUM_TEXT),
        "expected": redactor.beginning(violation.expected, MAXIMUM_TEXT),
        "seen": redactor.beginning(violation.seen, MAXIMUM_TEXT),
        "trace": [
            shown_exchange(reader, number, exchange, first, redactor) | ({} if place is None else {"place": place})
            for number, exchange, place in zip(trace.numbers, trace.exchanges, places, strict=True)
        ],
        "deadlines": [
            {
                "at": _time(deadline.at - first),
                "text": redactor.text(deadline.text),
                "start": None if deadline.start is None else _time(deadline.start - first),
            }
            for deadline in sorted(violation.deadlines)
            if math.isfinite(deadline.at - first)
        ],
    }


def shown_exchange(reader: Reader, number: int, exchange: Exchange, first: float, redactor: Redactor) -> Document:
    """One exchange as a report has it.

    Args:
        reader: a reader of the contract.
        number: the place of the exchange in its trace, from 0 on.
        exchange: the exchange.
        first: the time in seconds from which the report counts.
        redactor: masks the secrets of the run.
    """
    request, response = exchange.request, exchange.response
    event = reader.read(exchange, number)
    answer: Document | None = None
    if response is not None:
        answer = {"status": response.status, "body": _body(response.body, redactor)}
        found = state_in_words(event)
        if found is not None:
            answer["said"] = redactor.beginning(found, MAXIMUM_TEXT)
    connection = {} if exchange.connection == 1 else {"connection": exchange.connection}
    return {
        "number": number,
        **connection,
        "operation": redactor.text(request.path) if event is None else event.operation.name,
        "probe": exchange.probe,
        "sent": _time(exchange.sent - first),
        "received": _time(exchange.received - first),
        "request": {
            "method": request.method,
            "path": redactor.beginning(request.path, MAXIMUM_TEXT),
            "body": _body(request.body, redactor),
        },
        "response": answer,
        "failure": None if exchange.failure is None else redactor.text(exchange.failure),
    }


def _time(seconds: float) -> float | None:
    return None if math.isnan(seconds) else round(seconds, 6)


def _body(body: bytes, redactor: Redactor) -> Any:
    if not body:
        return None
    if len(body) <= MAXIMUM_TEXT:
        value = read_json(body)
        if type(value) is not Unreadable:
            return redactor.value(value)
    return redactor.beginning(_printable(body), MAXIMUM_TEXT)


def _printable(body: bytes) -> str:
    """The beginning of a body in printable form, in one line."""
    text = body[: 16 * MAXIMUM_TEXT].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()


def observe(observation: Observation, times: list[tuple[float, float]]) -> Document:
    """What was seen of a figure that is reported and never judged; `times` as for `Exploration.solving`."""
    return {
        "id": observation.id,
        "text": observation.text,
        "source": "; ".join(str(citation) for citation in observation.citations),
        "documented": [observation.at_least, observation.at_most],
        "count": len(times),
        "seen": [round(min(low for low, _ in times), 3), round(max(high for _, high in times), 3)] if times else None,
    }
