"""Fuzzed recordings in number: what comes of them, how many a second, and the worst.

It shows that no file of those that were made crashes or hangs the reader, is counted although it could not be read, or
is judged otherwise in another format, in another order or among foreign traffic. It shows nothing about files that
nobody thought of making. They are the same however often it is repeated, so it is done once. The environment sets the
number of inputs (FUZZ_INPUTS) and the dice (FUZZ_SEED).
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pollproof.bundled import bundled
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from tests.benchmarks.figures import Ratio, Sample, at_most
from tests.benchmarks.plan import Plan
from tests.fuzzing.inputs import Input, inputs
from tests.fuzzing.oracles import Broken, judge, same

BROKEN = Ratio("damaged recordings that crash, hang or mislead the reader", at_most(0))
WORST = Ratio("processor seconds of the slowest damaged recording", at_most(2))
RATE = Ratio("damaged recordings judged and reported in a second of processor time")
RATIOS = (BROKEN, WORST, RATE)

INPUTS, QUICK_INPUTS = 5_000, 300
SEED = int(os.environ.get("FUZZ_SEED", "0"))

SAME_EVERY = 100
"""One conversation is said in eleven ways after so many inputs."""

REPORT_EVERY = 20
"""One of so many inputs is reported too, as JSON and as JUnit."""

TOLD = 20
"""Broken expectations that are told in words."""


class _Count:
    """What came of the inputs so far."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.broken: list[str] = []
        self.worst = (0.0, "")
        self.judging = 0.0

    def one(self, contract: Contract, one: Input, folder: Path, number: int) -> None:
        try:
            kind, seconds = judge(contract, one, folder, report=number % REPORT_EVERY == 0)
        except Broken as error:
            kind, seconds = "BROKEN", 0.0
            self.broken.append(f"input {number}, {one.contract}, {one.how}: {error}")
        self.kinds[kind] += 1
        self.judging += seconds
        self.worst = max(self.worst, (seconds, f"input {number}, {one.contract}, {one.how}"))

    def same(self, contract: Contract, folder: Path, dice: random.Random, number: int) -> None:
        try:
            self.kinds["said otherwise"] += same(contract, folder, dice)
        except Broken as error:
            self.kinds["BROKEN"] += 1
            self.broken.append(f"conversation after input {number}: {error}")


def measure(plan: Plan) -> Iterator[Sample]:
    """All inputs, once."""
    total = int(os.environ.get("FUZZ_INPUTS") or plan.size(INPUTS, QUICK_INPUTS))
    contracts = {name: load_contract(name) for name in bundled()}
    dice, others = random.Random(SEED), random.Random(SEED + 1)
    count = _Count()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, one in enumerate(inputs(total, dice), 1):
            count.one(contracts[one.contract], one, folder, number)
            if number % SAME_EVERY == 0:
                count.same(contracts["capsolver"], folder, others, number)
                plan.say(f"{number:,} of {total:,} damaged recordings")
    seconds = time.process_time() - started
    for problem in count.broken[:TOLD]:
        plan.say(f"BROKEN: {problem}")
    plan.say(f"slowest: {count.worst[1]}")
    yield BROKEN.of(len(count.broken), **count.kinds)
    yield WORST.of(count.worst[0])
    yield RATE.of(sum(count.kinds.values()) / seconds, judged_alone=total / count.judging)
