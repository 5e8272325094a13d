"""How fast exploring is, held against what it is made of and against Schemathesis.

All is measured on one core, client and server together, in one run; each repeat measures both sides of each ratio one
after the other, and the median of the ratios counts. What each figure shows, and what it does not:

* `machine over HTTP`: the time that the moves and requests of the machine would take at least (an empty Hypothesis
  machine with one rule that draws nothing does as many steps; bare http.client sends the same requests to the same
  server and throws the answers away) as a share of the time that it takes. With `one exchange a move` the table of
  moves is the real one without bursts, walks to the end of a lifetime and polls of all, so that moves and exchanges
  are nearly the same number (a step of time is one exchange with the clock hook), and the ratio is moves per second
  over 1 / (step + exchange). With `as it is` nothing is left out, and a move makes two exchanges on average: there the
  bound is moves x step + exchanges x exchange. The server's time is on both sides, so a slow server flatters both.
  The line below is the same from the processor time of both processes: other programs disturb it less, and it is
  blind to waiting.
* `machine in process`: steps per second of the machine on the embedded reference provider against those of the empty
  machine, at the same number of steps an example. The time of the provider, and of judging, counts against us. With
  `one exchange a move` it compares like with like (a step of time is a move without exchange there); `as it is` is a
  user's default run, where one move in thirty is a burst of forty polls: its parts tell the exchanges a second, which
  is what such a move is for. The empty machine of the goal draws nothing at all, which is the strictest reading; the
  line below has it draw one number, without which no machine would do two different things.
* `schema check`: seconds of checking request and answer of the machine's own traffic against the compiled schemas,
  over the seconds of a bare exchange. Reading the JSON, the reading of places and the clauses are not in it.
* `exchanges/s against Schemathesis`: requests per second that the target has served from the first to the last of a
  run; start, import and report of both programs do not count, requests to the clock hook neither, though their time
  does. Ours is the default exploring, walks and machine, of `pollproof verify`. It says nothing of what a request is
  worth: Schemathesis makes every body anew from the schema and keeps to no plan, we fill templates.
* `wall time against Schemathesis`: from the start of each command to its end, all in. Ours sends some twenty times as
  many requests in it. Schemathesis is given its fastest case: see `rival.run_schemathesis`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pollproof.contract.model import Contract
from pollproof.explore.machine import Mover
from pollproof.loading import load_contract
from tests.benchmarks.exchanges import seconds_bare, seconds_of_checks
from tests.benchmarks.figures import Figure, Goal, medians
from tests.benchmarks.machines import Stepper, run_empty, run_in_process, run_over_http
from tests.benchmarks.rival import PROVIDER, find_schemathesis, run_schemathesis, run_verify
from tests.benchmarks.target import target

EXAMPLES = 8
"""Examples of each run of a machine: short runs, so that both sides of a ratio meet the same load of other programs."""

ROUNDS = 3
"""Measurements of each machine in one repeat."""

TABLES: dict[str, type[Mover]] = {"one exchange a move": Stepper, "as it is": Mover}
"""The tables of moves that are measured."""

Say = Callable[[str], None]
Sample = tuple[float, dict[str, float]]
"""One measurement of a ratio, and what it was made of."""


def measure(repeat: int, say: Say) -> list[Figure]:
    """All figures of this group."""
    contract = load_contract(PROVIDER)
    _warm_up(contract)
    http: dict[str, list[_OverHttp]] = {name: [] for name in TABLES}
    inside: dict[tuple[str, bool], list[Sample]] = {(name, draws): [] for name in TABLES for draws in (False, True)}
    for number in range(ROUNDS * repeat):
        say(f"machines, {number + 1} of {ROUNDS * repeat}")
        for name, mover in TABLES.items():
            http[name].append(_over_http(contract, mover, number))
            for draws in (False, True):
                inside[name, draws].append(_in_process(contract, mover, number, draws=draws))
    figures: list[Figure] = []
    for name in TABLES:
        figures.append(_figure(f"HTTP, {name}: share of the bound", [run.wall for run in http[name]], Goal(0.60)))
        figures.append(_figure("    the same by processor time", [run.processor for run in http[name]], None))
    for name in TABLES:
        figures.append(_figure(f"in process, {name}: of the empty", inside[name, False], Goal(0.70)))
        figures.append(_figure("    of an empty one that draws a number", inside[name, True], None))
    checks = [run.check for run in http["as it is"]]
    figures.append(_figure("schema check: share of an exchange", checks, Goal(0.03, at_least=False)))
    return figures + _against_schemathesis(repeat, say)


def _warm_up(contract: Contract) -> None:
    run_empty(5, 0)
    run_in_process(contract, Mover, 5, 0)


class _OverHttp(NamedTuple):
    """One measurement over HTTP: our share of the bound by the clock and by processor time, and the schema check's."""

    wall: Sample
    processor: Sample
    check: Sample


