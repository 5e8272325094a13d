"""The result of each scenario, and its part in a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Role, Subject
from pollproof.gate.basis import robustness_of
from pollproof.gate.clocks import ClockKind
from pollproof.gate.scenario import Expects, Scenario
from pollproof.gate.scenario_notes import WRONG_STREAM, left_out
from pollproof.monitor.ledger import Ledger, Verdict
from pollproof.monitor.monitor import clauses_of
from pollproof.processes.command import Ended, Output
from pollproof.runs.result import Idle
from pollproof.secrets.redact import Redactor
from pollproof.trace.client_outcome import ClientOutcome

SHOWN_OUTPUT = 2000
"""Characters of the beginning of an output in a report, and as many of its end."""


@dataclass(slots=True)
class ScenarioResult:
    """One scenario that the command has met; `reason` is why it has not (then the rest is empty).

    `undecided` is why its end was not judged: only its requests were. `cut_short` is why the command was ended
    because an earlier scenario had proved that it does not end, `disagreement` where its waits and the clock differ.
    `robustness` holds what violates a MUST where the scenario is not primary. `unused` is that the scenario is about
    what the command does not know, so that nothing was judged. `keys` are those that it has shown.
    `crash` is by what fault of its own it has ended. `same_as` is the scenario that was played in its place: for the
    command the two are the same.
    """

    scenario: Scenario
    ledger: Ledger
    robustness: Ledger
    ended: Ended | None = None
    outcome: ClientOutcome | None = None
    exchanges: int = 0
    virtual: float = 0.0
    reason: str = ""
    undecided: str = ""
    cut_short: str = ""
    disagreement: str = ""
    unused: str = ""
    crash: str = ""
    same_as: str = ""
    keys: frozenset[str] = frozenset()

    @classmethod
    def empty(cls, contract: Contract, scenario: Scenario, reason: str = "") -> ScenarioResult:
        """The result of a scenario in which nothing was judged; `reason` is why it was not met."""
        clauses = clauses_of(contract, Subject.CLIENT)
        return cls(scenario, Ledger(clauses), Ledger(robustness_of(clauses)), reason=reason)

    @property
    def why(self) -> str:
        """Why it was not run, or not judged; empty where it was."""
        return self.reason or self.unused or self.cut_short

    @property
    def as_expected(self) -> bool:
        """Whether the end of the command is what the scenario expects."""
        if self.outcome is None or self.undecided or self.scenario.expects is Expects.EITHER:
            return True
        return self.outcome.succeeded is (self.scenario.expects is Expects.SUCCESS)

    def judge_requests_alone(self) -> None:
        """Forget what was judged by the end of the command."""
        for entry in self.ledger.entries.values():
            if KINDS[entry.clause.kind].roles == (Role.OUTCOME,):
                entry.clear()


@dataclass(slots=True)
class Scenarios:
    """The scenarios that a client has met. `evidence` names the one that shows the violation of a clause.

    `robustness` holds what violates a MUST in scenarios that are not primary. `kind` is how the time of the
    client is moved. `endless` are the situations in which a scenario has shown that it does not end. `known` is how
    many scenarios the contract has in all.
    """

    contract: Contract
    robustness: Ledger
    kind: ClockKind = ClockKind.REAL
    played: list[ScenarioResult] = field(default_factory=list)
    evidence: dict[str, str] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    known: int = 0

    @property
    def leaps(self) -> bool:
        """Whether the clock leaps over the waits of the client."""
        return self.kind.leaps

    def sections(self, redactor: Redactor) -> dict[str, Any]:
        sections = {"scenarios": [_scenario(played, redactor) for played in self.played]}
        return {**sections, "scenarios_known": self.known} if self.known else sections

    def idle(self, clause: Clause) -> Idle | None:
        """Why nothing exercised a clause about the end of a client: who crashes each time has reported nothing."""
        crashed = next((played for played in self.played if played.crash), None)
        if crashed is None or KINDS[clause.kind].roles != (Role.OUTCOME,):
            return None
        where = f"such as {crashed.crash} in {crashed.scenario.name}"
        return Idle(f"the command ended by a fault of its own wherever it could have, {where}", "unexercised")

    def evidence_of(self, clause: str) -> dict[str, Any]:
        return {"scenario": self.evidence[clause]} if clause in self.evidence else {}

    def notes(self) -> list[str]:
        outcomes = [
            {
                "run": played.ended is not None,
                "reason": played.why,
                "name": played.scenario.name,
                "same_as": played.same_as,
                "crash": played.crash,
            }
            for played in self.played
        ]
        astray = [f"{played.scenario.name}{WRONG_STREAM}" for played in self.played if _is_astray(played)][:1]
        return [*left_out(outcomes), *astray]

    def error(self) -> str | None:
        return None

    def beside(self) -> Ledger | None:
        return self.robustness

    def explain_beside(self, clause: dict[str, Any]) -> dict[str, Any]:
        grounds = {played.scenario.name: played.scenario.grounds for played in self.played}
        ground = grounds[self.evidence[clause["id"]]]
        return {
            **clause,
            "source": f"{clause['source']}; scenario: {ground}",
            "robustness": {"basis": ground.basis.value, "source": ground.source},
        }


def _scenario(played: ScenarioResult, redactor: Redactor) -> dict[str, Any]:
    ended, scenario = played.ended, played.scenario
    return {
        "name": scenario.name,
        "text": scenario.text,
        "expects": scenario.expects.value,
        "basis": scenario.grounds.basis.value,
        "source": scenario.grounds.source,
        "run": ended is not None,
        "same_as": played.same_as or None,
        "crash": played.crash or None,
        "reason": redactor.text(played.why) or None,
        "ended": None if ended is None else redactor.text(ended.words + (f", {played.crash}" if played.crash else "")),
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


def _output(output: Output, redactor: Redactor) -> dict[str, Any]:
    """One stream of a command, without secrets and cut to a bearable length."""
    head, tail = redactor.text(output.head), redactor.text(output.tail)
    if not tail and len(head) > 2 * SHOWN_OUTPUT:
        head, tail = head[:SHOWN_OUTPUT], head[-SHOWN_OUTPUT:]
    return {
        "bytes": output.total,
        "head": head[: 2 * SHOWN_OUTPUT if not tail else SHOWN_OUTPUT],
        "tail": tail[-SHOWN_OUTPUT:],
    }
