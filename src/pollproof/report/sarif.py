"""The report as SARIF 2.1.0, for code scanning: each clause is a rule, each violation a result with its trace."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from pollproof.report.matrix import provider_of
from pollproof.report.phrases import doubts, failed, failure_text, summarize_run
from pollproof.report.visible import brief, tidy
from pollproof.runs.outcome import Document, outcome_of
from pollproof.text import MAXIMUM_SHOWN, json_text, one_line
from pollproof.version import __version__

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

BUNDLED = "POLLPROOF"
"""What the addresses of bundled contracts are relative to."""

MAXIMUM_STEPS = 200
"""Exchanges of one trace that a result has: the last ones of a longer trace, which break the rule."""


def sarif_of(documents: Sequence[Document]) -> str:
    """One run for each report."""
    runs = [_run(tidy(document), number) for number, document in enumerate(documents, 1)]
    return json_text({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": runs}) + "\n"


def _run(document: Document, number: int) -> Any:
    clauses = document["clauses"]
    return {
        "tool": {
            "driver": {
                "name": "pollproof",
                "version": __version__,
                "rules": [_rule(clause) for clause in clauses],
            }
        },
        "automationDetails": {"id": f"pollproof/{document['mode']}/{document['provider']}/{number}"},
        "originalUriBaseIds": {BUNDLED: {"description": {"text": "The installed pollproof, with its contracts."}}},
        "invocations": [_invocation(document)],
        "results": [
            _result(document, clause, index) for index, clause in enumerate(clauses) if clause["violation"] is not None
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {key: document[key] for key in ("mode", "provider", "target", "outcome", "complete", "seed")},
    }


def _rule(clause: Document) -> Any:
    proof = clause.get("proof", {"mutants": [], "variants": []})
    about = [f"{clause['level']}, about the {clause['subject']}.", f"Documented in: {clause['source']}."]
    if proof["mutants"]:
        about.append(f"Mutants that violate it: {', '.join(proof['mutants'])}.")
    if proof["variants"]:
        about.append(f"Legal variants that hold it: {', '.join(proof['variants'])}.")
    return {
        "id": clause["id"],
        "shortDescription": {"text": _plain(clause["text"], 500)},
        "fullDescription": {"text": _plain(clause["text"])},
        "help": {"text": _plain(" ".join([clause["text"], *about]))},
        "defaultConfiguration": {"level": "error" if clause["level"] == "MUST" else "warning"},
        "properties": {"tags": [clause["level"], clause["subject"], clause["kind"]], "source": clause["source"]},
    }


def _invocation(document: Document) -> Any:
    notices = [("error", words) for words in doubts(document)]
    words = [summarize_run(document), *document["notes"]]
    return {
        "executionSuccessful": document["outcome"] in ("passed", "violated") and not notices,
        "exitCode": outcome_of(document).status,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": _plain(text)}}
            for level, text in (*notices, *(("note", note) for note in words))
        ],
    }


def _result(document: Document, clause: Document, index: int) -> Any:
    violation = clause["violation"]
    words = [failure_text(clause)]
    if violation.get("again"):
        words.append(f"Reproduce: {violation['again']}")
    result = {
        "ruleId": clause["id"],
        "ruleIndex": index,
        "kind": "fail",
        "level": "error" if failed(document, clause) or clause["level"] == "MUST" else "warning",
        "message": {"text": _plain("\n".join(words))},
        "locations": [_location(document, clause)],
        "codeFlows": [{"threadFlows": [{"locations": list(_steps(document, clause))}]}],
        "partialFingerprints": {"pollproofClause/v1": _fingerprint(document, clause)},
        "occurrenceCount": violation["times"],
        "properties": {
            "expected": violation["expected"],
            "seen": violation["seen"],
            "exercised": clause["exercised"],
            **({"scenario": violation["scenario"]} if "scenario" in violation else {}),
            **({"deadlines": violation["deadlines"]} if "deadlines" in violation else {}),
        },
    }
    known = clause.get("known")
    if known:
        why = known.get("reason", "") if isinstance(known, dict) else str(known)
        result["suppressions"] = [{"kind": "external", "justification": _plain(why or "a known violation")}]
    return result


def _location(document: Document, clause: Document) -> Any:
    """The recording that shows the violation, else the contract that states the rule; always the operation."""
    last = clause["violation"]["trace"][-1]
    location: dict[str, Any] = {
        "logicalLocations": [
            {"fullyQualifiedName": f"{provider_of(document, clause)}/{last['operation']}", "name": last["operation"]}
        ]
    }
    if "place" in last:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(last["place"])}}
    elif "defined" in clause:
        defined = clause["defined"]
        base = {"uriBaseId": BUNDLED} if defined["bundled"] else {}
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(defined["file"]), **base},
            "region": {"startLine": defined["line"]},
        }
    return location


def _uri(place: str) -> str:
    """The address of the file of a place such as `tape.yaml, entry 3`."""
    file = place.rpartition(", entry ")[0] or place
    return ("file://" if file.startswith("/") else "") + quote(file)


def _steps(document: Document, clause: Document) -> Iterator[Any]:
    trace = clause["violation"]["trace"]
    for number, exchange in enumerate(trace[-MAXIMUM_STEPS:], max(len(trace) - MAXIMUM_STEPS, 0)):
        response = exchange["response"]
        answer = exchange["failure"] or "no response"
        if response is not None:
            answer = f"HTTP {response['status']} {response.get('said') or brief(response['body'])}"
        sent = "" if exchange["sent"] is None else f"{exchange['sent']:.3f} s: "
        text = f"{sent}{exchange['operation']} {brief(exchange['request']['body'])} -> {answer}"
        location: dict[str, Any] = {"message": {"text": _plain(text, 500)}}
        if "place" in exchange:
            location["physicalLocation"] = {"artifactLocation": {"uri": _uri(exchange["place"])}}
        yield {
            "location": location,
            "executionOrder": number + 1,
            "importance": "essential" if number == len(trace) - 1 else "important",
        }


def _fingerprint(document: Document, clause: Document) -> str:
    return hashlib.sha256(f"{document['mode']} {document['provider']} {clause['id']}".encode()).hexdigest()


def _plain(text: str, limit: int = MAXIMUM_SHOWN) -> str:
    """Text of which nothing is read as a link."""
    return "\n".join(one_line(line, limit) for line in text.splitlines()).replace("](", "] (")
