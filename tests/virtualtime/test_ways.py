"""Every way to wait that C has: exact by both clocks, while no time-out comes for time that has not passed.

A thousand seconds are leapt over before each, so that a time of one clock that is taken for one of another shows.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from pollproof.virtualtime import LeapClock, SupervisedClock, supervision_unavailable, unavailable
from tests.compilers import build_c
from tests.virtualtime.fuzz import PROGRAMS

LONGEST = 60.0
"""Real seconds after which a program counts as stuck."""

BEFORE = 1000.0
"""Seconds over which each program sleeps first."""

COARSE = {"uptime": 1.1, "ticks": 0.2, "coarse_clocks": 0.3}
"""Seconds by which a way may be off: its clock shows no less, and it looks at it ten times a second."""

IN_REAL_TIME = {"raw_epoll_pwait2", "several_futexes", "emptied_environment"}
"""Ways that the preload library does not see."""


def trial(kind: type[LeapClock], program: Path, way: str, seconds: float) -> str | None:
    """Let the program wait in a way; what is wrong with the clock, or None."""
    with kind() as clock:
        begun = time.monotonic()
        try:
            done = subprocess.run(
                clock.command([str(program), way]),
                env=clock.environment(),
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{way}: still running after {LONGEST:g} s; {clock.obstacle()}"
        took, leapt = time.monotonic() - begun, clock.leaps.seconds - BEFORE
    if done.returncode != 0:
        return f"{way}: {done.stderr.strip()}"
    apart = COARSE.get(way, 0.001)
    for passed in map(float, done.stdout.split()):
        if not seconds - apart <= passed <= seconds + apart + took:
            return f"{way}: {passed} s passed instead of {seconds} s (real {took:.3f} s)"
    if not seconds - apart - took <= leapt <= seconds + apart:
        return f"{way}: {leapt} s were leapt over instead of {seconds} s (real {took:.3f} s)"
    return None


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
def test_each_way_to_wait_takes_its_time(kind: type[LeapClock], tmp_path: Path) -> None:
    program = build_c(PROGRAMS / "ways.c", tmp_path, [] if kind is LeapClock else ["-static"])
    table = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    ways = {name: float(seconds) for name, seconds in map(str.split, table)}
    assert len(ways) > 30
    seen = {way: seconds for way, seconds in ways.items() if kind is SupervisedClock or way not in IN_REAL_TIME}
    wrong = [trial(kind, program, way, seconds) for way, seconds in seen.items()]
    assert [each for each in wrong if each is not None] == []
