"""The compliance suite as a pytest run: its options, and its clauses as test items.

The plugin registers this module where the compliance suite is among what is run, and nowhere else: no other run of
pytest gets an option, a marker or a scheduler of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pollproof.pytest_plugin.presence import is_suite
from pollproof.pytest_plugin.verdicts import ClauseWarning, fail, skip

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document
    from pollproof.runs.result import Progress
    from pollproof.runs.spec import Policy
    from pollproof.verify.plan import Plan
    from pollproof.verify.run import Exploration

EXPLORED = pytest.StashKey["dict[str, Explored]"]()
RUNNER = "pollproof-runner"

MAXIMUM_WORDS = 200
"""Characters of an unexpected error that are told."""


class Explored:
    """One explored provider: the plan, the document, and the result where it was explored in this process."""

    def __init__(self, plan: Plan, document: Document, exploring: Exploration | None = None) -> None:
        self.plan = plan
        self.document = document
        self.exploring = exploring


class Runner:
    """What the command line hands to the plugin, and gets back: progress out, documents in.

    `documents` may hold those of providers that were explored already, by worker processes or as a shard.
    """

    def __init__(self, progress: Progress | None = None, documents: dict[str, Document] | None = None) -> None:
        self.progress = progress
        self.begun: dict[str, Exploration] = {}
        self.documents: dict[str, Document] = documents or {}
        self.judged: set[str] = set()


OPTIONS: dict[str, dict[str, Any]] = {
    "--provider": {"action": "append", "help": "Judge this bundled provider or contract file (repeatable)."},
    "--base-url": {"help": "Judge the implementation at this URL; the embedded reference when left out."},
    "--example-db": {"help": "Share failing examples with other runs in this folder or redis://... database."},
    "--launch": {"help": "Start the implementation with this command, such as 'node server.js {port}'."},
    "--api-key": {"help": "API key for the target."},
    "--advance-url": {"help": 'Move the target\'s clock by this test hook: POST {"seconds": N}.'},
    "--task": {"help": "Create the task in this JSON file."},
    "--callback-url": {"help": "Address at which the target reaches the suite's callback receiver."},
    "--budget": {"help": "Maximum wall-clock wait when the target's clock cannot be moved, such as 60s or 5m."},
    "--examples": {"type": int, "help": "Number of examples of the state machine."},
    "--profile": {"help": "Test depth: quick, ci (the default) or deep."},
    "--seed": {"type": int, "help": "Seed of the state machine."},
    "--live": {"action": "store_true", "help": "Allow requests to a remote host, at the documented pace."},
    "--destructive": {"action": "store_true", "help": "With --live: also do what providers forbid."},
    "--max-requests": {"type": int, "help": "With --live: maximum number of requests."},
    "--max-tasks": {"type": int, "help": "With --live: maximum number of tasks created."},
    "--price": {"type": float, "help": "With --live: price of one task, for the plan."},
    "--clock-skew": {"help": "With --live: difference of the provider's clocks at most, such as 2s."},
    "--record": {"help": "With --live: write everything that happens to this cassette."},
    "--resume": {"help": "With --live: continue the run that left this record."},
    "--strict": {"action": "store_true", "help": "Fail for a violated SHOULD."},
    "--require-all": {"action": "store_true", "help": "Fail for a clause that was not exercised."},
}
"""The options of the compliance suite; each is None (or False) where it is not given."""


def add_options(parser: pytest.Parser) -> None:
    """Add the options of the suite, but for those whose names another plugin or pytest itself has: see `option`."""
    group = parser.getgroup("pollproof", "conformance of create-then-poll task APIs")
    for name, attributes in OPTIONS.items():
        if not is_taken(parser, name):
            group.addoption(name, dest=_destination(name), **attributes)


def is_taken(parser: pytest.Parser, name: str) -> bool:
    """Whether the parser has an option of that name, which pytest before 9.2 reports only when it is too late."""
    groups = [getattr(parser, "_anonymous", None), *getattr(parser, "_groups", ())]
    return any(name in option.names() for group in groups for option in getattr(group, "options", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Check how the options go together, and make room for what is explored."""
    if option(config, "--live") and option(config, "--numprocesses"):
        raise pytest.UsageError("-n does not go with --live: an account has one pace")
    config.stash[EXPLORED] = {}
    config.addinivalue_line("markers", "xdist_group(name): tests of one provider run on one worker")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the compliance suite out by provider, unless another way was asked for; None for all other tests."""
    if option(config, "--dist") != "load" or not _is_suite_alone(config.args):
        return None
    from pollproof.workers.scheduling import ProviderScheduling

    return ProviderScheduling(config, log)


def _is_suite_alone(arguments: Sequence[str]) -> bool:
    """Whether a run is about the compliance suite alone: how people's own tests are shared out is theirs to say."""
    return bool(arguments) and all(is_suite(Path(argument.partition("::")[0])) for argument in arguments)


