"""`pollproof doctor`: find out whether this machine and a target are ready, without judging anything."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from pollproof.cli.common import console_for
from pollproof.cli.options import SETTINGS_KEY, GroupedCommand, add_options
from pollproof.runs.options import VERIFY

_EPILOG = "Exit status: 0 everything that is needed works; 2 usage or bad input; 4 the target cannot be judged."

OPTIONAL = {
    "dask": "check --dask (pip install 'pollproof[dask]')",
    "fsspec": "recordings at URLs (pip install 'pollproof[fsspec]')",
    "pytest_httpserver": "the reference provider in pytest-httpserver (pip install 'pollproof[httpserver]')",
    "redis": "--example-db redis://... (pip install 'pollproof[redis]')",
}
"""Packages that not every run needs, and what they are for."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

TARGET_OPTIONS = ("target", "config", "base-url", "launch", "api-key", "task", "advance-url", "allow-host")
"""The options of verify that choose the target."""


@click.command(cls=GroupedCommand, epilog=_EPILOG)
@click.argument("provider", metavar="[PROVIDER|CONTRACT.toml]", required=False)
@add_options(VERIFY, TARGET_OPTIONS)
def doctor_command(provider: str | None, **options: Any) -> None:
    """Check what every mode needs: the target and its clock hook, the virtual clock, packages, proxies, certificates.

    It sends a handful of requests to the target, creates one task, polls it, and judges nothing.
    """
    provider = provider or click.get_current_context().meta[SETTINGS_KEY].contract or None
    del options["target"], options["config"]
    console = console_for(sys.stdout)
    for works, words in _machine():
        console.print(f"{'ok  ' if works else 'none'}  {words}", markup=False, highlight=False, soft_wrap=True)
    if provider is None:
        if options["base_url"] or options["launch"]:
            raise click.UsageError("name the provider or the contract of the target")
        return
    passed, problem = _target(provider, options)
    for words in passed:
        console.print(f"ok    {words}", markup=False, highlight=False, soft_wrap=True)
    if problem:
        console.print(f"FAIL  {problem}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(4)


def _machine() -> Iterator[tuple[bool, str]]:
    """What this machine has, each with whether it is there."""
    import ssl  # takes its time to import

    from pollproof.runs.invocation import versions
    from pollproof.virtualtime import unavailable

    yield True, ", ".join(f"{name} {version}" for name, version in versions().items())
    why = unavailable()
    yield (
        why is None,
        "virtual clock for programs (gate, --launch)" + ("" if why is None else f": {why}; programs wait in real time"),
    )
    for package, purpose in OPTIONAL.items():
        yield importlib.util.find_spec(package) is not None, f"{package}, for {purpose}"
    given = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    yield True, f"proxies: {', '.join(given) or 'none'}"
    file = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    yield file is not None, f"certificates: {file or 'none found; https targets will be refused'}"


def _target(provider: str, options: Mapping[str, Any]) -> tuple[list[str], str]:
    """What works of a target, and what does not."""
    from pollproof.errors import RunError
    from pollproof.verify.options import OptionError, plan_from
    from pollproof.verify.preflight import Preflight
    from pollproof.verify.targets import open_target

    given = dict(options)
    if not (given["base_url"] or given["launch"]):
        given["api_key"] = None
    try:
        plan = plan_from(provider, **given, live=False)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    passed = [f"the contract of {plan.contract.name} can be read: {len(plan.contract.clauses)} clauses"]
    if plan.base_url is None:
        return passed, ""
    try:
        with open_target(plan) as found:
            preflight = Preflight(plan, found)
            try:
                preflight.run()
            finally:
                passed += preflight.passed
            passed.append(f"the clock of the target: {found.words}")
    except RunError as error:
        return passed, str(error)
    return passed, ""
