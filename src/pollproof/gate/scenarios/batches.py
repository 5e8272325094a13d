"""Batches, for clients that can send them: POLLPROOF_TASK is the body of one.

A client that sends none is not judged by them: what else it makes of such a body is its own affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pollproof.clauses.faults import Settings
from pollproof.contract.model import Role
from pollproof.gate.basis import HAPPENS, LEFT_OPEN
from pollproof.gate.faults import Manner
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import Catalogue, refused_with
from pollproof.gate.scenarios.gateway_errors import html_page

BATCH_TASK = "POLLPROOF_TASK is a batch. A client without batches reports it."


def batch_scenarios(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of a batch."""
    operation = of.contract.operation_of(Role.BATCH)
    if operation is None:
        return
    for number, body in enumerate((operation.request, *operation.alternatives), 1):
        name = "batch" if number == 1 else f"batch-{number}"
        yield _batch(of, name, BATCH_TASK, Expects.EITHER, sample=body)
    of_batch = (Role.BATCH,)
    yield _batch(
        of,
        "batch-failed",
        f"{BATCH_TASK} All its tasks fail, which is reported as a failure.",
        Expects.FAILURE,
        fails=True,
    )
    yield _batch(
        of,
        "batch-refused",
        f"{BATCH_TASK} It is refused. There are no tasks to poll; a client reports it.",
        Expects.FAILURE,
        Turn(of_batch, code="", http=refused_with(operation)),
        grounds=LEFT_OPEN,
    )
    for name, words, turn in (
        ("batch-rate-limited", "refused with HTTP 429 and Retry-After", Turn(response=html_page(429, Retry_After="7"))),
        ("batch-reset", "cut: the connection is reset", Turn(manner=Manner.RESET)),
    ):
        yield _batch(
            of,
            name,
            f"{BATCH_TASK} The first one is {words}. A client retries after a pause, or gives up.",
            Expects.EITHER,
            replace(turn, roles=of_batch, last=1),
            grounds=HAPPENS,
        )
    for variant in of.contract.variants:
        changes = tuple(
            each for each in variant.changes if each.operation == operation.name and each.answer == "created"
        )
        if changes:
            yield _batch(
                of,
                f"batch-{variant.name.removeprefix('batch-')}",
                f"{BATCH_TASK} {variant.text} That conforms to the documents, too.",
                Expects.EITHER,
                changes=changes,
                grounds=of.of_variant(variant),
            )


def _batch(
    of: Catalogue, name: str, text: str, expects: Expects, *turns: Turn, sample: Any = None, **more: object
) -> Scenario:
    operation = of.contract.operation(Role.BATCH)
    kind = replace(of.kind, sample=operation.request if sample is None else sample)
    settings = Settings(solving=0.0)
    return of.scenario(
        name, text, expects, kind=kind, turns=turns, settings=settings, seconds=4 * of.wait, needs=Role.BATCH, **more
    )