def option(config: pytest.Config, name: str) -> Any:
    """The value of an option of the suite, or of the option of the same name that another plugin or pytest has."""
    own = config.getoption(_destination(name), default=None)
    return own if own not in (None, False) else config.getoption(name, default=own)


def _destination(name: str) -> str:
    """Where the parser keeps an option: a name that no other plugin has."""
    return f"pollproof_{name.lstrip('-').replace('-', '_')}"


def providers_of(config: pytest.Config) -> list[str]:
    """The providers that a run is about."""
    from pollproof.bundled import bundled

    return option(config, "--provider") or list(bundled())


def policy_of(config: pytest.Config) -> Policy:
    """What the outcome depends on besides what happens."""
    from pollproof.runs.spec import Policy

    return Policy(strict=bool(option(config, "--strict")), require_all=bool(option(config, "--require-all")))


def plan_of(config: pytest.Config, provider: str) -> Plan:
    """The plan for one provider from the options; raises `pytest.UsageError` for what cannot be used."""
    from pollproof.verify.live_limits import LIMITS
    from pollproof.verify.options import OptionError, plan_from

    try:
        return plan_from(
            provider,
            base_url=option(config, "--base-url"),
            api_key=option(config, "--api-key"),
            advance_url=option(config, "--advance-url"),
            task=option(config, "--task"),
            callback_url=option(config, "--callback-url"),
            budget=option(config, "--budget"),
            examples=option(config, "--examples"),
            profile=option(config, "--profile") or "ci",
            seed=option(config, "--seed") or 0,
            launch=option(config, "--launch"),
            example_db=option(config, "--example-db"),
            live=bool(option(config, "--live")),
            policy=policy_of(config),
            **{name: option(config, name) for name in LIMITS},
            keyword=option(config, "keyword"),
        )
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


def explored(config: pytest.Config, provider: str) -> Explored:
    """The explored provider: explored when first asked for, once in a run."""
    from pollproof.report.document import document_of
    from pollproof.verify.run import beginning, explore

    known = config.stash[EXPLORED]
    if provider not in known:
        runner = config.pluginmanager.get_plugin(RUNNER)
        plan = plan_of(config, provider)
        if isinstance(runner, Runner) and provider in runner.documents:
            known[provider] = Explored(plan, runner.documents[provider])
            return known[provider]
        exploring = beginning(plan)
        progress = None
        if isinstance(runner, Runner):
            runner.begun[provider] = exploring
            progress = runner.progress
        try:
            if plan.live is None:
                explore(plan, progress, result=exploring)
            else:
                from pollproof.verify.live.run import explore_live

                explore_live(plan, progress, exploring)
            document = document_of(exploring)
        except Exception as error:  # a defect of the suite: told once, in a report, and not by each clause
            exploring = beginning(plan)
            exploring.fail(_defect(error))
            document = document_of(exploring)
        known[provider] = Explored(plan, document, exploring)
        if isinstance(runner, Runner):
            runner.documents[provider] = document
    return known[provider]


def _defect(error: Exception) -> str:
    """An error of the suite itself in one sentence, with the place in our own code that it came from."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("pollproof."):
            place = f" in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    words = " ".join(str(error).split())
    words = words if len(words) <= MAXIMUM_WORDS else words[:MAXIMUM_WORDS] + "..."
    what = f"the suite itself failed, which is a defect of it: {type(error).__name__}{place}"
    return f"{what}: {words}" if words else what


class ClauseCheck:
    """One clause of one provider, as a test item asks for it."""

    def __init__(self, config: pytest.Config, provider: str, clause: str) -> None:
        self._config = config
        self._provider = provider
        self.clause = clause

    def judge(self) -> None:
        """Pass when the clause held, fail with its trace when it is violated, skip when nothing exercised it."""
        from pollproof.report.terminal import violation_lines

        config = self._config
        found = explored(config, self._provider)
        runner = config.pluginmanager.get_plugin(RUNNER)
        if isinstance(runner, Runner):
            runner.judged.add(self.clause)
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
