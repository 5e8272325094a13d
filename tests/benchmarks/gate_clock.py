"""What the leaping clock costs, and how true it is.

* *time leapt over*: whole processes, from their start to their end: 120 polls that are 3 virtual seconds apart, under
  the clock, over 120 polls of the same client without any wait, without the clock. The server is the same, in this
  process, and on both sides. What a client does besides (starting, importing, connecting) is on both sides too, and
  flatters slow starters; the parts tell the seconds of each. With bash the waits are processes, `sleep 3` and its like,
  which the other side does not start: their start is in the ratio.
* *virtual time off*: the virtual seconds from the first poll to the last, as the server read them on the clock, against
  119 x 3 seconds plus the real seconds that the same client needs besides: it is run with waits of a millisecond,
  without the clock, and these are taken off.
* *just before and just after 24 h*: a client polls, waits for 86,399 or 86,401 seconds, and polls again; the share of
  those whose second poll comes on the right side of the 86,400th second, by the server's reading.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pollproof.virtualtime import LeapClock, unavailable
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.plan import Plan
from tests.leaping.server import Server, serving

FOLDER = Path(__file__).resolve().parents[1] / "leaping"
POLLS, SECONDS, SHORT = 120, 3, 0.001
BOUNDARY = 86_400
BOUNDARY_RUNS, QUICK_BOUNDARY_RUNS = 100, 4
LONGEST = 120

PYTHON = [sys.executable, str(FOLDER / "polls.py")]
DECIDED = [*PYTHON, "standard_library"]
NODE = ["node", str(FOLDER / "polls.mjs")]


@dataclass(frozen=True, slots=True)
class Client:
    """A client that polls, the most that its ratio may be, and the programs and modules that it needs."""

    name: str
    command: list[str]
    most: float
    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def leaping(self) -> Ratio:
        """Of seconds under the clock to seconds without any wait."""
        words = f"{self.name}, 120 waits of 3 s leapt over: multiple of the time without waits"
        return Ratio(words, at_most(self.most))

    @property
    def off(self) -> Ratio:
        """Of virtual seconds too many or too few to those that it should take."""
        return Ratio(f"{self.name}: share by which its virtual time is off", at_most(0.002))

    @property
    def missing(self) -> str | None:
        """What it needs and is not installed, in a sentence."""
        missing = [name for name in self.programs if shutil.which(name) is None]
        missing += [name for name in self.modules if find_spec(name) is None]
        return f"{missing[0]} is not installed" if missing else None


CLIENTS = (
    Client("Python, http.client", [*PYTHON, "standard_library"], 1.5),
    Client("Python, requests", [*PYTHON, "requests"], 1.5, modules=("requests",)),
    Client("Node, http", [*NODE, "http"], 3, ("node",)),
    Client("Node, fetch", [*NODE, "fetch"], 3, ("node",)),
    Client("bash and curl", ["bash", str(FOLDER / "polls.sh")], 3, ("bash", "curl")),
)
BOUNDARY_RIGHT = Ratio("polls just before and just after 24 h that come on the right side, share", at_least(1))
RATIOS = (*(client.leaping for client in CLIENTS), *(client.off for client in CLIENTS), BOUNDARY_RIGHT)


def run(command: Sequence[str], clock: LeapClock, server: Server, seconds: float, leaps: bool) -> float:
    """Real seconds of the whole client."""
    server.times.clear()
    environment = clock.environment() if leaps else None
    words = [*command, f"{server.url}/poll", str(POLLS), str(seconds)]
    started = time.perf_counter()
    subprocess.run(clock.command(words) if leaps else words, env=environment, check=True, timeout=LONGEST)
    return time.perf_counter() - started


def span(server: Server) -> float:
    """Seconds from the first poll to the last, by the clock."""
    assert len(server.times) == POLLS
    return server.times[-1] - server.times[0]


def measure_client(client: Client, kind: type[LeapClock] = LeapClock) -> Iterator[Sample]:
    """The ratio of one client under a kind of clock, and the share by which its virtual time is off."""
    with kind() as clock, serving(clock) as server:
        plain = run(client.command, clock, server, 0, leaps=False)
        run(client.command, clock, server, SHORT, leaps=False)
        busy = span(server) - SHORT * (POLLS - 1)
        leaping = run(client.command, clock, server, SECONDS, leaps=True)
        true = SECONDS * (POLLS - 1) + busy
        off = abs(span(server) / true - 1)
    yield client.leaping.of(leaping / plain, leaping_s=leaping, no_waits_s=plain)
    yield client.off.of(off, millionths=off * 1e6)


def is_decided_right(wait: int, command: Sequence[str] = DECIDED, kind: type[LeapClock] = LeapClock) -> bool:
    """Whether the server sees a wait of so many seconds on its side of the boundary."""
    with kind() as clock, serving(clock) as server:
        words = clock.command([*command, f"{server.url}/poll", "2", str(wait)])
        subprocess.run(words, env=clock.environment(), check=True, timeout=LONGEST)
        return (server.gaps[0] < BOUNDARY) is (wait < BOUNDARY)


def measure(plan: Plan) -> Iterator[Sample]:
    """Every client that can run here, by turns; then the boundary."""
    reason = unavailable()
    if reason is not None:
        yield from (ratio.without(reason) for ratio in RATIOS)
        return
    for _ in plan.rounds():
        for client in CLIENTS:
            if client.missing is None:
                yield from measure_client(client)
            else:
                yield client.leaping.without(client.missing)
                yield client.off.without(client.missing)
    runs = plan.size(BOUNDARY_RUNS, QUICK_BOUNDARY_RUNS)
    plan.say(f"24 h boundary, {runs} runs")
    right = [is_decided_right(BOUNDARY + (1 if number % 2 else -1)) for number in range(runs)]
    yield BOUNDARY_RIGHT.of(sum(right) / len(right), runs=runs)
