"""The outcome of a run: decided in one place, from its report, for every mode and for every view.

Violated, where a clause that fails the run is violated. Failed (`error`), where the target or the suite could not go
on. Inconclusive, where the run did not show what it was to show; `causes_of` says why. Passed otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from pollproof.contract.model import Level
from pollproof.monitor.ledger import Verdict
from pollproof.runs.spec import Policy

Document = dict[str, Any]
"""A report, as schemas/pollproof/report.schema.json describes it."""

COVERAGE = ("statuses", "transitions", "deadlines")
"""The sorts of coverage that a report has."""

CAUSES: Mapping[str, str] = {
    "deselected": "left out by an option",
    "unused": "the client does not use it",
    "unrecorded": "the recordings do not show it",
    "absent": "the responses leave out an optional field",
    "open": "the documents leave open whether it ever happens",
    "clock": "the clock of the target cannot be moved",
    "time": "a limit on time or requests ended the run before it",
    "bound": "a bound of pollproof itself was reached",
    "busy": "the responses were busy",
    "unexercised": "nothing that happened could have broken it",
}
"""Why a clause was not exercised, or a part of a run was left out: the word of reports and options, and its meaning."""

_NAMED_CLAUSES = 5
"""Clauses of one reason that a cause names."""

EXCUSED = ("deselected", "unused", "unrecorded", "absent", "open")
"""Causes that leave a run conclusive: nobody meant the run to exercise these clauses."""


class Outcome(Enum):
    """How a run ended; the value is its word in reports."""

    PASSED = "passed"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"

    @property
    def status(self) -> int:
        """The exit status."""
        return {"passed": 0, "violated": 1, "inconclusive": 3, "error": 4}[self.value]

    @property
    def severity(self) -> int:
        """How bad it is: the worst outcome of several is that of all."""
        return [Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.VIOLATED].index(self)


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """The outcome that a report states."""
    return Outcome(document["outcome"])


def policy_of(document: Mapping[str, Any]) -> Policy:
    """The policy that a report states; reports of older versions state a part of it."""
    return Policy(
        bool(document.get("strict")),
        bool(document.get("require_all")),
        tuple(document.get("required", ())),
        tuple(document.get("allowed", ())),
    )


def decided(document: Mapping[str, Any], policy: Policy | None = None) -> Document:
    """The report with its outcome, and with the causes of an inconclusive one; `policy` replaces the one it states."""
    if policy is None:
        policy = policy_of(document)
    stated = {
        "strict": policy.strict,
        "require_all": policy.require_all,
        "required": list(policy.required),
        "allowed": list(policy.allowed),
    }
    result: Document = {**document, **stated, "causes": []}
    causes = causes_of(result)
    if failing(result, strict=policy.strict):
        outcome = Outcome.VIOLATED
    elif result["error"] is not None:
        outcome = Outcome.ERROR
    elif causes:
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.PASSED
    return {**result, "causes": causes, "outcome": outcome.value}


def failing(document: Mapping[str, Any], *, strict: bool) -> list[Document]:
    """The violated clauses of a report that fail a run: those that are not known, and no mere warnings."""
    return [
        clause
        for clause in document["clauses"]
        if clause["verdict"] == Verdict.VIOLATED.value
        and "known" not in clause
        and (strict or clause["level"] == Level.MUST.value)
    ]


def find_unexercised(document: Mapping[str, Any]) -> list[Document]:
    """The clauses of level MUST that a run was meant to exercise, and did not, and that nobody allowed it to leave."""
    allowed = frozenset(document.get("allowed", ()))
    return [
        clause
        for clause in document["clauses"]
        if clause["verdict"] == Verdict.UNEXERCISED.value
        and clause["level"] == Level.MUST.value
        and "accepted" not in clause
        and cause_of(document, clause) not in EXCUSED
        and not _is_allowed(clause, cause_of(document, clause), allowed)
    ]


def cause_of(document: Mapping[str, Any], clause: Mapping[str, Any]) -> str:
    """Why a clause of a report was not exercised: a word of `CAUSES`."""
    if clause.get("not_run"):
        return "deselected"
    usual = {"verify": "unexercised", "gate": "unused", "check": "unrecorded"}
    return str(clause.get("cause") or usual[document["mode"]])


def _is_allowed(clause: Mapping[str, Any], cause: str, allowed: frozenset[str]) -> bool:
    return bool(allowed) and (clause["id"] in allowed or cause in allowed)


def causes_of(document: Mapping[str, Any]) -> list[str]:
    """Why a report is inconclusive, a sentence each; none where it is not."""
    policy = policy_of(document)
    causes = [] if document["complete"] else ["the run was interrupted"]
    excused = {*policy.allowed, *_accepted_causes(document)}
    causes += [cut["reason"] for cut in document.get("cuts", ()) if cut["cause"] not in excused]
    if "shard" in document:
        return causes  # what was not exercised is for the report of all shards to say
    idle = [clause for clause in document["clauses"] if clause["verdict"] == Verdict.UNEXERCISED.value]
    tasks = document.get("tasks")
    if len(idle) == len(document["clauses"]):
        causes.append("no clause was exercised")
    elif tasks is not None and not document.get("partial"):
        causes += _lacking(document, tasks)
    if are_all_lost(document.get("recordings", {})):
        causes.append("no response body was recorded")
    absent = find_unexercised(document)
    if absent:
        causes.append(f"{len(absent)} MUST not exercised: {_named(absent)}")
    named = [clause["id"] for clause in idle if clause["id"] in policy.required]
    if named:
        causes.append(f"required and not exercised: {', '.join(named)}")
    if policy.require_all and (idle or any(True for _ in unseen(document))):
        causes.append("--require-all: not every clause was exercised, or not everything was seen")
    return causes


def _named(clauses: list[Document]) -> str:
    """Clauses by id, those of one reason together with it."""
    by_reason: dict[str, list[str]] = {}
    for clause in clauses:
        by_reason.setdefault(clause.get("reason", ""), []).append(clause["id"])
    return "; ".join(
        ", ".join(ids[:_NAMED_CLAUSES])
        + (f" and {len(ids) - _NAMED_CLAUSES} more" if len(ids) > _NAMED_CLAUSES else "")
        + (f" ({reason if len(ids) == 1 else reason.replace('it needs ', 'they need ', 1)})" if reason else "")
        for reason, ids in by_reason.items()
    )


def _accepted_causes(document: Mapping[str, Any]) -> set[str]:
    """Causes for which the baseline accepts every MUST that stayed unexercised: their cuts are accepted with them."""
    idle = [clause for clause in document["clauses"] if clause["verdict"] == Verdict.UNEXERCISED.value]
    accepted = {cause_of(document, clause) for clause in idle if "accepted" in clause}
    return accepted - {cause_of(document, clause) for clause in find_unexercised({**document, "clauses": idle})}


def _lacking(document: Mapping[str, Any], tasks: Mapping[str, int]) -> list[str]:
    """What a run did not see of any task: a recording may begin late and end early, and one status is enough."""
    if document["mode"] == "verify":
        if not tasks["created"]:
            return ["no task was created: no id was found in any creation, at the `task_id` of its operation"]
        return [] if tasks["ended"] else ["no task reached a final state"]
    seen = tasks["created"] or tasks["ended"] or any(entry["seen"] for entry in document["coverage"]["statuses"])
    return [] if seen or document["mode"] == "gate" else ["no task was created, and no status of one was recorded"]


def are_all_lost(recordings: Mapping[str, Any]) -> bool:
    """Whether recordings have responses, and the body of none."""
    responses: int = recordings.get("responses", 0)
    lost: int = sum(recordings.get("bodies_not_recorded", {}).values())
    return 0 < responses == lost


def unseen(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What is missing in the coverage of a report, each with its sort; what was left out with a reason is not."""
    for sort in COVERAGE:
        for entry in document.get("coverage", {}).get(sort, ()):
            if not entry["seen"] and "excluded" not in entry:
                yield sort, entry


def unfinished(document: Document) -> Document:
    """The report of a run that still goes on, or was killed: incomplete, and passed by no means."""
    return decided({**document, "complete": False})
