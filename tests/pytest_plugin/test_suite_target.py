"""The compliance suite under pytest takes its target from the configuration file, as `pollproof verify` does."""

from __future__ import annotations

import pytest

from pollproof.bundled import folder

pytest_plugins = ["pytester"]

FILE = """
[targets.mock]
contract = "capsolver"
base_url = "http://127.0.0.1:9"
max_wait = "5s"

[targets.embedded]
contract = "decodo"
"""


def collected(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    pytester.makefile(".toml", pollproof=FILE)
    suite = str(folder("contracts") / "test_clauses.py")
    loaded = ("-p", "pollproof.pytest_plugin.plugin", "-p", "no:cacheprovider")
    return pytester.runpytest_subprocess(suite, *loaded, "--collect-only", "-q", *words)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_a_target_names_the_contract_and_the_address(pytester: pytest.Pytester) -> None:
    text = collected(pytester, "--pollproof-target", "mock").stdout.str()
    assert "capsolver.poll." in text
    assert "decodo." not in text
    assert "capsolver.client." not in text  # a server is judged, not a client


def test_the_variable_names_a_target_too(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLPROOF_TARGET", "embedded")
    text = collected(pytester).stdout.str()
    assert "decodo.client." in text
    assert "capsolver." not in text


def test_what_is_typed_comes_before_the_file(pytester: pytest.Pytester) -> None:
    text = collected(pytester, "--pollproof-target", "mock", "--provider", "cnode").stdout.str()
    assert "cnode." in text
    assert "capsolver." not in text


def test_an_unknown_target_ends_with_the_nearest(pytester: pytest.Pytester) -> None:
    done = collected(pytester, "--pollproof-target", "mok")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: pollproof.toml*: unknown target 'mok'; *did you mean 'mock'?"])
