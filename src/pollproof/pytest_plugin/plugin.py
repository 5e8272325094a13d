"""The pytest plugin: options, the clauses as test items, and fixtures for people's own tests.

It is loaded in every pytest run of an environment that has pollproof installed, so it imports nothing heavy until a
test asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pollproof.report.document import Document
    from pollproof.verify.run import Exploring, Plan, Progress

EXPLORED = pytest.StashKey["dict[str, Explored]"]()
RUNNER = "pollproof-runner"

MAXIMUM_WORDS = 200
"""Characters of an unexpected error that are told."""


class ClauseWarning(UserWarning):
    """A clause of level SHOULD is violated."""


class Explored:
    """One explored provider: the plan, the document, and the result where it was explored in this process."""

    def __init__(self, plan: Plan, document: Document, exploring: Exploring | None = None) -> None:
        self.plan = plan
        self.document = document
        self.exploring = exploring


class Runner:
    """What the command line hands to the plugin, and gets back: progress out, documents in.

    `documents` may hold those of providers that were explored already, by worker processes or as a shard.
    """

    def __init__(self, progress: Progress | None = None, documents: dict[str, Document] | None = None) -> None:
        self.progress = progress
        self.begun: dict[str, Exploring] = {}
        self.documents: dict[str, Document] = documents or {}
        self.judged: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pollproof", "conformance of create-then-poll task APIs")

    def add(name: str, **attributes: Any) -> None:
        # pytest or another plugin may have the option already (pytest-base-url has --base-url, pytest has had several
        # kinds of --strict): then its value is used.
        if not is_taken(parser, name):
            with contextlib.suppress(ValueError):
                group.addoption(name, **attributes)

    add("--provider", action="append", default=None, help="a bundled provider or the path of a contract (repeatable)")
    add("--base-url", default=None, help="the implementation to judge; the embedded reference when left out")
    add("--example-db", default=None, help="a folder or redis://... where failing examples are shared with other runs")
    add("--launch", default=None, help="a command that starts the implementation, such as 'node server.js {port}'")
    add("--api-key", default=None, help="a key that the implementation accepts")
    add("--advance-url", default=None, help='test hook that moves its clock: POST {"seconds": N}')
    add("--task", default=None, help="JSON file with the task to create")
    add("--callback-url", default=None, help="address under which the implementation reaches the suite's receiver")
    add("--budget", default=None, help="real time that may be waited, such as 60s or 5m")
    add("--examples", type=int, default=None, help="examples of the state machine")
    add("--profile", default="ci", help="quick, ci or deep")
    add("--seed", type=int, default=0, help="seed of the state machine")
    add("--live", action="store_true", help="a real provider may be asked, at a lawful pace")
    add("--destructive", action="store_true", help="with --live: also do what providers forbid")
    add("--max-requests", type=int, default=None, help="with --live: requests at most")
    add("--max-tasks", type=int, default=None, help="with --live: tasks created at most")
    add("--price", type=float, default=None, help="with --live: what one task costs, for the plan")
    add("--clock-skew", default=None, help="with --live: how far the provider's clocks may differ, such as 2s")
    add("--record", default=None, help="with --live: the cassette that keeps all that is done")
    add("--resume", default=None, help="with --live: go on with the run that left this record")
    add("--strict", action="store_true", help="a violated SHOULD fails")
    add("--require-all", action="store_true", help="an unexercised clause fails")


def is_taken(parser: pytest.Parser, name: str) -> bool:
    """Whether the parser has an option of that name, which pytest before 9.2 says only when it is too late."""
    groups = [getattr(parser, "_anonymous", None), *getattr(parser, "_groups", ())]
    return any(name in option.names() for group in groups for option in getattr(group, "options", ()))


def pytest_configure(config: pytest.Config) -> None:
    if option(config, "--live") and option(config, "--numprocesses"):
        raise pytest.UsageError("-n does not go with --live: an account has one pace")
    config.stash[EXPLORED] = {}
    config.addinivalue_line("markers", "xdist_group(name): tests of one provider run on one worker")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the compliance suite out by provider, unless another way was asked for; None for all other tests."""
    if option(config, "--dist") != "load" or not _is_compliance_suite(config.args):
        return None
    from pollproof.workers.scheduling import ProviderScheduling

    return ProviderScheduling(config, log)


def _is_compliance_suite(arguments: Sequence[str]) -> bool:
    """Whether a run is about the compliance suite alone: how people's own tests are shared out is theirs to say."""
    paths = [Path(argument.partition("::")[0]) for argument in arguments]
    folders = {path if path.is_dir() else path.parent for path in paths}
    return bool(folders) and all((folder / "suite.ini").exists() for folder in folders)


def option(config: pytest.Config, name: str) -> Any:
    """The value of an option, None where another plugin's parser has no such destination."""
    return config.getoption(name.lstrip("-").replace("-", "_"), default=None)


def providers_of(config: pytest.Config) -> list[str]:
    """The providers that a run is about."""
    from pollproof.bundled import bundled

    return option(config, "--provider") or list(bundled())


def plan_of(config: pytest.Config, provider: str) -> Plan:
    """The plan for one provider from the options; raises `pytest.UsageError` for what cannot be used."""
    from pollproof.verify.live.settings import LIMITS
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
            **{name: option(config, name) for name in LIMITS},
            keyword=option(config, "keyword"),
        )
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


