"""Fuzzed recordings in number: what comes of them, how many a second, and the worst.

It shows that no file of those that were made crashes or hangs the reader, is counted although it could not be read, or
is judged otherwise in another format, in another order or among foreign traffic. It shows nothing about files that
nobody thought of making. The environment sets the number of inputs (FUZZ_INPUTS), the dice (FUZZ_SEED).
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pollproof.contract.model import Contract
from pollproof.data import bundled
from pollproof.loading import load_contract
from tests.benchmarks.figures import Figure, Goal
from tests.fuzzing.inputs import Input, inputs
from tests.fuzzing.oracles import Broken, judge, same

INPUTS = int(os.environ.get("FUZZ_INPUTS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))

SAME_EVERY = 100
"""One conversation is said in eleven ways after so many inputs."""

REPORT_EVERY = 20
"""One of so many inputs is reported too, as JSON and as JUnit."""


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


def measure(repeat: int, say: Callable[[str], None]) -> list[Figure]:
    """The figures of this group; they are the same however often it is repeated, so it is done once."""
    contracts = {name: load_contract(name) for name in bundled()}
    dice, others = random.Random(SEED), random.Random(SEED + 1)
    count = _Count()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, one in enumerate(inputs(INPUTS, dice), 1):
            count.one(contracts[one.contract], one, folder, number)
            if number % SAME_EVERY == 0:
                count.same(contracts["capsolver"], folder, others, number)
            if number % 5_000 == 0:
                say(f"fuzz, {number} of {INPUTS}: {dict(count.kinds)}, worst {count.worst[0]:.2f} s")
    seconds = time.process_time() - started
    for problem in count.broken[:20]:
        say(f"BROKEN: {problem}")
    say(f"worst: {count.worst[1]}")
    total = sum(count.kinds.values())
    return [
        Figure(
            "inputs that broke an expectation", [float(len(count.broken))], Goal(0, at_least=False), {**count.kinds}
        ),
        Figure("worst processor seconds of one input", [count.worst[0]], Goal(2, at_least=False)),
        Figure("inputs a second of processor time", [total / seconds], None, {"judged alone": INPUTS / count.judging}),
    ]
