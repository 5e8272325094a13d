"""The command line: a thin face over the same tests that pytest runs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.baselines import Baselines, baseline_options
from pollproof.cli.check import check
from pollproof.cli.clauses import clauses, explain
from pollproof.cli.common import console_for, contract_or_exit, todays, visible_streams
from pollproof.cli.drift import drift
from pollproof.cli.export import export
from pollproof.cli.gate import gate
from pollproof.cli.leap import leap
from pollproof.cli.live import check_live, go_on, live_options
from pollproof.cli.merge import merge
from pollproof.cli.mutants import mutants
from pollproof.cli.record import record
from pollproof.cli.report import report
from pollproof.cli.reporting import Reports, report_options, told
from pollproof.cli.sharing import asked, explore_shared, shard_option, workers_option
from pollproof.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.cli.reporting import Unfinished
    from pollproof.contract.model import Contract
    from pollproof.pytest_plugin.suite import Runner
    from pollproof.runs.outcome import Document
    from pollproof.verify.plan import Plan

    Label = Callable[[Document], Document]

ERROR = 4

_EPILOG = (
    "Exit status: 0 every exercised MUST held; 1 a violation; 2 usage or bad input; "
    "3 inconclusive (the run was cut short, or --require-all and a clause unexercised); 4 the suite itself failed."
)


class Commands(click.Group):
    """The commands; what the machine refuses to any of them is one sentence, and never a verdict."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # the reader of a pipe went away: nobody is there to be told
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(ERROR) from None
        except MemoryError:
            words = "out of memory"
        except OSError as error:
            name = "" if error.filename is None else f"{error.filename}: "
            words = f"{name}{error.strerror or error}"
        click.echo(f"error: {words}", err=True)
        raise SystemExit(ERROR)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="pollproof")
def cli() -> None:
    """Prove that a create-then-poll API, or a client of one, keeps the rules that its documentation states."""


