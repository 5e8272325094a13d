"""A few points of the matrix; `python -m tests.crashes` breaks all commands at hundreds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.commands import ROOT
from tests.lanes import only

CASES = [("check", 2), ("record", 2), *((command, 8) for command in ("live", "merge", "gate", "verify", "launch"))]


@pytest.mark.parametrize(("command", "points"), only(CASES, CASES[:1]))
def test_a_command_that_is_broken_leaves_the_old_report_or_the_new_one(command: str, points: int) -> None:
    words = [sys.executable, "-m", "tests.crashes", "--points", str(points), command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode == 4:
        pytest.skip(f"CRASHES NOT TESTED: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{command}: {5 * points} breaks, 0 with problems" in done.stdout
