"""The configuration file: what it may say, what comes before it, and what is said where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from pollproof.bundled import folder
from pollproof.cli.main import cli
from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import serve
from pollproof.runs.configuration import configurable, configuration_schema, settings_for
from pollproof.runs.options import EVERY, OPTIONS

KEY = "PLANTED-key-0f9e8d7c6b5a"

STAGING = """
profile = "quick"
allow_unexercised = ["clock"]

[gate]
timeout = "90s"

[targets.staging]
contract = "capsolver"
base_url = "http://127.0.0.1:8080"
max_wait = "3m"
api_key_env = "STAGING_KEY"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TARGET", "CONFIG", "PROFILE", "MAX_WAIT", "API_KEY"):
        monkeypatch.delenv(f"POLLPROOF_{name}", raising=False)
    monkeypatch.setenv("STAGING_KEY", KEY)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def options(*words: str) -> dict[str, tuple[Any, str]]:
    done = run("config", *words, "--json")
    assert done.exit_code == 0, done.output
    return {row["option"]: (row["value"], row["from"]) for row in json.loads(done.stdout)["options"]}


def test_the_published_schema_is_made_from_the_table_of_options() -> None:
    text = (folder("schemas") / "pollproof" / "configuration.schema.json").read_text(encoding="utf-8")
    assert text == run("config", "--schema").stdout, (
        "pollproof config --schema > schemas/pollproof/configuration.schema.json"
    )
    Draft202012Validator.check_schema(configuration_schema())
    for mode in EVERY:
        assert {option.file_key for option in configurable(mode)} == set(
            configuration_schema()["properties"][mode]["properties"]
        )


@pytest.mark.parametrize("name", ["live", "destructive", "yes", "resume", "api_key", "shard"])
def test_what_allows_or_holds_something_for_one_run_is_in_no_file(here: Path, name: str) -> None:
    assert name in {option.file_key for option in OPTIONS}
    (here / "pollproof.toml").write_text(f"[verify]\n{name} = true\n", encoding="utf-8")
    done = run("verify")
    assert done.exit_code == 2
    assert f"pollproof.toml, line 2: 'verify.{name}': '{name}' " in done.stderr


def test_a_target_is_judged_by_its_name(here: Path) -> None:
    contract, clock = load_contract("capsolver"), ShiftedClock()
    with serve(ReferenceProvider(contract, clock), clock) as served:
        text = f'base_url = "{served.base_url}"\nadvance_url = "{served.advance_url}"\n'
        (here / "staging.key").write_text(f"{contract.credential.sample}\n", encoding="utf-8")
        (here / "pollproof.toml").write_text(
            f'[targets.staging]\ncontract = "capsolver"\nexamples = 0\n{text}api_key_file = "staging.key"\n',
            encoding="utf-8",
        )
        done = run("verify", "--target", "staging", "--json", "report.json")
        assert done.exit_code == 0, done.output
        assert f"capsolver against {served.base_url}" in done.stdout
        ready = run("doctor", "--target", "staging")
        assert (ready.exit_code, "the clock hook moves the clock" in ready.stdout) == (0, True), ready.output


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pollproof.toml").write_text(STAGING, encoding="utf-8")
    assert options("--target", "staging")["--max-wait"] == ("3m", "pollproof.toml, line 11")
    assert options()["--profile"] == ("quick", "pollproof.toml, line 2")
    monkeypatch.setenv("POLLPROOF_PROFILE", "ci")
    assert options()["--profile"] == ("ci", "environment, POLLPROOF_PROFILE")
    assert options("verify", "--profile", "deep")["--profile"] == ("deep", "command line")


def test_the_key_of_a_target_is_never_shown_and_comes_before_the_common_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pollproof.toml").write_text(STAGING, encoding="utf-8")
    monkeypatch.setenv("POLLPROOF_API_KEY", "the-key-of-another-account")
    assert options("--target", "staging")["--api-key"] == ("[key]", "environment, STAGING_KEY")
    assert options()["--api-key"] == ("[key]", "environment, POLLPROOF_API_KEY")
    assert KEY not in run("config", "--target", "staging").output
    monkeypatch.setenv("STAGING_KEY", "")
    done = run("verify", "--target", "staging")
    assert done.exit_code == 2
    assert "line 12: 'targets.staging.api_key_env': the environment variable STAGING_KEY is not set" in done.stderr


def test_a_mode_takes_what_it_has_alone(here: Path) -> None:
    (here / "pollproof.toml").write_text(STAGING, encoding="utf-8")
    assert options("gate")["--timeout"] == ("90s", "pollproof.toml, line 6")
    assert "--profile" not in options("gate"), "the gate has no profile 'quick'"
    assert set(options("check")) == {"--allow-unexercised"}


def test_pyproject_has_a_table_and_paths_are_those_of_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pyproject.toml").write_text('[tool.pollproof]\nbaseline = "known.toml"\n', encoding="utf-8")
    assert settings_for("check").values == {"baseline": "known.toml"}
    (here / "below").mkdir()
    (here / "below" / "pyproject.toml").write_text("[tool.other]\n", encoding="utf-8")
    monkeypatch.chdir(here / "below")
    assert settings_for("check").values == {"baseline": str(here / "known.toml")}
    assert settings_for("check", file="none").values == {}
    (here / "below" / "pollproof.toml").write_text("strict = true\n", encoding="utf-8")
    assert settings_for("check").values == {"strict": True}


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        (
            'profile = "quik"',
            (),
            "line 1: 'profile': 'quik' is not known; expected one of ci, deep, quick; did you mean",
        ),
        ("[targets.a]\nmax_wai = '3s'", (), "line 2: 'targets.a.max_wai': unknown key 'max_wai'; expected one of "),
        ("[target.a]", (), "did you mean 'targets'?"),
        ("[targets.staging]", ("--target", "stagin"), "unknown target 'stagin'; expected one of staging; did you mean"),
        ("", ("--target", "x"), "pollproof.toml: unknown target 'x'; expected one of none"),
        ("[targets.a]\napi_key_file = 'gone'", ("--target", "a"), "gone cannot be read (No such file or directory)"),
        ("x =", (), "pollproof.toml: is not TOML (Invalid value"),
        ("seed = 'one'", (), "line 1: 'seed': 'one' is given; expected a whole number"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(here: Path, text: str, words: tuple[str, ...], problem: str) -> None:
    (here / "pollproof.toml").write_text(text, encoding="utf-8")
    done = run("verify", *words)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert done.stderr.count("Error: ") == 1


def test_a_target_needs_a_file() -> None:
    done = run("verify", "--target", "staging")
    assert done.exit_code == 2
    assert "--target staging: no pollproof.toml here or above" in done.stderr
