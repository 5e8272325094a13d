"""The pytest plugin: fixtures for people's own tests, and the compliance suite where it is run.

It is loaded in every pytest run of an environment that has pollproof installed. So it adds no option, setting or marker
to a run that is not of the compliance suite, and imports nothing heavy until a test needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pollproof.pytest_plugin.presence import is_suite

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document


SUITE = "pollproof-suite"
"""The name under which the compliance suite is registered as a plugin."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option that is there in every run, under a name that no other plugin has."""
    group = parser.getgroup("pollproof", "conformance of create-then-poll task APIs")
    group.addoption(
        "--pollproof-strict", action="store_true", help="Fail for a violated SHOULD clause of a client under test."
    )


def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> None:
    """Add the options of the compliance suite where it is among what is run.

    All other plugins and the first conftest files have been loaded by then, so an option of theirs comes first.
    """
    given = early_config.known_args_namespace.file_or_dir
    base = early_config.invocation_params.dir if given else early_config.rootpath
    names = given or early_config.getini("testpaths")
    if any(is_suite(base / name.partition("::")[0]) for name in names):
        from pollproof.pytest_plugin import suite

        suite.register_options(parser)
        early_config.pluginmanager.register(suite, SUITE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pollproof_meeting" in metafunc.fixturenames:
        from pollproof.pytest_plugin.pytest_items import parametrize_scenarios

        parametrize_scenarios(metafunc)


@pytest.fixture
def pollproof_reference() -> Iterator[Callable[..., str]]:
    """Start reference providers on loopback: `pollproof_reference("NAME")` gives a base URL that lasts for the test.

    `solving` is the time in seconds that each task takes; without it tasks take up to 27 seconds.
    """
    from pollproof.clauses.faults import Settings
    from pollproof.clock import ShiftedClock
    from pollproof.loading import load_contract
    from pollproof.reference.provider import ReferenceProvider
    from pollproof.reference.server import serve

    with contextlib.ExitStack() as stack:

        def start(provider: str, *, solving: float | None = None) -> str:
            clock = ShiftedClock()
            reference = ReferenceProvider(load_contract(provider), clock, Settings(solving=solving))
            return stack.enter_context(serve(reference, clock)).base_url

        yield start


@pytest.fixture
def pollproof_check() -> Callable[..., Document]:
    """Judge recordings: `pollproof_check("NAME", "tests/cassettes")` fails the test with the rules that they break.

    `require` are clauses that they must exercise; further options are those of `pollproof check`. Gives the report.
    """
    return judge_recordings


@pytest.fixture
def pollproof_record() -> Callable[..., Any]:
    """Record what a test requests of a provider: `with pollproof_record("NAME", "tape.yaml", secrets=[KEY]):`.

    It writes a cassette without secrets; further options are those of `pollproof.recordings.vcr.recording`.
    """
    from pollproof.recordings.vcr import recording

    return recording


@pytest.fixture
def pollproof_meeting(request: pytest.FixtureRequest) -> Any:
    """One scenario that a function with the decorator `pollproof.gate.client` meets; the decorator takes it."""
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
    from pollproof.check.judging import CheckSpec, begin_checking, check
    from pollproof.loading import load_contract
    from pollproof.pytest_plugin.verdicts import fail
    from pollproof.recordings.files import find_recordings, located
    from pollproof.report.document import build_document
    from pollproof.report.terminal import violation_lines
    from pollproof.runs.outcome import failing
    from pollproof.runs.spec import Policy

    __tracebackhide__ = True
    names = [str(file) for file in files]
    policy = Policy(strict=strict, required=tuple(require))
    spec = CheckSpec(load_contract(provider), tuple(names), provider=provider, policy=policy, **options)
    checking = check(
        spec.contract, find_recordings(names), named=frozenset(map(located, names)), result=begin_checking(spec)
    )
    document = build_document(checking)
    broken = failing(document, strict=strict)
    if broken:
        fail("\n\n".join("\n".join(violation_lines(clause)) for clause in broken))
    if document["error"]:
        fail(document["error"])
    if document["outcome"] != "passed":
        idle = [clause["id"] for clause in document["clauses"] if clause["verdict"] == "unexercised"]
        missing = sorted(set(require).intersection(idle)) or ["every clause"]
        why = f" ({'; '.join(document['causes'])})" if document["causes"] else ""
        fail(f"{', '.join(names)}: nothing recorded exercises {', '.join(missing)}{why}")
    return document
