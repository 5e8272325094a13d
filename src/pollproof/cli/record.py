"""`pollproof record`: write a cassette of a provider, or of a client through a proxy; no secret gets into it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.options import GroupedCommand, add_options
from pollproof.cli.progress import progress_line
from pollproof.runs.options import RECORD, options_of

if TYPE_CHECKING:
    from pollproof.record.recorder import RecordedTraffic
    from pollproof.recordings.writing import Written
    from pollproof.verify.plan import Plan

_EPILOG = (
    "Exit status: 0 the cassette is written and complete; 2 usage or bad input; 3 what was written is not complete "
    "(interrupted, the target broke off, or the command failed); 4 nothing could be recorded."
)

RECORD_INCOMPLETE = 3
RECORD_FAILED = 4

RECORD_ENDING = 5.0
"""Seconds that a command has to end by itself once it got the signal to."""


@click.command(cls=GroupedCommand, epilog=_EPILOG)
@click.argument("provider", metavar="PROVIDER|CONTRACT.toml")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@add_options(RECORD, [option.name for option in options_of(RECORD)])
@click.option("--out", metavar="FILE", help="Write this cassette: FILE.yaml or FILE.json.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.option(
    "--tasks", type=click.IntRange(1, 1000), default=1, show_default=True, help="Create so many tasks of each kind."
)
@click.option("--source", metavar="LABEL", help="Label the cassette with these words. [live]")
@click.option(
    "--listen",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=0,
    metavar="[PORT]",
    help="Create no tasks: listen on loopback, pass a client's requests on to --base-url, and record them.",
)
@click.option("--for", "duration", metavar="TIME", help="Stop listening by itself after this time, such as 10m.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def record_command(provider: str, command: tuple[str, ...], **options: Any) -> None:
    """Record a provider as a cassette, with the time of each exchange and without any secret.

    A conforming client creates tasks and polls them to their ends. With --listen, or with a COMMAND after `--`,
    somebody else's client is recorded instead: it finds the address of the recording proxy in POLLPROOF_BASE_URL.
    """
    plan = _plan(provider, options)
    path = _path(options)
    proxied = options["listen"] is not None or bool(command)
    if options["duration"] and not proxied:
        raise click.UsageError("--for goes with --listen")
    written = _listen(plan, path, command, options) if proxied else _record(plan, path, options)
    following = f"pollproof check {provider} {written.path}"
    if not options["quiet"]:
        _report(written, following)
    raise SystemExit(options.get("status", 0))


def _plan(provider: str, options: Mapping[str, Any]) -> Plan:
    from pollproof.verify.options import OptionError, plan_from

    if not options["base_url"]:
        raise click.UsageError(
            "--base-url is missing: the address of the implementation. To record the reference provider, start "
            f"`pollproof serve {provider}` and give the URL that it prints"
        )
    names = ("base_url", "api_key", "advance_url", "task", "callback_url", "budget")
    try:
        return plan_from(provider, **{name: options[name] for name in names})
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _path(options: Mapping[str, Any]) -> Path:
    from pollproof.recordings.errors import RecordingError
    from pollproof.recordings.writing import check_writable

    if not options["out"]:
        raise click.UsageError("--out is missing: the file of the cassette, such as --out recorded.yaml")
    try:
        return check_writable(options["out"], overwrite=options["overwrite"])
    except RecordingError as error:
        hint = " (--overwrite replaces it)" if Path(options["out"]).is_file() and not options["overwrite"] else ""
        raise click.UsageError(f"{error}{hint}") from None


# ------------------------------------------------------------------------------- recording a provider


def _record(plan: Plan, path: Path, options: dict[str, Any]) -> Written:
    from pollproof.record.recorder import record as recorded

    with Interruptions() as interruptions:
        with progress_line("recording", "exchanges", quiet=options["quiet"]) as progress:
            recording = recorded(plan, options["tasks"], progress, interruptions.allowed)
        return _written(plan, path, options, recording)


def _written(plan: Plan, path: Path, options: dict[str, Any], recording: RecordedTraffic) -> Written:
    from pollproof.secrets.redact import Redactor
    from pollproof.verify.plan import of_plan

    problem = None if recording.problem is None else Redactor(of_plan(plan)).text(recording.problem)
    if not recording.answered:
        click.echo(f"error: nothing was recorded: {problem or 'no exchange was answered'}", err=True)
        raise SystemExit(RECORD_FAILED)
    if problem is not None:
        click.echo(f"the recording is not complete: {problem}", err=True)
        options["status"] = RECORD_INCOMPLETE
    return _write(
        path, plan, options, recording.exchanges, clock=recording.clock, started=recording.started, whole=True
    )


def _write(path: Path, plan: Plan, options: Mapping[str, Any], exchanges: Any, **known: Any) -> Written:
    from pollproof.recordings.errors import RecordingError
    from pollproof.recordings.writing import write_cassette

    assert plan.base_url is not None
    try:
        return write_cassette(
            path,
            exchanges,
            plan.contract,
            base_url=plan.base_url,
            source=options["source"] or "live",
            overwrite=options["overwrite"],
            secrets=() if plan.credential is None else (plan.credential,),
            **known,
        )
    except RecordingError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(RECORD_FAILED) from None


class Interruptions:
    """SIGTERM and Ctrl-C end a recording while requests are made; what was recorded by then is written in peace."""

    def __init__(self) -> None:
        self._came = self._is_allowed = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruptions:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        self._came = True
        if self._is_allowed:
            self._is_allowed = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Let them end what is done in the context; one that came before it does so, too."""
        self._is_allowed = True
        if self._came:
            raise KeyboardInterrupt
        try:
            yield
        finally:
            self._is_allowed = False


