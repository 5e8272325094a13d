"""The jobs that a worker process can do: each takes a JSON object and gives a document."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document
    from pollproof.verify.plan import Plan

Arguments = Mapping[str, Any]


def part(arguments: Arguments) -> Document:
    """Explore one part of an embedded reference provider, or of an implementation that is launched for it."""
    from pollproof.report.document import build_document
    from pollproof.verify.run import explore_part

    plan = _plan(arguments["provider"], json.dumps(arguments["options"]))
    return build_document(explore_part(plan, plan.parts[arguments["part"]]))


@cache
def _plan(provider: str, options: str) -> Plan:
    from pollproof.verify.options import plan_from

    return plan_from(provider, **json.loads(options))


def scenario(arguments: Arguments) -> Document:
    """Let a command meet one scenario of a contract under the leaping clock."""
    from pollproof.gate.clocks import ClockKind
    from pollproof.gate.prepare import prepare
    from pollproof.gate.run import ClientRun
    from pollproof.loading import load_contract
    from pollproof.report.document import build_document
    from pollproof.verify.options import sample_of

    for name in set(os.environ).difference(arguments["environment"]):
        del os.environ[name]  # the command sees what it would see without workers
    task = arguments["task"]
    gate = prepare(
        load_contract(arguments["provider"]),
        arguments["command"],
        scenarios=[arguments["scenario"]],
        profile="deep",  # other scenarios are met by other workers
        task=None if task is None else sample_of(task),
        clock=arguments["wanted"],
        timeout=arguments["timeout"],
        provider=arguments["provider"],
    )
    gate = replace(gate, task=task, known=0)
    run = ClientRun(gate)
    run.result.clock, run.result.detail.kind = arguments["clock"], ClockKind(arguments["kind"])
    run.meet_all()
    return build_document(run.result)


JOBS: Mapping[str, Callable[[Arguments], Document]] = {"part": part, "scenario": scenario}
"""What can be shared out, by name."""
