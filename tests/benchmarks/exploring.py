"""How fast the explorer's state machine is, held against what it is made of.

All is measured on one core, client and server together; each sample measures both sides of its ratio one after the
other. What each figure shows, and what it does not:

* *over HTTP*: the time that the moves and requests of the machine would take at least (an empty Hypothesis machine with
  one rule that draws nothing does as many steps; bare http.client sends the same requests to the same server and throws
  responses away) as a share of the time that it takes. With *one exchange a move* the table of moves is the real one
  without bursts, walks to the end of a lifetime and polls of all, so that moves and exchanges are nearly the same
  number (a step of time is one exchange with the clock hook), and the ratio is moves per second over 1 / (step +
  exchange). With *all moves* nothing is left out, and a move makes two exchanges on average: there the bound is moves x
  step + exchanges x exchange. The server's time is on both sides, so a slow server flatters both. *By processor time*
  is the same from the processor time of both processes: other programs disturb it less, and it is blind to waiting.
* *in process*: moves per second of the machine on the embedded reference provider against steps per second of the empty
  machine, with as many steps an example as ours makes moves; seconds are of the processor, for nothing waits there. One
  step of ours makes several moves (`machine.STRETCH`), so most of what Hypothesis takes for a step is saved, and the
  empty machine is no bound that cannot be passed; over HTTP neither. The time of the provider, and of judging, counts
  against us. With *one exchange a move* it compares like with like (a step of time is a move without exchange there);
  *all moves* is a user's default run, where one move in thirty is a burst of forty polls: its parts tell the exchanges
  a second, which is what such a move is for. The empty machine of the goal draws nothing at all, which is the strictest
  reading; the line below has it draw one number, without which no machine would do two different things.
* *schema check*: seconds of checking request and answer of the machine's own traffic against the compiled schemas, over
  the seconds of a bare exchange. Reading the JSON, the reading of places and the clauses are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.verify.state_machine import Actions
from tests.benchmarks.exchanges import seconds_bare, seconds_of_checks
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.machines import Stepper, run_empty, run_in_process, run_over_http
from tests.benchmarks.plan import Plan
from tests.benchmarks.target import target

PROVIDER = "capsolver"

EXAMPLES, QUICK_EXAMPLES = 25, 3
"""Examples of each run of a machine: as many as a part of exploring has, and few enough that both sides of a ratio meet
the same load of other programs."""

ROUNDS = 3
"""Measurements of each machine in one repeat."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of moves that is measured, and what is measured with it."""

    name: str
    mover: type[Actions]

    @property
    def over_http(self) -> Ratio:
        return Ratio(f"machine over HTTP, {self.name}: share of the speed of bare steps and requests", at_least(0.75))

    @property
    def by_processor(self) -> Ratio:
        return Ratio(f"machine over HTTP, {self.name}: the same by processor time")

    @property
    def in_process(self) -> Ratio:
        return Ratio(f"machine in process, {self.name}: share of the speed of an empty machine", at_least(0.80))

    @property
    def of_drawing(self) -> Ratio:
        return Ratio(f"machine in process, {self.name}: share of the speed of a machine that draws a number")


TABLES = (Table("one exchange a move", Stepper), Table("all moves", Actions))
SCHEMA_CHECK = Ratio("schema check of an exchange: share of the time of the exchange", at_most(0.03))
RATIOS = (
    *(ratio for table in TABLES for ratio in (table.over_http, table.by_processor)),
    *(ratio for table in TABLES for ratio in (table.in_process, table.of_drawing)),
    SCHEMA_CHECK,
)


def measure(plan: Plan) -> Iterator[Sample]:
    """Every table over HTTP and in process, by turns."""
    contract = load_contract(PROVIDER)
    run_empty(5, 0)
    run_in_process(contract, Actions, 5, 0)
    examples = plan.size(EXAMPLES, QUICK_EXAMPLES)
    for number in plan.rounds():
        for turn in range(plan.size(ROUNDS, 1)):
            for table in TABLES:
                seed = ROUNDS * number + turn
                yield from _over_http(contract, table, examples, seed)
                yield _in_process(contract, table, examples, seed, draws=False)
                yield _in_process(contract, table, examples, seed, draws=True)


def _over_http(contract: Contract, table: Table, examples: int, seed: int) -> Iterator[Sample]:
    before = run_empty(examples, seed)
    with target(PROVIDER) as served:
        idle = served.counts().processor
        ours = run_over_http(contract, table.mover, served, examples, seed)
        used = served.counts().processor
        requests = [exchange.request for exchange in ours.trace]
        exchange, exchange_processor = seconds_bare(served.base_url, requests)
        bare_used = served.counts().processor - used
    after = run_empty(examples, seed)
    step = (before.seconds + after.seconds) / (before.moves + after.moves)
    step_processor = (before.processor + after.processor) / (before.moves + after.moves)
    exchange_processor += bare_used / len(requests)
    ours_processor = ours.processor + used - idle
    yield table.over_http.of(
        (ours.moves * step + ours.requests * exchange) / ours.seconds,
        moves_per_s=ours.moves / ours.seconds,
        exchanges_per_s=ours.requests / ours.seconds,
        exchanges_a_move=ours.requests / ours.moves,
        empty_step_us=step * 1e6,
        bare_exchange_us=exchange * 1e6,
        our_move_us=ours.seconds / ours.moves * 1e6,
    )
    yield table.by_processor.of(
        (ours.moves * step_processor + ours.requests * exchange_processor) / ours_processor,
        empty_step_us=step_processor * 1e6,
        bare_exchange_us=exchange_processor * 1e6,
        our_move_us=ours_processor / ours.moves * 1e6,
        of_it_the_server_us=(used - idle) / ours.moves * 1e6,
    )
    if table.mover is Actions:
        check = seconds_of_checks(contract, ours.trace)
        yield SCHEMA_CHECK.of(check / exchange, check_us=check * 1e6, exchange_us=exchange * 1e6)


def _in_process(contract: Contract, table: Table, examples: int, seed: int, *, draws: bool) -> Sample:
    """Our moves per second of processor time over the steps of the empty machine."""
    before = run_empty(examples, seed, draws=draws)
    ours = run_in_process(contract, table.mover, examples, seed)
    after = run_empty(examples, seed, draws=draws)
    step = (before.processor + after.processor) / (before.moves + after.moves)
    move = ours.processor / ours.moves
    return (table.of_drawing if draws else table.in_process).of(
        step / move,
        moves_per_s=1 / move,
        exchanges_per_s=ours.requests / ours.processor,
        exchanges_a_move=ours.requests / ours.moves,
        empty_step_us=step * 1e6,
        our_move_us=move * 1e6,
    )
