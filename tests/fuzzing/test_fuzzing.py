"""A sample of fuzzed recordings; `python -m tests.benchmarks fuzz` tries thousands."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from pollproof.bundled import bundled
from pollproof.loading import load_contract
from tests.fuzzing.inputs import inputs
from tests.fuzzing.oracles import judge, same
from tests.lanes import a_few

EVERY = 3
"""One of so many seeds is taken here."""


@pytest.mark.parametrize("seed", a_few(range(4), 1))
def test_no_input_crashes_hangs_or_is_counted_without_being_read(tmp_path: Path, seed: int) -> None:
    contracts = {name: load_contract(name) for name in bundled()}
    kinds: Counter[str] = Counter()
    for number, one in enumerate(inputs(500, random.Random(seed), EVERY)):
        kinds[judge(contracts[one.contract], one, tmp_path, report=number % 25 == 0)[0]] += 1
    assert {"refused", "judged", "violated"} <= set(kinds)


@pytest.mark.parametrize("seed", a_few(range(4), 1))
def test_formats_order_and_foreign_traffic_change_no_verdict(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    contract = load_contract("capsolver")
    assert sum(same(contract, tmp_path, dice) for _ in range(12)) == 12 * 11


def test_the_same_dice_give_the_same_inputs() -> None:
    assert list(inputs(40, random.Random(7), EVERY)) == list(inputs(40, random.Random(7), EVERY))