# --------------------------------------------------------------------------------- recording a client


def _listen(plan: Plan, path: Path, command: tuple[str, ...], options: dict[str, Any]) -> Written:
    from pollproof.http.addresses import TargetError
    from pollproof.record.proxy import listen_and_record
    from pollproof.verify.options import OptionError, parse_duration

    assert plan.base_url is not None
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    begun, wall = time.monotonic(), datetime.now(UTC)
    try:
        seconds = None if options["duration"] is None else parse_duration(options["duration"])
        with listen_and_record(plan.base_url, options["listen"] or 0) as proxy:
            click.echo(proxy.base_url)
            sys.stdout.flush()
            if command:
                options["status"] = _run(command, proxy.base_url, plan.credential, seconds, ended)
            else:
                ended.wait(seconds)
            exchanges, problem = proxy.exchanges, proxy.problem
    except OSError as error:
        words = error.strerror or str(error)
        raise click.UsageError(f"port {options['listen'] or 0} cannot be used ({words})") from None
    except (OptionError, TargetError) as error:
        raise click.UsageError(str(error)) from None
    if not exchanges:
        click.echo("error: nothing was recorded: no request came", err=True)
        raise SystemExit(RECORD_FAILED)
    if problem is not None:
        click.echo(f"the recording is not complete: {problem}", err=True)
        options["status"] = RECORD_INCOMPLETE
    started = wall + timedelta(seconds=exchanges[0].sent - begun)
    return _write(path, plan, options, exchanges, clock="real", started=started, whole=False)


def _run(
    command: tuple[str, ...], base_url: str, api_key: str | None, seconds: float | None, ended: threading.Event
) -> int:
    """Run a command beside the proxy until it ends, or is ended; the exit status that this means for us."""
    import subprocess  # takes its time to import, as some other things do here

    environment = {**os.environ, "POLLPROOF_BASE_URL": base_url}
    if api_key is not None:
        environment["POLLPROOF_API_KEY"] = api_key
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise click.UsageError(f"{command[0]}: cannot be run ({error.strerror})") from None
    end = None if seconds is None else time.monotonic() + seconds
    while process.poll() is None and not ended.is_set() and (end is None or time.monotonic() < end):
        ended.wait(0.05)
    cut = process.poll() is None
    if cut:
        process.terminate()
        try:
            process.wait(RECORD_ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if cut:
        click.echo("the recording is not complete: the command was ended", err=True)
    elif process.returncode:
        click.echo(f"the command ended with exit status {process.returncode}", err=True)
    return RECORD_INCOMPLETE if cut or process.returncode else 0


# ------------------------------------------------------------------------------------------- telling


def _report(written: Written, following: str) -> None:
    """What was written, what was left out of it, and what to do with it."""
    replaced = ", ".join(f"{count} {kind}" for kind, count in written.scrubbed.items()) or "nothing"
    skipped = f"; {written.skipped} of other operations are not in it" if written.skipped else ""
    click.echo(f"{written.exchanges} exchanges written to {written.path}{skipped}; scrubbed: {replaced}")
    if written.otherwise:
        clauses = ", ".join(written.otherwise)
        click.echo(
            f"scrubbing took away what these clauses look at, so they judge the file otherwise: {clauses}", err=True
        )
    click.echo(f"next: {following}")
