"""The command line: a thin face over the same tests that pytest runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.check import check
from pollproof.cli.clauses import clauses, explain
from pollproof.cli.common import contract_or_exit, todays, visible_streams
from pollproof.cli.configuration import config
from pollproof.cli.doctor import doctor
from pollproof.cli.drift import drift
from pollproof.cli.export import export
from pollproof.cli.gate import gate
from pollproof.cli.leap import leap
from pollproof.cli.lint import lint
from pollproof.cli.merge import merge
from pollproof.cli.mutants import mutants
from pollproof.cli.record import record
from pollproof.cli.replaying import replay
from pollproof.cli.report import report
from pollproof.cli.verify import verify
from pollproof.version import __version__

if TYPE_CHECKING:
    from pollproof.contract.model import Contract

ERROR = 4

_EPILOG = (
    "Exit status: 0 every exercised MUST held; 1 a violation; 2 usage or bad input; "
    "3 inconclusive (a MUST was not exercised, or a limit cut the run); 4 the target or the suite failed."
)


class Commands(click.Group):
    """The commands; what the machine refuses to any of them is one sentence, and never a verdict."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with a summary that is not cut."""
        rows = []
        for name, command in sorted(self.commands.items()):
            rows.append((name, command.short_help or " ".join((command.help or "").split("\n\n")[0].split())))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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
@click.version_option(__version__, "-V", "--version", prog_name="pollproof")
def cli() -> None:
    """Prove that a create-then-poll API, or a client of one, keeps the rules that its documentation states."""


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
@click.option("--openapi", metavar="FILE", help="Begin from an OpenAPI document (3.0 or 3.1, JSON or YAML).")
@click.option(
    "--create", metavar="OPERATION", help="With --openapi: what creates a task, by operationId or 'POST /path'."
)
@click.option("--poll", metavar="OPERATION", help="With --openapi: what polls a task, by operationId or 'GET /path'.")
@click.option("--document", metavar="PAGE.md", help="Lay the lines of a page out as passages, to be accounted for.")
def new(
    name: str, folder: str, openapi: str | None, create: str | None, poll: str | None, document: str | None
) -> None:
    """Write a contract, its schemas and its samples to start from, for an API that is not bundled."""
    import shlex

    from pollproof.scaffold import ScaffoldError, write, write_from_document, write_from_openapi

    questions: list[str] = []
    if (openapi is None) != (create is None) or (create is None) != (poll is None):
        raise click.UsageError("--openapi, --create and --poll belong together")
    if document is not None and openapi is not None:
        raise click.UsageError("--document and --openapi begin a contract in different ways; give one of them")
    try:
        if document is not None:
            written = write_from_document(name, Path(folder), Path(document))
        elif openapi is None or create is None or poll is None:
            written = write(name, Path(folder))
        else:
            written, questions = write_from_openapi(name, Path(folder), Path(openapi), create, poll)
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(f"wrote {path}")
    for question in questions:
        click.echo(f"open: {question}")
    file = shlex.quote(str(written[0]))
    click.echo(f"\nNext: pollproof verify {file} judges the reference provider that follows from it.")
    click.echo("Then change the contract and its schemas, part by part, to what your API documents, and verify again;")
    click.echo(f"pollproof verify {file} --base-url URL --api-key KEY judges the API itself.")


for command in (
    verify,
    check,
    config,
    doctor,
    clauses,
    explain,
    lint,
    gate,
    report,
    merge,
    record,
    replay,
    drift,
    mutants,
    export,
    leap,
):
    cli.add_command(command)


def main() -> None:
    """The entry point of the command."""
    from pollproof.processes import watchdog_client

    watchdog_client.be_alone()
    with visible_streams():
        cli.main(prog_name="pollproof")
