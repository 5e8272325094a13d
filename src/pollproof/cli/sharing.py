"""The options with which a run is shared out: worker processes of this machine, and shards for several."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pollproof.gate.run import Gate
    from pollproof.runs.outcome import Document
    from pollproof.runs.result import Progress
    from pollproof.verify.plan import Plan
    from pollproof.workers.distribute import Done, Job, Spread
    from pollproof.workers.shards import Shard


def shares_of(options: Mapping[str, Any]) -> tuple[str | None, Shard | None]:
    """The workers and the shard that the options name; one sentence and exit status 2 where there are none such."""
    from pollproof.workers.distribute import WorkersError, count_of
    from pollproof.workers.shards import Shard, ShardError

    workers, shard = options.get("workers"), options["shard"]
    try:
        return (
            None if workers is None else count_of(workers),
            None if shard is None else Shard.parsed(shard),
        )
    except (ShardError, WorkersError) as error:
        raise click.UsageError(str(error)) from None


def picked(shard: Shard, parts: Sequence[Any], what: str) -> list[Any]:
    """The parts of a shard; one sentence and exit status 2 where it would have none."""
    from pollproof.workers.shards import ShardError

    try:
        return shard.pick(parts, what)
    except ShardError as error:
        raise click.UsageError(str(error)) from None


def shared(jobs: Sequence[Job], workers: str | None, done: Done | None = None) -> Spread:
    """Do the jobs in worker processes, in this one without workers; exit status 4 where there can be none."""
    from pollproof.workers.distribute import Spread, WorkersError, spread
    from pollproof.workers.jobs import JOBS

    if workers is not None:
        try:
            return spread(jobs, workers, done)
        except WorkersError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(4) from None
    results: list[Document | None] = []
    for number, (name, arguments) in enumerate(jobs):
        result = JOBS[name](arguments)
        if done is not None:
            done(number, result)
        results.append(result)
    return Spread(results, [])


def explore_shared(
    plans: Mapping[str, Plan],
    options: Mapping[str, Any],
    workers: str | None,
    shard: Shard | None,
    progress: Progress | None,
) -> tuple[dict[str, Document], list[str]]:
    """Explore providers in parts; the document of each of them, and the names of all parts.

    `options` are those that the plans were made from.
    A shard explores its own parts alone, and names in its documents from which part an evidence is.
    """
    from pollproof.report.document import build_document
    from pollproof.report.merging import merge_parts, with_parts
    from pollproof.verify.exploration import begin_exploration

    # The first parts of all providers come first: they are alike, so shards are as well.
    most = max(len(plan.parts) for plan in plans.values())
    parts = [(name, number) for number in range(most) for name, plan in plans.items() if number < len(plan.parts)]
    chosen = parts if shard is None else picked(shard, parts, "part")
    jobs: list[Job] = []
    for name, number in chosen:
        jobs.append(("part", {"provider": name, "part": number, "options": dict(options)}))
    exchanges, exercised = 0, set[str]()

    def done(number: int, document: Document) -> None:
        nonlocal exchanges
        name, part = chosen[number]
        exchanges += document["exchanges"]
        exercised.update(clause["id"] for clause in document["clauses"] if clause["exercised"])
        if progress is not None:
            progress(_title(plans, name, part), exchanges, len(exercised))

    spread = shared(jobs, workers, done)
    documents: dict[str, Document] = {}
    for name, plan in plans.items():
        empty = begin_exploration(plan)
        empty.clock = "virtual" if plan.base_url is None else ""
        own = [build_document(empty)]
        for (whose, part), result in zip(chosen, spread.results, strict=True):
            if whose != name:
                continue
            title = _title(plans, name, part)
            if result is None:
                own.append(_lost(own[0], title, "was not explored", spread.failures))
            else:
                own.append(result if shard is None else with_parts(result, lambda _, title=title: title))  # type: ignore[misc]
        documents[name] = merge_parts(own)
    return documents, [_title(plans, name, part) for name, part in parts]


def _title(plans: Mapping[str, Plan], name: str, part: int) -> str:
    plan = plans[name]
    return f"{plan.contract.name}: {plan.parts[part].name}"


def _lost(empty: Document, title: str, what: str, failures: Sequence[str]) -> Document:
    """The document of a part that no worker has ended."""
    why = failures[0] if failures else "no worker has answered"
    return {**empty, "complete": False, "notes": [f"{title} {what}: {why}"]}


def gate_shared(
    gate: Gate, provider: str, task: str | None, workers: str, progress: Callable[[str, int, int], None] | None
) -> Document:
    """Let a command meet scenarios in worker processes; its document, without its outcome.

    A command that does not obey the leaping clock meets them one by one: its waits share one budget.
    """
    from pollproof.gate.run import ClientRun
    from pollproof.report.document import build_document
    from pollproof.report.merging import merge_parts

    run = ClientRun(gate)
    if not run.begin() or not run.result.detail.leaps:
        if run.result.error is None and run.result.complete:
            run.meet_all(progress)
        return build_document(run.result)
    scenarios = [each for each in gate.scenarios if each is not gate.smoke]
    if len(scenarios) < len(gate.scenarios):
        run.add(run.meet(gate.smoke))
    common = {
        "provider": provider,
        "task": task,
        "command": list(gate.words),
        "timeout": gate.timeout,
        "clock": run.result.clock,
        "kind": run.result.detail.kind.value,
        "wanted": gate.clock,
        "environment": sorted(os.environ),
    }
    jobs: list[Job] = [("scenario", {**common, "scenario": each.name}) for each in scenarios]
    ended = 0

    def done(number: int, _: Document) -> None:
        nonlocal ended
        ended += 1
        if progress is not None:
            progress(scenarios[number].name, ended - 1, len(jobs))

    spread = shared(jobs, workers, done)
    empty = build_document(ClientRun(gate).result)
    results = [
        _lost(empty, f"scenario {scenario.name}", "was not met", spread.failures) if result is None else result
        for scenario, result in zip(scenarios, spread.results, strict=True)
    ]
    document = merge_parts([build_document(run.result), *results])
    document["error"] = next((each["error"] for each in results if each["error"]), None)
    return document
