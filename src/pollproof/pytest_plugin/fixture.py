"""What the fixture `pollproof_gate` does: the whole gate for one command, in a test."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pollproof.gate.prepare import prepare
from pollproof.gate.run import judge
from pollproof.gate.spec import SCENARIO_TIMEOUT, WAIT_BUDGET
from pollproof.loading import load_contract
from pollproof.pytest_plugin.verdicts import ClauseWarning, fail
from pollproof.report.document import build_document
from pollproof.report.terminal import violation_lines
from pollproof.runs.outcome import Document, failing
from pollproof.runs.spec import Policy


def judge_command(
    provider: str,
    command: Sequence[str],
    *,
    scenarios: str | Iterable[str] | None = None,
    profile: str = "ci",
    task: Mapping[str, Any] | None = None,
    clock: str = "auto",
    timeout: float = SCENARIO_TIMEOUT,
    budget: float = WAIT_BUDGET,
    strict: bool = False,
    require_all: bool = False,
) -> Document:
    """Let a command meet the scenarios, and fail the running test where it breaks a rule or cannot be judged."""
    __tracebackhide__ = True
    gate = prepare(
        load_contract(provider),
        command,
        scenarios=scenarios,
        profile=profile,
        task=task,
        limits=(clock, timeout, budget),
        provider=provider,
        policy=Policy(strict=strict, require_all=require_all),
    )
    document = build_document(judge(gate))
    broken = failing(document, strict=strict)
    for clause in failing(document, strict=True):
        if clause not in broken:
            warnings.warn(ClauseWarning("\n".join(violation_lines(clause))), stacklevel=2)
    if broken:
        fail("\n\n".join("\n".join(violation_lines(clause)) for clause in broken))
    if document["error"]:
        fail(document["error"])
    if not document["complete"]:
        raise KeyboardInterrupt  # which the gate has caught, to leave what was judged by then
    if document["outcome"] != "passed":
        idle = [clause["id"] for clause in document["clauses"] if clause["verdict"] == "unexercised"]
        fail(f"no scenario exercised {', '.join(idle)}")
    return document
