"""A program that runs is not leapt past, although the kernel calls its thread asleep; one that has rested is again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pollproof.virtualtime import LeapClock, SupervisedClock, supervision_unavailable, unavailable
from tests.compilers import build_c
from tests.virtualtime.fuzz import PROGRAMS

REPEATS = 3
"""Without the look at the call, one run of about four leaps."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(LeapClock, marks=pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")),
        pytest.param(
            SupervisedClock,
            marks=pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or ""),
        ),
    ],
)
def test_a_thread_that_looks_for_ended_children_runs(kind: type[LeapClock], tmp_path: Path) -> None:
    linkage = [] if kind is LeapClock else ["-static"]
    program = build_c(PROGRAMS / "reaps.c", tmp_path, linkage)
    for _ in range(REPEATS):
        with kind() as clock:
            command = clock.command([str(program)])
            done = subprocess.run(
                command, env=clock.environment(), check=False, timeout=60, start_new_session=True, capture_output=True
            )
            assert (done.returncode, done.stderr) == (0, b"")
            assert clock.leaps.count == 0


@pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")
def test_a_thread_that_rested_in_real_time_is_leapt_over_afterwards(tmp_path: Path) -> None:
    """The thread is still the last caller, and sleeps in another call since: its rest must not count for ever."""
    program = build_c(PROGRAMS / "rests.c", tmp_path, ["-static"])
    with SupervisedClock() as clock:
        command = clock.command([str(program)])
        done = subprocess.run(command, env=clock.environment(), check=False, timeout=60, start_new_session=True)
        assert done.returncode == 0
        assert 599 < clock.leaps.seconds < 600
