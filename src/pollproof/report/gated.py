"""The document of a client that went through the gate, and its scenarios for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Set
from string import ascii_lowercase
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pollproof.contract.model import Level
from pollproof.gate.run import Gating, ScenarioResult
from pollproof.monitor.ledger import Verdict
from pollproof.processes.command import Output
from pollproof.report.coverage import coverage_of
from pollproof.report.document import Document, clauses_of, decided
from pollproof.report.merging import ASTRAY, left_out
from pollproof.secrets.find import of_command
from pollproof.secrets.redact import Redactor
from pollproof.version import __version__

MAXIMUM_OUTPUT = 2000
"""Characters of the beginning of an output in a report, and as many of its end."""

COLUMNS = 20
"""Scenarios with findings that a terminal shows, the worst first."""

LAST = 80
"""Characters of the last words of a command that are shown beside a scenario."""

_SIGNS = {"held": "+", "violated": "X"}


def document_of_gate(gating: Gating, *, strict: bool = False, require_all: bool = False) -> Document:
    """The report of a client: every client clause, and every scenario with how the client ended."""
    gate = gating.gate
    contract = gate.contract
    redactor = Redactor({*of_command(contract, gate.command), *gating.keys})
    clauses = [*clauses_of(contract, gating.ledger, redactor), *_robustness(gating, redactor)]
    for clause in clauses:
        if clause["violation"] is not None:
            clause["violation"]["scenario"] = gating.evidence[clause["id"]]
    scenarios = [_scenario(played, redactor) for played in gating.played]
    astray = [f"{played.scenario.name}{ASTRAY}" for played in gating.played if _is_astray(played)][:1]
    document: Document = {
        "pollproof": __version__,
        "mode": "gate",
        "provider": contract.name,
        "target": redactor.text(shlex.join(gate.command)),
        "outcome": "",
        "error": None if gating.error is None else redactor.text(gating.error),
        "seed": None,
        "clock": gating.clock,
        "exchanges": sum(played.exchanges for played in gating.played),
        "examples": 0,
        "seconds": round(gating.seconds, 3),
        "notes": [redactor.text(note) for note in (*gating.notes, *left_out(scenarios), *astray)],
        "clauses": clauses,
        "coverage": _coverage(gating),
        "observations": [],
        "unspecified": [{"about": entry.about, "reason": entry.reason} for entry in contract.unspecified],
        "complete": gating.complete,
        "scenarios": scenarios,
    }
    return decided(document, strict=strict, require_all=require_all)


def _robustness(gating: Gating, redactor: Redactor) -> list[Document]:
    """What violates a MUST in scenarios that are not primary: a finding of its own, with the scenario's source."""
    grounds = {played.scenario.name: played.scenario.grounds for played in gating.played}
    found = []
    for clause in clauses_of(gating.gate.contract, gating.robustness, redactor):
        if clause["violation"] is not None:
            ground = grounds[gating.evidence[clause["id"]]]
            source = f"{clause['source']}; scenario: {ground}"
            found.append(
                {**clause, "source": source, "robustness": {"basis": ground.basis.value, "source": ground.source}}
            )
    return found


def _coverage(gating: Gating) -> Document:
    """What the client was shown and how near it came to its limits; none of it is asked of a client."""
    coverage = coverage_of(gating.gate.contract, gating.ledger)
    reason = "what a client meets depends on the scenarios, and on its own pace"
    for entries in coverage.values():
        for entry in entries:
            if not entry["seen"]:
                entry.setdefault("excluded", reason)
    return coverage


def _scenario(played: ScenarioResult, redactor: Redactor) -> Document:
    ended, scenario = played.ended, played.scenario
    return {
        "name": scenario.name,
        "text": scenario.text,
        "expects": scenario.expects.value,
        "basis": scenario.grounds.basis.value,
        "source": scenario.grounds.source,
        "run": ended is not None,
        "reason": redactor.text(played.reason or played.unused or played.cut_short) or None,
        "ended": None if ended is None else redactor.text(ended.words),
        "status": None if ended is None else ended.status,
        "as_expected": played.as_expected,
        "exchanges": played.exchanges,
        "virtual_seconds": round(played.virtual, 3),
        "real_seconds": 0.0 if ended is None else round(ended.seconds, 3),
        "output": None if ended is None else _output(ended.output, redactor),
        "errors": None if ended is None else _output(ended.errors, redactor),
        "clauses": {
            name: entry.verdict.value
            for name, entry in {**played.ledger.entries, **played.robustness.entries}.items()
            if entry.verdict is not Verdict.UNEXERCISED
        },
    }


