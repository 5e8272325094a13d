"""Reports for tests: documents as runs write them, small ones, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from pollproof.bundled import folder
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutants
from pollproof.report.document import build_document, with_reproduction
from pollproof.runs.outcome import Document
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore

ROOT = Path(__file__).parent.parent


@cache
def schema() -> Any:
    return json.loads((folder("schemas") / "pollproof" / "report.schema.json").read_text(encoding="utf-8"))


def valid(document: Document) -> Document:
    """The document, if the published schema allows it."""
    errors = [f"{list(error.absolute_path)}: {error.message[:200]}" for error in _validator().iter_errors(document)]
    assert not errors
    return document


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


@cache
def _explored(clause: str) -> str:
    contract = load_contract(clause.partition(".")[0])
    mutant = next(mutant for mutant in mutants(contract) if mutant.clause.id == clause)
    found = explore(Plan(contract, examples=0), provider=mutant.provider())
    return json.dumps(with_reproduction(build_document(found), f"pollproof verify {contract.name} --seed 0"))


def violated(clause: str = "capsolver.poll.lifetime-ended") -> Document:
    """The report of the first mutant of a clause."""
    document: Document = json.loads(_explored(clause))
    return document


def passed(document: Document | None = None) -> Document:
    """A report without a violation."""
    document = violated() if document is None else document
    clauses = [
        {**clause, "verdict": "held" if clause["verdict"] == "violated" else clause["verdict"], "violation": None}
        for clause in document["clauses"]
    ]
    return {**document, "clauses": clauses, "outcome": "passed"}


def gated(scenarios: Iterable[str], broken: str = "smoke") -> Document:
    """The report of a client that breaks one rule in one scenario."""
    document = violated()
    clauses = [{**clause, "subject": "client"} for clause in document["clauses"][:12]]
    shown = next(clause["violation"] for clause in document["clauses"] if clause["violation"])
    clauses[3] = {**clauses[3], "verdict": "violated", "exercised": 9, "violation": {**shown, "scenario": broken}}
    names = [clause["id"] for clause in clauses]
    output = {"bytes": 5, "head": "hello", "tail": ""}
    return {
        **document,
        "mode": "gate",
        "target": "python client.py",
        "seed": None,
        "outcome": "violated",
        "clauses": clauses,
        "scenarios": [
            {
                "name": name,
                "text": f"What happens in {name}.",
                "expects": "success",
                "run": True,
                "reason": None,
                "ended": "exit status 0",
                "status": 0,
                "as_expected": True,
                "exchanges": 4,
                "virtual_seconds": 12.5,
                "real_seconds": 0.2,
                "output": output,
                "errors": output,
                "clauses": {**dict.fromkeys(names, "held"), **({names[3]: "violated"} if name == broken else {})},
            }
            for name in scenarios
        ],
    }


HOSTILE = (
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=1">',
    "<!--<svg onload=alert(1)>",
    "</style></title></pre></textarea>",
    "{{ 7 * 7 }}{% for x in y %}",
    "\u202egnp.exe\u2066 \u200b\ufeff\x1b[31m\x00\x07\ud800",
    "| a | b |\n|---|---|\n```\n~~~\n</details>",
    "[link](https://evil.invalid) @everyone #1 <b>bold</b> https://evil.invalid $x$",
    "]]>&lt;&#60;&amp;",
    "a" * 300_000,
)
"""Texts that would run, hide, reorder, link, flood or end something, were they not shown as what they are."""


def hostile() -> Document:
    """A report in which every text that comes from elsewhere is hostile."""
    document = violated()
    number = 0

    def poison(value: Any, key: str = "") -> Any:
        nonlocal number
        if isinstance(value, str) and key in _FOREIGN:
            number += 1
            return HOSTILE[number % len(HOSTILE)]
        if isinstance(value, dict):
            if key == "body":
                return {text: [text, {text: text}] for text in HOSTILE} | {"deep": {"deep": {"deep": value}}}
            return {name: poison(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poison(item, key) for item in value]
        return value

    told: Document = poison(document)
    for clause in told["clauses"]:
        clause["provider"] = HOSTILE[0]
        if clause["violation"]:
            first = clause["violation"]["trace"][0]
            clause["violation"]["trace"][:0] = [
                {**first, "request": {**first["request"], "body": text}, "failure": text, "response": None}
                for text in HOSTILE
            ]
    return {**told, "notes": list(HOSTILE), "provider": HOSTILE[0], "target": HOSTILE[1], "error": HOSTILE[0]}


_FOREIGN = {
    "text", "source", "place", "document", "reason", "message", "expected", "seen", "again", "operation", "probe",
    "method", "path", "failure", "mutants", "variants", "about", "target", "clock", "said", "kind",
}  # fmt: skip
