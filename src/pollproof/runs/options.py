"""The options of runs, each declared once: the command line, the pytest suite and configuration read this table.

To add an option, add an entry; a run of the modes it names takes it under its name, with `-` as `_`.
"""

from __future__ import annotations

from dataclasses import dataclass
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


OPTIONS: tuple[Option, ...] = (
    Option(
        "target",
        "Take the target of this name from the configuration file.",
        TARGET,
        (VERIFY, RECORD),
        metavar="NAME",
        variable="POLLPROOF_TARGET",
        typed=True,
    ),
    Option(
        "config",
        "Read this configuration file (none: no file); the nearest pollproof.toml or pyproject.toml without it.",
        OUTPUT,
        (*EVERY, RECORD),
        metavar="FILE",
        variable="POLLPROOF_CONFIG",
        typed=True,
    ),
    Option(
        "base-url",
        "Judge the implementation at this URL (the embedded reference without it).",
        TARGET,
        (VERIFY,),
        metavar="URL",
        suite=True,
    ),
    Option("base-url", "Record the implementation at this URL.", TARGET, (RECORD,), metavar="URL"),
    Option(
        "base-url",
        "Judge traffic below this URL alone (the provider's hosts and local ones without it).",
        TARGET,
        (CHECK,),
        metavar="URL",
    ),
    Option(
        "launch",
        "Start the implementation with this command, in which {port} is its port; its clock needs no hook.",
        TARGET,
        metavar="COMMAND",
        suite=True,
    ),
    Option(
        "watch",
        "With --launch: run again whenever a file of the launched server changes.",
        TARGET,
        kind="flag",
        typed=True,
    ),
    Option(
        "api-key",
        "API key for the target (or POLLPROOF_API_KEY).",
        TARGET,
        (VERIFY, RECORD),
        metavar="KEY",
        variable="POLLPROOF_API_KEY",
        suite=True,
        typed=True,
    ),
    Option(
        "second-api-key",
        "Another key of your own, by which tasks are created and read too (or POLLPROOF_SECOND_API_KEY).",
        TARGET,
        metavar="KEY",
        variable="POLLPROOF_SECOND_API_KEY",
        suite=True,
        typed=True,
    ),
    Option(
        "task",
        "Create the task in this JSON file where the contract's sample does not suit.",
        TARGET,
        (VERIFY, GATE, RECORD),
        metavar="FILE",
        suite=True,
        is_path=True,
    ),
    Option(
        "cassette",
        "Answer from this recording instead of the reference provider, in the command's time (repeatable).",
        TARGET,
        (GATE,),
        metavar="FILE",
        multiple=True,
        typed=True,
        is_path=True,
    ),
    Option(
        "callback-url",
        "Address at which the target reaches the suite's callback receiver.",
        TARGET,
        (VERIFY, RECORD),
        metavar="URL",
        suite=True,
    ),
    Option(
        "allow-host",
        "Treat this remote host as your own (repeatable): a name, an address or a network.",
        TARGET,
        metavar="HOST",
        multiple=True,
        suite=True,
        variable="POLLPROOF_ALLOW_HOST",
    ),
    Option(
        "api-key",
        "Judge requests that show another key as sent with a wrong one: this is the account's, or sha256:HEX of it"
        " (repeatable).",
        TARGET,
        (CHECK,),
        metavar="KEY",
        key="keys",
        multiple=True,
        typed=True,
    ),
    Option("together", "Take all files as one trace (each file is one of its own).", TARGET, (CHECK,), "flag"),
    Option(
        "whole", "Judge foreign task ids too: the recordings hold all traffic of the client.", TARGET, (CHECK,), "flag"
    ),
    Option(
        "advance-url",
        'Move the target\'s clock by this test hook: POST {"seconds": N}.',
        CLOCK,
        (VERIFY, RECORD),
        metavar="URL",
        suite=True,
    ),
    Option(
        "clock",
        "Move the command's clock over its waits (Linux), by a preload library or supervision, or really wait.",
        CLOCK,
        (GATE,),
        default="auto",
        choices=("auto", "leap", "preload", "supervise", "real"),
    ),
    Option(
        "max-wait",
        "Maximum wall-clock wait when the target's clock cannot be moved (60s; 10m with --live).",
        CLOCK,
        (VERIFY, RECORD),
        metavar="TIME",
        key="budget",
        aliases=("budget",),
        suite=True,
        variable="POLLPROOF_MAX_WAIT",
    ),
    Option(
        "max-wait",
        "Maximum wall-clock wait in all scenarios when the command's clock cannot be moved.",
        CLOCK,
        (GATE,),
        metavar="TIME",
        key="budget",
        aliases=("budget",),
        default="2m",
        variable="POLLPROOF_MAX_WAIT",
    ),
    Option(
        "timeout",
        "Maximum wall-clock time for one scenario.",
        CLOCK,
        (GATE,),
        metavar="TIME",
        default="60s",
    ),
    Option(
        "profile",
        "Scenarios: a sample of those that differ in a word alone, or all of them.",
        EFFORT,
        (GATE,),
        default="ci",
        choices=("ci", "deep"),
        variable="POLLPROOF_PROFILE",
    ),
    Option(
        "profile",
        "Test depth: 10, 50 or 1000 examples of the state machine.",
        EFFORT,
        default="ci",
        choices=("quick", "ci", "deep"),
        suite=True,
        variable="POLLPROOF_PROFILE",
    ),
    Option(
        "examples",
        "Number of examples of the state machine; 0 for the walks alone.",
        EFFORT,
        kind="int",
        metavar="N",
        suite=True,
    ),
    Option("seed", "Seed of the state machine.", EFFORT, kind="int", default=0, metavar="N", suite=True),
    Option(
        "example-db",
        "Share failing examples with other runs in this folder or redis://... database.",
        EFFORT,
        metavar="FOLDER|URL",
        suite=True,
    ),
    Option(
        "keyword",
        "Judge only clauses whose id matches, as in pytest.",
        SELECTION,
        (VERIFY, CHECK),
        metavar="EXPRESSION",
        short="-k",
        clauses=True,
        typed=True,
    ),
    Option(
        "keyword",
        "Run only scenarios whose name matches, as in pytest.",
        SELECTION,
        (GATE,),
        metavar="EXPRESSION",
        short="-k",
        typed=True,
    ),
    Option(
        "scenario",
        "Run this scenario alone (repeatable).",
        SELECTION,
        (GATE,),
        metavar="NAME",
        key="names",
        multiple=True,
        typed=True,
    ),
    Option(
        "subject",
        "Judge the clauses about this side alone.",
        SELECTION,
        (CHECK,),
        choices=("provider", "client"),
    ),
    Option(
        "list",
        "List the scenarios; no command is needed, and none is run.",
        SELECTION,
        (GATE,),
        "flag",
        key="listing",
        typed=True,
    ),
    Option(
        "maxfail", "Show this many failing clauses, then stop.", SELECTION, (VERIFY,), "int", metavar="N", typed=True
    ),
    Option(
        "exitfirst",
        "Stop at the first failing clause, as in pytest.",
        SELECTION,
        (VERIFY,),
        "flag",
        short="-x",
        key="stop",
        typed=True,
    ),
    Option(
        "live",
        "Allow requests to a remote host: documented pace, few tasks, plan first.",
        LIVE,
        kind="flag",
        suite=True,
        typed=True,
    ),
    Option("dry-run", "With --live: print the plan and send nothing.", LIVE, kind="flag", typed=True),
    Option("yes", "With --live: do not ask on a terminal whether to go on.", LIVE, kind="flag", typed=True),
    Option(
        "destructive",
        "With --live: also do what providers forbid, which may block an account.",
        LIVE,
        kind="flag",
        suite=True,
        typed=True,
    ),
    Option("max-requests", "With --live: maximum number of requests (200).", LIVE, kind="int", metavar="N", suite=True),
    Option(
        "max-tasks", "With --live: maximum number of tasks created (10).", LIVE, kind="int", metavar="N", suite=True
    ),
    Option("price", "With --live: price of one task, for the plan.", LIVE, kind="float", metavar="AMOUNT", suite=True),
    Option(
        "clock-skew",
        "With --live: maximum difference of the provider's clocks, such as 2s.",
        LIVE,
        metavar="TIME",
        suite=True,
    ),
    Option(
        "record",
        "With --live: write all traffic to this cassette (live-PROVIDER.yaml).",
        LIVE,
        metavar="FILE",
        suite=True,
        is_path=True,
    ),
    Option(
        "resume", "With --live: continue the run that left this record.", LIVE, metavar="FILE", suite=True, typed=True
    ),
    Option("strict", "Fail for a violated SHOULD too.", POLICY, EVERY, "flag", suite=True),
    Option(
        "require",
        "Require that this clause is exercised (repeatable; exit status 3).",
        POLICY,
        (CHECK,),
        metavar="CLAUSE",
        key="required",
        multiple=True,
        clauses=True,
    ),
    Option(
        "require-all",
        "Require that every clause is exercised (exit status 3).",
        POLICY,
        EVERY,
        "flag",
        suite=True,
    ),
    Option(
        "allow-unexercised",
        "Accept that this clause stays unexercised, all clauses of this cause (clock, time, busy, bound, unexercised), "
        "or a kind of tasks that the target does not have (repeatable).",
        POLICY,
        EVERY,
        metavar="CLAUSE|CAUSE|KIND",
        key="allowed",
        multiple=True,
        clauses=True,
        suite=True,
    ),
    Option(
        "baseline",
        "Read known violations, which do not fail the run, from this TOML file.",
        POLICY,
        EVERY,
        metavar="FILE",
        is_path=True,
        variable="POLLPROOF_BASELINE",
    ),
    Option(
        "write-baseline",
        "Write an entry for each violation that is not known (standard output without FILE).",
        POLICY,
        EVERY,
        metavar="[FILE]",
        optional="-",
        typed=True,
    ),
    Option(
        "workers",
        "Share the work out to this many processes (pytest-xdist), or auto.",
        SHARING,
        (VERIFY, GATE),
        metavar="WORKERS",
        short="-n",
    ),
    Option(
        "shard",
        "Run shard K of N; `pollproof merge` makes one report of all shards.",
        SHARING,
        EVERY,
        metavar="K/N",
        typed=True,
    ),
    Option(
        "dask",
        "Judge on the Dask cluster at this address, or in this many processes.",
        SHARING,
        (CHECK,),
        metavar="ADDRESS|WORKERS",
    ),
    Option(
        "verbose",
        "Print the table of clauses, the coverage, and what would exercise each clause.",
        OUTPUT,
        EVERY,
        "count",
        short="-v",
        typed=True,
    ),
    Option("quiet", "Print violations and the summary only.", OUTPUT, EVERY, "flag", short="-q", typed=True),
)
"""Every option of a run. Two entries of one name belong to different modes."""


def options_of(mode: str) -> tuple[Option, ...]:
    """The options of a mode, group by group."""
    own = [option for option in OPTIONS if mode in option.modes]
    return tuple(sorted(own, key=lambda option: GROUPS.index(option.group)))
