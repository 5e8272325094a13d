"""What the fixture `pollproof_gate` does: the whole gate for one command, in a test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Unpack

from pollproof.gate.prepare import Chosen, prepare
from pollproof.gate.run import judge
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
    strict: bool = False,
    require_all: bool = False,
    **chosen: Unpack[Chosen],
) -> Document:
    """Let a command meet the scenarios, and fail the running test where it breaks a rule or cannot be judged."""
    __tracebackhide__ = True
    policy = Policy(strict=strict, require_all=require_all)
    gate = prepare(load_contract(provider), command, provider=provider, policy=policy, **chosen)
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
