"""A short run of random programs; `python -m tests.virtualtime.fuzz --minutes 60` is the long one."""

from __future__ import annotations

import pytest

from pollproof.virtualtime import supervision_unavailable
from tests.virtualtime.fuzz import LEAST, Program, fuzz, try_program

pytestmark = pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")


def test_random_programs_take_the_time_that_their_waits_take() -> None:
    count, waits, wrong = fuzz(5.0, 2, quiet=True)
    assert wrong == []
    assert count >= LEAST
    assert waits > 10


def test_a_leap_too_far_and_one_too_short_are_found() -> None:
    known = {"BASH": "bash -c"}
    assert "all waits are" in str(try_program(Program("BASH", ["sleep 10; sleep 20"], 20.0, 2), known))
    assert "s passed, and" in str(try_program(Program("BASH", ["sleep 10"], 20.0, 1), known))
    assert try_program(Program("BASH", ["sleep 10; sleep 20"], 30.0, 2), known) is None
    assert "ended with 7" in str(try_program(Program("BASH", ["exit 7"], 0.0, 0), known))
