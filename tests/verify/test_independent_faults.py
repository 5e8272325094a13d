"""A sample of the faults and lawful variants that `python -m tests.independent.matrix` tries all of."""

from __future__ import annotations

import pytest

from tests.independent.faults import FAULTS
from tests.independent.matrix import cells, run
from tests.independent.variants import VARIANTS
from tests.lanes import a_few

FOUND = [
    ("capsolver", "ready-task-is-working-again-once", "capsolver.poll.terminal"),
    ("capsolver", "overlapping-polls-count-once", "capsolver.poll.budget-ended"),
    ("capmonster", "text-with-digits-is-an-id", "capmonster.poll.unknown-task"),
    ("capmonster", "overlapping-creations-share-an-id", "capmonster.create.unique-id"),
    ("decodo", "spaces-are-trimmed", "decodo.task.parameters"),
    ("decodo", "passthrough-digits-become-a-number", "decodo.callback.passthrough"),
    ("decodo", "refused-requests-are-called-back", "decodo.callback.known"),
    ("cnode", "overlapping-polls-are-mixed-up", "cnode.poll.echo"),
    ("capmonster", "busy-after-poll-100", "capmonster.poll.budget-served"),
    ("capmonster", "connections-show-states-that-are-seconds-old", "capmonster.poll.terminal"),
]
"""A fault of each kind, and the clause that it breaks."""

LAWFUL = [
    ("capsolver", "busy-now-and-then"),
    ("capmonster", "polls-beyond-the-limit-lock-the-account"),
    ("decodo", "connections-are-closed"),
    ("decodo", "callbacks-wait-in-a-queue"),
    ("capmonster", "states-are-seconds-old-for-everybody"),
    ("cnode", "tasks-are-remembered-for-two-minutes"),
]


@pytest.mark.parametrize(("service", "name", "clause"), a_few(FOUND, 2))
def test_a_default_run_over_http_finds_what_is_wrong(service: str, name: str, clause: str) -> None:
    cell = run(service, name, examples=0)
    assert cell.error is None
    assert clause in cell.found


@pytest.mark.parametrize(("service", "name"), a_few(LAWFUL, 1))
def test_a_default_run_over_http_accuses_no_lawful_variant(service: str, name: str) -> None:
    cell = run(service, name, examples=0)
    assert (cell.error, cell.found, cell.unreached) == (None, (), ())


def test_there_are_enough_of_both_and_each_is_of_some_service() -> None:
    pairs = list(cells())
    assert len(FAULTS) >= 60
    assert sum(name in VARIANTS for _, name in pairs) >= 40
    assert len(set(pairs)) == len(pairs)
    assert all(found.text.endswith(".") for found in (*FAULTS.values(), *VARIANTS.values()))
