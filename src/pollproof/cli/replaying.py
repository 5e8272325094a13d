"""`pollproof replay`: send the shortest trace of a violation again, and show the curl command of each request."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.common import todays
from pollproof.cli.options import GroupedCommand, add_options
from pollproof.runs.options import VERIFY

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document
    from pollproof.trace.exchange import Exchange, Request
    from pollproof.verify.plan import Plan

_EPILOG = (
    "Exit status: 0 the replay held the clause; 1 it violates the clause; 2 usage, or a trace that cannot be sent "
    "again; 3 the replay could not have violated it; 4 the target failed."
)

REPLAY_OPTIONS = ("target", "config", "base-url", "launch", "api-key", "advance-url", "allow-host", "max-wait")
"""The options of verify that choose the target."""

KEY_WORD = "$POLLPROOF_API_KEY"


@click.command(cls=GroupedCommand, epilog=_EPILOG)
@click.argument("report", metavar="REPORT.json")
@click.option("--clause", metavar="CLAUSE", callback=todays, help="Replay this clause. [the first violated one]")
@click.option("--contract", metavar="CONTRACT.toml", help="Take this contract where the report's is not bundled.")
@click.option("--dry-run", is_flag=True, help="Print the curl commands and send nothing.")
@add_options(VERIFY, REPLAY_OPTIONS)
def replay_command(report: str, clause: str | None, contract: str | None, *, dry_run: bool, **options: Any) -> None:
    """Send the shortest trace of a violation again: to the same target, or to another.

    The address and the clock hook are those of the report where no option gives others; a command to launch is never
    taken from a report.
    """
    from pollproof.errors import InputError, RunError
    from pollproof.report.reading import read_report
    from pollproof.verify.options import plan_from
    from pollproof.verify.replaying import replay_steps, steps_of_trace
    from pollproof.verify.target_clocks import BudgetSpent
    from pollproof.verify.targets import open_target

    del options["target"], options["config"]
    try:
        entry = _violated(read_report(report), clause)
        stated = _stated(entry["violation"].get("again", ""))
        if not (options["base_url"] or options["launch"]):
            options |= {name: options[name] or stated.get(name) for name in ("base_url", "advance_url")}
        if not (options["base_url"] or options["launch"]):
            raise click.UsageError("the report names no address; give --base-url or --launch")
        plan = plan_from(contract or stated.get("provider") or entry["provider"], **options, live=False)
        judged = plan.contract.clause(entry["id"])
        steps = steps_of_trace(plan, entry["violation"]["trace"])
    except InputError as error:
        raise click.UsageError(str(error)) from None
    except LookupError:
        raise click.UsageError(
            f"the contract has no clause {entry['id']}; --contract FILE names the right one"
        ) from None
    if dry_run:
        for step, _ in steps:
            _show_wait(step.wait, plan)
            click.echo(curl_of(step.request, plan))
        return

    def show_step(wait: float, exchange: Exchange) -> None:
        _show_wait(wait, plan)
        click.echo(curl_of(exchange.request, plan))
        click.echo(f"  -> {_response(exchange)}")

    try:
        with open_target(plan) as found:
            result = replay_steps(found, plan, judged, steps, show_step)
    except BudgetSpent:
        click.echo(
            "error: the trace takes longer than --max-wait; give --advance-url, or a longer --max-wait", err=True
        )
        raise SystemExit(3) from None
    except RunError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(4) from None
    click.echo()
    if result.evidence is not None:
        violation = result.evidence.violation
        click.echo(f"{judged.id}: violated; expected {violation.expected}, got {violation.seen}")
    else:
        click.echo(f"{judged.id}: {'held' if result.exercised else 'not exercised'} in this replay")
    raise SystemExit(1 if result.evidence is not None else 0 if result.exercised else 3)


def _violated(document: Document, clause: str | None) -> Document:
    """The entry of the violated clause in a report."""
    from pollproof.text import nearest

    broken: dict[str, Document] = {each["id"]: each for each in document["clauses"] if each["violation"] is not None}
    if clause is None and broken:
        return next(iter(broken.values()))
    if clause not in broken:
        what = "violates no clause" if not broken else f"does not violate '{clause}'; violated: {', '.join(broken)}"
        raise click.UsageError(f"the report {what}{nearest(clause or '', broken)}")
    return broken[clause]


def _stated(command: str) -> Mapping[str, Any]:
    """What the reproduction command of a report has of its target: the contract, the address, the clock hook."""
    words = shlex.split(command)
    if words[:2] != ["pollproof", "verify"]:
        return {}
    found: dict[str, Any] = {"provider": words[2]}
    for name in ("base-url", "advance-url"):
        if f"--{name}" in words[:-1]:
            found[name.replace("-", "_")] = words[words.index(f"--{name}") + 1]
    return found


def _show_wait(seconds: float, plan: Plan) -> None:
    if seconds <= 0:
        return
    if plan.advance_url is not None:
        body = shlex.quote(f'{{"seconds": {seconds:g}}}')
        click.echo(f"curl -sS {shlex.quote(plan.advance_url)} -H 'content-type: application/json' -d {body}")
    else:
        click.echo(f"sleep {seconds:g}")


def curl_of(request: Request, plan: Plan) -> str:
    """The curl command that sends a request; the key that was given stands in it as a variable of the environment."""
    words = ["curl", "-sS", "-X", request.method, f"{(plan.base_url or '').rstrip('/')}{request.path}"]
    for name, value in request.headers.items():
        words += ["-H", f"{name}: {value}"]
    if request.body:
        words += ["--data-binary", request.body.decode("utf-8", "replace")]
    text = shlex.join(words)
    return text.replace(plan.credential, f"'\"{KEY_WORD}\"'") if plan.credential else text


def _response(exchange: Exchange) -> str:
    from pollproof.report.body_phrases import shorten_body
    from pollproof.trace.bodies import Unreadable, read_json

    if exchange.response is None:
        return exchange.failure or "no response"
    value = read_json(exchange.response.body)
    body = exchange.response.body.decode("utf-8", "replace") if isinstance(value, Unreadable) else value
    return f"HTTP {exchange.response.status} {shorten_body(body)}"
