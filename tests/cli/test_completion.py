"""Completion of the command line in bash, zsh and fish, as docs/completion.md has it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.servers import ROOT, clean_environment

SHELLS = ("bash", "zsh", "fish")


def completed(shell: str, words: str, index: int) -> list[str]:
    """What completion offers for the word at an index."""
    environment = clean_environment(
        _POLLPROOF_COMPLETE=f"{shell}_complete",
        COMP_WORDS=words,
        COMP_CWORD=words.split(" ")[-1] if shell == "fish" else str(index),
    )
    done = subprocess.run(
        [sys.executable, "-c", "from pollproof.cli.main import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_it_can_read(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from pollproof.cli.main import main; main()"],
        env=clean_environment(_POLLPROOF_COMPLETE=f"{shell}_source"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "_POLLPROOF_COMPLETE" in done.stdout
    assert f"_POLLPROOF_COMPLETE={shell}_source pollproof" in (ROOT / "docs" / "completion.md").read_text("utf-8")
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, timeout=60, check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_choices_are_completed(shell: str) -> None:
    assert any("verify" in each for each in completed(shell, "pollproof ver", 1))
    assert any("--base-url" in each for each in completed(shell, "pollproof verify --base", 2))
    assert any("deep" in each for each in completed(shell, "pollproof verify --profile d", 3))
