"""What fuzzing has found once, tried again; and a little of it, without guidance."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, corpus
from tests.fuzzing.mutations import of_bytes

FOUND = sorted((Path(__file__).parent / "crashes").glob("*-*"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_is_mended(path: Path) -> None:
    TARGETS[path.name.partition("-")[0]](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_its_seeds_and_what_is_near_them(name: str) -> None:
    dice = random.Random(name)
    for data in list(corpus(name))[:6]:
        TARGETS[name](data)
        for _ in range(3):
            TARGETS[name](of_bytes(data, dice))
