"""`pollproof leap`: run any program with its waits leapt over."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from datetime import datetime
from types import FrameType

import click

CANNOT = 125
"""Exit status where the clock cannot be had, as of other programs that run a program."""

NANOSECONDS = 1_000_000_000
"""Nanoseconds of a second."""


@click.command()
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option(
    "--rate",
    type=click.FloatRange(0.001, 1_000_000),
    default=1.0,
    metavar="FACTOR",
    help="Let the clock run so many times as fast as the machine's, instead of leaping over waits.",
)
@click.option(
    "--from", "begin", metavar="DATE", help="Let the time of day begin at this date, such as 2030-01-31T23:59."
)
@click.option(
    "--control", metavar="SOCKET", help="Listen on this Unix socket for commands that read and move the clock."
)
@click.option("-q", "--quiet", is_flag=True, help="Print no summary at the end.")
def leap_command(command: tuple[str, ...], rate: float, begin: str | None, control: str | None, quiet: bool) -> None:
    """Run COMMAND with its waits leapt over: sleeps, time-outs and timers of a day take no time (Linux).

    Its processes share one virtual clock, which leaps to the next deadline when all of them wait. The exit status is
    the command's; 125 where the clock cannot be had, 126 or 127 where the command cannot be started.
    """
    from pollproof.virtualtime import CannotLeap, SupervisedClock

    options = ["--rate", f"{rate:.9g}", "--orphans", "end", "--parent", "follow"]
    if begin is not None:
        options += ["--shift", str(round((_moment(begin) - time.time()) * NANOSECONDS))]
    if control is not None:
        options += ["--control", control]
    try:
        clock = SupervisedClock()
    except CannotLeap as reason:
        click.echo(f"Error: {reason}", err=True)
        sys.exit(CANNOT)
    started = time.monotonic()
    with clock:
        status = _run(clock.command(command, options))
        took, leapt = time.monotonic() - started, clock.leapt()
        if not quiet:
            click.echo(f"pollproof: leapt over {leapt:.3f} s of waiting in {took:.3f} s of real time", err=True)
    sys.exit(status)


def _moment(text: str) -> float:
    """Seconds since 1970 of a date, in local time where it names no zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        what = f"{text!r} is not a date; expected one such as 2030-01-31T23:59:00"
        raise click.BadParameter(what, param_hint="--from") from None


def _run(words: list[str]) -> int:
    """Run to the end, passing signals on; the exit status as a shell gives it."""
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if process is None:
            early.append(number)
            return
        with contextlib.suppress(OSError):
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    # A terminal sends it to the command, too.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        process = subprocess.Popen(words)
        while early:
            process.send_signal(early.pop())
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status
