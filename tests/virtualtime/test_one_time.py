"""Client and server agree on the time: on the length of waits, and on the side of a boundary of 24 h.

`BOUNDARY_RUNS=1000` decides the boundary so many times.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pollproof.virtualtime import SupervisedClock, supervision_unavailable
from tests.compilers import build_go, build_static_c
from tests.leaping.server import serving

pytestmark = pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")

PROGRAMS = Path(__file__).resolve().parents[1] / "leaping"
POLLS, SECONDS = 60, 3.0
APART = 0.002
"""The share by which the two may differ."""

DAY = 86_400
RUNS = int(os.environ.get("BOUNDARY_RUNS", "4"))

Build = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """How a client of each language is started; compiled ones are built once."""
    built: dict[str, list[str]] = {
        "python": [sys.executable, str(PROGRAMS / "polls.py"), "standard_library"],
        "node": ["node", str(PROGRAMS / "polls.mjs"), "http"],
        "curl": ["bash", str(PROGRAMS / "polls.sh")],
    }

    def command(language: str) -> list[str]:
        if language not in built:
            build = {"go": build_go, "c": build_static_c}[language]
            built[language] = [str(build(PROGRAMS / f"polls.{language}", tmp_path_factory.mktemp(language)))]
        if shutil.which(built[language][0]) is None:
            pytest.skip(f"{built[language][0]} is not installed")
        return built[language]

    return command


def spans(command: list[str], language: str, polls: int, seconds: float) -> tuple[float, float]:
    """Seconds from the first poll to the last: by the client's clock, and as the server has seen them."""
    with SupervisedClock() as clock, serving(clock) as server:
        address = urlsplit(server.url)
        url = [str(address.hostname), str(address.port)] if language == "c" else [f"{server.url}/poll"]
        words = clock.command([*command, *url, str(polls), str(seconds)])
        environment = clock.environment() | {"POLLS_SPAN": "1"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=True)
        assert len(server.times) == polls
        return float(done.stdout), server.times[-1] - server.times[0]


@pytest.mark.parametrize("language", ["python", "node", "curl", "go", "c"])
def test_the_server_sees_what_the_clock_of_the_client_shows(language: str, command: Build) -> None:
    own, seen = spans(command(language), language, POLLS, SECONDS)
    assert own >= SECONDS * (POLLS - 1) * (1 - APART)
    assert abs(seen - own) <= APART * own


@pytest.mark.parametrize("language", ["c", "go"])
def test_a_boundary_of_a_day_is_decided_right(language: str, command: Build) -> None:
    wrong = []
    for number in range(RUNS):
        wait = DAY + (1 if number % 2 else -1)
        own, seen = spans(command(language), language, 2, wait)
        if (seen < DAY) is not (wait < DAY) or (own < DAY) is not (wait < DAY):
            wrong.append((wait, own, seen))
    assert wrong == []
