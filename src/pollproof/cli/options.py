"""The options of runs on the command line: made from their declarations, and shown in groups."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from pollproof.cli.common import Command, GroupedOption, todays
from pollproof.cli.reporting import output_options
from pollproof.errors import InputError
from pollproof.runs.options import GROUPS, OPTIONS, REPORTS, Option, options_of
from pollproof.text import nearest

TYPES: dict[str, Any] = {"text": str, "int": int, "float": float}


class NearChoice(click.Choice[str]):
    """One of some words; a mistyped one is refused with the nearest."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """The word, or a usage error."""
        if value not in self.choices:
            words = [str(choice) for choice in self.choices]
            self.fail(f"'{value}' is not one of {', '.join(words)}{nearest(str(value), words)}", parameter, context)
        return str(value)


ALIASES = {f"--{alias}": f"--{option.name}" for option in OPTIONS for alias in option.aliases}
"""Older names of options, which no help shows."""


class GroupedCommand(click.Command):
    """A command that shows its options in groups, each with all choices, and takes older names of options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line, with today's names of options."""
        end = args.index("--") if "--" in args else len(args)
        words = [*[_renamed(word) for word in args[:end]], *args[end:]]
        context.meta[WORDS_KEY] = tuple(words)
        mode = next((each.mode for each in self.params if isinstance(each, GroupedOption) and each.mode), "")
        if mode:
            given = self.make_parser(context).parse_args(list(words))[0]
            words = [*_configured(context, mode, given), *words]
        return super().parse_args(context, words)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group; those of this command alone come first, and -h alone last."""
        groups: dict[str, list[tuple[str, str]]] = {OWN_GROUP: [], **{name: [] for name in GROUPS}, "Other": []}
        for parameter in self.get_params(context):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(context)
            if record is not None:
                groups[getattr(parameter, "group", "") or OWN_GROUP].append(record)
        if len(groups[OWN_GROUP]) == 1:
            groups["Other"] = groups.pop(OWN_GROUP)
        for name, rows in groups.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)


OWN_GROUP = "Options"
"""The group of the options that one command alone has."""

SETTINGS_KEY = "pollproof.settings"
"""Where the context of a command keeps what the configuration file states."""

WORDS_KEY = "pollproof.words"
"""Where it keeps the words that were typed after its name."""


def _configured(context: click.Context, mode: str, given: dict[str, Any]) -> list[str]:
    """Let the configuration file state the defaults of a command; the words that give the key of a target.

    A variable that the target names for its own key comes before the one that holds for all.
    """
    from pollproof.runs.configuration import settings_for

    target, file = (given.get(name) or os.environ.get(f"POLLPROOF_{name.upper()}") for name in ("target", "config"))
    try:
        settings = settings_for(mode, target or None, file or None)
    except InputError as error:
        raise click.UsageError(str(error), context) from None
    context.meta[SETTINGS_KEY] = settings
    context.default_map = dict(settings.values)
    return ["--api-key", settings.values["api_key"]] if settings.key_variable and not given.get("api_key") else []


def _renamed(word: str) -> str:
    name, sign, value = word.partition("=")
    return ALIASES.get(name, name) + sign + value


def run_options(mode: str) -> Callable[[Command], Command]:
    """Give a command every option of a mode, from their declarations, and one for each format of reports."""

    def decorate(command: Command) -> Command:
        own = options_of(mode)
        for option in reversed([each for each in own if GROUPS.index(each.group) >= GROUPS.index(REPORTS)]):
            command = _given(command, option, mode)
        command = output_options()(command)
        for option in reversed([each for each in own if GROUPS.index(each.group) < GROUPS.index(REPORTS)]):
            command = _given(command, option, mode)
        return command

    return decorate


def add_options(mode: str, names: Sequence[str]) -> Callable[[Command], Command]:
    """Give a command some options of a mode."""

    def decorate(command: Command) -> Command:
        for option in reversed([each for each in options_of(mode) if each.name in names]):
            command = _given(command, option, mode)
        return command

    return decorate


def _given(command: Command, option: Option, mode: str) -> Command:
    attributes: dict[str, Any] = {
        "help": option.help,
        "cls": GroupedOption,
        "group": option.group,
        "mode": mode,
    }
    if option.kind == "flag":
        attributes["is_flag"] = True
    elif option.kind == "count":
        attributes["count"] = True
    else:
        attributes["type"] = NearChoice(option.choices) if option.choices else TYPES[option.kind]
        attributes |= {"default": option.default, "show_default": option.default is not None}
        attributes |= {"multiple": True, "default": ()} if option.multiple else {}
        attributes |= {"metavar": option.metavar} if option.metavar else {}
        attributes |= {"envvar": option.variable} if option.variable else {}
        attributes |= {"is_flag": False, "flag_value": option.optional} if option.optional else {}
    if option.clauses:
        attributes["callback"] = todays
    names = [*([option.short] if option.short else []), f"--{option.name}"]
    if option.name == "keyword":
        names = [option.short]
    return click.option(*names, option.parameter, **attributes)(command)


def verbosity(options: dict[str, Any]) -> int:
    """How much is printed: -1 with -q, 1 and more with -v."""
    return -1 if options["quiet"] else int(options.get("verbose") or 0)
