"""A few points of the matrix; `python -m tests.crashes` breaks commands at hundreds."""

from __future__ import annotations

import pytest

from tests.crashes.matrix import INJECTIONS, Point, broken, strace

traced = pytest.mark.skipif(strace() is None, reason="CRASHES NOT TESTED: strace is not installed, or may not trace")


@traced
@pytest.mark.parametrize("how", INJECTIONS)
def test_a_command_that_is_broken_while_it_writes_leaves_the_old_report_or_the_new_one(how: str) -> None:
    assert broken(Point("check", "write", how, 1)) == []
    if how != "ENOSPC":
        assert broken(Point("check", "rename", how, 1)) == []
