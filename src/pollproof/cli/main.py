"""The command line: a thin face over the same tests that pytest runs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from pollproof.cli.common import visible_streams
from pollproof.text import nearest
from pollproof.version import __version__

INCONCLUSIVE = 3
FAILED_STATUS = 4

_EPILOG = (
    "Exit status: 0 every exercised MUST held; 1 a violation; 2 usage or bad input; "
    "3 inconclusive (a MUST was not exercised, or a limit cut the run); 4 the target or the suite failed."
)


COMMANDS = {
    "check": ("check", "Judge recorded traffic, client and provider alike."),
    "clauses": ("clauses", "List the clauses of the contracts: id, level, subject and text."),
    "config": ("configuration", "Show which options hold, and where each comes from."),
    "doctor": ("doctor", "Check that this machine and a target are ready."),
    "drift": ("drift", "Compare two recordings of one API."),
    "explain": ("clauses", "Explain one clause: rule, document, a right and a wrong exchange, how to fix it."),
    "export": ("export", "Write a contract in the format of another tool, for mock servers and generators."),
    "gate": ("gate", "Judge a client in any language."),
    "leap": ("leap", "Run a command with its waits leapt over (Linux)."),
    "lint": ("lint", "Find clauses of a contract that nothing can exercise, and places that fit nothing."),
    "merge": ("merge", "Make one report of the JSON reports of all shards of a run."),
    "mutants": ("mutants", "Show that every clause can fail, and that none fails without cause."),
    "new": ("new", "Write a contract to start from, for an API that is not bundled."),
    "record": ("record", "Record a provider as a cassette, with times and without secrets."),
    "replay": ("replaying", "Send the trace of a violation again, with curl commands."),
    "report": ("report", "Show JSON reports, and write other formats of them."),
    "serve": ("serving", "Serve the reference provider, or a recording, on loopback."),
    "verify": ("verify", "Judge implementations of an API."),
}
"""The commands: the module of each, which is imported when it is used, and its summary in the help."""


class Commands(click.Group):
    """The commands; what the machine refuses to any of them is one sentence, and never a verdict."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with a summary that is not cut."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name; its module is imported now."""
        if name not in COMMANDS:
            return None
        module = import_module(f"pollproof.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; a mistyped one ends with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            context.fail(f"No such command '{args[0]}'{nearest(args[0], COMMANDS)}")
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # the reader of a pipe went away: nobody reads on
            _end("", FAILED_STATUS)
        except KeyboardInterrupt:  # by click's own way it would end with the status of a violation
            _end("interrupted", INCONCLUSIVE)
        except MemoryError:
            _end("out of memory", FAILED_STATUS)
        except OSError as error:
            name = "" if error.filename is None else f"{error.filename}: "
            _end(f"{name}{error.strerror or error}", FAILED_STATUS)


def _end(words: str, status: int) -> NoReturn:
    """End with a sentence, where the standard error takes it; what standard output has not taken is dropped."""
    with suppress(OSError):
        if words:
            click.echo(f"error: {words}", err=True)
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(status)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, "-V", "--version", prog_name="pollproof")
def cli() -> None:
    """Prove that a create-then-poll API, or a client of one, keeps the rules that its documentation states."""


def main() -> None:
    """The entry point of the command."""
    from pollproof.processes import watchdog_client

    watchdog_client.be_alone()
    if sys.stderr is None:  # closed by who started it: nobody reads it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:  # closed as well: the next file that is opened would take its place
        click.echo("error: standard output is closed; redirect it to /dev/null if it is not wanted", err=True)
        raise SystemExit(FAILED_STATUS)
    try:
        with visible_streams():
            cli.main(prog_name="pollproof")
    except KeyboardInterrupt:
        _end("interrupted", INCONCLUSIVE)
    except OSError as error:  # the words of an error cannot be written either
        _end(error.strerror or str(error), FAILED_STATUS)
