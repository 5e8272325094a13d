"""A program that runs is not leapt past, although the kernel calls its thread asleep; one that has rested is again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pollproof.virtualtime import LeapClock, SupervisedClock, supervision_unavailable, unavailable
from pollproof.virtualtime.clock import RESTING
from tests.compilers import build_c
from tests.lanes import a_few
from tests.virtualtime.fuzz import PROGRAMS

REPEATS = 3
"""Without the look at the call, one run of about four leaps."""


KINDS = [
    pytest.param(LeapClock, marks=pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")),
    pytest.param(
        SupervisedClock,
        marks=pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or ""),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
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


OBSTACLES = {
    "import time, threading; threading.Thread(target=time.sleep, args=(900,), daemon=True).start()\n"
    "while True: pass": r"thread \d+ was running",
    "import time, threading, subprocess\n"
    "threading.Thread(target=time.sleep, args=(900,), daemon=True).start()\n"
    "import socket, os; stream = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])))\n"
    "stream.send(b'x'); time.sleep(900)": r"the program's request from port \d+ had no response",
    "import signal; signal.pause()": "no thread waited for a time",
}


@pytest.mark.parametrize("program", a_few(OBSTACLES, 2))
@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_the_clock_from_leaping_is_named(kind: type[LeapClock], program: str) -> None:
    with kind() as clock, socket.create_server(("127.0.0.1", 0)) as server:
        environment = clock.environment() | {"PORT": str(server.getsockname()[1])}
        command = clock.command([sys.executable, "-c", program])
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        assert clock.obstacle() == ""
        try:
            time.sleep(RESTING + 1.5)
            assert re.fullmatch(OBSTACLES[program], clock.obstacle())
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