@cli.command(epilog=_EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("providers", nargs=-1, metavar="[PROVIDER|CONTRACT.toml ...]")
@click.option("--base-url", metavar="URL", help="The implementation to judge; without it the embedded reference.")
@click.option(
    "--launch",
    metavar="COMMAND",
    help="Start the implementation with this command, in which {port} is its port; its clock is moved without a hook.",
)
@click.option(
    "--api-key", metavar="KEY", envvar="POLLPROOF_API_KEY", help="A key that it accepts (or POLLPROOF_API_KEY)."
)
@click.option("--advance-url", metavar="URL", help='Test hook that moves its clock: POST {"seconds": N}.')
@click.option(
    "--task", metavar="FILE", help="JSON file with the task to create, where the contract's sample does not suit."
)
@click.option(
    "--callback-url", metavar="URL", help="Where the implementation reaches the suite's receiver of callbacks."
)
@click.option("--budget", metavar="TIME", help="Real time that may be waited without a clock hook. [60s; 10m live]")
@click.option(
    "--profile", default="ci", show_default=True, help="How thorough: quick, ci or deep (10, 50, 1000 examples)."
)
@click.option("--examples", type=int, metavar="N", help="Examples of the state machine; 0 for the walks alone.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the state machine.")
@click.option(
    "--example-db",
    metavar="FOLDER|URL",
    help="Share failing examples with other runs: a folder, or redis://... What one finds, all replay first.",
)
@live_options
@report_options
@baseline_options
@workers_option
@shard_option
@click.option(
    "-k", "keyword", metavar="EXPRESSION", help="Judge only clauses whose id matches, as in pytest.", callback=todays
)
@click.option("-x", "stop", is_flag=True, help="Stop at the first failing clause, as in pytest.")
@click.option("-q", "--quiet", is_flag=True, help="Print violations and the summary only.")
def verify(providers: tuple[str, ...], **options: Any) -> None:
    """Judge implementations: the embedded reference providers, or the one at --base-url.

    PROVIDER is a bundled name or the path of a contract file; all bundled ones when left out.
    """
    from pollproof.bundled import bundled
    from pollproof.report.merging import as_shard
    from pollproof.runs.spec import Policy
    from pollproof.verify.live_limits import LIMITS
    from pollproof.verify.options import OptionError, plan_from

    names = list(dict.fromkeys(providers or bundled()))
    for name in names:
        if name.startswith("-"):
            raise click.UsageError(f"no such option: {name}")
    foreign = options["base_url"] or options["launch"] is not None
    if foreign and len(names) != 1:
        name = "--base-url" if options["base_url"] else "--launch"
        raise click.UsageError(f"{name} goes with one provider; expected one of {', '.join(bundled())}")
    chosen = (
        "base_url",
        "launch",
        "example_db",
        "api_key",
        "advance_url",
        "task",
        "callback_url",
        "budget",
        "profile",
        "examples",
        "seed",
        "live",
        *LIMITS,
    )
    picked = {key: options[key] for key in chosen}
    check_live(options)
    if not foreign:
        if click.get_current_context().get_parameter_source("api_key") is click.core.ParameterSource.ENVIRONMENT:
            picked["api_key"] = None  # the variable may be set for other commands; the reference needs no key
    try:
        policy = Policy(options["strict"], options["require_all"])
        plans = {name: plan_from(name, **picked, keyword=options["keyword"], policy=policy) for name in names}
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    workers, shard = asked(options)
    if shard is not None and options["stop"]:
        raise click.UsageError("-x does not go with --shard: all shards of a run judge the same clauses")
    is_shared = workers is not None or shard is not None
    if is_shared and not all(plan.is_repeatable for plan in plans.values()):
        if shard is not None:
            raise click.UsageError(f"--shard shares out what can be started for each part; {IN_ONE_GO}")
        click.echo(f"-n {workers} has no effect: {IN_ONE_GO}", err=True)
        is_shared = False
    reports, baselines = Reports.asked(options), Baselines(options)
    console = baselines.stream(console_for(reports.stream))
    for plan in plans.values():
        if plan.live is not None:
            if not go_on(console, plan, options):
                click.echo("nothing was sent", err=True)
                return
            picked["resume" if plan.live.resume else "record"] = plan.live.record
    from pollproof.pytest_plugin.suite import Runner  # with pytest, which what cannot be used is told without

    parts: list[str] = []
    runner = Runner()
    unfinished = reports.unfinished(lambda: _so_far(runner, plans))
    try:
        if is_shared:
            keys = {_argument(name): plan for name, plan in plans.items()}
            with _progress(console, quiet=options["quiet"]) as progress, _hypothesis_home():
                runner.documents, parts = explore_shared(keys, picked, workers, shard, progress)
        documents = _run(names, picked, options, console, runner, unfinished)
    except KeyboardInterrupt:
        unfinished.write()
        click.echo("interrupted: the run was cut short", err=True)
        for plan in plans.values():
            if plan.live is not None:
                click.echo(f"all that was done is kept in {plan.live.record}; --resume goes on with it", err=True)
        raise SystemExit(3) from None
    label: Label | None = None
    if shard is not None:
        settings = ("profile", "examples", "seed", "strict", "require_all", "keyword")
        wishes = {"contracts": names, **{name: options[name] for name in settings}}
        label = partial(as_shard, number=shard.number, of=shard.of, parts=parts, asked=wishes)
    raise SystemExit(_report(documents, names, options, console, reports, baselines, label))


IN_ONE_GO = (
    "what answers at --base-url or calls back to --callback-url, and a command without {port}, has one clock, one "
    "account and one set of limits, so it is explored in one go"
)
"""Why some targets are not shared out."""


def _argument(name: str) -> str:
    """A provider as the suite is told it: a contract file by its whole path."""
    return str(Path(name).resolve()) if name.endswith(".toml") else name


def _so_far(runner: Runner, plans: dict[str, Plan]) -> Document:
    """What is known while the run goes on: providers that are explored, the one that is being, those that will be."""
    from pollproof.report.document import document_of, merge
    from pollproof.verify.run import beginning

    documents = []
    for name, plan in plans.items():
        known = runner.documents.get(_argument(name))
        documents.append(known or document_of(runner.begun.get(_argument(name)) or beginning(plan)))
    return merge(documents)


def _run(
    names: Sequence[str],
    picked: dict[str, Any],
    options: dict[str, Any],
    console: Console,
    runner: Runner,
    unfinished: Unfinished,
) -> dict[str, Document]:
    """Run the compliance suite with pytest; the documents of the providers that were explored, or are given."""
    import pytest

    from pollproof.bundled import folder
    from pollproof.pytest_plugin.suite import RUNNER
    from pollproof.report.document import only
    from pollproof.runs.outcome import decided
    from pollproof.runs.spec import Policy

    suite = folder("contracts")
    arguments = [
        str(suite / "test_clauses.py"),
        "-p",
        "pollproof.pytest_plugin.plugin",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(suite),
    ]
    arguments += ["-c", str(suite / "suite.ini"), "-q", "--no-header", "--no-summary", "--tb=no"]
    arguments.append("--capture=no")  # which would swallow the progress
    for name in names:
        arguments += ["--provider", _argument(name)]
    for key, value in picked.items():
        if value is True:
            arguments.append(f"--{key.replace('_', '-')}")
        elif value is not None and value is not False:
            arguments.append(f"--{key.replace('_', '-')}={value}")
    arguments += [f"--{flag.replace('_', '-')}" for flag in ("strict", "require_all") if options[flag]]
    if options["keyword"]:
        arguments += ["-k", options["keyword"]]
    if options["stop"]:
        arguments.append("-x")
    from pollproof.workers.distribute import without_foreign_plugins

    with _progress(console, quiet=options["quiet"]) as progress, _hypothesis_home(), without_foreign_plugins():
        runner.progress = told(progress, lambda *_: unfinished.refresh())
        sink = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed below, after pytest has let go of it
        with sink, contextlib.redirect_stdout(sink):
            status = pytest.main(arguments, plugins=[_Named(RUNNER, runner)])
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        click.echo("error: the suite itself failed; run pytest on the contracts folder to see how", err=True)
        raise SystemExit(ERROR)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise click.UsageError(f"no clause matches -k '{options['keyword']}'")
    policy = Policy(options["strict"], options["require_all"])
    documents = {key: decided(document, policy) for key, document in runner.documents.items()}
    if options["keyword"] or options["stop"]:  # what was not asked about has no say in the outcome
        documents = {key: decided(only(document, runner.judged)) for key, document in documents.items()}
        documents = {key: document for key, document in documents.items() if document["clauses"]}
    return {Path(key).stem if key.endswith(".toml") else key: document for key, document in documents.items()}


@contextlib.contextmanager
def _hypothesis_home() -> Iterator[None]:
    """Hypothesis keeps notes in the current folder; a run of the command leaves nothing behind there."""
    name = "HYPOTHESIS_STORAGE_DIRECTORY"
    if name in os.environ:
        yield
        return
    import tempfile  # takes its time to import, as some other things do here

    with tempfile.TemporaryDirectory(prefix="pollproof-") as folder:
        os.environ[name] = folder
        yield
        del os.environ[name]


class _Named:
    """Registers the runner under its name."""

    def __init__(self, name: str, runner: Any) -> None:
        self._name, self._runner = name, runner

    def pytest_configure(self, config: Any) -> None:
        config.pluginmanager.register(self._runner, self._name)


@contextlib.contextmanager
def _progress(console: Console, *, quiet: bool) -> Iterator[Any]:
    """A live line on a terminal, one plain line for each stage elsewhere, nothing when quiet."""
    if quiet:
        yield None
    elif console.is_terminal:
        from rich.markup import escape

        with console.status("exploring") as status:
            yield lambda stage, exchanges, exercised: status.update(
                escape(f"{stage}: {exchanges} exchanges, {exercised} clauses exercised")
            )
    else:
        last = [""]

        def line(stage: str, exchanges: int, exercised: int) -> None:
            if stage != last[0]:
                last[0] = stage
                console.print(
                    f"... {stage} ({exchanges} exchanges so far, {exercised} clauses exercised)", soft_wrap=True
                )

        yield line


def _report(
    documents: dict[str, Document],
    names: Sequence[str],
    options: dict[str, Any],
    console: Console,
    reports: Reports,
    baselines: Baselines,
    label: Label | None,
) -> int:
    from pollproof.report.document import merge
    from pollproof.report.terminal import print_baseline, print_document, print_summary
    from pollproof.runs.outcome import decided, outcome_of
    from pollproof.runs.spec import Policy

    ordered = [
        documents[key] for name in names if (key := Path(name).stem if name.endswith(".toml") else name) in documents
    ]
    if not ordered:
        click.echo("error: nothing was explored", err=True)
        return ERROR
    ordered = baselines.marked(ordered, decided)
    for document in ordered:
        print_document(console, document, strict=options["strict"], quiet=options["quiet"])
    whole = baselines.concluded(merge(ordered), ordered, partial=bool(options["keyword"] or options["stop"]))
    if label is not None:  # that clauses were not exercised is for the report of all shards to say
        whole = label(decided(whole, Policy(strict=options["strict"])))
    print_baseline(console, whole)
    print_summary(console, whole, strict=options["strict"])
    reports.write(whole)
    reports.annotate(whole)
    baselines.write(ordered)
    return outcome_of(whole).status


@cli.command()
@click.argument("provider")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0 takes a free one.")
@click.option(
    "--mutant", metavar="NAME", callback=todays, help="Serve a mutant: a clause id, or the name that `explain` shows."
)
@click.option(
    "--cassette", "cassettes", multiple=True, metavar="FILE", help="Answer from this recording instead (repeatable)."
)
@click.option("--for", "duration", metavar="TIME", help="Stop by itself after this time, such as 10m.")
def serve(provider: str, port: int, mutant: str | None, cassettes: tuple[str, ...], duration: str | None) -> None:
    """Serve the reference provider, or a recording, on loopback for anyone's own tests, until interrupted.

    The first line printed is the base URL. POST {"seconds": N} to the hook on the second line moves its clock; a
    recording has none. What is asked of a recording and is not in it gets HTTP 404, and is told on standard error.
    """
    from pollproof.clock import ShiftedClock
    from pollproof.proof.mutants import MutantError, mutant_named
    from pollproof.reference.provider import ReferenceProvider
    from pollproof.reference.server import serve as serving
    from pollproof.verify.options import OptionError, seconds_of

    contract = contract_or_exit(provider)
    if cassettes and mutant is not None:
        raise click.UsageError("--mutant and --cassette exclude each other")
    clock = ShiftedClock()
    try:
        seconds = None if duration is None else seconds_of(duration)
        if cassettes:
            _serve_recording(contract, cassettes, port, seconds)
            return
        served = (
            ReferenceProvider(contract, clock) if mutant is None else mutant_named(contract, mutant).provider(clock)
        )
    except (OptionError, MutantError) as error:
        raise click.UsageError(str(error)) from None
    ended = _told_to_end()
    try:
        with serving(served, clock, port) as found:
            click.echo(found.base_url)
            click.echo(f"clock hook: {found.advance_url}")
            click.echo(f"key: {contract.credential.sample}")
            ended.wait(seconds)
    except OSError as error:
        raise click.UsageError(f"port {port} cannot be used ({error.strerror})") from None


def _told_to_end() -> threading.Event:
    """Set when the process is told to end."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _serve_recording(contract: Contract, names: Sequence[str], port: int, seconds: float | None) -> None:
    """Answer from recordings, and tell on standard error what they have no answer to."""
    import gc

    from pollproof.recordings.errors import RecordingError
    from pollproof.reference.server import prefix_of, serve_handler
    from pollproof.replay import replay_of

    def missed(problem: str) -> None:
        click.echo(f"no recorded answer: {problem}", err=True)

    try:
        replay = replay_of(contract, names, missed)
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    if not replay.exchanges:
        raise click.UsageError(f"no exchange of {contract.name} is recorded in {', '.join(names)}")
    gc.freeze()  # what is loaded stays: looking through it again and again would slow long recordings down
    ended = _told_to_end()
    try:
        with serve_handler(replay.handle, prefix_of(contract), port) as base_url:
            click.echo(base_url)
            click.echo(f"recorded: {replay.exchanges} exchanges, {replay.creations} creations, {replay.tasks} tasks")
            if replay.inbound:
                click.echo(f"the recording's callbacks ({replay.inbound}) are not sent", err=True)
            ended.wait(seconds)
    except OSError as error:
        raise click.UsageError(f"port {port} cannot be used ({error.strerror})") from None
    if replay.misses:
        click.echo(f"requests without a recorded answer: {replay.misses}", err=True)


@cli.command()
@click.argument("name")
@click.option("--folder", metavar="DIR", default=".", help="Where to write it. [the current folder]")
def new(name: str, folder: str) -> None:
    """Write a contract, its schemas and its samples to start from, for an API that is not bundled."""
    import shlex

    from pollproof.scaffold import ScaffoldError, write

    try:
        written = write(name, Path(folder))
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(f"wrote {path}")
    file = shlex.quote(str(written[0]))
    click.echo(f"\nNext: pollproof verify {file} judges the reference provider that follows from it.")
    click.echo("Then change the contract and its schemas, part by part, to what your API documents, and verify again;")
    click.echo(f"pollproof verify {file} --base-url URL --api-key KEY judges the API itself.")


for command in (check, clauses, explain, gate, report, merge, record, drift, mutants, export, leap):
    cli.add_command(command)


def main() -> None:
    """The entry point of the command."""
    with visible_streams():
        cli.main(prog_name="pollproof")
