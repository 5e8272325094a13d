"""`pollproof config`: show what holds for a run, and where each value comes from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pollproof.cli.common import console_for
from pollproof.cli.options import SETTINGS_KEY, GroupedCommand
from pollproof.runs.options import CHECK, EVERY, GATE, VERIFY, Option, options_of
from pollproof.text import json_text

if TYPE_CHECKING:
    from pollproof.runs.configuration import Configuration


@click.command("config", cls=GroupedCommand, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[verify|gate|check] [OPTIONS]")
@click.option("--all", "every", is_flag=True, help="Show the options that nobody has set, too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of configuration files instead.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def config_command(words: tuple[str, ...], *, every: bool, schema: bool, as_json: bool) -> None:
    """Show what holds for `pollproof verify`, `gate` or `check` with these options, and from where each value comes.

    The command line comes before the environment, the environment before the configuration file.
    """
    if schema:
        from pollproof.loading.grammar import page
        from pollproof.runs.configuration import configuration_schema

        click.echo(page(configuration_schema()))
        return
    mode, rest = (words[0], words[1:]) if words and words[0] in EVERY else (VERIFY, words)
    command = _command(mode)
    try:
        context = command.make_context(f"pollproof {mode}", list(rest), resilient_parsing=True)
    except click.UsageError as error:
        raise click.UsageError(error.message) from None  # with the usage of this command
    settings: Configuration = context.meta[SETTINGS_KEY]
    rows = [row for row in _rows(context, mode, settings) if every or row["from"] != "default"]
    if as_json:
        click.echo(json_text({"file": settings.file or None, "targets": list(settings.targets), "options": rows}))
        return
    console = console_for(sys.stdout)
    console.print(f"file: {settings.file or 'none'}", markup=False, soft_wrap=True)
    if settings.targets:
        console.print(f"targets: {', '.join(settings.targets)}", markup=False, soft_wrap=True)
    if settings.contract:
        console.print(f"contract: {settings.contract}", markup=False, soft_wrap=True)
    width = max((len(row["option"]) for row in rows), default=0)
    for row in rows:
        value = "-" if row["value"] in (None, []) else row["value"]
        line = f"{row['option']:<{width}}  {value}  ({row['from']})"
        console.print(line, markup=False, soft_wrap=True)
    if not rows:
        console.print("no option is set; --all shows the defaults", markup=False)


def _command(mode: str) -> click.Command:
    from pollproof.cli.check import check_command
    from pollproof.cli.gate import gate_command
    from pollproof.cli.verify import verify_command

    return {VERIFY: verify_command, GATE: gate_command, CHECK: check_command}[mode]


def _rows(context: click.Context, mode: str, settings: Configuration) -> Iterator[dict[str, Any]]:
    for option in options_of(mode):
        value = context.params.get(option.parameter)
        if value is None:
            value = option.default
        if isinstance(value, tuple):
            value = list(value)
        if option.parameter == "api_key" and value:
            value = "[key]"
        yield {"option": f"--{option.name}", "value": value, "from": _origin(context, option, settings)}


def _origin(context: click.Context, option: Option, settings: Configuration) -> str:
    """Where the value of an option comes from."""
    source = context.get_parameter_source(option.parameter)
    if option.parameter == "api_key" and settings.key_variable:
        return f"environment, {settings.key_variable}"
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    if source is ParameterSource.ENVIRONMENT:
        return f"environment, {option.variable}"
    if source is ParameterSource.DEFAULT_MAP:
        line = settings.lines.get(option.parameter)
        return settings.file if line is None else f"{settings.file}, line {line}"
    return "default"
