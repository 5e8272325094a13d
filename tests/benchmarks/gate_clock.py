"""What the leaping clock costs, and how true it is.

* `leaping against no waits`: whole processes, from their start to their end: 120 polls that are 3 virtual seconds
  apart, under the clock, over 120 polls of the same client without any wait, without the clock. The server is the same,
  in this process, and on both sides. What a client does besides (starting, importing, connecting) is on both sides too,
  and flatters slow starters; the parts tell the seconds of each. With bash the waits are processes, `sleep 3` and its
  like, which the other side does not start: their start is in the ratio.
* `virtual time off by`: the virtual seconds from the first poll to the last, as the server read them on the clock,
  against 119 x 3 seconds plus the real seconds that the same client needs besides: it is run with waits of a
  millisecond, without the clock, and these are taken off.
* `24 h boundary decided right`: a client polls, waits for 86,399 or 86,401 seconds, and polls again; the share of those
  whose second poll comes on the right side of the 86,400th second, by the server's reading.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pollproof.gate.leap import LeapClock, unavailable
from tests.benchmarks.figures import Figure, Goal, medians
from tests.leaping.server import Server, serving

CLIENTS = Path(__file__).resolve().parents[1] / "leaping"
POLLS, SECONDS, SHORT = 120, 3, 0.001
BOUNDARY, BOUNDARY_RUNS = 86_400, 100
LONGEST = 120

PYTHON = [sys.executable, str(CLIENTS / "polls.py")]
NODE = ["node", str(CLIENTS / "polls.mjs")]
COMMANDS: dict[str, tuple[list[str], float]] = {
    "Python, http.client": ([*PYTHON, "standard_library"], 1.5),
    "Python, requests": ([*PYTHON, "requests"], 1.5),
    "Node, http": ([*NODE, "http"], 3),
    "Node, fetch": ([*NODE, "fetch"], 3),
    "bash and curl": (["bash", str(CLIENTS / "polls.sh")], 3),
}
"""Every client, and the most that its ratio may be."""


def run(command: Sequence[str], clock: LeapClock, server: Server, seconds: float, leaps: bool) -> float:
    """Real seconds of the whole client."""
    server.times.clear()
    environment = clock.environment() if leaps else None
    started = time.perf_counter()
    subprocess.run(
        [*command, f"{server.url}/poll", str(POLLS), str(seconds)], env=environment, check=True, timeout=LONGEST
    )
    return time.perf_counter() - started


def span(server: Server) -> float:
    """Seconds from the first poll to the last, by the clock."""
    assert len(server.times) == POLLS
    return server.times[-1] - server.times[0]


def measure_client(command: Sequence[str]) -> tuple[float, float, dict[str, float]]:
    """The ratio of one client, the share by which its virtual time is off, and the parts."""
    with LeapClock() as clock, serving(clock) as server:
        plain = run(command, clock, server, 0, leaps=False)
        run(command, clock, server, SHORT, leaps=False)
        busy = span(server) - SHORT * (POLLS - 1)
        leaping = run(command, clock, server, SECONDS, leaps=True)
        true = SECONDS * (POLLS - 1) + busy
        return leaping / plain, abs(span(server) / true - 1), {"leaping s": leaping, "no waits s": plain}


def is_decided_right(wait: int) -> bool:
    """Whether the server sees a wait of so many seconds on its side of the boundary."""
    with LeapClock() as clock, serving(clock) as server:
        command = [*PYTHON, "standard_library", f"{server.url}/poll", "2", str(wait)]
        subprocess.run(command, env=clock.environment(), check=True, timeout=LONGEST)
        return (server.gaps[0] < BOUNDARY) is (wait < BOUNDARY)


def measure(repeat: int, say: Callable[[str], None]) -> list[Figure]:
    """The figures of this group."""
    reason = unavailable()
    if reason is not None:
        return [Figure("leaping against no waits", [], missing=reason)]
    commands = {name: pair for name, pair in COMMANDS.items() if shutil.which(pair[0][0])}
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    errors: dict[str, list[float]] = {name: [] for name in commands}
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(repeat):
        say(f"leaping, {number + 1} of {repeat}")
        for name, (command, _) in commands.items():
            ratio, error, part = measure_client(command)
            ratios[name].append(ratio)
            errors[name].append(error)
            parts[name].append(part)
    figures = [
        Figure(f"leaping against no waits: {name}", ratios[name], Goal(most, at_least=False), medians(parts[name]))
        for name, (_, most) in commands.items()
    ]
    for name in commands:
        millionths = {"millionths": statistics.median(errors[name]) * 1e6}
        figures.append(Figure(f"virtual time off by: {name}", errors[name], Goal(0.002, at_least=False), millionths))
    say(f"boundary, {BOUNDARY_RUNS} runs")
    right = [is_decided_right(BOUNDARY + (1 if number % 2 else -1)) for number in range(BOUNDARY_RUNS)]
    figures.append(Figure("24 h boundary decided right", [sum(right) / len(right)], Goal(1.0), {"runs": len(right)}))
    return figures
