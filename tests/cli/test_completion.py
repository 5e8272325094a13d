"""Completion of the command line in bash, zsh and fish, as docs/completion.md has it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.servers import ROOT, clean_environment, run_command

SHELLS = ("bash", "zsh", "fish")


def completed(shell: str, words: str, index: int) -> list[str]:
    """What completion offers for the word at an index."""
    environment = clean_environment(
        _POLLPROOF_COMPLETE=f"{shell}_complete",
        COMP_WORDS=words,
        COMP_CWORD=words.split(" ")[-1] if shell == "fish" else str(index),
    )
    return answered(environment).split()


def answered(environment: dict[str, str]) -> str:
    """What the command prints in such an environment."""
    done = run_command([], environment, ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_it_can_read(shell: str) -> None:
    script = answered(clean_environment(_POLLPROOF_COMPLETE=f"{shell}_source"))
    assert "_POLLPROOF_COMPLETE" in script
    assert f"_POLLPROOF_COMPLETE={shell}_source pollproof" in (ROOT / "docs" / "completion.md").read_text("utf-8")
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, timeout=60, check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_choices_are_completed(shell: str) -> None:
    assert any("verify" in each for each in completed(shell, "pollproof ver", 1))
    assert any("--base-url" in each for each in completed(shell, "pollproof verify --base", 2))
    assert any("deep" in each for each in completed(shell, "pollproof verify --profile d", 3))
