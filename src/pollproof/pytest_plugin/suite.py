"""The compliance suite as a pytest run: its options, and its clauses as test items.

The plugin registers this module where the compliance suite is among what is run, and nowhere else: no other run of
pytest gets an option, a marker or a scheduler of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pollproof.errors import InputError
from pollproof.pytest_plugin.presence import is_suite
from pollproof.pytest_plugin.verdicts import ClauseWarning, fail, skip
from pollproof.runs.options import VERIFY, Option, options_of

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document
    from pollproof.runs.spec import Policy
    from pollproof.verify.exploration import Exploration
    from pollproof.verify.plan import Plan

FILE_SETTINGS = pytest.StashKey[Any]()
"""What the configuration file states for the suite."""

PARAMETER_OF = {f"--{declared.name}": declared.parameter for declared in options_of(VERIFY)}
"""The key of the value of each option."""

EXPLORED = pytest.StashKey["dict[str, Explored]"]()


class Explored:
    """One explored provider: the plan, the document, and the result where it was explored in this process."""

    def __init__(self, plan: Plan, document: Document, exploring: Exploration | None = None) -> None:
        self.plan = plan
        self.document = document
        self.exploring = exploring
        self.has_failed_item = False

    def judge(self) -> None:
        """Fail where the run itself failed, or is inconclusive."""
        from pollproof.report.phrases import causes, summarize_run

        if self.document["outcome"] in ("error", "inconclusive"):
            why = [self.document["error"]] if self.document["error"] else causes(self.document)
            fail("\n".join([summarize_run(self.document), *why]))


def register_options(parser: pytest.Parser) -> None:
    """Add the options of the suite, but for those whose names another plugin or pytest itself has: see `option`."""
    group = parser.getgroup("pollproof", "conformance of create-then-poll task APIs")
    attributes: dict[str, Any] = {"action": "append", "help": "Judge this bundled provider or contract (repeatable)."}
    group.addoption("--provider", dest=_destination("--provider"), **attributes)
    for declared in options_of(VERIFY):
        if declared.name in ("target", "config"):
            attributes = {"default": os.environ.get(declared.variable), "help": declared.help}
            group.addoption(f"--pollproof-{declared.name}", dest=_destination(f"--{declared.name}"), **attributes)
    for option_ in options_of(VERIFY):
        names = [f"--{name}" for name in (option_.name, *option_.aliases)]
        if option_.suite and not any(is_taken(parser, name) for name in names):
            group.addoption(*names, dest=_destination(names[0]), **_attributes(option_))


def _attributes(declared: Option) -> dict[str, Any]:
    """How pytest's parser takes an option; each is None (or False) where it is not given."""
    if declared.kind == "flag":
        return {"action": "store_true", "help": declared.help}
    kinds = {"int": int, "float": float, "text": str}
    action = {"action": "append"} if declared.multiple else {}
    return {"type": kinds[declared.kind], "help": declared.help, **action}