def explored(config: pytest.Config, provider: str) -> Explored:
    """The explored provider: explored when first asked for, once in a run."""
    from pollproof.report.document import document_of, with_again
    from pollproof.report.reproduce import named
    from pollproof.verify.options import command
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
        flags = {flag: bool(option(config, f"--{flag}")) for flag in ("strict", "require-all")}
        strict, require_all = flags.values()
        try:
            if plan.live is None:
                explore(plan, progress, result=exploring)
            else:
                from pollproof.verify.live.run import explore_live

                explore_live(plan, progress, exploring)
            document = document_of(exploring, strict=strict, require_all=require_all)
        except Exception as error:  # a defect of the suite: told once, in a report, and not by each clause
            exploring = beginning(plan)
            exploring.error, exploring.complete = _defect(error), False
            document = document_of(exploring, strict=strict, require_all=require_all)
        document = with_again(document, command(plan, named(provider), strict=strict))
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
                pytest.fail(words, pytrace=False)
            import warnings

            warnings.warn(ClauseWarning(words), stacklevel=2)
        elif entry["verdict"] == "unexercised":
            if found.document["error"]:
                pytest.fail(f"{self.clause} could not be judged: {found.document['error']}", pytrace=False)
            if plan.base_url is None or option(config, "--require-all"):
                pytest.fail(f"{self.clause} was not exercised", pytrace=False)
            pytest.skip(
                entry["reason"]
                if entry.get("not_run")
                else f"{self.clause}: nothing that happened could have broken it"
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
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
    if "pollproof_meeting" in metafunc.fixturenames:
        from pollproof.pytest_plugin.pytest_items import spread

        spread(metafunc)


@pytest.fixture
def pollproof_clause(request: pytest.FixtureRequest) -> ClauseCheck:
    """One clause, ready to be judged."""
    provider, clause = request.param
    return ClauseCheck(request.config, provider, clause)


@pytest.fixture
def pollproof_explored(request: pytest.FixtureRequest, pollproof_provider: str) -> Explored:
    """What exploring one provider gave."""
    return explored(request.config, pollproof_provider)


@pytest.fixture
def pollproof_reference() -> Iterator[Callable[..., str]]:
    """Start reference providers on loopback: `pollproof_reference("NAME")` gives a base URL that lasts for the test."""
    from pollproof.clock import ShiftedClock
    from pollproof.loading import load_contract
    from pollproof.reference.provider import ReferenceProvider
    from pollproof.reference.server import serve

    with contextlib.ExitStack() as stack:

        def start(provider: str) -> str:
            clock = ShiftedClock()
            return stack.enter_context(serve(ReferenceProvider(load_contract(provider), clock), clock)).base_url

        yield start


@pytest.fixture
def pollproof_check() -> Callable[..., Document]:
    """Judge recordings: `pollproof_check("NAME", "tests/cassettes")` fails the test with the rules that they break.

    `require` are clauses that they must exercise; further options are those of `pollproof check`. Gives the report.
    """
    return judge_recordings


@pytest.fixture
def pollproof_record() -> Callable[..., Any]:
    """Record what a test asks of a provider: `with pollproof_record("NAME", "tape.yaml", secrets=[KEY]):`.

    It writes a cassette without secrets; further options are those of `pollproof.recordings.vcr.recording`.
    """
    from pollproof.recordings.vcr import recording

    return recording


@pytest.fixture
def pollproof_meeting(request: pytest.FixtureRequest) -> Any:
    """One scenario that a function with the decorator `pollproof.gate.client` meets; the decorator asks for it."""
    from pollproof.pytest_plugin.pytest_items import ClientScenario

    return ClientScenario(request.node, request.param)


@pytest.fixture
def pollproof_gate() -> Callable[..., Document]:
    """Judge a client that is a command: `pollproof_gate("NAME", ["node", "client.mjs"])` fails the test with the rules
    that it breaks.

    Options: `scenarios`, `task` (the one to create), `clock`, `timeout` and `budget` in seconds, `strict`,
    `require_all`. Gives the report.
    """
    from pollproof.pytest_plugin.fixture import judge_command

    return judge_command


def judge_recordings(
    provider: str, *files: str | Path, strict: bool = False, require: Sequence[str] = (), **options: Any
) -> Document:
    """Judge recordings and fail the running test where they break a rule, cannot be read, or show nothing."""
    from pollproof.check.judging import check
    from pollproof.loading import load_contract
    from pollproof.recordings.files import find, located
    from pollproof.report.checked import document_of_check
    from pollproof.report.document import failing, with_again
    from pollproof.report.reproduce import check_command
    from pollproof.report.terminal import violation_lines

    __tracebackhide__ = True
    names = [str(file) for file in files]
    checking = check(load_contract(provider), find(names), named=frozenset(map(located, names)), **options)
    document = document_of_check(checking, strict=strict, required=require)
    document = with_again(document, check_command(provider, names, strict=strict, **options))
    broken = failing(document, strict=strict)
    if broken:
        pytest.fail("\n\n".join("\n".join(violation_lines(clause)) for clause in broken), pytrace=False)
    if document["error"]:
        pytest.fail(document["error"], pytrace=False)
    if document["outcome"] != "passed":
        idle = [clause["id"] for clause in document["clauses"] if clause["verdict"] == "unexercised"]
        missing = sorted(set(require).intersection(idle)) or ["every clause"]
        pytest.fail(f"{', '.join(names)}: nothing recorded exercises {', '.join(missing)}", pytrace=False)
    return document
