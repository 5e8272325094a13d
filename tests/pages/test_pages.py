"""Contracts against servers that were written from the page alone: faults are found, variants are let pass.

One fault or the plain variant of each is tried in every run, every sixteenth fault in the long lane, and all of them
by `python -m tests.pages NAME`.
"""

from __future__ import annotations

import pytest

from tests.lanes import one_of_each
from tests.pages.matrix import SERVERS, judge

SERVED = list(SERVERS)
FAULTS = [(name, fault) for name, server in SERVERS.items() for fault in server.faults[::16]]
FORGETS = [("mcp_tasks", "forgets-cancelled"), ("predictions", "at-once")]
VARIANTS = [(name, variant) for name, server in SERVERS.items() for variant in ("", server.variants[0])] + FORGETS


@pytest.mark.parametrize(("name", "fault"), one_of_each(FAULTS, lambda case: case[0], SERVED[::2]))
def test_a_fault_is_found(name: str, fault: str) -> None:
    judged = judge(name, "fault", fault)
    assert judged.returncode == 1, judged.stdout + judged.stderr


@pytest.mark.parametrize(("name", "variant"), one_of_each(VARIANTS, lambda case: case[0], SERVED[1::2]))
def test_a_variant_is_let_pass(name: str, variant: str) -> None:
    judged = judge(name, "variant", variant)
    assert judged.returncode == 0, judged.stdout + judged.stderr
