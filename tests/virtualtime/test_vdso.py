"""Programs under supervision read clocks without a detour, and read what the supervisor answers."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from pollproof.virtualtime import library, supervision_unavailable
from tests.compilers import build_c
from tests.virtualtime.fuzz import PROGRAMS

pytestmark = pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")

DAY = 86_400


@pytest.fixture(scope="module", params=["-static", "-pie"])
def clocks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program that compares its clocks, static or not."""
    return str(build_c(PROGRAMS / "clocks.c", tmp_path_factory.mktemp("clocks"), [request.param]))


def read(*words: str) -> tuple[float, int]:
    """The time of day that a supervised program reads in the end, and the nanoseconds of a reading."""
    command = [str(library.supervisor()), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    date, nanoseconds = done.stdout.split()
    return int(date), int(nanoseconds)


@pytest.mark.parametrize("days", [0.0, 400.25, -0.7])
def test_all_ways_to_read_a_clock_agree(clocks: str, days: float) -> None:
    shift = str(round(days * DAY * 1e9))
    date, _ = read("--shift", shift, "--", clocks, str(DAY))
    assert abs(date - time.time() - (days + 1) * DAY) < 30


def test_they_agree_at_a_rate(clocks: str) -> None:
    date, _ = read("--rate", "20", "--", clocks, "30")
    assert 25 <= date - time.time() < 600


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the functions are replaced on x86-64 alone")
def test_a_reading_does_not_go_through_the_supervisor(clocks: str) -> None:
    """A call that does takes two changes of processes, and more."""
    assert min(read("--", clocks, "0")[1] for _ in range(5)) < 5_000


def test_a_program_that_can_open_no_file_reads_the_same(tmp_path: Path) -> None:
    """The file of the clock cannot be shared with it, and each reading goes through the supervisor."""
    clocks = build_c(PROGRAMS / "clocks.c", tmp_path, ["-static"])
    date, nanoseconds = read("--", "sh", "-c", f"ulimit -n 3; exec {clocks} {DAY}")
    assert abs(date - time.time() - DAY) < 30
    assert nanoseconds > 1_000