def _over_http(contract: Contract, mover: type[Mover], seed: int) -> _OverHttp:
    before = run_empty(EXAMPLES, seed)
    with target(PROVIDER) as served:
        idle = served.counts().processor
        ours = run_over_http(contract, mover, served, EXAMPLES, seed)
        used = served.counts().processor
        requests = [exchange.request for exchange in ours.trace]
        exchange, exchange_processor = seconds_bare(served.base_url, requests)
        bare_used = served.counts().processor - used
    after = run_empty(EXAMPLES, seed)
    step = (before.seconds + after.seconds) / (before.moves + after.moves)
    step_processor = (before.processor + after.processor) / (before.moves + after.moves)
    exchange_processor += bare_used / len(requests)
    ours_processor = ours.processor + used - idle
    parts = {
        "moves/s": ours.moves / ours.seconds,
        "exchanges/s": ours.requests / ours.seconds,
        "exchanges a move": ours.requests / ours.moves,
        "empty step us": step * 1e6,
        "bare exchange us": exchange * 1e6,
        "our move us": ours.seconds / ours.moves * 1e6,
    }
    processor_parts = {
        "empty step us": step_processor * 1e6,
        "bare exchange us": exchange_processor * 1e6,
        "our move us": ours_processor / ours.moves * 1e6,
        "of it the server's us": (used - idle) / ours.moves * 1e6,
    }
    check = seconds_of_checks(contract, ours.trace)
    return _OverHttp(
        ((ours.moves * step + ours.requests * exchange) / ours.seconds, parts),
        ((ours.moves * step_processor + ours.requests * exchange_processor) / ours_processor, processor_parts),
        (check / exchange, {"check us": check * 1e6, "exchange us": exchange * 1e6}),
    )


def _in_process(contract: Contract, mover: type[Mover], seed: int, *, draws: bool) -> Sample:
    """Our steps per second in process over those of the empty machine."""
    before = run_empty(EXAMPLES, seed, draws=draws)
    ours = run_in_process(contract, mover, EXAMPLES, seed)
    after = run_empty(EXAMPLES, seed, draws=draws)
    step = (before.seconds + after.seconds) / (before.moves + after.moves)
    move = ours.seconds / ours.moves
    parts = {
        "moves/s": 1 / move,
        "exchanges/s": ours.requests / ours.seconds,
        "exchanges a move": ours.requests / ours.moves,
        "empty step us": step * 1e6,
        "our move us": move * 1e6,
    }
    return step / move, parts


def _against_schemathesis(repeat: int, say: Say) -> list[Figure]:
    names = "exchanges/s against Schemathesis, stateful", "wall time against Schemathesis, 50 examples"
    goals = Goal(15), Goal(1, at_least=False)
    command = find_schemathesis()
    if command is None:
        missing = "not measured: Schemathesis is not installed (pip install schemathesis)"
        return [Figure(name, (), goal, missing=missing) for name, goal in zip(names, goals, strict=True)]
    rates: list[Sample] = []
    walls: list[Sample] = []
    for number in range(repeat):
        say(f"against Schemathesis, {number + 1} of {repeat}")
        ours, theirs = run_verify(number), run_schemathesis(command, number)
        rates.append((ours.rate / theirs.rate, {"ours/s": ours.rate, "theirs/s": theirs.rate}))
        parts = {"our s": ours.seconds, "their s": theirs.seconds}
        requests = {"our requests": float(ours.served.requests), "their requests": float(theirs.served.requests)}
        walls.append((ours.seconds / theirs.seconds, parts | requests))
    return [_figure(name, found, goal) for name, found, goal in zip(names, (rates, walls), goals, strict=True)]


def _figure(name: str, samples: Sequence[Sample], goal: Goal | None) -> Figure:
    return Figure(name, [ratio for ratio, _ in samples], goal, medians([parts for _, parts in samples]))
