"""`pollproof gate`: judge a client in any language."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.baselines import Baselines
from pollproof.cli.common import console_for, contract_or_exit
from pollproof.cli.options import GroupedCommand, run_options, verbosity
from pollproof.cli.progress import adapted, progress_line
from pollproof.cli.reporting import Reports, notify_all
from pollproof.cli.sharing import gate_shared, picked, shares_of
from pollproof.runs.options import GATE

if TYPE_CHECKING:
    from pollproof.contract.model import Contract
    from pollproof.gate.scenario import Scenario

_EPILOG = (
    "The command is started once for each scenario with POLLPROOF_BASE_URL, POLLPROOF_API_KEY, POLLPROOF_TASK (the "
    "JSON of the task to create) and POLLPROOF_SCENARIO. A client that succeeds prints the solution and exits 0; one "
    "that gives up exits otherwise. Exit status: 0 every exercised MUST held; 1 a violation; 2 usage or bad input; "
    "3 inconclusive (a run cut by --timeout, --require-all and a clause unexercised, or interrupted); 4 the command "
    "cannot be judged: it does not start, never contacts the base URL, or does not solve an ordinary task."
)


@click.command(cls=GroupedCommand, epilog=_EPILOG)
@click.argument("provider", metavar="PROVIDER|CONTRACT.toml")
@click.argument("command", nargs=-1, metavar="-- COMMAND...", type=click.UNPROCESSED)
@run_options(GATE)
def gate_command(provider: str, command: tuple[str, ...], **options: Any) -> None:
    """Judge a client: run it against the reference provider through the scenarios of the contract."""
    from pollproof.gate.run import Gate, begin_gate, judge
    from pollproof.report.document import build_document
    from pollproof.report.merging import as_shard, with_parts
    from pollproof.report.scenarios import print_scenarios
    from pollproof.report.terminal import print_baseline, print_document, print_summary
    from pollproof.runs.outcome import decided, outcome_of
    from pollproof.runs.spec import Policy
    from pollproof.verify.options import OptionError, parse_duration

    contract = contract_or_exit(provider)
    known = _recorded(contract, options) if options["cassette"] else _known(contract, options["task"])
    chosen = _chosen(known, options["names"], options["keyword"], deep=options["profile"] == "deep")
    if options["listing"]:
        _list(chosen)
        return
    if not command:
        raise click.UsageError("Missing argument '-- COMMAND...': the client to judge (--list needs none)")
    try:
        timeout, budget = parse_duration(options["timeout"]), parse_duration(options["budget"])
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    workers, shard = (None, None) if options["cassette"] else shares_of(options)
    own = chosen if shard is None else picked(shard, chosen, "scenario")
    reports, baselines = Reports.requested(options), Baselines(options)
    console = baselines.stream(console_for(reports.stream))
    policy = Policy(options["strict"], options["require_all"] and shard is None, allowed=tuple(options["allowed"]))
    spec = Gate(
        contract, command, tuple(own), known[0], options["clock"], timeout, budget, options["task"], len(known),
        tuple(options["cassette"]), options["profile"] != "deep" and not options["names"],
        provider=provider, policy=policy,
    )  # fmt: skip
    gating = begin_gate(spec)
    unfinished = reports.unfinished(lambda: build_document(gating))
    with progress_line("starting", "scenarios", quiet=options["quiet"]) as show:
        progress = adapted(show, lambda name, number, count: (name, number, number / count))
        if workers is None:
            document = build_document(judge(spec, notify_all(progress, lambda *_: unfinished.refresh()), gating))
        else:
            document = gate_shared(spec, provider, options["task"], workers, progress)
    document = decided(document, policy)
    if shard is not None:
        names = [each.name for each in chosen]
        document = with_parts(document, lambda violation: str(violation["scenario"]))
        document = as_shard(document, shard.number, shard.of, names, _wishes(provider, document["target"], options))
    (document,) = marked = baselines.marked([document], decided)
    document = baselines.concluded(document, marked, partial=len(chosen) < len(known))
    if document["error"] is None or any(clause["verdict"] == "violated" for clause in document["clauses"]):
        print_document(console, document, strict=options["strict"], verbosity=verbosity(options))
        print_scenarios(console, document, quiet=options["quiet"])
        print_baseline(console, document)
        print_summary(console, document, verbosity=verbosity(options))
    else:
        click.echo(f"error: {document['error']}", err=True)
    reports.write(document)
    reports.annotate(document)
    baselines.write([document])
    raise SystemExit(outcome_of(document).status)


def _wishes(provider: str, target: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the run, which all of its shards have in common."""
    names = ("task", "clock", "timeout", "budget", "profile", "strict", "require_all")
    wishes = {"contracts": [provider], "command": target, **{name: options[name] for name in names}}
    return {**wishes, "allowed": list(options["allowed"])}


def _known(contract: Contract, task: str | None) -> list[Scenario]:
    """All scenarios, with the task of a file where one is named."""
    from pollproof.gate.scenarios import scenarios
    from pollproof.gate.tasks import TaskError, with_task
    from pollproof.verify.options import OptionError, sample_of

    try:
        return with_task(contract, scenarios(contract), None if task is None else sample_of(task))
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    except TaskError as error:
        raise click.UsageError(f"{task}: {error}") from None


def _recorded(contract: Contract, options: Mapping[str, Any]) -> list[Scenario]:
    """A scenario for each recorded task."""
    from pollproof.gate.scenarios.recorded import recorded_scenarios
    from pollproof.recordings.errors import RecordingError

    for other in ("task", "workers", "shard"):
        if options[other]:
            raise click.UsageError(f"--cassette and --{other} exclude each other")
    try:
        return recorded_scenarios(contract, options["cassette"])
    except RecordingError as error:
        raise click.UsageError(str(error)) from None


def _chosen(known: Sequence[Scenario], names: Sequence[str], keyword: str | None, *, deep: bool) -> list[Scenario]:
    """The scenarios that are to be run: the named ones, else a sample of those that are alike."""
    from pollproof.gate.selection import SelectionError, chosen_of, selected

    try:
        return chosen_of(selected(known, names or None), keyword, deep=deep or bool(names))
    except SelectionError as error:
        raise click.UsageError(str(error)) from None


def _list(chosen: Sequence[Scenario]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("scenario", "expects", "basis", "text"):
        table.add_column(name, no_wrap=name == "scenario")
    for scenario in chosen:
        table.add_row(scenario.name, scenario.expects.value, scenario.grounds.basis.value, scenario.text)
    console_for(sys.stdout).print(table)