def is_taken(parser: pytest.Parser, name: str) -> bool:
    """Whether the parser has an option of that name, which pytest before 9.2 reports only when it is too late."""
    groups = [getattr(parser, "_anonymous", None), *getattr(parser, "_groups", ())]
    return any(name in option.names() for group in groups for option in getattr(group, "options", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration file, check how the options go together, and make room for what is explored."""
    from pollproof.runs.configuration import settings_for

    target, file = (config.getoption(_destination(name)) for name in ("--target", "--config"))
    try:
        config.stash[FILE_SETTINGS] = settings_for(VERIFY, target or None, file or None)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    if option(config, "--live") and option(config, "--numprocesses"):
        raise pytest.UsageError("-n does not go with --live: an account has one pace")
    config.stash[EXPLORED] = {}
    config.addinivalue_line("markers", "xdist_group(name): tests of one provider run on one worker")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the compliance suite out by provider, unless another way was chosen; None for all other tests."""
    if option(config, "--dist") != "load" or not _is_suite_alone(config.args):
        return None
    from pollproof.workers.scheduling import ProviderScheduling

    return ProviderScheduling(config, log)


def _is_suite_alone(arguments: Sequence[str]) -> bool:
    """Whether a run is about the compliance suite alone: how people's own tests are shared out is their choice."""
    return bool(arguments) and all(is_suite(Path(argument.partition("::")[0])) for argument in arguments)


def option(config: pytest.Config, name: str) -> Any:
    """The value of an option of the suite, or of the option of the same name that another plugin or pytest has, or what
    the configuration file states.
    """
    own = config.getoption(_destination(name), default=None)
    own = own if own not in (None, False) else config.getoption(name, default=own)
    return own if own not in (None, False) else config.stash[FILE_SETTINGS].values.get(PARAMETER_OF.get(name, ""), own)


def _destination(name: str) -> str:
    """Where the parser keeps an option: a name that no other plugin has."""
    return f"pollproof_{name.lstrip('-').replace('-', '_')}"


def providers_of(config: pytest.Config) -> list[str]:
    """The providers that a run is about."""
    from pollproof.bundled import bundled

    contract = config.stash[FILE_SETTINGS].contract
    return option(config, "--provider") or ([contract] if contract else list(bundled()))


def suite_policy(config: pytest.Config) -> Policy:
    """What the outcome depends on besides what happens."""
    from pollproof.runs.spec import Policy

    allowed = tuple(option(config, "--allow-unexercised") or ())
    return Policy(bool(option(config, "--strict")), bool(option(config, "--require-all")), allowed=allowed)


def plan_of(config: pytest.Config, provider: str) -> Plan:
    """The plan for one provider from the options; raises `pytest.UsageError` for what cannot be used."""
    from pollproof.verify.options import OptionError, plan_from

    given = {
        declared.parameter: option(config, f"--{declared.name}")
        for declared in options_of(VERIFY)
        if declared.suite and declared.parameter not in ("strict", "require_all", "allowed")
    }
    given |= {"profile": given["profile"] or "ci", "seed": given["seed"] or 0, "live": bool(given["live"])}
    try:
        return plan_from(provider, **given, policy=suite_policy(config), keyword=option(config, "keyword"))
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


def explored(config: pytest.Config, provider: str) -> Explored:
    """The explored provider: explored when first needed, once in a run."""
    from pollproof.report.document import build_document
    from pollproof.verify.judge import verify_target

    known = config.stash[EXPLORED]
    if provider not in known:
        plan = plan_of(config, provider)
        exploring = verify_target(plan)
        known[provider] = Explored(plan, build_document(exploring), exploring)
    return known[provider]


class ClauseCheck:
    """One clause of one provider, as a test item takes it."""

    def __init__(self, config: pytest.Config, provider: str, clause: str) -> None:
        self._config = config
        self._provider = provider
        self.clause = clause

    def judge(self) -> None:
        """Pass when the clause held, fail with its trace when it is violated, skip when nothing exercised it."""
        from pollproof.report.terminal import violation_lines

        config = self._config
        found = explored(config, self._provider)
        entry = next(entry for entry in found.document["clauses"] if entry["id"] == self.clause)
        plan = found.plan
        if entry["verdict"] == "violated":
            words = "\n".join(violation_lines(entry))
            if entry["level"] == "MUST" or option(config, "--strict"):
                fail(words)
            import warnings

            warnings.warn(ClauseWarning(words), stacklevel=2)
        elif entry["verdict"] == "unexercised":
            if found.document["error"]:
                if found.has_failed_item:
                    skip("the run failed; the first failure has the reason")
                found.has_failed_item = True
                fail(f"{self.clause} could not be judged: {found.document['error']}")
            if plan.base_url is None or option(config, "--require-all"):
                fail(f"{self.clause} was not exercised")
            skip(
                entry["reason"]
                if entry.get("not_run")
                else f"{self.clause}: nothing that happened could have broken it"
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item for each clause of each provider, or for each provider."""
    if "pollproof_clause" in metafunc.fixturenames:
        pairs = []
        for provider in providers_of(metafunc.config):
            plan = plan_of(metafunc.config, provider)
            for clause in plan.contract.clauses:
                if plan.base_url is None or clause.subject.value == "provider":
                    mark = pytest.mark.xdist_group(provider)
                    pairs.append(pytest.param((provider, clause.id), id=clause.id, marks=mark))
        metafunc.parametrize("pollproof_clause", pairs, indirect=True)
    if "pollproof_provider" in metafunc.fixturenames:
        pairs = [
            pytest.param(provider, id=Path(provider).stem, marks=pytest.mark.xdist_group(provider))
            for provider in providers_of(metafunc.config)
        ]
        metafunc.parametrize("pollproof_provider", pairs)


@pytest.fixture
def pollproof_clause(request: pytest.FixtureRequest) -> ClauseCheck:
    """One clause, ready to be judged."""
    provider, clause = request.param
    return ClauseCheck(request.config, provider, clause)


@pytest.fixture
def pollproof_explored(request: pytest.FixtureRequest, pollproof_provider: str) -> Explored:
    """What exploring one provider gave."""
    return explored(request.config, pollproof_provider)
