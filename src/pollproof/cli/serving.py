"""`pollproof serve`: the reference provider, or a recording, on loopback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pollproof.cli.common import contract_or_exit, todays

if TYPE_CHECKING:
    from pollproof.contract.model import Contract


@click.command()
@click.argument("provider", metavar="PROVIDER|CONTRACT.toml")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Listen on this port of loopback; 0 takes a free one."
)
@click.option(
    "--mutant", metavar="NAME", callback=todays, help="Serve a mutant: a clause id, or the name that `explain` shows."
)
@click.option(
    "--cassette", "cassettes", multiple=True, metavar="FILE", help="Answer from this recording instead (repeatable)."
)
@click.option("--for", "duration", metavar="TIME", help="Stop by itself after this time, such as 10m.")
def serve_command(
    provider: str, port: int, mutant: str | None, cassettes: tuple[str, ...], duration: str | None
) -> None:
    """Serve the reference provider, or a recording, on loopback for anyone's own tests, until interrupted.

    The first line printed is the base URL. POST {"seconds": N} to the hook on the second line moves its clock; a
    recording has none. A request that a recording has no response to gets HTTP 404 and a line on standard error.
    """
    from pollproof.clock import ShiftedClock
    from pollproof.proof.mutants import MutantError, mutant_named
    from pollproof.reference.provider import ReferenceProvider
    from pollproof.reference.server import serve as serving
    from pollproof.verify.options import OptionError, parse_duration

    contract = contract_or_exit(provider)
    if cassettes and mutant is not None:
        raise click.UsageError("--mutant and --cassette exclude each other")
    clock = ShiftedClock()
    try:
        seconds = None if duration is None else parse_duration(duration)
        if cassettes:
            _serve_recording(contract, cassettes, port, seconds)
            return
        served = (
            ReferenceProvider(contract, clock) if mutant is None else mutant_named(contract, mutant).provider(clock)
        )
    except (OptionError, MutantError) as error:
        raise click.UsageError(str(error)) from None
    ended = _end_signal()
    try:
        with serving(served, clock, port) as found:
            click.echo(found.base_url)
            click.echo(f"clock hook: {found.advance_url}")
            click.echo(f"key: {contract.credential.sample}")
            ended.wait(seconds)
    except OSError as error:
        raise click.UsageError(f"port {port} cannot be used ({error.strerror})") from None


def _end_signal() -> threading.Event:
    """An event that is set when the process gets a signal to end."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _serve_recording(contract: Contract, names: Sequence[str], port: int, seconds: float | None) -> None:
    """Answer from recordings, and print on standard error which requests they have no response to."""
    import gc

    from pollproof.recordings.errors import RecordingError
    from pollproof.reference.server import prefix_of, serve_handler
    from pollproof.replay import replay_of

    def missed(problem: str) -> None:
        click.echo(f"no recorded response: {problem}", err=True)

    try:
        replay = replay_of(contract, names, missed)
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    if not replay.exchanges:
        raise click.UsageError(f"no exchange of {contract.name} is recorded in {', '.join(names)}")
    gc.freeze()  # what is loaded stays: looking through it repeatedly would slow long recordings down
    ended = _end_signal()
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
        click.echo(f"requests without a recorded response: {replay.misses}", err=True)
