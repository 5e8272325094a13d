"""`pollproof verify`: judge implementations of an API."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.baselines import Baselines
from pollproof.cli.common import console_for
from pollproof.cli.live import check_live, go_on
from pollproof.cli.options import SETTINGS_KEY, WORDS_KEY, GroupedCommand, run_options, verbosity
from pollproof.cli.progress import adapted, progress_line
from pollproof.cli.reporting import Reports, notify_all
from pollproof.cli.sharing import explore_shared, shares_of
from pollproof.runs.expressions import ExpressionError, matching
from pollproof.runs.options import VERIFY, options_of

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.runs.outcome import Document
    from pollproof.verify.exploration import Exploration
    from pollproof.verify.plan import Plan

    Label = Callable[[Document], Document]

_EPILOG = (
    "Exit status: 0 every MUST that was to be exercised held; 1 a violation; 2 usage or bad input; 3 inconclusive (a "
    "MUST was not exercised, a limit cut the run, no task ended, or the run was interrupted); 4 the target or the "
    "suite failed. A violation and a failure at once: 1, and the report has both."
)

IN_ONE_GO = (
    "what answers at --base-url or calls back to --callback-url, and a command without {port}, has one clock, one "
    "account and one set of limits, so it is explored in one go"
)
"""Why some targets are not shared out."""


@click.command(cls=GroupedCommand, epilog=_EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("providers", nargs=-1, metavar="[PROVIDER|CONTRACT.toml ...]")
@run_options(VERIFY)
def verify_command(providers: tuple[str, ...], **options: Any) -> None:
    """Judge implementations: the embedded reference providers, or the one at --base-url.

    PROVIDER is a bundled name or the path of a contract file; all bundled ones when left out.
    """
    from pollproof.report.merging import as_shard

    context = click.get_current_context()
    if options["watch"]:
        from pollproof.cli.watching import rerun_on_change

        rerun_on_change(context.meta[WORDS_KEY], options["launch"])
    contract = context.meta[SETTINGS_KEY].contract
    names = _names(providers or ((contract,) if contract else ()), options)
    picked = {option.parameter: options[option.parameter] for option in options_of(VERIFY) if option.suite}
    for policy in ("strict", "require_all", "allowed"):
        del picked[policy]
    check_live(options)
    if not _is_foreign(options):
        if context.get_parameter_source("api_key") is click.core.ParameterSource.ENVIRONMENT:
            picked["api_key"] = None  # the variable may be set for other commands; the reference needs no key
    plans = _plans(names, picked, options)
    workers, shard = shares_of(options)
    stop = 1 if options["stop"] else options["maxfail"]
    if shard is not None and stop:
        raise click.UsageError(
            "-x does not go with --shard, nor does --maxfail: all shards of a run judge the same clauses"
        )
    is_shared = workers is not None or shard is not None
    if is_shared and not all(plan.is_repeatable for plan in plans.values()):
        if shard is not None:
            raise click.UsageError(f"--shard shares out what can be started for each part; {IN_ONE_GO}")
        click.echo(f"-n {workers} has no effect: {IN_ONE_GO}", err=True)
        is_shared = False
    reports, baselines = Reports.requested(options), Baselines(options)
    console = baselines.stream(console_for(reports.stream))
    for plan in plans.values():
        if plan.live is not None:
            if not go_on(console, plan, options):
                click.echo("nothing was sent", err=True)
                return
    selected = _selected(plans, options["keyword"])
    begun: dict[str, Exploration] = {}
    documents: dict[str, Document] = {}
    unfinished = reports.unfinished(lambda: _so_far(plans, begun, documents))
    parts: list[str] = []
    try:
        with progress_line("starting", "requests", quiet=options["quiet"]) as show, _hypothesis_home():
            progress = adapted(show, partial(_shown, plans, begun, documents))
            if is_shared:
                keys = {_argument(name): plan for name, plan in plans.items()}
                shared, parts = explore_shared(keys, picked, workers, shard, progress)
                documents.update({name: shared[_argument(name)] for name in names})
            else:
                onward = notify_all(progress, lambda *_: unfinished.refresh())
                _explore(plans, begun, documents, onward, selected or frozenset())
    except KeyboardInterrupt:
        unfinished.write()
        click.echo("interrupted: the run was cut short", err=True)
        for plan in plans.values():
            if plan.live is not None:
                click.echo(f"all that was done is kept in {plan.live.record}; --resume continues it", err=True)
        raise SystemExit(3) from None
    label: Label | None = None
    if shard is not None:
        settings = ("profile", "examples", "seed", "strict", "require_all", "keyword")
        wishes = {"contracts": names, **{name: options[name] for name in settings}, "allowed": list(options["allowed"])}
        label = partial(as_shard, number=shard.number, of=shard.of, parts=parts, wishes=wishes)
    ordered = _concluded([documents[name] for name in names], selected, stop, plans)
    raise SystemExit(_report(ordered, options, console, reports, baselines, label))


def _names(providers: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """The contracts that are judged, each once."""
    from pollproof.bundled import bundled

    names = list(dict.fromkeys(providers or bundled()))
    for name in names:
        if name.startswith("-"):
            raise click.UsageError(f"no such option: {name}")
    if _is_foreign(options) and len(names) != 1:
        name = "--base-url" if options["base_url"] else "--launch"
        raise click.UsageError(f"{name} goes with one provider; expected one of {', '.join(bundled())}")
    return names


def _is_foreign(options: Mapping[str, Any]) -> bool:
    return bool(options["base_url"]) or options["launch"] is not None


def _plans(names: Sequence[str], picked: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Plan]:
    """The plan of each contract; a live run keeps the name of its record in `picked` for its workers."""
    from pollproof.runs.spec import Policy
    from pollproof.verify.options import OptionError, plan_from

    policy = Policy(options["strict"], options["require_all"], allowed=tuple(options["allowed"]))
    try:
        return {name: plan_from(name, **picked, keyword=options["keyword"], policy=policy) for name in names}
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _selected(plans: Mapping[str, Plan], keyword: str | None) -> frozenset[str] | None:
    """The ids of the clauses that -k selects, None for all."""
    if keyword is None:
        return None
    every = [clause.id for plan in plans.values() for clause in plan.contract.clauses]
    try:
        found = frozenset(matching(every, keyword))
    except ExpressionError as error:
        raise click.UsageError(f"-k {error}") from None
    if not found:
        raise click.UsageError(f"no clause matches -k '{keyword}'")
    return found


def _argument(name: str) -> str:
    """A provider as workers get it: a contract file by its whole path."""
    return str(Path(name).resolve()) if name.endswith(".toml") else name


def _so_far(plans: Mapping[str, Plan], begun: Mapping[str, Exploration], documents: Mapping[str, Document]) -> Document:
    """What is known while the run goes on: providers that are explored, the one that is being, those that will be."""
    from pollproof.report.document import build_document, join_documents
    from pollproof.verify.exploration import begin_exploration

    return join_documents(
        [documents.get(name) or build_document(begun.get(name) or begin_exploration(plans[name])) for name in plans]
    )


def _explore(
    plans: Mapping[str, Plan],
    begun: dict[str, Exploration],
    documents: dict[str, Document],
    progress: Callable[..., None],
    selected: frozenset[str],
) -> None:
    """Explore the targets, one after another, into their documents, until all selected clauses are violated."""
    from pollproof.report.document import build_document
    from pollproof.verify.exploration import begin_exploration
    from pollproof.verify.judge import verify_target

    for name, plan in plans.items():
        begun[name] = begin_exploration(plan)
        until = selected.intersection(clause.id for clause in plan.contract.clauses)
        documents[name] = build_document(verify_target(plan, progress, begun[name], until))


def _concluded(
    documents: Sequence[Document], selected: frozenset[str] | None, stop: int | None, plans: Mapping[str, Plan]
) -> list[Document]:
    """The documents with the selected clauses alone, and with -x or --maxfail up to the last failing one."""
    from pollproof.report.document import only
    from pollproof.runs.outcome import decided, failing

    policies = [plan.policy for plan in plans.values()]
    found = [decided(each, policy) for each, policy in zip(documents, policies, strict=True)]
    if selected is not None:
        found = [decided(only(each, selected)) for each in found]
    if stop:
        left, kept = stop, []
        for each in found:
            broken = [clause["id"] for clause in failing(each, strict=bool(each["strict"]))]
            if left and len(broken) >= left:
                ids = [clause["id"] for clause in each["clauses"]]
                each = decided(only(each, frozenset(ids[: ids.index(broken[left - 1]) + 1])))
                broken = broken[:left]
            elif not left:
                each = only(each, frozenset())
            left -= len(broken)
            kept.append(each)
        found = kept
    return [each for each in found if each["clauses"]]


@contextlib.contextmanager
def _hypothesis_home() -> Iterator[None]:
    """Hypothesis keeps notes in the current folder; a run of the command leaves nothing behind there."""
    name = "HYPOTHESIS_STORAGE_DIRECTORY"
    if name in os.environ:
        yield
        return
    from pollproof.processes.watchdog_client import temporary_folder

    with temporary_folder() as folder:
        os.environ[name] = str(folder)
        try:
            yield
        finally:
            del os.environ[name]


def _shown(
    plans: Mapping[str, Plan],
    begun: Mapping[str, Exploration],
    documents: Mapping[str, Document],
    stage: str,
    exchanges: int,
    exercised: int,
) -> tuple[str, int, float]:
    """What the line of progress shows: provider and phase, requests of all providers, and the part that is done."""
    name = next((each for each in plans if each in begun and each not in documents), next(iter(plans)))
    earlier = sum(document["exchanges"] for document in documents.values())
    plan = plans[name]
    own = begun[name].examples / plan.count if name in begun and plan.count else 0.0
    done = (len(documents) + min(own, 1.0)) / len(plans)
    return f"{plan.contract.name}, {stage}, {exercised} clauses exercised", earlier + exchanges, done


def _report(
    ordered: list[Document],
    options: dict[str, Any],
    console: Console,
    reports: Reports,
    baselines: Baselines,
    label: Label | None,
) -> int:
    """Print and write what came of the run; its exit status."""
    from pollproof.report.document import join_documents
    from pollproof.report.terminal import print_baseline, print_document, print_summary
    from pollproof.runs.outcome import decided, outcome_of
    from pollproof.runs.spec import Policy

    level = verbosity(options)
    ordered = baselines.marked(ordered, decided)
    for document in ordered:
        print_document(console, document, strict=options["strict"], verbosity=level)
    whole = baselines.concluded(join_documents(ordered), ordered, partial=bool(options["keyword"] or options["stop"]))
    if label is not None:  # that clauses were not exercised is for the report of all shards to show
        whole = decided(label(whole), Policy(strict=options["strict"]))
    print_baseline(console, whole)
    print_summary(console, whole, verbosity=level)
    reports.write(whole)
    reports.annotate(whole)
    baselines.write(ordered)
    return outcome_of(whole).status
