"""The options of live runs, their plan on the terminal, and the question whether to go on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from pollproof.verify.plan import Plan


def check_live(options: dict[str, Any]) -> None:
    """Raise click.UsageError for options that do not go with a live run, or only with one."""
    if not options["live"]:
        for name in ("dry_run", "yes"):
            if options[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} goes with --live")
        return
    for name, given in (("-n", options["workers"]), ("--shard", options["shard"])):
        if given is not None:
            raise click.UsageError(f"{name} does not go with --live: an account has one pace")


def go_on(console: Console, plan: Plan, options: dict[str, Any]) -> bool:
    """Print the plan of a live run, and wait for a yes on a terminal; whether it is to be made."""
    from pollproof.secrets.redact import Redactor
    from pollproof.verify.live.plan_text import plan_lines
    from pollproof.verify.live.planning import planned
    from pollproof.verify.plan import of_plan

    redactor = Redactor(of_plan(plan))
    for line in plan_lines(plan, planned(plan)):
        console.print(redactor.text(line), markup=False, highlight=False, soft_wrap=True)
    if options["dry_run"]:
        return False
    if not options["yes"] and sys.stdin.isatty() and console.is_terminal:
        return click.confirm("Go on?", err=True)
    return True
