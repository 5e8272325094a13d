"""Other people's pytest runs: what pollproof's plugin adds to them, and that it goes with plugins that have options.

The real plugins are tried by `python -m tests.neighbours`, at length.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pollproof.bundled import folder
from pollproof.pytest_plugin import plugin
from pollproof.runs.options import VERIFY, options_of

pytest_plugins = ["pytester"]

OURS = "pollproof.pytest_plugin.plugin"
OTHER = """
def pytest_addoption(parser):
    group = parser.getgroup("other")
    for name in {names!r}:
        group.addoption(name, default="theirs")
    parser.addini("{ini}", "a setting of theirs")

def pytest_configure(config):
    config.addinivalue_line("markers", "client: a marker of theirs")
"""
OPTIONS = ["--provider", *(f"--{option.name}" for option in options_of(VERIFY) if option.suite)]
TAKEN = [name for name in OPTIONS if name != "--strict"]  # pytest itself has that one
TEST = """
import pytest

@pytest.mark.client
def test_that_passes(request):
    assert request.config.getoption("--base-url") == "theirs"
"""


@pytest.fixture(autouse=True)
def _named_plugins_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(other=OTHER.format(names=TAKEN, ini="provider"))


@pytest.mark.parametrize("order", [["other", OURS], [OURS, "other"]], ids=["ours last", "ours first"])
def test_a_plugin_with_options_of_the_same_names_is_no_matter(pytester: pytest.Pytester, order: list[str]) -> None:
    other(pytester)
    pytester.makepyfile(TEST)
    loaded = [word for name in order for word in ("-p", name)]
    pytester.runpytest_subprocess("-W", "error", "--strict-markers", *loaded).assert_outcomes(passed=1)


def test_a_conftest_with_options_of_the_same_names_is_no_matter(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OTHER.format(names=TAKEN, ini="provider"))
    pytester.makepyfile(TEST)
    pytester.runpytest_subprocess("-W", "error", "--strict-markers", "-p", OURS).assert_outcomes(passed=1)


@pytest.mark.parametrize("order", [["other", OURS], [OURS, "other"]], ids=["ours last", "ours first"])
def test_the_suite_uses_the_options_that_another_plugin_has(
    pytester: pytest.Pytester, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(other=OTHER.format(names=["--base-url", "--seed"], ini="provider"))
    loaded = [word for name in order for word in ("-p", name)]
    # The settings of the suite, not those of the checkout around it.
    settings = folder("contracts") / "suite.ini"
    done = pytester.runpytest_subprocess(
        *loaded,
        "-c",
        str(settings),
        "--provider",
        "decodo",
        "--base-url",
        "http://[",
        str(settings.with_name("test_clauses.py")),
    )
    done.stdout.fnmatch_lines(["*UsageError: 'http://[[]' *"])


def test_nothing_is_added_to_a_run_of_other_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST)

    def added(*arguments: str) -> set[str]:
        return set(re.findall(r"--?[a-z][a-z-]*", pytester.runpytest_subprocess(*arguments, "--help").stdout.str()))

    without, with_it = added("-p", "no:pollproof"), added("-p", OURS)
    assert {name for name in with_it - without if name.startswith("--")} <= {"--pollproof-strict", "--pollproof"}


def test_all_that_the_plugin_offers_carries_its_name() -> None:
    hooks = {name for name in vars(plugin) if name.startswith("pytest_")}
    assert hooks == {"pytest_addoption", "pytest_load_initial_conftests", "pytest_generate_tests"}
    fixtures = {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    assert fixtures
    assert all(name.startswith("pollproof_") for name in fixtures)


@pytest.mark.parametrize("wrong", ["suite.ini/x", "a\0b", "n" * 300])
def test_a_name_that_is_no_path_is_left_to_pytest(pytester: pytest.Pytester, wrong: str) -> None:
    from pollproof.pytest_plugin.presence import is_suite

    assert not is_suite(Path(wrong))