def _is_astray(played: ScenarioResult) -> bool:
    """Whether a client wrote its solution to the wrong stream."""
    ended, outcome = played.ended, played.outcome
    if ended is None or outcome is None:
        return False
    return outcome.succeeded and outcome.result is None and bool(ended.errors.tokens)


def _output(output: Output, redactor: Redactor) -> Document:
    """One stream of a command, without secrets and cut to a bearable length."""
    head, tail = redactor.text(output.head), redactor.text(output.tail)
    if not tail and len(head) > 2 * MAXIMUM_OUTPUT:
        head, tail = head[:MAXIMUM_OUTPUT], head[-MAXIMUM_OUTPUT:]
    return {
        "bytes": output.total,
        "head": head[: 2 * MAXIMUM_OUTPUT if not tail else MAXIMUM_OUTPUT],
        "tail": tail[-MAXIMUM_OUTPUT:],
    }


def print_scenarios(console: Console, document: Mapping[str, Any], *, quiet: bool = False) -> None:
    """The scenarios in few lines: how many ended as they should, which did not, and which clause broke in which."""
    scenarios = document["scenarios"]
    if not scenarios:
        return
    run = [each for each in scenarios if each["run"]]
    bad = [each for each in run if not each["as_expected"] or "violated" in each["clauses"].values()]
    if not quiet:
        counts = {word: sum(each["expects"] == word for each in run) for word in ("success", "failure", "either")}
        told = ", ".join(f"{count} that ask for {word}" for word, count in counts.items() if count)
        console.print(f"{len(run)} scenarios ({told}): {len(run) - len(bad)} without a finding")
    if not bad:
        return
    warnings = {clause["id"] for clause in document["clauses"] if clause["level"] == Level.SHOULD.value}
    shown = sorted(bad, key=lambda each: _mildness(each, warnings))[:COLUMNS]
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    for name in ("", "scenario", "asks for", "the command ended with"):
        table.add_column(name, overflow="fold")
    for letter, each in zip(ascii_lowercase, shown, strict=False):
        style = "" if each["as_expected"] else "bold"
        last = _last_line(each)
        ended = Text(each["ended"] + (f": {last}" if last else ""))
        table.add_row(letter, Text(each["name"], style=style), each["expects"], ended)
    console.print(table)
    if len(bad) > len(shown):
        console.print(f"... and {len(bad) - len(shown)} more with findings; --json FILE has them all")
    _print_matrix(console, document["clauses"], shown)


def _mildness(scenario: Mapping[str, Any], warnings: Set[str]) -> int:
    """0 for a scenario that did not end as it should, 1 for one with a violated MUST, 2 for warnings alone."""
    if not scenario["as_expected"]:
        return 0
    return 2 if all(name in warnings for name, verdict in scenario["clauses"].items() if verdict == "violated") else 1


def _last_line(scenario: Mapping[str, Any]) -> str:
    """The last words of a command that gave up: they often tell why."""
    if scenario["status"] in (0, None):
        return ""
    for stream in (scenario.get("errors"), scenario["output"]):
        lines = ((stream["tail"] or stream["head"]) if stream else "").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if words:
            return words if len(words) <= LAST else words[: LAST - 3] + "..."
    return ""


def _print_matrix(console: Console, clauses: list[Mapping[str, Any]], scenarios: list[Mapping[str, Any]]) -> None:
    """Clauses by scenarios: X violated, + held, . nothing that could have broken it."""
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("clause", no_wrap=True)
    for letter, _ in zip(ascii_lowercase, scenarios, strict=False):
        table.add_column(letter)
    for clause in clauses:
        signs = [_SIGNS.get(each["clauses"].get(clause["id"], ""), ".") for each in scenarios]
        if set(signs) != {"."}:
            table.add_row(clause["id"], *[Text(sign, style="bold red" if sign == "X" else "") for sign in signs])
    console.print(table)
