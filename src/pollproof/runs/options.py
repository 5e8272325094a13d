"""The options of runs, each declared once: the command line, the pytest suite and configuration read one table.

To add an option, add a row to options.json: a run of the modes it names (verify where it names none) takes it under its
name, with `-` as `_`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERIFY, GATE, CHECK, RECORD = "verify", "gate", "check", "record"
EVERY = (VERIFY, GATE, CHECK)
"""The modes that judge."""

TARGET, CLOCK, EFFORT, SELECTION, LIVE = "Target", "Clock", "Effort", "Selection", "Live runs"
POLICY, REPORTS, SHARING, OUTPUT = "Outcome", "Reports", "Sharing", "Output"
GROUPS = (TARGET, CLOCK, EFFORT, SELECTION, LIVE, POLICY, REPORTS, SHARING, OUTPUT)
"""The groups of options in the order of the help."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Args:
        name: its long name without dashes.
        help: a sentence in the imperative.
        group: one of `GROUPS`.
        modes: the modes that take it.
        kind: `text`, `flag`, `int`, `float`, or `count` for a flag that may be repeated.
        default: the value where it is not given.
        metavar: what the help shows for its value.
        choices: the values it takes; any where there are none.
        short: its short name, such as `-k`.
        key: the key of its value where that is not the name.
        aliases: hidden older names.
        multiple: whether it may be given several times.
        variable: the environment variable that gives it too.
        optional: its value where it is given without one.
        suite: whether the compliance suite under pytest takes it.
        clauses: whether it names clauses, whose renamed ids are taken as today's.
        typed: whether it must be typed for each run: a configuration file cannot state it.
        is_path: whether its value is a file or folder.
    """

    name: str
    help: str
    group: str
    modes: tuple[str, ...] = (VERIFY,)
    kind: str = "text"
    default: Any = None
    metavar: str = ""
    choices: tuple[str, ...] = ()
    short: str = ""
    key: str = ""
    aliases: tuple[str, ...] = ()
    multiple: bool = False
    variable: str = ""
    optional: str = ""
    suite: bool = False
    clauses: bool = False
    typed: bool = False
    is_path: bool = False

    @property
    def file_key(self) -> str:
        """Its key in a configuration file."""
        return self.name.replace("-", "_")

    @property
    def parameter(self) -> str:
        """The key of its value."""
        return self.key or self.name.replace("-", "_")


def _read_table() -> tuple[Option, ...]:
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_name("options.json").read_text("utf-8"))
    for row in rows:
        row.update({key: tuple(value) for key, value in row.items() if type(value) is list})
    return tuple(Option(**row) for row in rows)


OPTIONS = _read_table()
"""Every option of a run. Two entries of one name belong to different modes."""


def options_of(mode: str) -> tuple[Option, ...]:
    """The options of a mode, group by group."""
    own = [option for option in OPTIONS if mode in option.modes]
    return tuple(sorted(own, key=lambda option: GROUPS.index(option.group)))
