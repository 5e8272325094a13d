"""`pollproof verify` against Schemathesis, stateful, on the same mock: how fast they ask, and what they find.

All is measured on one core, client and server together, both commands in each round. What each figure shows, and what
it does not:

* *requests/s*: those that the mock has served from the first to the last of a run; start, import and report of both
  programs do not count, requests to the clock hook neither, though their time does. Ours is the default exploring,
  walks and machine. It says nothing of what a request is worth: Schemathesis makes every body anew from the schema and
  keeps to no plan, we fill templates.
* *time of the whole command*: from its start to its end, all in. Ours sends some twenty times as many requests in it.
  Schemathesis is given its fastest case: see `rival.run_schemathesis`.
* *faults*: the mock with one rule broken, ten times, another rule each. Six faults stand in a single response, which is
  what a schema sees; four show only in what happened before or when, which no schema says. Schemathesis has found one
  when it reports anything; we have when the very rule is reported. It shows what each is made for, and not that
  Schemathesis does badly what it does: it judges any API by its document alone, and looks for much that we do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.plan import Plan
from tests.benchmarks.rival import FOUND, PROVIDER, TICK, run_schemathesis, run_verify, violated

RATE = Ratio("requests/s of pollproof verify: multiple of those of Schemathesis", at_least(30))
WALL = Ratio("time of the whole command, 50 examples each: multiple of that of Schemathesis", at_most(1))
FOUND_BY_US = Ratio("share of ten faults that pollproof verify finds", at_least(1))
FOUND_BY_THEM = Ratio("share of the same ten that Schemathesis finds")
RATIOS = (RATE, WALL, FOUND_BY_US, FOUND_BY_THEM)

IN_ONE_ANSWER = (
    "ready without solution",
    "created without a taskId",
    "status 'done' for ready",
    "errorId as a string",
    "no status while processing",
    "a result with HTTP 500",
)
IN_HISTORY = (
    "running again after the end",
    "121 polls are answered",
    "there for 307 s",
    "another result at every read",
)

MISSING = "Schemathesis is not installed (pip install --group benchmark, or --schemathesis COMMAND)"


def measure(plan: Plan) -> Iterator[Sample]:
    """Speed, round by round; then each fault once."""
    if plan.schemathesis is None:
        yield from (ratio.without(MISSING) for ratio in (RATE, WALL, FOUND_BY_THEM))
    else:
        yield from _speed(plan, plan.schemathesis)
    yield from _faults(plan)


def _speed(plan: Plan, command: str) -> Iterator[Sample]:
    for number in plan.rounds("speed"):
        ours, theirs = run_verify(number), run_schemathesis(command, number)
        yield RATE.of(ours.rate / theirs.rate, ours_per_s=ours.rate, theirs_per_s=theirs.rate)
        yield WALL.of(
            ours.seconds / theirs.seconds,
            our_s=ours.seconds,
            their_s=theirs.seconds,
            our_requests=ours.served.requests,
            their_requests=theirs.served.requests,
        )


def _faults(plan: Plan) -> Iterator[Sample]:
    faults = (IN_ONE_ANSWER[0], IN_HISTORY[0]) if plan.quick else IN_ONE_ANSWER + IN_HISTORY
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    contract = load_contract(PROVIDER)
    if plan.schemathesis is not None:
        plan.say("faults, the mock without any")
        run_schemathesis(plan.schemathesis, 0, tick=TICK)  # or what it reports below need not be the fault
    for number, fault in enumerate(faults, 1):
        plan.say(f"faults, {number} of {len(faults)}: {fault}")
        ours[fault] = float(mutant_named(contract, fault).clause.id in violated(run_verify(0, fault)))
        if plan.schemathesis is not None:
            theirs[fault] = float(run_schemathesis(plan.schemathesis, 0, fault, tick=TICK).status == FOUND)
    yield Sample(FOUND_BY_US, sum(ours.values()) / len(faults), ours)
    if theirs:
        yield Sample(FOUND_BY_THEM, sum(theirs.values()) / len(faults), theirs)
